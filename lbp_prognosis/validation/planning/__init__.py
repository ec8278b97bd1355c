"""How many patients a study needs, and what those at hand support."""

__all__: list[str] = []
