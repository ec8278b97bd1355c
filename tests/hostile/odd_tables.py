"""Small tables of predictions in which numbers cannot be estimated: the reason must stand where each is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["ODD", "odd_table"]

_TIMES: dict[str, Any] = {"risks": ["a", "b"], "horizon": 12, "time": "t", "event": "e", "unit": "months"}
_TIMES |= {"thresholds": "0.2:0.6"}
_STATE = {name: _TIMES[name] for name in ("risks", "horizon", "unit", "thresholds")} | {"status": "s"}
_SCORE: dict[str, Any] = {"risks": ["m"], "horizon": 12, "score": "y", "score_range": "0:4"}
_CUT = {**_SCORE, "at_most": 2, "thresholds": "0.2:0.6"}


def _patients(n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    time, lost = rng.exponential(15 * np.exp(-0.8 * x)), rng.uniform(6, 30, n)
    out = pd.DataFrame({"t": np.maximum(np.minimum(time, lost), 0.1).round(2), "e": (time <= lost).astype(int)})
    for name, slope in (("a", 0.4), ("b", 0.8)):
        out[name] = 1 - np.exp(-np.exp(slope * x) * 12 / 15)
    return out.assign(s=(time <= 12).astype(float))


def _one_event(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(e=(rows.index == rows["t"].idxmin()).astype(int))


def _cut_at(rows: pd.DataFrame, last: float) -> pd.DataFrame:
    """Censor all who are followed longer at ``last``."""
    return rows.assign(e=rows["e"].where(rows["t"] < last, 0), t=rows["t"].clip(upper=last))


def _scores(observed: Callable[[int], float]) -> pd.DataFrame:
    chances = np.random.default_rng(1).dirichlet(np.ones(5), 60).round(6)
    chances[:, 4] = 1 - chances[:, :4].sum(axis=1)
    rows = pd.DataFrame(chances, columns=[f"m_{level}" for level in range(5)])
    return rows.assign(y=[observed(k) for k in range(60)])


ODD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], dict[str, Any]]] = {
    "nothing is odd": (lambda rows: rows, _TIMES),
    "followed exactly to the horizon": (lambda rows: _cut_at(rows, 12.0), _TIMES),
    "all censored at the horizon": (lambda rows: rows.assign(t=12.0, e=0), _TIMES),
    "no event": (lambda rows: rows.assign(e=0), _TIMES),
    "one event": (_one_event, _TIMES),
    "one site": (lambda rows: rows.assign(site="north"), {**_TIMES, "clusters": "site"}),
    "nobody at risk at the horizon": (lambda rows: _cut_at(rows, 10.0), _TIMES),
    "a competing cause only": (lambda rows: rows.assign(e=2 * rows["e"]), _TIMES),
    "constant risks": (lambda rows: rows.assign(a=0.3, b=0.4), _TIMES),
    "one model predicts nothing": (lambda rows: rows.assign(b=np.nan), _TIMES),
    "risks of 0 and 1": (lambda rows: rows.assign(a=0.0, b=1.0), _TIMES),
    "a threshold that nobody exceeds": (lambda rows: rows, {**_TIMES, "thresholds": "0.995:0.999"}),
    "thresholds above all risks": (lambda rows: rows.assign(a=rows["a"] / 10, b=rows["b"] / 10), _TIMES),
    "eight patients": (lambda rows: rows.head(8), _TIMES),
    "one patient": (lambda rows: rows.head(1), _TIMES),
    "few patients for release": (lambda rows: rows.head(40), {**_TIMES, "smallest_cell": 5}),
    "few events for release": (lambda rows: rows.assign(e=(rows["t"] < 1).astype(int)), {**_TIMES, "smallest_cell": 5}),
    "all for release": (lambda rows: rows, {**_TIMES, "smallest_cell": 5}),
    "states with gaps": (lambda rows: rows.assign(s=rows["s"].where(rows.index % 2 == 0)), _STATE),
    "all have the event": (lambda rows: rows.assign(s=1.0), _STATE),
    "scores of one level": (lambda _: _scores(lambda k: 3.0), _CUT),
    "scores of one level without a cut": (lambda _: _scores(lambda k: 3.0), _SCORE),
    "three scores observed": (lambda _: _scores(lambda k: 2.0 if k < 3 else np.nan), _CUT),
}
"""Name to what is done to the patients, and the arguments of `evaluate_table`."""


def odd_table(name: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table of a study, and the arguments of `evaluate_table` for it."""
    change, arguments = ODD[name]
    return change(_patients()), arguments
