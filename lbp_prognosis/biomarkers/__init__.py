"""Image and mask to numbers with names."""

__all__: list[str] = []
