"""Comparison of models: added value, association, tests of terms, contrasts."""

__all__: list[str] = []
