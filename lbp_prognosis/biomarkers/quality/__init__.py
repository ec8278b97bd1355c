"""Quality of masks: consistency of labels along the spine, and agreement with the image."""

__all__: list[str] = []
