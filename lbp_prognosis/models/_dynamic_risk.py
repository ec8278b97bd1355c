"""``DynamicRisk``: a risk that is predicted again whenever more is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    Result,
    argument_error,
    as_numbers,
    check_choice,
    check_horizons,
    check_number,
    check_vector,
    is_number,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._cause_specific_cox import CauseSpecificCox
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._landmark_imputation import complete_landmarks, completed_rows, refuse_missing
from lbp_prognosis.models._landmark_supermodel import LandmarkStack, frame_at, landmark_supermodel
from lbp_prognosis.survival import Weights, check_outcome, check_weights

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DynamicRisk", "RiskUpdates", "visits_by_landmark"]


def visits_by_landmark(
    visits: pd.DataFrame,
    ids: Any,
    landmarks: Any,
    *,
    id: str = "patient_id",
    time: str = "time",
    max_age: float | None = None,
) -> dict[float, pd.DataFrame]:
    """Return the predictors of each patient at each landmark: the last value of every column observed by the landmark.

    Parameters
    ----------
    visits : DataFrame
        One row per visit; all columns but ``id`` and ``time`` are values. A missing value was not measured.
    ids : array-like of shape (n,)
        Patients, in the order of the outcome.
    landmarks : float or sequence of float
        Times.
    id, time : str
        Names of the columns of patient and time.
    max_age : float, optional
        A value older than this is no longer known.

    Returns
    -------
    dict of float to DataFrame
        Frames of n rows; missing where nothing has been seen, so that an imputation or a model that takes missing
        values has to follow. Values observed after a landmark are not used.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.models import visits_by_landmark
    >>> visits = pd.DataFrame({"patient_id": [1, 1, 2], "time": [0.0, 3.0, 0.0], "nrs": [7, 4, 5]})
    >>> {at: frame["nrs"].tolist() for at, frame in visits_by_landmark(visits, [1, 2], [0, 3]).items()}
    {0.0: [7.0, 5.0], 3.0: [4.0, 5.0]}
    """
    absent = [name for name in (id, time) if name not in visits.columns]
    if absent:
        raise argument_error("visits", f"a frame with the columns {id!r} and {time!r}", f"one without {absent}")
    points = check_vector("landmarks", np.atleast_1d(landmarks), low=0)
    when = check_vector("visits", as_numbers("visits", visits[time]))
    patients = pd.Index(np.asarray(ids))
    if not patients.is_unique:
        raise argument_error("ids", "each patient once", "repeated labels")
    age = np.inf if max_age is None else check_number("max_age", max_age, low=0)
    ordered = visits.assign(**{time: when}).sort_values(time, kind="stable")
    columns = [name for name in visits.columns if name not in (id, time)]
    out: dict[float, pd.DataFrame] = {}
    for at in points:
        seen = ordered[(ordered[time] <= at) & (ordered[time] >= at - age)]
        last = seen.groupby(id)[columns].last()  # the last that is not missing, column by column
        frame = last.reindex(patients)
        numbers = [name for name in columns if is_number(frame[name])]
        out[float(at)] = frame.astype({name: float for name in numbers})
    return out


@dataclass(frozen=True, repr=False)
class RiskUpdates(Result):
    """Risks of the same patients, predicted again at each landmark.

    Attributes
    ----------
    landmarks : ndarray of shape (k,)
        Times at which the risk was predicted.
    width : float
        Length of the window that each risk is about.
    risk : ndarray of shape (n, k)
        P(event in (landmark, landmark + width] | none by the landmark); NaN where a value is not known.
    """

    landmarks: np.ndarray
    width: float
    risk: np.ndarray
    objections: tuple[Objection, ...] = field(default=())
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient and landmark: ``row, landmark, horizon, risk``."""
        n, k = self.risk.shape
        return pd.DataFrame(
            {
                "row": np.repeat(np.arange(n), k),
                "landmark": np.tile(self.landmarks, n),
                "horizon": np.tile(self.landmarks + self.width, n),
                "risk": self.risk.ravel(),
            }
        )

    def plot(self, ax: Axes | None = None, *, rows: Sequence[int] = (0,)) -> Axes:
        """Draw the course of the risk of some patients.

        Parameters
        ----------
        ax : Axes, optional
            Axes of the plot; a new figure by default.
        rows : sequence of int, default (0,)
            Positions of the patients.
        """
        from lbp_prognosis._draw import draw_states

        frame = self.to_frame()
        frame = frame[frame["row"].isin(list(rows)) & frame["risk"].notna()]
        drawn = pd.DataFrame(
            {
                "time": frame["landmark"],
                "state": "patient " + frame["row"].astype(str),
                "value": frame["risk"],
                "low": frame["risk"],
                "high": frame["risk"],
            }
        )
        return draw_states(drawn, label=f"risk within {self.width:g}", ax=ax)

    def _summary(self) -> str:
        return f"{self.risk.shape[0]} patients at {self.landmarks.size} landmarks, window {self.width:g}"


