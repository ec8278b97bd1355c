"""Which label is which structure, and how the structures lie to each other."""

__all__: list[str] = []
