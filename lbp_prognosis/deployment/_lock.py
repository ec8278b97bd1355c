"""``lock``: a fitted model that only predicts and contains no values of single patients."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_number, takes_rows
from lbp_prognosis.deployment._coarsen import LEVEL_DIGITS, coarsen, parts_of, step_times
from lbp_prognosis.deployment._codec import pack
from lbp_prognosis.deployment._competing_equation import CompetingEquation
from lbp_prognosis.deployment._formula import Formula
from lbp_prognosis.deployment._membership_result import MembershipInference
from lbp_prognosis.deployment._published_model import PublishedModel
from lbp_prognosis.deployment._registry import NOT_STORED, stored_name
from lbp_prognosis.deployment._short_numbers import digits
from lbp_prognosis.deployment._synthetic_rows import check_horizons_of, risks_of, synthetic_rows, visits_of

__all__ = ["LockReport", "LockedModel", "lock"]

_ROWS, _TIMES = 64, 40
_ATOMS = frozenset((str, int, float, bool, type(None)))
_UNMEASURED = "whether patients of the training data are recognisable was not measured (see `membership_inference`)"


@dataclass(frozen=True, repr=False)
class LockReport(Result):
    """Changes made by locking.

    Attributes
    ----------
    min_cell : int
        Fewest events behind a step, and rows beyond a bound.
    largest_change : float
        Largest absolute change of a risk, over rows drawn within the training ranges and over times of follow-up,
        including each step of a baseline.
    at : float
        Time of the largest change.
    steps_before, steps_after : int
        Steps of all baselines.
    notes : tuple of str
        Parts that could not be made coarse, and whether patients of the training data are recognisable, or that this
        was not measured.
    membership_auc, membership_high, membership_calibrated : float or None
        AUC of the loss attack on the training data, its upper limit, and AUC of the calibrated attack
        (`membership_inference`); None if they were not measured.
    """

    min_cell: int
    largest_change: float
    at: float
    steps_before: int
    steps_after: int
    notes: tuple[str, ...] = ()
    membership_auc: float | None = None
    membership_high: float | None = None
    membership_calibrated: float | None = None

    def to_frame(self) -> pd.DataFrame:
        """Return one row with these numbers."""
        return pd.DataFrame([{**self.to_dict(), "notes": "; ".join(self.notes)}])

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers in types of strict JSON."""
        return {
            "min_cell": self.min_cell,
            "largest_change": self.largest_change,
            "at": self.at,
            "steps_before": self.steps_before,
            "steps_after": self.steps_after,
            "notes": list(self.notes),
            "membership_auc": self.membership_auc,
            "membership_high": self.membership_high,
            "membership_calibrated": self.membership_calibrated,
        }

    def _summary(self) -> str:
        steps = f", {self.steps_before} steps became {self.steps_after}" if self.steps_before else ""
        return f"risks of synthetic patients change by at most {self.largest_change:.2g} (at {self.at:g}){steps}"


