"""``Release``: disclosure control of one cohort, with a budget and a record of its actions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DisclosureError
from lbp_prognosis.disclosure._budget import Budget
from lbp_prognosis.disclosure._coarse_curve import coarse_curve
from lbp_prognosis.disclosure._dominance import is_dominated
from lbp_prognosis.disclosure._few_values import told_by_sums
from lbp_prognosis.disclosure._kept_cuts import kept_cuts, moves_are_safe
from lbp_prognosis.disclosure._ledger import ReleaseLedger
from lbp_prognosis.disclosure._merged_levels import merged_levels
from lbp_prognosis.disclosure._patients import Patients
from lbp_prognosis.disclosure._plain_words import without_numbers

__all__ = ["Release"]

_MEAN, _QUANTILE = 50, 100
_NO_LEDGER = (
    "Without a ledger of releases nothing protects against subtracting this release from another of nearly the same "
    "patients."
)
_RECALLED = (
    "Earlier releases with some of these patients were recalled, and are not compared with this one: {titles}. The "
    "protection rests on no copy of them being left."
)
_LAYERED = (
    "An earlier release has some of these patients. Every count that follows by subtraction is kept like one that is "
    "shown, and what cannot be counted in the difference is left out."
)


@dataclass
class Release:
    """Numbers released about one group of patients; made by `Gate.open`.

    Tables and arrays are returned merged and rounded, or as None. A page omits values that are None; a packet that must
    be complete is built with `strict`, which refuses instead.

    Attributes
    ----------
    smallest_cell, min_n, min_events, most_thresholds, digits : int
        See `Gate`.
    patients : Patients
        Behind all numbers.
    budget : Budget
        Released numbers.
    ledger : ReleaseLedger or None
        Of earlier releases.
    strict : bool
        Whether a value that may not be released is an error.
    """

    smallest_cell: int
    min_n: int
    min_events: int
    most_thresholds: int
    digits: int
    patients: Patients = field(repr=False)
    budget: Budget = field(repr=False)
    ledger: ReleaseLedger | None = field(default=None, repr=False)
    strict: bool = False
    _actions: list[tuple[str, str, str]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if self.ledger is None:
            self._actions.append(("release", "said", _NO_LEDGER))
            return
        if self.patients.ids is None:
            raise DisclosureError(
                "A ledger of releases needs to know the patients: name the column of their identifiers, or release "
                "without a ledger."
            )
        self.ledger.check(self.patients.ids, self.smallest_cell)
        recalled = self.ledger.recalls_with(self.patients.ids)
        if recalled:
            told = (f"{title!r} ({without_numbers(reason)})" for title, reason in dict.fromkeys(recalled))
            titles = ", ".join(told)
            self._actions.append(("release", "said", _RECALLED.format(titles=titles)))
        layers = self.ledger.layers(self.patients.ids)
        self.patients = replace(self.patients, layers=layers)
        if not self.layered:
            return
        for rows in self.patients.each_layer():
            if self._too_few(rows):
                raise DisclosureError(
                    "This cohort and an earlier release single out a group of patients whose numbers would follow by "
                    f"subtraction, and which would not be released alone: it has {self._too_few(rows)}. Wait for more "
                    "patients, or write the page `not-for-release`."
                )
        self._actions.append(("release", "said", _LAYERED))

    @property
    def layered(self) -> bool:
        """Whether an earlier release has some of the patients and not the others."""
        return len(self.patients.each_layer()) > 1

    def _too_few(self, rows: np.ndarray) -> str:
        with_it, without, _ = self.patients.parts(rows)
        if self.patients.count(rows) < self.min_n:
            return f"fewer than {self.min_n} patients"
        if min(with_it, without) < self.min_events:
            return f"fewer than {self.min_events} patients with the outcome, or without it"
        return told_by_sums(self.patients, self.smallest_cell, rows)

    @property
    def insufficient(self) -> str:
        """Reason why nothing is released; empty if there are enough patients."""
        return self._too_few(np.ones(self.patients.state.shape[0], dtype=bool))

    @property
    def few_unknown(self) -> bool:
        """Whether 1 to k − 1 patients, of all or of a layer, are of unknown state."""
        every = np.ones(self.patients.state.shape[0], dtype=bool)
        found = [self.patients.parts(rows)[2] for rows in (every, *self.patients.each_layer())]
        return any(0 < unknown < self.smallest_cell for unknown in found)

    @property
    def count_digits(self) -> int:
        """Decimals of estimates from which a count follows (observed risk, net benefit, Brier score).

        If 1 to k − 1 patients are of unknown state, the denominator of a share would disclose their number, unless the
        share is rounded to more than one patient.
        """
        if not self.few_unknown:
            return self.digits
        return int(max(1, min(self.digits, np.floor(np.log10(self.patients.n)))))

    def note(self, where: str, action: str, reason: str) -> None:
        """Record an action: ``action`` is ``merged``, ``dropped``, ``rounded``, ``coarsened`` or ``said``."""
        if self.strict and action == "dropped":
            raise DisclosureError(f"{where} may not leave: {reason}.")
        if (where, action, reason) not in self._actions:
            self._actions.append((where, action, reason))

    def take(self, item: str, numbers: int | Iterable[Hashable]) -> bool:
        """Return whether an item fits into the release budget, and count it; items that do not fit are recorded.

        Parameters
        ----------
        item : str
            What it is.
        numbers : int or iterable of hashable
            Number of its values, or their keys.
        """
        fits = self.budget.take(item, numbers)
        if not fits:
            self.note(item, "dropped", f"the release budget of {self.budget.most} numbers is used up")
        return fits

    def apart(self, where: str) -> bool:
        """Return whether an item may be released that is not counted in the layers; where there are several it may not.

        Parameters
        ----------
        where : str
            What it is.
        """
        if self.layered:
            self.note(where, "dropped", "an earlier release has some of these patients: it could be subtracted")
        return not self.layered

    def keeps(self, counts: Any) -> bool:
        """Return whether each part of a partition is empty or of at least ``smallest_cell`` patients.

        Parameters
        ----------
        counts : array-like of numbers
            Patients in each part.
        """
        found = np.asarray(counts, dtype=float)
        return bool(((found == 0) | (found >= self.smallest_cell)).all())

    def has_enough_around(self, values: np.ndarray, at: float) -> bool:
        """Return whether at least ``smallest_cell`` patients are on either side of a point of a curve.

        With several layers the rule applies to the patients of each: curves of two releases show the points added by
        new patients.

        Parameters
        ----------
        values : ndarray of shape (n_rows,)
            Along the curve; NaN for rows that are not part of it.
        at : float
            The point, which belongs to both sides.
        """
        sides = (values <= at, values >= at)
        return all(
            self.patients.count(side & rows) >= self.smallest_cell
            for side in sides
            for rows in self.patients.each_layer()
        )

    def counts(self, where: str, labels: Sequence[str], counts: Any, *, ordered: bool = False) -> pd.DataFrame | None:
        """Return parts of a known total, merged until none is small.

        Parameters
        ----------
        where : str
            Name of the count.
        labels : sequence of str
            Names of the parts.
        counts : array-like of shape (n_parts,) or (n_parts, n_columns)
            Patients in each part; columns are groups, the total among them.
        ordered : bool, default False
            Whether only neighbours are joined.

        Returns
        -------
        DataFrame or None
            ``label`` and one column per group (``n`` if there is one); None where it has to be dropped.
        """
        table = np.asarray(counts, dtype=float)
        table = table[:, None] if table.ndim == 1 else table
        parts = merged_levels(table, self.smallest_cell, ordered=ordered)
        if parts is None:
            self.note(where, "dropped", f"a part would have fewer than {self.smallest_cell} patients")
            return None
        if len(parts) < len(labels):
            self.note(where, "merged", f"parts of fewer than {self.smallest_cell} patients")
        names = ["n"] if table.shape[1] == 1 else list(range(table.shape[1]))
        out = pd.DataFrame({"label": [" or ".join(str(labels[k]) for k in part) for part in parts]})
        for column, name in enumerate(names):
            out[name] = [int(table[part, column].sum()) for part in parts]
        return out

    def cuts(self, where: str, candidates: Iterable[float]) -> list[float]:
        """Return the thresholds of the candidates (most wanted first) whose bands are releasable.

        Parameters
        ----------
        where : str
            Name of the quantity that they divide.
        candidates : iterable of float
            Declared thresholds.
        """
        kept, dropped = kept_cuts(self.patients, candidates, self.smallest_cell, self.most_thresholds)
        if dropped:
            self.note(
                where,
                "merged",
                f"at most {self.most_thresholds} thresholds leave, with {self.smallest_cell} or more patients with and "
                f"without the target between neighbours; left out: {', '.join(f'{cut:g}' for cut in dropped)}",
            )
        return kept

    def curve(self, where: str, curve: Mapping[str, Any], *, end: float, start: float = 0.0) -> pd.DataFrame:
        """Return a curve over time in steps of at least ``smallest_cell`` events; see `coarse_curve`.

        Parameters
        ----------
        where : str
            What it shows.
        curve : mapping of str to array-like of shape (m,)
            ``times, value, low, high, events``, and ``others`` where further curves have times of other patients.
        end : float
            The horizon.
        start : float, default 0.0
            Height at time zero.
        """
        self.note(where, "coarsened", f"steps of {self.smallest_cell} or more events, at no patient's time")
        found = coarse_curve(
            *(curve[name] for name in ("times", "value", "low", "high", "events")),
            end=end,
            smallest=self.smallest_cell,
            start=start,
            others=curve.get("others", ()),
        )
        heights = ["value", "low", "high"]
        found[heights] = found[heights].round(min(2, self.count_digits))
        return found

    def may_be_mean(self, values: Any) -> bool:
        """Return whether `mean` would release the mean of some values; nothing is recorded.

        Parameters
        ----------
        values : array-like of shape (n,)
            Of single patients.
        """
        return bool(np.size(values) >= max(_MEAN, self.smallest_cell)) and not is_dominated(values)

    def mean(self, where: str, known: int, values: Any = None) -> bool:
        """Return whether mean and SD of a group are releasable: at least 50 values, none of which dominates.

        Parameters
        ----------
        where : str
            Name of the quantity.
        known : int
            Values.
        values : array-like of shape (n,), optional
            The values, to look for one that dominates.
        """
        if known < max(_MEAN, self.smallest_cell):
            self.note(where, "dropped", f"mean and SD of fewer than {max(_MEAN, self.smallest_cell)} values")
            return False
        if values is not None and is_dominated(values):
            self.note(where, "dropped", "one patient makes up most of the mean or SD")
            return False
        return True

    def quantiles(self, where: str, known: int, tail: float = 0.25) -> bool:
        """Return whether quantiles are releasable: of at least 100 values, with ``smallest_cell`` beyond the outermost.

        Parameters
        ----------
        where : str
            Name of the quantity.
        known : int
            Values.
        tail : float, default 0.25
            Share of the values beyond the outermost quantile.
        """
        if known < _QUANTILE or tail * known < self.smallest_cell:
            self.note(where, "dropped", f"quantiles of fewer than {_QUANTILE} values, or too near an extreme")
            return False
        return True

    def paired(self, where: str, first: np.ndarray, second: np.ndarray, cut: float) -> bool:
        """Return whether the interval of a paired difference at a threshold is releasable.

        The width of the interval discloses the number of patients whom only one model treats; each of these four
        groups, with and without the target, must be empty or have at least ``smallest_cell`` patients.

        Parameters
        ----------
        where : str
            Name of the comparison.
        first, second : ndarray of shape (n_rows,)
            Risks of the target by the two models.
        cut : float
            The threshold.
        """
        safe = moves_are_safe(self.patients, first, second, cut, self.smallest_cell)
        if not safe:
            self.note(where, "dropped", f"the interval discloses fewer than {self.smallest_cell} who change sides")
        return safe

    def to_frame(self) -> pd.DataFrame:
        """Return the actions: ``where, action, reason``."""
        return pd.DataFrame(self._actions, columns=["where", "action", "reason"])

    def check(self, digest: str) -> None:
        """Raise if the ledger forbids this content: the same patients with other numbers.

        Parameters
        ----------
        digest : str
            Digest of all released content.
        """
        if self.ledger is not None and self.patients.ids is not None:
            self.ledger.check(self.patients.ids, self.smallest_cell, digest)

    def close(self, title: str, digest: str) -> None:
        """Record the release in the ledger, if there is one; raise if the content is forbidden.

        Parameters
        ----------
        title : str
            Of the page or packet.
        digest : str
            Digest of all released content.
        """
        if self.ledger is not None and self.patients.ids is not None:
            self.ledger.add(title, self.patients.ids, self.smallest_cell, digest, self.patients.layers)
