"""Readers of images, masks and folders of class files, with their headers."""

__all__: list[str] = []
