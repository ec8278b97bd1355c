"""``LayeredRows``: values counted by layer of a release; differences between two releases are numbers of layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.disclosure import Release

__all__ = ["LayeredRows", "is_number_text"]


class LayeredRows:
    """Values of a page's patients, by layer; a layer is a set of patients who are in the same earlier releases.

    Parameters
    ----------
    rows : DataFrame or None
        The values, one row per patient in the order of the release.
    release : Release
        With the layers.
    """

    def __init__(self, rows: pd.DataFrame | None, release: Release) -> None:
        self.rows, self.release = rows, release

    def values(self, name: str) -> pd.Series | None:
        """Return the values of a variable, if there is one row per patient.

        Parameters
        ----------
        name : str
            Of the variable.
        """
        patients = self.release.patients
        alone = patients.copies is None and patients.clusters is None
        if not alone or self.rows is None or name not in self.rows or len(self.rows) != patients.state.shape[0]:
            return None
        return self.rows[name]

    def levels(self, name: str, levels: list[str], overall: np.ndarray) -> np.ndarray | None:
        """Return patients per level and layer, shape (n_levels, n_layers); None if values and counts differ.

        Parameters
        ----------
        name : str
            Of the variable.
        levels : list of str
            Levels as the table writes them, including missing values.
        overall : ndarray of shape (n_levels,)
            Patients per level that the table counts.

        Returns
        -------
        ndarray or None
            Without columns if there is one layer.
        """
        if not self.release.layered:
            return np.empty((len(levels), 0))
        values = self.values(name)
        if values is None:
            return None
        words = [_word(value) for value in values]
        told = np.array([[word in (level, _plain(level)) for word in words] for level in levels], dtype=bool)
        gone = np.array([level.startswith("missing") for level in levels])
        told[gone] = values.isna().to_numpy()
        counts = np.array([told[:, rows].sum(axis=1) for rows in self.release.patients.each_layer()], dtype=float).T
        return counts if np.array_equal(counts.sum(axis=1), overall) else None

    def known(self, name: str) -> list[tuple[int, int]]:
        """Return the numbers of known and missing values in each layer; empty if there is one layer.

        Parameters
        ----------
        name : str
            Of the variable.
        """
        values = self.values(name) if self.release.layered else None
        if values is None:
            return []
        lost = values.isna().to_numpy()
        return [(int((rows & ~lost).sum()), int((rows & lost).sum())) for rows in self.release.patients.each_layer()]

    def told(self, name: str) -> bool:
        """Return whether the missing values of each layer may be known.

        Parameters
        ----------
        name : str
            Of the variable.
        """
        return self.values(name) is not None and self.release.keeps(self.known(name))


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float | np.number) and not isinstance(value, bool) else str(value)


def _plain(level: str) -> str:
    """Return a level as `_word` writes its value: ``1.0`` is ``1``."""
    return f"{float(level):g}" if is_number_text(level) else level


def is_number_text(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
