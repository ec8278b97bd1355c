"""Reading of images, masks and folders of class files, and what their headers say."""

__all__: list[str] = []
