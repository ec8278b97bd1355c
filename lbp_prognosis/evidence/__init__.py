"""Tiers, claims and what supports them."""

__all__: list[str] = []
