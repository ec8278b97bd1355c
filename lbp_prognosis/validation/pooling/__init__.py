"""Results of several imputations, sites or studies as one."""

__all__: list[str] = []
