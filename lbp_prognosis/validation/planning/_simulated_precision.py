"""Standard errors of survival performance at one patient, from simulated validation studies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from lbp_prognosis._base import RandomState, norm, spawn
from lbp_prognosis._kernels import cox_fit, kaplan_meier_steps, step_at
from lbp_prognosis.evaluation import concordance
from lbp_prognosis.survival import Surv

__all__ = ["Precision", "simulated_precision"]

_PILOT = 2000


class Precision(NamedTuple):
    """Standard errors times √n, by criterion; events per patient; mean concordance."""

    unit_se: dict[str, float]
    events_per_patient: float
    concordance: float


def _baseline_hazard(risk: float, lp_sd: float) -> float:
    """Cumulative baseline hazard at the horizon that gives this average risk over lp ~ N(0, lp_sd²)."""
    x = np.linspace(-9, 9, 4001)
    weight = norm.pdf(x)
    weight /= weight.sum()

    def excess(log_hazard: float) -> float:
        return float(np.sum(weight * -np.expm1(-np.exp(log_hazard + lp_sd * x))) - risk)

    return float(np.exp(brentq(excess, -30.0, 20.0)))


def simulated_precision(
    *,
    risk: float,
    horizon: float,
    lp_sd: float,
    shape: float,
    follow_up: tuple[float, float] | None,
    n_simulations: int,
    random_state: RandomState,
) -> Precision:
    """Simulate studies of 2000 patients of a perfectly calibrated model and average their variances.

    Notes
    -----
    Variances are averaged, and carried to other sizes by 1/n. The slope is the Cox coefficient of the linear predictor
    over the follow-up, truncated at the horizon; O/E is Kaplan–Meier over the mean risk, Greenwood on the log.
    """
    hazard = _baseline_hazard(risk, lp_sd)
    variances = np.zeros(3)
    events, c_total = 0.0, 0.0
    for rng in spawn(random_state, n_simulations):
        lp = lp_sd * rng.standard_normal(_PILOT)
        time = horizon * (rng.standard_exponential(_PILOT) / (hazard * np.exp(lp))) ** (1 / shape)
        leave = np.full(_PILOT, np.inf) if follow_up is None else rng.uniform(*follow_up, _PILOT)
        end = np.minimum(leave, horizon)
        event = time <= end
        observed = np.minimum(time, end)
        slope = cox_fit(lp[:, None], observed, event)
        steps = kaplan_meier_steps(observed, event)
        survival = float(step_at(steps.times, steps.survival, np.array([horizon]), left=1.0)[0])
        greenwood = float(step_at(steps.times, steps.greenwood, np.array([horizon]), left=0.0)[0])
        ranked = concordance(Surv.right(observed, event.astype(int)), lp)
        variances += _PILOT * np.array(
            [greenwood * (survival / (1 - survival)) ** 2, float(slope.covariance[0, 0]), float(ranked.se) ** 2]
        )
        events += event.mean()
        c_total += float(ranked.value)
    unit = np.sqrt(variances / n_simulations)
    names = ("observed_expected", "calibration_slope", "concordance")
    return Precision(dict(zip(names, map(float, unit))), events / n_simulations, c_total / n_simulations)
