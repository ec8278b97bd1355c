"""Results to a page."""

__all__: list[str] = []
