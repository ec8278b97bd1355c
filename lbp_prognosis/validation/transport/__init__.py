"""Models in data of others: external validation, updating, case mix."""

__all__: list[str] = []
