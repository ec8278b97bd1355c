"""Many tables to one X, inside the training fold."""

__all__: list[str] = []
