"""Pooling of results over imputations, sites or studies."""

__all__: list[str] = []
