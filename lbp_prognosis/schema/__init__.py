"""What a table must look like, and reading any format."""

__all__: list[str] = []
