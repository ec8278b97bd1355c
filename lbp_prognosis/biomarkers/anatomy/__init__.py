"""Structures of the labels, and their positions relative to each other."""

__all__: list[str] = []
