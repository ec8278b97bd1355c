"""``Budget``: numbers released about one cohort, and numbers that may still be released."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import pandas as pd

__all__ = ["Budget"]


class Budget:
    """Counts released numbers in order of priority; a number released before is free.

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
            Name of the item in the printed list.
        numbers : int or iterable of hashable
            Number of values, or one key per value, so that a value in two places counts once.
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
