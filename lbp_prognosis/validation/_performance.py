"""Point estimates of all measures at once, fast enough to be taken thousands of times.

A `Panel` fixes which numbers are taken, in which order; `measure` returns them as one vector. The definitions are those
of the evaluation room; what differs is that no uncertainty is computed. Intervals of resampled performance come from
the resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._kernels import auc_placements, logistic_level, logistic_line
from lbp_prognosis.survival import OutcomeKind
from lbp_prognosis.validation._prepared_rows import Line, PreparedRows, State

__all__ = ["Panel", "gini_mean_difference", "known_state"]

_CLIP = 1e-8


def gini_mean_difference(values: np.ndarray) -> float:
    """Mean absolute difference of two patients' values."""
    x = np.sort(values)
    n = x.size
    return float(2 * np.sum((2 * np.arange(1, n + 1) - n - 1) * x) / (n * (n - 1)))


@dataclass(frozen=True)
class Panel:
    """Which measures are taken.

    Attributes
    ----------
    kind : {"right", "status"}
        Kind of outcome.
    horizons, thresholds : ndarray
        Prediction times and decision thresholds (possibly none).
    cause : int
        Event code.
    target : {"event", "no_event"}
        What net benefit is about.
    indexes : bool
        Whether Dxy, Nagelkerke's R², D, U, Q and g of the linear predictor are taken.
    """

    kind: OutcomeKind
    horizons: np.ndarray
    thresholds: np.ndarray
    cause: int = 1
    target: str = "event"
    indexes: bool = True

    @property
    def names(self) -> list[tuple[str, float, float]]:
        """Entries (metric, horizon, threshold) in the order of `measure`; NaN where there is none."""
        nan = float("nan")
        out: list[tuple[str, float, float]] = []
        if self.kind == "right":
            out.append(("concordance", nan, nan))
        for h in self.horizons:
            out += [(name, float(h), nan) for name in ("auc", "brier", "ipa", "observed_expected")]
            if self.kind == "status":
                out += [(name, float(h), nan) for name in ("citl", "calibration_intercept", "calibration_slope")]
            else:
                out.append(("calibration_slope", float(h), nan))
            out += [("net_benefit", float(h), float(t)) for t in self.thresholds]
        if self.indexes:
            out += [(name, nan, nan) for name in ("dxy", "nagelkerke_r2", "d_index", "u_index", "q_index", "g_index")]
        return out

    def prepare(self, y: np.ndarray) -> PreparedRows:
        """Read an outcome that will be measured against more than once."""
        return PreparedRows.of(y, self.horizons, self.cause)

    def measure(
        self, y: np.ndarray | PreparedRows, risk: np.ndarray, lp: np.ndarray | None, *, training: bool = False
    ) -> np.ndarray:  # fmt: skip
        """Return all measures of one set of predictions.

        Parameters
        ----------
        y : ndarray of shape (n,) or PreparedRows
            Outcome.
        risk : ndarray of shape (n, n_horizons)
            P(event by horizon).
        lp : ndarray of shape (n,) or None
            Linear predictor; the risk at the last horizon ranks patients without one.
        training : bool, default False
            Whether the model was fitted to these rows (only U of a time to event depends on it).
        """
        out: list[float] = []
        rows = y if isinstance(y, PreparedRows) else self.prepare(y)
        rank = lp if lp is not None else _transformed(risk[:, -1], self.kind)
        line = rows.line(rank) if self.kind == "right" else None
        c = np.nan
        if self.kind == "right":
            c = rows.concordance(rank)
            out.append(c)
        for k, state in enumerate(rows.states):
            known = line if lp is not None else None
            out += self._at_horizon(rows, state, risk[state.keep, k], known)
        if self.indexes:
            dxy = 2 * (out[0] - 0.5) if self.kind == "status" else 2 * (c - 0.5)
            out += [dxy, *self._indexes(rows.states[0], rank[rows.states[0].keep], line, training)]
        return np.array(out)

    def _at_horizon(self, rows: PreparedRows, state: State, r: np.ndarray, line: Line | None) -> list[float]:
        if np.isnan(r).any():
            return [np.nan] * (4 + (3 if self.kind == "status" else 1) + self.thresholds.size)
        w, event = state.weight, state.event
        n = r.size
        order = np.argsort(r, kind="stable")
        auc = auc_placements(order, r, w * event, w * ~event, np.ones(n))[0]
        brier = float(np.sum(w * (event - r) ** 2) / n)
        level = float(np.sum(w * event) / n)
        null = float(np.sum(w * (event - level) ** 2) / n)
        out = [
            float(auc),
            brier,
            1 - brier / null if null > 0 else np.nan,
            level / r.mean() if r.mean() > 0 else np.nan,
        ]
        if self.kind == "status":
            x = _transformed(r, "status")
            a, b, _ = logistic_line(x, event.astype(float))
            out += [logistic_level(x, event.astype(float))[0], a, b]
        else:
            # without a linear predictor the risk at this horizon, on its own scale, stands for it
            own = line if line is not None else rows.line(_transformed(r, "right"))
            out.append(own.slope)
        return out + self._net_benefit(state, r)

    def _net_benefit(self, state: State, r: np.ndarray) -> list[float]:
        if not self.thresholds.size:
            return []
        p, event = (np.round(1 - r, 12), ~state.event) if self.target == "no_event" else (np.round(r, 12), state.event)
        w, n = state.weight, r.size
        reached = np.searchsorted(np.round(self.thresholds, 12), p, side="right")
        size = self.thresholds.size + 1
        good = np.bincount(reached, weights=w * event, minlength=size)[::-1].cumsum()[::-1][1:]
        bad = np.bincount(reached, weights=w * ~event, minlength=size)[::-1].cumsum()[::-1][1:]
        odds = self.thresholds / (1 - self.thresholds)
        return [float(v) for v in (good - odds * bad) / n]

    def _indexes(self, state: State, lp: np.ndarray, line: Line | None, training: bool) -> list[float]:
        """Nagelkerke's R², D, U, Q of the recalibrated linear predictor, and g, as `rms::validate` computes them."""
        n = lp.size
        if line is None:
            event = state.event.astype(float)
            _, b, best = logistic_line(lp, event)
            share = event.mean()
            null = n * (share * np.log(share) + (1 - share) * np.log(1 - share)) if 0 < share < 1 else np.nan
            fixed = float(np.sum(event * lp - np.logaddexp(0, lp)))
            scale = float(n)
        else:
            b, best, null, fixed = line.slope, line.loglik, line.null, line.fixed
            scale = -2 * null
        chi2 = 2 * (best - null)
        r2 = (1 - np.exp(-chi2 / n)) / (1 - np.exp(2 * null / n))
        d = (chi2 - 1) / scale
        # rms subtracts two degrees of freedom everywhere for logistic models, for Cox models only in their own data
        spent = 2 if training or self.kind == "status" else 0
        u = (2 * (best - fixed) - spent) / scale
        return [float(r2), float(d), float(u), float(d - u), gini_mean_difference(b * lp)]

    def no_information(self, y: np.ndarray, risk: np.ndarray) -> np.ndarray:
        """Return what each measure would be if predictions and outcomes were independent; NaN where not defined."""
        values = {"auc": 0.5, "concordance": 0.5, "calibration_slope": 0.0, "dxy": 0.0, "ipa": 0.0}
        out, rows = [], self.prepare(y)
        for name, horizon, _ in self.names:
            if name == "brier":
                place = int(np.searchsorted(self.horizons, horizon))
                state = rows.states[place]
                r = risk[state.keep, place]
                spread = (state.event - r.mean()) ** 2 + r.var()
                out.append(float(np.sum(state.weight * spread) / r.size))
            else:
                out.append(values.get(name, np.nan))
        return np.array(out)


def known_state(y: np.ndarray, panel: Panel, horizon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows that count at a horizon, whether each had the event by it, and their weights."""
    state = PreparedRows.of(y, np.array([float(horizon)]), panel.cause).states[0]
    return state.keep, state.event, state.weight


def _transformed(risk: np.ndarray, kind: Any) -> np.ndarray:
    p = np.clip(risk, _CLIP, 1 - _CLIP)
    return np.log(p / (1 - p)) if kind == "status" else np.log(-np.log1p(-p))
