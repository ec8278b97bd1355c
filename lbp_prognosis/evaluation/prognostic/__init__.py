"""Does it say what will happen?"""

__all__: list[str] = []
