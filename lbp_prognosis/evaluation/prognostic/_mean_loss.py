"""Mean losses of predicted risks, shared by Brier and log score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lbp_prognosis._base import Objection, influence_se, known_area
from lbp_prognosis._kernels import (
    BRIER,
    LOG_SCORE,
    CensoringProcess,
    LossRows,
    aalen_johansen_steps,
    incidence_influence,
    ipcw_loss,
    ipcw_loss_combined,
    null_brier,
    row_losses,
    row_parts,
    score_sums,
    step_at,
)
from lbp_prognosis.evaluation.prognostic._known import censoring_of, known_at_horizons, right_guards
from lbp_prognosis.evaluation.prognostic._prediction_doubts import likely_inversion
from lbp_prognosis.evaluation.prognostic._setting import MOST_KEPT, Setting
from lbp_prognosis.survival import cause_codes

__all__ = [
    "BRIER",
    "LOG_SCORE",
    "Losses",
    "combined_influences",
    "combined_loss_influence",
    "loss_influences",
    "mean_losses",
]

_WHOLE = 1e-6  # smaller shortfalls of the mean weight from 1 are ignored


@dataclass(frozen=True)
class Losses:
    """Mean loss, Brier score of the null model with the same weights, errors, covariance, reasons, by horizon (k,)."""

    loss: np.ndarray
    loss_se: np.ndarray
    null: np.ndarray
    null_se: np.ndarray
    covariance: np.ndarray
    reasons: tuple[str, ...]
    objections: tuple[Objection, ...]


def mean_losses(setting: Setting, risk: np.ndarray, kind: int) -> Losses:
    """Return the losses of risks (n, k) at each horizon; results for the same array are cached.

    Right-censored outcomes without clusters take the one-pass kernel; everything else goes through influence values.
    """
    return setting.kept(f"losses {kind}", lambda: _mean_losses(setting, risk, kind), risk)


def _area(setting: Setting, risk: np.ndarray, k: int) -> float:
    known = list(known_at_horizons(setting))[k]
    return known_area(risk[:, k], known.case, known.weight * setting.row_weight)


def _mean_losses(setting: Setting, risk: np.ndarray, kind: int) -> Losses:
    missing = np.isnan(risk[0])
    if setting.kind == "right" and setting.censoring is None and setting.clusters is None:
        out, guards = _one_pass(setting, risk, kind, np.empty((0, 0)))
        total = setting.row_weight.sum()
        loss, frequency = out[0], out[1]
        loss_se, frequency_se, covariance = np.sqrt(out[3]) / total, np.sqrt(out[4]) / total, out[5] / total**2
        reasons, objections = guards
        lost = 1 - out[2]
    else:
        loss, frequency, psi, psi_frequency, reasons, objections, lost = _row_by_row(setting, risk, kind)
        loss_se = influence_se(psi, setting.clusters)
        frequency_se = influence_se(psi_frequency, setting.clusters)
        both = influence_se(psi + psi_frequency, setting.clusters)
        covariance = (both**2 - loss_se**2 - frequency_se**2) / 2
    told = tuple(
        reason or ("the risk is missing at this horizon" if gone else "") for reason, gone in zip(reasons, missing)
    )
    mean_risk = (setting.row_weight @ risk) / setting.row_weight.sum()
    seen = np.where([bool(r) for r in told], np.nan, frequency)
    doubt = likely_inversion(mean_risk, seen, setting.horizons, lambda k: _area(setting, risk, k))
    lost = np.where(np.abs(lost) < _WHOLE, 0.0, lost)
    if setting.kind == "right" and setting.censoring is not None:
        null, psi_null = _null_of_model(setting)
        null_se = influence_se(psi_null, setting.clusters)
        covariance = (influence_se(psi + psi_null, setting.clusters) ** 2 - loss_se**2 - null_se**2) / 2
    else:
        # lost: shortfall of the mean weight from 1, at a horizon beyond which no patient is followed
        null, tilt = null_brier(frequency, lost), _tilt(frequency, lost)
        null_se, covariance = np.abs(tilt) * frequency_se, tilt * covariance
    return Losses(loss, loss_se, null, null_se, covariance, told, (*objections, *doubt))


def _tilt(frequency: Any, lost: Any) -> Any:
    """Derivative of the null score F(1 − F) − F² · lost with respect to the event frequency."""
    return 1 - 2 * frequency * (1 + lost)


def _null_of_model(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of the Kaplan–Meier (Aalen–Johansen) risk with the weights of a censoring model.

    Returns
    -------
    null : ndarray of shape (k,)
        mean(w (1{event} − F)²) = F_w (1 − 2F) + F² mean(w): F_w, the weighted frequency, is not F under such weights.
    psi : ndarray of shape (n, k)
        Its influence values, on the scale of the rows.
    """
    time, code = setting.y["time"], cause_codes(setting.y, setting.cause)
    weights = None if setting.weights is None else setting.row_weight
    steps = aalen_johansen_steps(time, code, causes=np.array([1, 2]), weights=weights)
    total = setting.row_weight.sum()
    null, psi = np.full(setting.horizons.size, np.nan), np.full((setting.n, setting.horizons.size), np.nan)
    for h, known in enumerate(known_at_horizons(setting)):
        if known.reason:
            continue
        tau = float(setting.horizons[h])
        risk = float(step_at(steps.times, steps.cif[:, 0], tau, left=0.0))
        share, counted = known.influence(np.where(known.case, known.weight, 0.0))
        mean, weighed = known.influence(known.weight)
        null[h] = share * (1 - 2 * risk) + risk**2 * mean
        own = incidence_influence(time, code, tau, weights) * total
        psi[:, h] = setting.scale((1 - 2 * risk) * counted + risk**2 * weighed + 2 * (risk * mean - share) * own)
    return null, psi


