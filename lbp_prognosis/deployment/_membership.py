"""``membership_inference``: whether a model file's predictions distinguish training patients from others."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    RandomState,
    argument_error,
    check_confidence,
    check_horizons,
    check_number,
    generator,
    norm,
    objection,
    read_frame,
    takes_rows,
)
from lbp_prognosis._kernels import auc_placements, rising_order
from lbp_prognosis.deployment._lock import LockedModel, lock
from lbp_prognosis.deployment._membership_result import LARGEST_AUC, MembershipInference
from lbp_prognosis.survival import OutcomeKind, check_outcome, known_at, measured_spec, repeated_spec, status_horizon

__all__ = ["membership_inference"]

_LEAST_RISK = 1e-8
_REDRAWS = 5  # errors of a half without a fit: a cause without events, a maximum at infinity
_KINDS: tuple[OutcomeKind, ...] = ("right", "interval", "status", "measured", "repeated")


@takes_rows()
def membership_inference(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    *,
    horizons: Any = None,
    n_models: int = 20,
    min_cell: int = 5,
    confidence: float = 0.95,
    random_state: RandomState = 0,
) -> MembershipInference:
    """Measure how well an attacker who has the locked model recognises its training patients.

    Parameters
    ----------
    estimator : estimator or RiskPipeline
        Unfitted, or fitted: it is cloned and fitted again.
    X : DataFrame or ndarray of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Made by `Surv.right`, `Surv.interval`, `Status.at`, `Measured.at` or `Measured.at_visits`.
    horizons : float or sequence of float, optional
        Times of the risks; by default the visits that the model knows, or quintiles of the event times.
    n_models : int, default 20
        Number of models to fit, even, at least 4. Each is fitted to a random half of the patients, and the next model
        to the other half.
    min_cell : int, default 5
        Of `lock`.
    confidence : float, default 0.95
        Level of the interval.
    random_state : int, SeedSequence, Generator or None, default 0
        Draws the halves.

    Returns
    -------
    MembershipInference
        The AUC of two attacks, each with an interval, and an objection if the upper limit of the first, or the lower
        limit of the second, exceeds 0.55.

    Raises
    ------
    ArgumentError
        If the model cannot be locked, its predictions cannot be compared with the outcome, or fewer than 40 patients
        are given.
    EstimationError
        If six random halves in succession have no fit.

    Notes
    -----
    The attacker has the model file and the complete record of one patient, including the outcome, and classifies
    patients whom the model fits better as members of the training data. The *loss* attack (Yeom 2018) ranks patients by
    minus the log score of the known states at the horizons (all causes; squared error for scores). The *calibrated*
    attack (Watson 2022, the offline form of Carlini's likelihood ratio) subtracts from the loss the average loss of
    other models fitted without the patient, because some patients are easy for all models.

    The AUC is the mean over the models. Its standard error is that of DeLong with the placement values of each patient
    averaged over the models, and the variance between pairs of models. In simulations the interval of the loss attack
    covers at its level, that of the calibrated attack is too wide. Models are fitted to half of the patients. A model
    of all patients overfits less, so that the AUC overestimates the risk for that model. A half without a fit (a cause
    without events, a likelihood without a maximum) is drawn again, and ``redrawn`` counts these halves.

    An AUC grows with the parameters per patient: for a maximum likelihood fit with p parameters and n patients the
    calibrated attack reaches about Φ(√(p / (2n))), 0.54 with 4 parameters and 200 patients. No lock changes this: if it
    matters, penalise, use fewer columns, or do not release the file.

    References
    ----------
    Yeom S et al. (2018). Privacy risk in machine learning: analyzing the connection to overfitting. IEEE CSF, 268–282.
    doi:10.1109/CSF.2018.00027
    Carlini N et al. (2022). Membership inference attacks from first principles. IEEE S&P, 1897–1914.
    doi:10.1109/SP46214.2022.9833649
    Watson L et al. (2022). On the importance of difficulty calibration in membership inference attacks. ICLR.
    arXiv:2111.08440
    DeLong ER et al. (1988). Biometrics 44:837–845. doi:10.2307/2531595

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.deployment import membership_inference
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 60))
    >>> y = Surv.right(rng.exponential(10, 200), rng.random(200) < 0.8)
    >>> [doubt.code for doubt in membership_inference(CoxPH(), X, y, n_models=4).objections]
    ['members-recognisable']
    """
    kind = check_outcome(y, _KINDS, caller="membership_inference", instead="Courses have no one prediction to compare.")
    many = int(check_number("n_models", n_models, low=4, whole=True))
    if many % 2:
        raise argument_error("n_models", "even: halves come in pairs", many)
    level = check_confidence(confidence)
    rows = read_frame(X)
    n = len(rows)
    if n < 40:
        raise argument_error("X", "40 patients or more", n, "Fewer say nothing about an AUC near 0.5.")
    times = np.empty(0) if kind in ("measured", "repeated") else _times(estimator, y, kind, horizons)
    rng = generator(random_state)
    member = np.zeros((many, n), dtype=bool)
    losses = np.empty((many, n))
    redrawn = 0
    for pair in range(many // 2):
        half, fits, again = _fitted_halves(estimator, rows, y, min_cell, rng)
        redrawn += again
        for side, chosen in enumerate((half, ~half)):
            row = 2 * pair + side
            member[row] = chosen
            losses[row] = patient_losses(fits[side], rows, y, kind, times)
    known = np.isfinite(losses).all(axis=0)
    if known.sum() < 40:
        raise argument_error("y", "known for 40 patients or more", int(known.sum()), "Give other horizons.")
    member, losses = member[:, known], losses[:, known]
    found = [_attack("loss", -losses, member, level), _attack("calibrated", _calibrated(losses, member), member, level)]
    attacks = pd.DataFrame(found, columns=["attack", "auc", "se", "low", "high"])
    name = type(getattr(estimator, "model", estimator)).__name__
    doubts = tuple(_doubts(attacks, name, n // 2))
    return MembershipInference(
        attacks=attacks,
        model=name,
        n=n,
        n_members=n // 2,
        n_models=many,
        horizons=tuple(map(float, times)),
        min_cell=int(min_cell),
        confidence=level,
        redrawn=redrawn,
        objections=doubts,
        synthetic=bool(getattr(rows, "attrs", {}).get("synthetic", False)),
    )


def _doubts(attacks: pd.DataFrame, name: str, n: int) -> list[Objection]:
    loss, calibrated = attacks.to_dict("records")
    facts: dict[str, Any] = {"model": name, "n": n, "limit": LARGEST_AUC}
    if loss["high"] > LARGEST_AUC:
        return [objection("members-recognisable", auc=loss["auc"], high=loss["high"], **facts)]
    if calibrated["low"] > LARGEST_AUC:
        shown = {"auc": calibrated["auc"], "low": calibrated["low"]}
        return [objection("members-recognisable", variant="calibrated", **shown, **facts)]
    return []


def _fitted_halves(
    estimator: Any, rows: Any, y: np.ndarray, min_cell: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[LockedModel], int]:
    """Return a random half, its model and that of the other half, and the number of earlier halves without a fit."""
    n = len(rows)
    for again in range(_REDRAWS + 1):
        half = rng.permutation(n) < n // 2
        try:
            return half, [_locked(estimator, rows, y, chosen, min_cell) for chosen in (half, ~half)], again
        except EstimationError:
            if again == _REDRAWS:
                raise
    raise AssertionError


def _locked(estimator: Any, rows: Any, y: np.ndarray, chosen: np.ndarray, min_cell: int) -> LockedModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubts about a half do not concern the model of all
        return lock(clone(estimator).fit(rows[chosen], y[chosen]), min_cell=min_cell)


def _times(estimator: Any, y: np.ndarray, kind: str, given: Any) -> np.ndarray:
    if given is not None:
        return check_horizons(given)[0]
    if kind == "status":
        horizon = status_horizon(y)
        return np.array([1.0 if horizon is None else horizon])
    named = getattr(getattr(estimator, "model", estimator), "visits", None)
    visits = None if named is None else np.atleast_1d(np.asarray(named, dtype=float))
    declared = getattr(estimator, "horizon", None)
    if visits is None and isinstance(declared, int | float):
        visits = np.array([float(declared)])
    if visits is not None and visits.size:
        return visits
    ends = y["time"][y["event"] > 0] if kind == "right" else y["upper"][np.isfinite(y["upper"])]
    if not len(ends):
        raise argument_error("y", "with events", "none")
    return np.unique(np.quantile(ends, [0.2, 0.4, 0.6, 0.8], method="inverted_cdf"))


def patient_losses(model: LockedModel, rows: Any, y: np.ndarray, kind: str, times: np.ndarray) -> np.ndarray:
    """Return the mean loss of each patient, shape (n,); NaN if no outcome is known.

    Parameters
    ----------
    model : LockedModel
        The model as released.
    rows : DataFrame or ndarray of shape (n, p)
        Predictors.
    y : ndarray of shape (n,)
        Outcome.
    kind : str
        Of the outcome.
    times : ndarray of shape (h,)
        Horizons of risks.
    """
    if kind in ("measured", "repeated"):
        parts = _score_losses(model, rows, y, kind)
    else:
        parts = np.column_stack([_risk_losses(model, rows, y, kind, times, cause) for cause in _causes(model)])
    known = np.isfinite(parts)
    count = known.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.where(known, parts, 0.0).sum(axis=1) / count, np.nan)


def _causes(model: LockedModel) -> list[int]:
    codes = [int(code) for code in np.atleast_1d(getattr(model, "causes_", [1]))]
    own = getattr(model, "cause", None)
    return [int(own)] if isinstance(own, int | np.integer) and int(own) in codes else codes or [1]


def _risk_losses(model: LockedModel, rows: Any, y: np.ndarray, kind: str, times: np.ndarray, cause: int) -> np.ndarray:
    own = times[times <= float(getattr(model, "max_time_", np.inf))]
    out = np.full((len(rows), times.size), np.nan)
    if own.size:
        risk = np.clip(np.asarray(model.predict_risk(rows, own, cause), dtype=float), _LEAST_RISK, 1 - _LEAST_RISK)
        for k, time in enumerate(own):
            state = _state(y, kind, float(time), cause)
            loss = -np.where(state == 1, np.log(risk[:, k]), np.log1p(-risk[:, k]))
            out[:, int(np.searchsorted(times, time))] = np.where(state >= 0, loss, np.nan)
    return out


def _state(y: np.ndarray, kind: str, time: float, cause: int) -> np.ndarray:
    """Return 1 if the event of the cause occurred by a time, 0 if not, −1 if unknown."""
    if kind == "status":
        return np.asarray(y["status"], dtype=int)
    if kind == "interval":
        y = known_at(y, time)
    happened = (y["event"] > 0) & (y["time"] <= time)
    state = np.where(happened, (y["event"] == cause).astype(int), -1)
    return np.where(~happened & (y["time"] >= time), 0, state)


def _score_losses(model: LockedModel, rows: Any, y: np.ndarray, kind: str) -> np.ndarray:
    """Return squared deviations from the expected score, in units of the range."""
    if kind == "measured":
        spec = measured_spec(y)
        return (((y["value"] - np.asarray(model.predict_mean(rows))) / (spec.upper - spec.lower)) ** 2)[:, None]
    several = repeated_spec(y)
    span = several.last.upper - several.last.lower
    means = np.asarray(model.predict_mean(rows))
    return ((np.asarray(y["values"]) - means) / span) ** 2


def _calibrated(losses: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return the mean loss of the other models fitted without the patient minus each loss."""
    outside = np.where(member, 0.0, losses)
    total, count = outside.sum(axis=0), (~member).sum(axis=0)
    others = (total - outside) / (count - ~member)
    return others - losses


def _attack(name: str, score: np.ndarray, member: np.ndarray, level: float) -> tuple[str, float, float, float, float]:
    many, n = score.shape
    influence, areas = np.zeros(n), np.empty(many)
    ones = np.ones(n)
    for k in range(many):
        order = rising_order(score[k])
        area, placement, inside, outside = auc_placements(order, score[k], member[k], ones, ones)
        areas[k] = area
        influence += (placement - area) / np.where(member[k], inside, outside) / many
    auc = float(areas.mean())
    pairs = areas.reshape(-1, 2).mean(axis=1)
    se = float(np.sqrt((influence**2).sum() + pairs.var(ddof=1) / pairs.size))
    half = float(norm.ppf(0.5 + level / 2)) * se
    return name, auc, se, max(auc - half, 0.0), min(auc + half, 1.0)
