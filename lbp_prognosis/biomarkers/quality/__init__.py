"""Can the mask be trusted: what it says along the spine, and whether the image agrees."""

__all__: list[str] = []