class LockedModel:
    """A fitted model that only predicts; made by `lock` and `load_model`.

    Attributes
    ----------
    unlocked : fitted model
        The coarse model inside.
    report : LockReport
        Changes made by locking.
    """

    fixed = True

    def __init__(self, model: Any, report: LockReport) -> None:
        self.unlocked = model
        self.report = report

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any = None, cause: int = 1, **keywords: Any) -> np.ndarray:
        """Return the risks of the model inside.

        Parameters
        ----------
        X : DataFrame or array of shape (n, p)
            Predictors.
        horizons : float or sequence of float, optional
            Prediction times; by default the visit of a score.
        cause : int, default 1
            Event code.
        **keywords
            Keywords of the model inside: ``strata``, ``offset``, of a score ``at_most``, ``at_least``.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks in [0, 1].
        """
        return np.asarray(self.unlocked.predict_risk(X, horizons, cause, **keywords))

    @takes_rows()
    def fit(self, X: Any, y: Any = None, **keywords: Any) -> None:
        """Raise an error: a locked model cannot be fitted.

        Parameters
        ----------
        X, y, **keywords
            Not used.
        """
        raise argument_error(
            "model",
            "an unfitted estimator, to be fitted",
            "a locked model",
            "A new fit is a new version: fit the estimator and save it under its own reason.",
        )

    def __getattr__(self, name: str) -> Any:
        # predictions and facts of the model inside, not of its fit
        if name.startswith("__") or name in ("unlocked", "report", "get_params", "set_params", "resampler"):
            raise AttributeError(name)
        return getattr(self.unlocked, name)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        """Whether the contents of the two models are identical to the bit."""
        if not isinstance(other, LockedModel):
            return NotImplemented
        (mine, arrays), (theirs, others) = pack(self.unlocked), pack(other.unlocked)
        return (
            mine == theirs
            and self.report == other.report
            and arrays.keys() == others.keys()
            and all(arrays[name].tobytes() == others[name].tobytes() for name in arrays)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<LockedModel: {type(self.unlocked).__name__}, {self.report._summary()}>"


def lock(model: Any, *, min_cell: int = 5, membership: MembershipInference | None = None) -> LockedModel:
    """Return a version of a fitted model that only predicts and contains no values of single patients.

    Parameters
    ----------
    model : fitted model or pipeline
        One of the classes that a model file contains (see `save_model`).
    min_cell : int, default 5
        Fewest events behind each step of a baseline and fewest rows beyond a training bound.
    membership : MembershipInference, optional
        Result of `membership_inference` for models of this class with this ``min_cell``. The report and the file
        contain it, with a note if patients of the training data are recognisable. Without it a note states that this
        was not measured.

    Returns
    -------
    LockedModel
        Its ``report`` gives the largest change of a risk.

    Raises
    ------
    ArgumentError
        If the model is not fitted, or of a class that cannot be saved, or ``membership`` is of another class or lock.

    Notes
    -----
    Steps of baselines are merged until each has ``min_cell`` events, and placed in the middle of them. Curves of
    intervals keep the beginning and end of each rise with as many expected events, at three digits. Knots and split
    points of trees keep three digits, the end of follow-up is rounded down to three digits, and training ranges keep 5
    % bounds with ``min_cell`` rows beyond. The data of the imputation are dropped: moments and regressions remain, and
    rounded limits bound drawn values. Values kept per patient are dropped. A note states if a leaf of boosted trees
    represents fewer than ``min_cell`` patients of the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.deployment import lock
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> locked = lock(CoxPH().fit(X, Surv.right(rng.exponential(10, 200), rng.random(200) < 0.7)))
    >>> locked.report.steps_after < locked.report.steps_before / 4
    True
    """
    least = int(check_number("min_cell", min_cell, low=2, whole=True))
    if isinstance(model, LockedModel):
        if model.report.min_cell < least:
            raise argument_error(
                "model", "one that was not locked before", f"one locked with {model.report.min_cell}", "Lock the fit."
            )
        return model if membership is None else LockedModel(model.unlocked, _measured(model, model.report, membership))
    check_storable(model)
    coarse = _copied(model)
    if isinstance(model, Formula | CompetingEquation | PublishedModel):
        report = LockReport(least, 0.0, float(check_horizons_of(coarse)[0]), 0, 0)
    else:
        before, after, notes = coarsen(coarse, least)
        change, at = _largest_change(model, coarse)
        report = LockReport(least, change, at, before, after, tuple(notes))
    return LockedModel(coarse, _measured(model, report, membership))


def _copied(model: Any) -> Any:
    """Return a deep copy; lists of names and ranges of columns by the hundred are copied at once."""
    known: dict[int, Any] = {}
    for part in parts_of(model):
        for value in getattr(part, "__dict__", {}).values():
            if type(value) is list and _ATOMS.issuperset(map(type, value)):
                known[id(value)] = value.copy()
            elif type(value) is dict and _ATOMS.issuperset(map(type, value)) and _are_atoms(value.values()):
                known[id(value)] = value.copy()
    return copy.deepcopy(model, known)


def _are_atoms(values: Iterable[Any]) -> bool:
    """Whether all values are texts or numbers, or tuples of these, which a copy can share."""
    kinds = set(map(type, values))
    if tuple in kinds:
        rows = (row for row in values if type(row) is tuple)
        return _ATOMS.issuperset(kinds - {tuple}) and _ATOMS.issuperset(map(type, chain.from_iterable(rows)))
    return _ATOMS.issuperset(kinds)


def _measured(model: Any, report: LockReport, membership: MembershipInference | None) -> LockReport:
    """Add the result of an attack on the training data, if it attacked models of this class under this lock."""
    if membership is None:
        known = report.membership_auc is not None or isinstance(model, PublishedModel)  # whose data are absent
        return report if known else replace(report, notes=tuple(dict.fromkeys([*report.notes, _UNMEASURED])))
    if not isinstance(membership, MembershipInference):
        raise argument_error("membership", "what membership_inference returned", membership)
    inner = getattr(model, "unlocked", model)
    inner = getattr(inner, "model", inner)
    name = inner if isinstance(inner, str) else type(inner).__name__  # an equation names its class
    if (membership.model, membership.min_cell) != (name, report.min_cell):
        raise argument_error(
            "membership",
            f"of {name} with min_cell={report.min_cell}",
            f"of {membership.model} with min_cell={membership.min_cell}",
            "Attack the model that is locked.",
        )
    told = tuple(doubt.sentence.removesuffix(".") for doubt in membership.objections)
    notes = tuple(dict.fromkeys([*(note for note in report.notes if note != _UNMEASURED), *told]))
    return replace(
        report,
        notes=notes,
        membership_auc=membership.auc,
        membership_high=membership.high,
        membership_calibrated=membership.calibrated_auc,
    )


def check_storable(model: Any) -> None:
    """Refuse models that are not fitted or of an unknown class."""
    name = type(model).__name__
    if stored_name(model) is None:
        why = NOT_STORED.get(name, "is not among the classes of model files")
        raise argument_error("model", "a fitted model of this library", f"{name}, which {why}")
    if hasattr(model, "fit") and not (hasattr(model, "n_features_in_") or name == "UpdatedModel"):
        raise argument_error("model", "a fitted model", f"an unfitted {name}", "Call fit(X, y) first.")


def _largest_change(fine: Any, coarse: Any) -> tuple[float, float]:
    """Return the largest change of a risk, and its time.

    Two step functions differ most at a coarse step, or at the last fine step before it; two piecewise linear functions
    at any of their times.
    """
    rows = synthetic_rows(fine, _ROWS)  # also if the coarse model has lost its range
    times = check_horizons_of(coarse, _TIMES)
    if visits_of(coarse) is None:
        steps, own = step_times(coarse), step_times(fine)
        lines = any(getattr(part, "interpolated_", False) for part in parts_of(fine))
        if own.size and not lines:
            own = own[np.maximum(np.searchsorted(own, steps) - 1, 0)]
        times = np.unique(np.concatenate([times, steps, own]))
        times = times[(times > 0) & (times <= check_horizons_of(coarse)[-1])]
    before, after = risks_of(fine, rows, times), risks_of(coarse, rows, times)
    if before.shape != after.shape:  # merged scores: the probability of each level and the levels below it
        rounded = digits(fine.levels_, LEVEL_DIGITS)
        last = np.searchsorted(rounded, coarse.levels_, side="right") - 1
        before, after = np.cumsum(before, axis=2)[:, :, last], np.cumsum(after, axis=2)
    change = np.abs(after - before)
    by_time = np.where(np.isnan(change), 0.0, change).max(axis=(0, 2))
    place = int(np.argmax(by_time))
    return float(by_time[place]), float(times[min(place, times.size - 1)])
