"""How far a result leans on who was seen, and for how long."""

__all__: list[str] = []
