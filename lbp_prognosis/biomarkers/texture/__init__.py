"""Radiomic features: settings, engine, and the standard's names."""

__all__: list[str] = []
