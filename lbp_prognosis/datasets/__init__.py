"""Simulated cohorts and loaders of public data."""

__all__: list[str] = []
