"""Tables of other tools as biomarker tables."""

__all__: list[str] = []
