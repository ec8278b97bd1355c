"""Any risk model to the reasons for its risks."""

__all__: list[str] = []
