"""X and y to risk."""

__all__: list[str] = []
