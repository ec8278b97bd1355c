"""Would decisions be better with it, under stated harms?"""

__all__: list[str] = []
