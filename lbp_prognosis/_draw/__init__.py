"""Drawing: tidy frames in, matplotlib axes out."""

__all__: list[str] = []
