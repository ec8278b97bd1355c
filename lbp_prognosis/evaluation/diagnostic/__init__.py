"""Does it tell patients apart now?"""

__all__: list[str] = []
