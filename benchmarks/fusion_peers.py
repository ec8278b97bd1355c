"""One fit of a peer written in Python: ``python fusion_peers.py NAME in.npz out.npz``; needs no library of ours.

All but hazardous have no risks with competing causes. They are fitted to each cause with the others censored, and their
cumulative hazards are joined: F(τ) = Σ S(t−) dH₁(t), S = exp(−H₁ − H₂).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np


def joined(hazards: list[tuple[np.ndarray, np.ndarray]], horizon: float) -> np.ndarray:
    """Return the risk (n,) of the first cause by ``horizon`` from the hazards of each cause.

    Parameters
    ----------
    hazards : list of pairs of ndarray
        For each cause its event times (m,), ascending, and the cumulative hazards (n, m) at them, of every row.
    horizon : float
        In the unit of the times.

    Notes
    -----
    The sum over event times s of S(s-) (1 - exp(-dH_1(s))), with S(s-) = exp(-sum of all cumulative hazards before s):
    the product-integral of piecewise exponential hazards. It is 0 without an event time up to ``horizon``.
    """
    grid = np.unique(np.concatenate([times for times, _ in hazards]))
    grid = grid[grid <= horizon]
    if grid.size == 0:
        return np.zeros(hazards[0][1].shape[0])
    heights = []
    for times, values in hazards:
        padded = np.hstack([np.zeros((values.shape[0], 1)), values])
        heights.append(padded[:, np.searchsorted(times, grid, side="right")])
    survival = np.exp(-np.sum(heights, axis=0))
    before = np.hstack([np.ones((survival.shape[0], 1)), survival[:, :-1]])
    steps = np.diff(heights[0], axis=1, prepend=0.0)
    return np.asarray((before * -np.expm1(-steps)).sum(axis=1))


def breslow(time: np.ndarray, event: np.ndarray, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return event times and Breslow's cumulative hazard of a row with margin 0."""
    times = np.unique(time[event])
    relative = np.exp(margin)
    deaths = np.array([(event & (time == t)).sum() for t in times])
    return times, np.cumsum(deaths / np.array([relative[time >= t].sum() for t in times]))


def forest(X: np.ndarray, time: np.ndarray, event: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Random survival forest with the settings of its user guide, 200 trees."""
    from sksurv.ensemble import RandomSurvivalForest
    from sksurv.util import Surv

    model = RandomSurvivalForest(n_estimators=200, min_samples_split=10, min_samples_leaf=15, random_state=0, n_jobs=1)
    model.fit(X, Surv.from_arrays(event, time))
    return model.unique_times_, model.predict_cumulative_hazard_function(fresh, return_array=True)


def boosting(X: np.ndarray, time: np.ndarray, event: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient boosting of the partial likelihood, as it is set when nothing is said; medians for missing values."""
    from sksurv.ensemble import GradientBoostingSurvivalAnalysis
    from sksurv.util import Surv

    middle = np.nanmedian(X, axis=0)
    X, fresh = np.where(np.isnan(X), middle, X), np.where(np.isnan(fresh), middle, fresh)
    model = GradientBoostingSurvivalAnalysis(random_state=0).fit(X, Surv.from_arrays(event, time))
    return model.unique_times_, model.predict_cumulative_hazard_function(fresh, return_array=True)


def trees(X: np.ndarray, time: np.ndarray, event: np.ndarray, fresh: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boosted Cox trees of xgboost with rounds chosen by its own cross-validation, and Breslow's baseline."""
    import xgboost

    settings = {"objective": "survival:cox", "eta": 0.05, "max_depth": 3, "nthread": 1, "seed": 0, "subsample": 0.8}
    rows = xgboost.DMatrix(X, label=np.where(event, time, -time))
    found = xgboost.cv(settings, rows, 500, nfold=5, early_stopping_rounds=20, seed=0)
    model = xgboost.train(settings, rows, len(found))
    times, hazard = breslow(time, event, model.predict(rows, output_margin=True))
    margin = model.predict(xgboost.DMatrix(fresh), output_margin=True)
    return times, np.exp(margin)[:, None] * hazard


def incidences(X: np.ndarray, time: np.ndarray, event: np.ndarray, fresh: np.ndarray, horizon: float) -> np.ndarray:
    """SurvivalBoost of hazardous, which has competing causes, as it is set when nothing is said."""
    import pandas as pd
    from hazardous import SurvivalBoost

    model = SurvivalBoost(show_progressbar=False, random_state=0)
    model.fit(X, pd.DataFrame({"event": event, "duration": time}))
    return np.asarray(model.predict_cumulative_incidence(fresh, times=np.array([horizon]))[:, 1, 0])


HAZARDOUS = "hazardous"
BY_CAUSE = {"scikit-survival forest": forest, "scikit-survival boosting": boosting, "xgboost by hand": trees}
PEERS = (*BY_CAUSE, HAZARDOUS)


def main(name: str, source: Path, target: Path) -> None:
    """Fit, predict and write risks and processor seconds of the fit."""
    data = np.load(source)
    start = time.process_time()
    X, times, event, fresh, horizon = *(data[part] for part in ("X", "time", "event", "fresh")), float(data["horizon"])
    if name == HAZARDOUS:
        risk = incidences(X, times, event, fresh, horizon)
    else:
        risk = joined([BY_CAUSE[name](X, times, event == cause, fresh) for cause in (1, 2)], horizon)
    np.savez(target, risk=risk, seconds=time.process_time() - start)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
