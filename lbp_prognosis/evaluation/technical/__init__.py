"""Does the measurement repeat?"""

__all__: list[str] = []
