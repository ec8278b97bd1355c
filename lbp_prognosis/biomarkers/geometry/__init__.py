"""Lengths, areas, planes and angles of masks on their grid; no anatomy."""

__all__: list[str] = []
