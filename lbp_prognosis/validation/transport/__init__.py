"""Models in new populations: external validation, updating and case mix."""

__all__: list[str] = []
