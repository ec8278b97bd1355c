"""Sample sizes of studies, and models supported by the patients at hand."""

__all__: list[str] = []
