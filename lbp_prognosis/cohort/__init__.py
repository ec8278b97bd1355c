"""Who is in, and from when."""

__all__: list[str] = []