def _one_pass(
    setting: Setting, risk: np.ndarray, kind: int, influence: np.ndarray
) -> tuple[np.ndarray, tuple[list[str], list[Objection]]]:
    process = censoring_of(setting)
    rows = _rows_by_time(setting, process)
    out = ipcw_loss(rows, kind, risk, influence, _columns(setting, rows, risk))
    return out, right_guards(setting, process, out[2])


def _rows_by_time(setting: Setting, process: CensoringProcess) -> LossRows:
    """Return the outcome in order of time, sorted once for all losses and models."""
    return setting.kept("loss rows", lambda: _make_rows(setting, process))


def _make_rows(setting: Setting, process: CensoringProcess) -> LossRows:
    event = setting.y["event"]
    with np.errstate(divide="ignore"):
        before = 1 / process.left[process.code]
        beyond = 1 / step_at(process.times, process.right, setting.horizons, left=1.0)
    return LossRows(
        event == setting.cause,
        process.times,
        process.order,
        process.starts,
        process.hazard,
        process.slope,
        before,
        beyond,
        setting.horizons,
        event == 0,
        setting.row_weight,
        setting.square_weight,
    )


def _columns(setting: Setting, rows: LossRows, risk: np.ndarray) -> np.ndarray:
    """Return the risks in order of time, sorted once for all losses of one model."""
    return _kept(setting, "columns", lambda: rows.columns(risk), risk, 2)


def _row_by_row(setting: Setting, risk: np.ndarray, kind: int):
    n, k = risk.shape
    loss, frequency = np.full(k, np.nan), np.full(k, np.nan)
    psi, psi_frequency = np.full((n, k), np.nan), np.full((n, k), np.nan)
    lost = np.zeros(k)
    reasons: list[str] = []
    objections: list[Objection] = []
    for h, known in enumerate(known_at_horizons(setting)):
        reasons.append(known.reason)
        objections.extend(known.objections)
        if known.reason:
            continue
        column = np.ascontiguousarray(risk[:, h])
        loss[h], frequency[h], mean, _ = score_sums(kind, column, known.case, known.weight, setting.row_weight)
        value = row_losses(kind, column, known.case)
        own = known.influence(np.where(known.weight > 0, known.weight * value, 0.0))[1]
        counted = known.influence(np.where(known.case, known.weight, 0.0))[1]
        psi[:, h], psi_frequency[:, h] = setting.scale(own), setting.scale(counted)
        if setting.kind == "right" and setting.censoring is None:
            lost[h] = 1 - mean
    return loss, frequency, psi, psi_frequency, reasons, list(dict.fromkeys(objections)), lost


def loss_influences(setting: Setting, risk: np.ndarray, kind: int) -> np.ndarray:
    """Influence values of the mean loss, on the scale of the rows, of shape (n, k)."""
    if setting.kind == "right" and setting.censoring is None:
        influence = np.empty(risk.shape)
        _one_pass(setting, risk, kind, influence)
        return setting.scale(influence)
    return _row_by_row(setting, risk, kind)[2]


def combined_loss_influence(setting: Setting, risk: np.ndarray, kind: int, share: np.ndarray) -> np.ndarray:
    """Influence values (n,) of Σ share · mean loss, on the scale of the rows."""
    if setting.kind == "right" and setting.censoring is None:
        rows = _rows_by_time(setting, censoring_of(setting))
        return setting.scale(ipcw_loss_combined(rows, kind, risk, share, _columns(setting, rows, risk))[1])
    used = share != 0
    return loss_influences(replace(setting, horizons=setting.horizons[used]), risk[:, used], kind) @ share[used]


def null_influences(setting: Setting) -> np.ndarray:
    """Influence values of the null model's Brier score, on the scale of the rows, of shape (n, k)."""
    if setting.kind == "right" and setting.censoring is not None:
        return _null_of_model(setting)[1]
    out = np.full((setting.n, setting.horizons.size), np.nan)
    for h, known in enumerate(known_at_horizons(setting)):
        if not known.reason:
            share, counted = known.influence(np.where(known.case, known.weight, 0.0))
            lost = 1 - np.average(known.weight, weights=setting.row_weight) if setting.kind == "right" else 0.0
            out[:, h] = setting.scale(_tilt(share, lost if abs(lost) >= _WHOLE else 0.0) * counted)
    return out


def combined_influences(
    setting: Setting, risk: np.ndarray, kind: int, loss_factor: np.ndarray, null_factor: np.ndarray
) -> np.ndarray:
    """Influence values of a function of mean loss and null score, given its two derivatives (k,)."""
    tables = []
    if np.any(loss_factor):
        # for comparing two models: the index of a model uses those of its score
        loss = _kept(setting, f"loss influence {kind}", lambda: loss_influences(setting, risk, kind), risk, 2)
        tables.append((loss, loss_factor))
    by_null = np.any(null_factor)
    if by_null:
        tables.append((_kept(setting, "null influence", lambda: null_influences(setting)), null_factor))
    out = np.zeros((setting.n, setting.horizons.size))
    for rows in row_parts(setting.n if tables else 0):
        parts = [table[rows] * factor for table, factor in tables]
        out[rows] = parts[0] if len(parts) == 1 else parts[0] + parts[1]
    if not by_null:
        for h, known in enumerate(known_at_horizons(setting)):
            if known.reason:
                out[:, h] = np.nan
    return out[:, 0] if setting.scalar else out


def _kept(setting: Setting, name: str, make: Callable[[], np.ndarray], of: Any = None, most: int = 1) -> np.ndarray:
    """Cache a table by row and horizon for other calls, unless it is large."""
    small = setting.n * setting.horizons.size <= MOST_KEPT
    return setting.kept(name, make, of, most) if small else make()
