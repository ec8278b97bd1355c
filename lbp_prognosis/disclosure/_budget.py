"""``Budget``: how many numbers about one cohort have left, and how many more may."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pandas as pd

__all__ = ["Budget"]


class Budget:
    """Counts numbers as they are given, the most wanted first; a number that left once is free.

    Parameters
    ----------
    most : int
        Numbers that may be released.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.spent = 0
        self._known: set[Hashable] = set()
        self._rows: list[dict[str, object]] = []

    def take(self, item: str, numbers: int | Iterable[Hashable]) -> bool:
        """Return whether an item fits, and count it if it does.

        Parameters
        ----------
        item : str
            What it is, for the list that is printed.
        numbers : int or iterable of hashable
            Its number of values, or a key for each, so that a value in two places counts once.
        """
        keys: set[Hashable] = set() if isinstance(numbers, int) else set(numbers) - self._known
        count = numbers if isinstance(numbers, int) else len(keys)
        fits = self.spent + count <= self.most
        if fits:
            self.spent += count
            self._known |= keys
        self._rows.append({"item": item, "numbers": count, "released": "yes" if fits else "no"})
        return fits

    def to_frame(self) -> pd.DataFrame:
        """Return the priority list: ``item, numbers, released``, in the order of asking."""
        return pd.DataFrame(self._rows, columns=["item", "numbers", "released"])
