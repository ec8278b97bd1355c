"""(y, risk) to results, tier by tier."""

__all__: list[str] = []
