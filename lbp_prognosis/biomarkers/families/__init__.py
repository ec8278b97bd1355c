"""One file per family of measures, and the rows they give."""

__all__: list[str] = []
