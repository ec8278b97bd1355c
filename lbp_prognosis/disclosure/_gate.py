"""``Gate``: disclosure rules, the same for pages and packets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._base import argument_error, check_number
from lbp_prognosis.disclosure._budget import Budget
from lbp_prognosis.disclosure._ledger import ReleaseLedger
from lbp_prognosis.disclosure._patients import Patients
from lbp_prognosis.disclosure._release import Release

__all__ = ["Gate"]

_LARGEST = 1000


@dataclass(frozen=True)
class Gate:
    """Rules of a release; the gate can only remove numbers.

    Attributes
    ----------
    smallest_cell : int
        k, at least 2: every released count, and every count that follows from released ones, is 0 or at least k.
    min_n, min_events : int
        With fewer patients, fewer with the target or fewer without it, only that fact is released.
    share : float
        Release budget: released numbers per patient.
    most_thresholds : int
        Largest number of released thresholds; differences between neighbours are counts of a band of patients.
    digits : int
        Decimals of estimates.

    Raises
    ------
    ArgumentError
        If ``smallest_cell`` is not a whole number from 2 to 1000. No number switches the gate off: results that are not
        for release pass no gate, and carry a banner.

    Notes
    -----
    The rules are those of ``min_n = 50``, ten events and ten patients without, cells of 5, at most three thresholds and
    one number for each three patients, as in DataSHIELD (``nfilter.glm = 0.33``; Gaye et al. 2014,
    doi:10.1093/ije/dyu188).

    Examples
    --------
    >>> from lbp_prognosis.disclosure import Gate
    >>> Gate(smallest_cell=5).keeps([12, 0, 5])
    True
    >>> Gate(smallest_cell=5).keeps([12, 4])
    False
    """

    smallest_cell: int = 5
    min_n: int = 50
    min_events: int = 10
    share: float = 1 / 3
    most_thresholds: int = 3
    digits: int = 3

    def __post_init__(self) -> None:
        k = self.smallest_cell
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 2 <= k <= _LARGEST:
            raise argument_error(
                "smallest_cell",
                f"a whole number from 2 to {_LARGEST}",
                k,
                "To show everything, write a page that is not for release.",
            )
        for name, low in (("min_n", 1), ("min_events", 1), ("most_thresholds", 0), ("digits", 1)):
            check_number(name, getattr(self, name), low=low, whole=True)
        check_number("share", self.share, low=0, high=1, open_low=True)

    def keeps(self, counts: object) -> bool:
        """Return whether each of the counts is 0 or at least ``smallest_cell``.

        Parameters
        ----------
        counts : array-like of numbers
            Patients in each part of a partition.
        """
        found = np.asarray(counts, dtype=float)
        return bool(((found == 0) | (found >= self.smallest_cell)).all())

    def open(self, patients: Patients, ledger: ReleaseLedger | None = None, *, strict: bool = False) -> Release:
        """Return the release of one cohort, through which all released numbers pass.

        Parameters
        ----------
        patients : Patients
            Patients behind the numbers, with the known outcomes.
        ledger : ReleaseLedger, optional
            Ledger of earlier releases; without it two releases can be subtracted, which the release states.

        strict : bool, default False
            Whether a value that may not be released is an error, as for a packet, from which nothing is dropped.

        Raises
        ------
        DisclosureError
            If the cohort differs from those of earlier releases by fewer than ``smallest_cell`` patients.
        """
        return Release(
            smallest_cell=self.smallest_cell,
            min_n=self.min_n,
            min_events=max(self.min_events, self.smallest_cell),
            most_thresholds=self.most_thresholds,
            digits=self.digits,
            patients=patients,
            budget=Budget(int(self.share * patients.n)),
            ledger=ledger,
            strict=strict,
        )
