"""Clones and refits: what a model is worth on patients it has not seen."""

__all__: list[str] = []