class DynamicRisk(RiskEstimator):
    """Risks that are updated at each visit, by landmark models.

    A Cox model stacked over landmarks (`landmark_supermodel`): at each landmark, the patients still at risk, with their
    predictors up to the landmark, are followed for a window.

    Parameters
    ----------
    landmarks : sequence of float
        Increasing times at which the risk is predicted, the first usually 0.
    width : float
        Length of the window.
    interactions : sequence of str, default ()
        Columns whose effect may change from landmark to landmark.
    degree : int, default 1
        Power up to which effects change, 1 or 2.
    baseline : {"strata", "smooth"}, default "strata"
        A baseline for each landmark, or one with smooth terms: then risks can be predicted between landmarks.
    ties : {"breslow", "efron"}, default "breslow"
        Copies of one event at several landmarks are no ties of different patients: Breslow's is right here.
    collinear : {"error", "drop"}, default "error"
        As in `CoxPH`.
    imputer : transformer, optional
        Imputation of predictors that are missing at a landmark, e.g. `fusion.MultipleImputation`. A clone is fitted at
        each landmark to the patients at risk there, with their outcome in the window; a model is fitted to each
        completed table. New patients are completed by the imputer of the landmark, from their own observed values and
        without an outcome, and risks are averaged. Without it missing values are refused.

    Attributes
    ----------
    landmarks_ : ndarray of shape (k,)
        Landmarks with patients at risk.
    model_ : CoxPH or CauseSpecificCox
        The stacked model, with errors robust by patient; of all causes where events compete. With ``imputer`` the model
        of the first completed table; ``models_`` lists those of all.
    imputers_ : dict of float to transformer
        Fitted imputers by landmark; empty without ``imputer``.
    at_risk_ : DataFrame
        Columns ``landmark, n, n_events``: who was followed from each landmark.

    Notes
    -----
    Patients who had the event, or were lost, before a landmark have no part in it: the risk is conditional. Where
    surgery competes the risk is P(event by the horizon, before surgery). In cross-validation the imputers are fitted
    again in each training set, since they are part of the model.

    References
    ----------
    van Houwelingen HC (2007). Scand J Stat 34:70–85. doi:10.1111/j.1467-9469.2006.00529.x

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import DynamicRisk
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"nrs": rng.normal(size=200)})
    >>> y = Surv.right(rng.exponential(12 * np.exp(-X["nrs"])), np.ones(200))
    >>> later = {0.0: X, 3.0: X + 0.1}  # what is known at each landmark
    >>> model = DynamicRisk([0, 3], 6).fit(later, y)
    >>> model.predict_risk(X.head(2), 9.0, at=3.0).shape
    (2, 1)
    """

    _instead = "For states at visits use MultiStateCox on courses."

    def __init__(
        self,
        landmarks: Sequence[float] = (0.0,),
        width: float = 12.0,
        *,
        interactions: Sequence[str] = (),
        degree: int = 1,
        baseline: str = "strata",
        ties: str = "breslow",
        collinear: str = "error",
        imputer: Any = None,
    ) -> None:
        self.landmarks = landmarks
        self.width = width
        self.interactions = interactions
        self.degree = degree
        self.baseline = baseline
        self.ties = ties
        self.collinear = collinear
        self.imputer = imputer

    @property
    def weights_equal_copies(self) -> bool:  # type: ignore[override]
        """Whether a frequency weight is the same as copies of a row: an imputer does not see weights."""
        return self.imputer is None

    @property
    def models_(self) -> list[CoxPH | CauseSpecificCox]:
        """Stacked models, one per completed table."""
        return [self.model_, *getattr(self, "other_models_", [])]

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: np.ndarray,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
    ) -> DynamicRisk:
        """Stack the landmarks and fit.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p), or mapping of float to DataFrame
            Predictors of all patients; a mapping contains the predictors at each landmark (`visits_by_landmark`). Rows
            no longer at risk at a landmark are not used there. Missing values need ``imputer``.
        y : ndarray of shape (n,)
            Made by `Surv.right`, on the clock of the study.
        sample_weight : array-like of shape (n,) or Weights, optional
            Weights of the patients.
        strata, offset : None
            Not taken.
        clusters : array-like of shape (n,), optional
            Unit of the standard errors; patients by default.
        """
        check_outcome(y, ("right",), caller="DynamicRisk", instead=self._instead)
        check_choice("ties", self.ties, ("breslow", "efron"))
        self._refuse(strata=strata, offset=offset)
        named = isinstance(X, pd.DataFrame | Mapping)
        frames = X if named else pd.DataFrame(np.asarray(X), columns=[f"x{k}" for k in range(np.shape(X)[1])])
        stack, stacks = self._stacks(frames, y)
        first = frame_at(X, float(stack.landmark[0])) if isinstance(X, Mapping) else frames
        columns = list(first.columns)
        weights = check_weights(sample_weight, y.shape[0])
        given = None if weights is None else Weights(weights.values[stack.rows], weights.kind)
        units = stack.clusters if clusters is None else np.asarray(clusters)[stack.rows]
        self._clusters_are_patients = clusters is None
        base = stack.X[columns]
        if self.imputer is None:
            refuse_missing(base, "at a landmark")
        given_base = base if named else base.to_numpy()
        design = self._start_fit(given_base, stack.y, given, None, None, units, allow_missing=self.imputer is not None)
        self.landmarks_ = stack.landmarks[np.isin(stack.landmarks, stack.landmark)]
        self.at_risk_ = stack.to_frame()
        self.max_time_ = float(self.landmarks_[0] + self.width)
        soon = stack.y["time"][(stack.landmark == self.landmarks_[0]) & (stack.y["event"] == 1)]
        inside = np.unique(np.quantile(soon, [0.25, 0.5, 0.75])) if soon.size else np.empty(0)
        self.score_horizons_ = inside[inside > self.landmarks_[0]]
        self.model_, *self.other_models_ = [self._fitted(one, given, design.clusters) for one in stacks]
        return self

    def _stacks(self, frames: Any, y: np.ndarray) -> tuple[LandmarkStack, list[LandmarkStack]]:
        """Return the stack of the predictors as given, and that of each completed table."""
        self.imputers_: dict[float, Any] = {}
        if self.imputer is None:
            stack = self._stacked(frames, y)
            return stack, [stack]
        points = check_vector("landmarks", np.atleast_1d(self.landmarks), low=0)
        by_landmark = {float(at): frames[float(at)] if isinstance(frames, Mapping) else frames for at in points}
        done = complete_landmarks(by_landmark, y, float(self.width), self.imputer)
        self.imputers_ = done.imputers
        if not done.tables:
            raise argument_error("landmarks", "moments at which some row is at risk", str(points.tolist()))
        empty = [at for at in by_landmark if at not in done.imputers]
        stacks = [self._stacked({**table, **{at: by_landmark[at] for at in empty}}, y) for table in done.tables]
        order = [by_landmark[at].iloc[stacks[0].rows[stacks[0].landmark == at]] for at in by_landmark]
        return replace(stacks[0], X=pd.concat(order, ignore_index=True)), stacks

    def _fitted(self, stack: LandmarkStack, weights: Weights | None, clusters: Any) -> CoxPH | CauseSpecificCox:
        options: dict[str, Any] = {"ties": self.ties, "collinear": self.collinear}
        competing = bool((self.causes_ > 1).any())
        model: CoxPH | CauseSpecificCox = CauseSpecificCox(**options) if competing else CoxPH(**options)
        model._clusters_are_patients = self._clusters_are_patients
        stacked = stack.X.set_axis([str(name) for name in stack.X.columns], axis=1)
        model.fit(stacked, stack.y, sample_weight=weights, strata=stack.strata, clusters=clusters)
        return model

    def _stacked(self, frames: Any, y: np.ndarray) -> LandmarkStack:
        return landmark_supermodel(
            y,
            frames,
            self.landmarks,
            self.width,
            interactions=self.interactions,
            degree=self.degree,
            baseline=self.baseline,
        )

    # ---- predictions -------------------------------------------------------------------------------------------

    def _check_at(self, at: Any) -> float:
        point = float(self.landmarks_[0]) if at is None else check_number("at", at, low=0)
        known = self.landmarks_
        if self.baseline == "strata" and not np.isclose(known, point, rtol=1e-12, atol=0).any():
            raise argument_error(
                "at",
                f"one of the landmarks {known.tolist()}",
                f"{point:g}",
                'Between them use baseline="smooth", or the last landmark before.',
            )
        if not known[0] <= point <= known[-1]:
            raise argument_error("at", f"between the landmarks {known[0]:g} and {known[-1]:g}", f"{point:g}")
        return point

    @takes_rows()
    def predict_risk(
        self,
        X: Any,
        horizons: Any,
        cause: int = 1,
        *,
        strata: Any = None,
        offset: Any = None,
        at: float | None = None,
    ) -> np.ndarray:
        """Return P(T ≤ horizon, event = cause | no event by the landmark, predictors at the landmark).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors at the landmark, of patients who are still at risk. Missing values need ``imputer``.
        horizons : float or sequence of float
            On the clock of the study, increasing, up to ``at + width``.
        cause : int, default 1
            Event code.
        strata, offset : None
            Not taken.
        at : float, optional
            The landmark; by default the first.

        Returns
        -------
        ndarray of shape (n, n_horizons)
            Risks; NaN before the landmark and beyond the window.
        """
        self._refuse(strata=strata, offset=offset)
        matrix, _, _ = self._start_predict(X, None, None, allow_missing=True)
        if self.imputer is None:
            refuse_missing(pd.DataFrame(matrix, columns=self._names()), "in new rows")
        times, _ = check_horizons(horizons)
        self._check_cause(cause)
        point = self._check_at(at)
        out = np.full((matrix.shape[0], times.size), np.nan)
        inside = (times >= point) & (times <= point + self.width * (1 + 1e-12)) & (times <= self.model_.max_time_)
        if not inside.any() or matrix.shape[0] == 0:
            return out
        frame = pd.DataFrame(matrix, columns=self._names())
        if self.imputer is None:
            out[:, inside] = self._conditional(self.model_, frame, times[inside], int(cause), point)
            return out
        step = self.imputers_[max(at for at in self.imputers_ if at <= point * (1 + 1e-12))]
        total = np.zeros((matrix.shape[0], int(inside.sum())))
        done = completed_rows(step, frame, [self._score(model, point) for model in self.models_])
        for model, (table, row, weight) in zip(self.models_, done):
            risk = self._conditional(model, table, times[inside], int(cause), point)
            parts = [np.bincount(row, weight * column, minlength=matrix.shape[0]) for column in risk.T]
            total += np.stack(parts, axis=1) / len(self.models_)
        out[:, inside] = total
        return out

    def _score(self, model: CoxPH | CauseSpecificCox, point: float) -> Any:
        """Linear predictor of completed rows; None for several causes, whose risk has no single one."""
        if isinstance(model, CauseSpecificCox):
            return None
        return lambda table: np.asarray(model.linear_predictor(self._columns(table, point)), dtype=float)

    def _conditional(
        self, model: CoxPH | CauseSpecificCox, complete: pd.DataFrame, times: np.ndarray, cause: int, point: float
    ) -> np.ndarray:
        """P(event of the cause by each time | none by the landmark) of complete rows by one model, (n, n_times)."""
        frame, n = self._columns(complete, point), len(complete)
        layer = np.full(n, point) if self.baseline == "strata" else None
        grid = np.unique(np.concatenate([[point], times]))
        grid = grid[grid > 0]
        if isinstance(model, CauseSpecificCox):
            incidence = model.predict_incidence(frame, grid, cause, strata=layer)
            free = model.predict_survival(frame, grid, strata=layer)
        else:
            incidence = model.predict_risk(frame, grid, strata=layer)
            free = 1 - incidence
        start = incidence[:, :1] if point > 0 else np.zeros((n, 1))
        left = free[:, :1] if point > 0 else np.ones((n, 1))
        place = np.searchsorted(grid, times)
        found = np.divide(incidence[:, place] - start, left, out=np.zeros((n, place.size)), where=left > 0)
        clipped: np.ndarray = np.clip(found, 0.0, 1.0)
        return clipped

    def _columns(self, predictors: np.ndarray | pd.DataFrame, point: float) -> pd.DataFrame:
        """Columns of the stacked model for checked predictors, in the order of the fit."""
        if isinstance(predictors, pd.DataFrame):
            frame = predictors.copy()
        else:
            frame = pd.DataFrame(predictors, columns=self._names())
        last = float(np.max(np.asarray(self.landmarks, dtype=float)))
        share = point / last if last > 0 else 0.0
        for name in self.interactions:
            for power in range(1, self.degree + 1):
                frame[f"{name}:s{power if power > 1 else ''}"] = frame[name] * share**power
        if self.baseline == "smooth":
            frame["s"], frame["s2"] = share, share**2
        return frame

    def updates(self, frames: Mapping[float, Any]) -> RiskUpdates:
        """Return the risk within the window at each landmark, as visits arrive.

        Parameters
        ----------
        frames : mapping of float to DataFrame
            Predictors at each landmark, of the same patients; rows with a missing value have no risk there, unless the
            model has an ``imputer``.

        Returns
        -------
        RiskUpdates
            Risks (patients, landmarks). Whoever had the event by a landmark has no risk at it: take those rows out.
        """
        self._check_fitted()
        points = np.array(sorted(float(at) for at in frames))
        columns = []
        for at in points:
            frame = frames[at]
            names = self._names()
            absent = [name for name in names if name not in frame.columns]
            if absent:
                lacking = f"one without {absent[:5]} at {at:g}"
                raise argument_error("frames", f"frames with the columns {names[:8]}", lacking)
            known = frame[names].notna().all(axis=1).to_numpy() | (self.imputer is not None)
            risk = np.full(len(frame), np.nan)
            if known.any():
                risk[known] = self.predict_risk(frame.loc[known, names], at + self.width, at=at)[:, 0]
            columns.append(risk)
        if len({column.size for column in columns}) != 1:
            raise argument_error("frames", "frames of the same patients", "frames of several lengths")
        return RiskUpdates(points, float(self.width), np.column_stack(columns))

    def to_frame(self, confidence: float = 0.95) -> pd.DataFrame:
        """Return the coefficients of the stacked model, with the columns of its own `to_frame`.

        With several completed tables they are pooled by Rubin's rules, with degrees of freedom for large samples.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the intervals.
        """
        self._check_fitted()
        tables = [model.to_frame(confidence) for model in self.models_]
        if len(tables) == 1:
            return tables[0]
        coef, variance = (np.stack([table[name] for table in tables]) for name in ("coef", "se"))
        with np.errstate(divide="ignore", invalid="ignore"):  # of a column that was left out
            pooled = rubin_pool(coef, variance**2)
            low, high = pooled.limits(confidence)
            own = {"low": np.exp(low), "high": np.exp(high), "se": pooled.se, "z": pooled.estimate / pooled.se}
            return tables[0].assign(coef=pooled.estimate, hr=np.exp(pooled.estimate), **own, p=pooled.p_value())
