"""Point estimates of all measures at once, fast enough to be taken thousands of times.

A `Panel` fixes which numbers are taken, in which order; `measure` returns them as one vector. The definitions are those
of the evaluation room; what differs is that no uncertainty is computed. Intervals of resampled performance come from
the resamples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._base import METRICS
from lbp_prognosis._kernels import (
    BRIER,
    HazardLine,
    auc_point,
    logistic_level,
    logistic_line,
    mean_difference,
    null_brier,
    observed_over_expected,
    score_sums,
    skill,
    transformed_risk,
)
from lbp_prognosis.survival import OutcomeKind
from lbp_prognosis.validation.resampling._prepared_rows import PreparedRows
from lbp_prognosis.validation.resampling._ranked import Ranked

__all__ = ["Panel", "known_state"]


@dataclass(frozen=True)
class Panel:
    """Measures of a panel.

    Attributes
    ----------
    kind : {"right", "status"}
        Kind of outcome.
    horizons, thresholds : ndarray
        Prediction times and decision thresholds (possibly none).
    cause : int
        Event code.
    target : {"event", "no_event"}
        Target of net benefit.
    indexes : bool
        Whether Dxy, Nagelkerke's R², D, U, Q and g of the linear predictor are taken.
    competing : bool
        Whether other events occur: patients are then ranked by the risk at the last horizon, as in evaluation.
    """

    kind: OutcomeKind
    horizons: np.ndarray
    thresholds: np.ndarray
    cause: int = 1
    target: str = "event"
    indexes: bool = True
    competing: bool = False

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
        """Read an outcome."""
        return PreparedRows.of(y, self.horizons, self.cause)

    def rank(self, risk: np.ndarray, lp: np.ndarray | None) -> Ranked:
        """Sort risks (n, n_horizons), and linear predictors (n,) if the model has them."""
        return Ranked.of(risk, None if self.competing else lp, self.kind)

    def measure(self, rows: PreparedRows, said: Ranked, *, training: bool = False) -> np.ndarray:
        """Return all measures of one set of predictions.

        Parameters
        ----------
        rows : PreparedRows
            Outcome, and how often each row counts.
        said : Ranked
            Predictions for the same rows.
        training : bool, default False
            Whether the model was fitted to these rows, so often (only U of a time to event depends on it).
        """
        out: list[float] = []
        line = None
        if self.kind == "right":
            line = rows.line(said.score)
            out.append(rows.concordance(said.order, said.score))
        for k in range(self.horizons.size):
            out += self._at_horizon(rows, k, said, line if said.linear else None)
        if self.indexes:
            out += [2 * (out[0] - 0.5), *self._indexes(rows, said, line, training)]
        return np.array(out)

    def _at_horizon(self, rows: PreparedRows, k: int, said: Ranked, line: HazardLine | None) -> list[float]:
        state, risk = rows.states[k], said.risk[k]
        brier, share, known, mean = score_sums(BRIER, risk, state.event, state.weight, state.copies)
        if np.isnan(mean):
            return [np.nan] * (4 + (3 if self.kind == "status" else 1) + self.thresholds.size)
        auc = auc_point(said.orders[k], risk, state.event, state.weight, state.copies)
        null = null_brier(share, 1 - known)
        ipa = skill(brier, null) if null > 0 else np.nan
        out = [auc, brier, ipa, observed_over_expected(share, mean), *self._line(rows, k, risk, line)]
        if rows.entry is not None:  # neither weights nor incidences from time zero know of late entry
            out[:4] = [np.nan] * 4
            return out + [np.nan] * self.thresholds.size
        if not self.thresholds.size:
            return out
        complement = self.target == "no_event"
        target = 1 - risk if complement else risk
        return [*out, *rows.net_benefits(k, target, self.thresholds, complement=complement).tolist()]

    def _line(self, rows: PreparedRows, k: int, risk: np.ndarray, line: HazardLine | None) -> list[float]:
        """Intercepts and slope at a horizon; without a linear predictor the risk there, transformed, stands for it."""
        if self.kind == "status":
            x, event, copies = transformed_risk(risk, "logit"), rows.event.astype(float), rows.states[k].copies
            return [logistic_level(x, event, copies)[0], *logistic_line(x, event, copies)[:2]]
        if rows.competing:
            return [rows.pseudo_slope(k, risk)]
        return [(rows.line(transformed_risk(risk, "cloglog")) if line is None else line).slope]

    def _indexes(self, rows: PreparedRows, said: Ranked, line: HazardLine | None, training: bool) -> list[float]:
        """Nagelkerke's R², D, U, Q of the recalibrated linear predictor, and g, as `rms::validate` computes them."""
        copies, lp = rows.states[0].copies, said.score
        n = float(copies.sum())
        if line is None:
            event = rows.states[0].event.astype(float)
            _, b, best = logistic_line(lp, event, copies)
            share = float(copies @ event) / n
            null = n * (share * np.log(share) + (1 - share) * np.log(1 - share)) if 0 < share < 1 else np.nan
            counted = copies > 0
            fixed = float(copies[counted] @ (event * lp - np.logaddexp(0, lp))[counted])
            scale = n
        else:
            b, best, null, fixed = line.slope, line.loglik, line.null, line.fixed
            scale = -2 * null
        chi2 = 2 * (best - null)
        r2 = (1 - np.exp(-chi2 / n)) / (1 - np.exp(2 * null / n))
        d = (chi2 - 1) / scale
        # rms subtracts two degrees of freedom everywhere for logistic models, for Cox models only in their own data
        spent = 2 if training or self.kind == "status" else 0
        u = (2 * (best - fixed) - spent) / scale
        return [float(r2), float(d), float(u), float(d - u), abs(b) * mean_difference(said.order, lp, copies)]

    def no_information(self, y: np.ndarray, risk: np.ndarray) -> np.ndarray:
        """Return what each measure would be if predictions and outcomes were independent; NaN where not defined."""
        out, rows = [], self.prepare(y)
        for name, horizon, _ in self.names:
            if name == "brier":
                place = int(np.searchsorted(self.horizons, horizon))
                state = rows.states[place]
                counted = state.copies > 0
                r = risk[counted, place]
                spread = (state.event[counted] - r.mean()) ** 2 + r.var()
                out.append(float(np.sum(state.weight[counted] * spread) / r.size))
            else:
                value = METRICS[name].no_information
                out.append(np.nan if value is None else value)
        return np.array(out)


def known_state(y: np.ndarray, panel: Panel, horizon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows that count at a horizon, whether each had the event by it, and their weights."""
    state = PreparedRows.of(y, np.array([float(horizon)]), panel.cause).states[0]
    keep = np.flatnonzero(state.copies)
    return keep, state.event[keep], state.weight[keep]
