"""Expected value of further validation before a model is adopted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    RandomState,
    Result,
    argument_error,
    check_number,
    check_thresholds,
    generator,
    metric_frame,
    norm,
    takes_rows,
)
from lbp_prognosis.evaluation.utility._outcome_at import OutcomeAt, check_probability
from lbp_prognosis.evaluation.utility._test_tradeoff import benefit, decide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ValueOfInformation", "value_of_information"]


@dataclass(frozen=True, repr=False)
class ValueOfInformation(Result):
    """Expected value of perfect and of more information at each threshold.

    Attributes
    ----------
    table : DataFrame
        One row per threshold: ``threshold, net_benefit, net_benefit_all, se, se_all, correlation, evpi, useful``;
        ``useful`` is the probability that the model beats treating all and treating none.
    evsi : DataFrame
        ``threshold, n_future, evsi, share``: value of a further study of that size, and its share of ``evpi``.
    """

    table: pd.DataFrame
    evsi: pd.DataFrame = field(repr=False)
    horizon: float
    target: str
    n: int
    model: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``evpi``, ``probability_useful`` and ``evsi`` (with ``n_future``)."""
        common = {
            "model": self.model,
            "tier": "utility",
            "horizon": self.horizon,
            "n": self.n,
            "target": self.target,
            "method": "bivariate normal of net benefits",
        }
        rows: list[dict[str, Any]] = []
        for r in self.table.itertuples():
            rows.append({"metric": "evpi", "value": r.evpi, "threshold": r.threshold, **common})
            rows.append({"metric": "probability_useful", "value": r.useful, "threshold": r.threshold, **common})
        for r in self.evsi.itertuples():
            rows.append({"metric": "evsi", "value": r.evsi, "threshold": r.threshold, "n_future": r.n_future, **common})
        return metric_frame(rows, extra=("threshold", "target", "n_future"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the expected value of perfect information at each threshold.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_thresholds

        curves = pd.DataFrame(
            {"threshold": self.table["threshold"], "value": self.table["evpi"], "series": "perfect information"}
        )
        more = self.evsi.assign(value=self.evsi["evsi"], series=[f"{n} more patients" for n in self.evsi["n_future"]])
        parts = [curves, more[list(curves)]] if len(more) else [curves]
        return draw_thresholds(pd.concat(parts), axis="expected value, true positives per patient", ax=ax)

    def _summary(self) -> str:
        return f"{len(self.table)} thresholds, largest EVPI {self.table['evpi'].max():.2g}"


@takes_rows()
def value_of_information(
    y: Any,
    risk: Any,
    horizon: float | None = None,
    thresholds: Any = None,
    *,
    n_future: Sequence[int] = (),
    cause: int = 1,
    target: str = "event",
    clusters: Any = None,
    n_draws: int = 4000,
    random_state: RandomState = 0,
    model: str = "",
) -> ValueOfInformation:
    """Return the expected value of further validation for the decision to use a model.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Status.at`.
    risk : array-like of shape (n,)
        P(event by the horizon), out of sample.
    horizon : float, optional
        Prediction time; a `Status` contains its own; for times it is required.
    thresholds : array-like of shape (k,)
        Decision thresholds.
    n_future : sequence of int, default ()
        Sizes of a further study to value.
    cause : int, default 1
        Event code of interest.
    target : {"event", "no_event"}, default "event"
        Target of the decision.
    clusters : array-like of shape (n,), optional
        Cluster of each row, for the variance.
    n_draws : int, default 4000
        Bayesian bootstrap draws for the probability to be useful.
    random_state : int, Generator or None, default 0
        Seed of the draws.
    model : str, default ""
        Model name in frames.

    Returns
    -------
    ValueOfInformation
        EVPI, probability to be useful, EVSI.

    Notes
    -----
    The posterior of (NB of the model, NB of treating all) is taken as bivariate normal with the estimates and their
    covariance. EVPI = E max(0, NB, NB_all) − max(0, E NB, E NB_all). A further study of size N moves the means with
    preposterior covariance C (C + C n/N)⁻¹ C. The probability to be useful comes from the Bayesian bootstrap, because
    near thresholds that spare few patients the difference of the two net benefits is skewed.

    References
    ----------
    Sadatsafavi et al. (2023), https://doi.org/10.1177/0272989X231178317.
    """
    data = OutcomeAt.read(y, horizon, cause=cause, target=target, clusters=clusters, caller="value_of_information")
    grid = check_thresholds(thresholds)
    p = check_probability("risk", risk, y.shape[0])[data.keep]
    p = 1 - p if target == "no_event" else p
    n_draws = int(check_number("n_draws", n_draws, low=100, whole=True))
    sizes = [int(check_number("n_future", size, low=1, whole=True)) for size in n_future]
    units = data.n if data.clusters is None else int(data.clusters.max()) + 1
    gamma = generator(random_state).standard_exponential((n_draws, units))
    rows, samples = [], []
    for t in grid:
        value = benefit(data.state, t)
        (nb, psi), (nb_all, psi_all) = data.mean(decide(p, t) * value), data.mean(value)
        v11, v22 = data.se(psi) ** 2, data.se(psi_all) ** 2
        v12 = (data.se(psi + psi_all) ** 2 - v11 - v22) / 2
        means, covariance = np.array([nb, nb_all]), np.array([[v11, v12], [v12, v22]])
        evpi = _expected_maximum(means, covariance) - max(0.0, nb, nb_all)
        root = np.sqrt(v11 * v22)
        rows.append(
            {
                "threshold": t,
                "net_benefit": nb,
                "net_benefit_all": nb_all,
                "se": np.sqrt(v11),
                "se_all": np.sqrt(v22),
                "correlation": v12 / root if root > 0 else np.nan,
                "evpi": max(evpi, 0.0),
                "useful": _probability_best(means, np.column_stack([psi, psi_all]), data.clusters, gamma),
            }
        )
        for size in sizes:
            # C (C + C n/N)⁻¹ C = C · N/(N + n)
            gained = _expected_maximum(means, covariance * size / (size + data.n)) - max(0.0, nb, nb_all)
            samples.append(
                {
                    "threshold": t,
                    "n_future": size,
                    "evsi": max(gained, 0.0),
                    "share": gained / evpi if evpi > 0 else np.nan,
                }
            )
    if not rows:
        raise argument_error("thresholds", "at least one threshold", thresholds)
    evsi = pd.DataFrame(samples, columns=["threshold", "n_future", "evsi", "share"])
    return ValueOfInformation(pd.DataFrame(rows), evsi, data.horizon, target, data.n, model)


def _conditional(means: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Nodes for NB_all, their weights, and the law of NB given NB_all."""
    sd = np.sqrt(covariance[1, 1])
    # a fine trapezium: the integrand has a kink where NB_all is zero
    z = np.linspace(-8.5, 8.5, 4001)
    weight = norm.pdf(z)
    weight /= weight.sum()
    x = means[1] + sd * z
    if covariance[1, 1] <= 0:
        return x, weight, np.full_like(x, means[0]), float(np.sqrt(max(covariance[0, 0], 0)))
    slope = covariance[0, 1] / covariance[1, 1]
    spread = float(np.sqrt(max(covariance[0, 0] - slope * covariance[0, 1], 0.0)))
    return x, weight, means[0] + slope * (x - means[1]), spread


def _expected_maximum(means: np.ndarray, covariance: np.ndarray) -> float:
    """E max(0, NB, NB_all): one integral over NB_all, closed form in NB."""
    x, weight, centre, spread = _conditional(means, covariance)
    floor = np.maximum(0.0, x)
    if spread <= 1e-15:
        return float(weight @ np.maximum(floor, centre))
    u = (centre - floor) / spread
    return float(weight @ (floor + (centre - floor) * norm.cdf(u) + spread * norm.pdf(u)))


def _probability_best(means: np.ndarray, psi: np.ndarray, clusters: np.ndarray | None, gamma: np.ndarray) -> float:
    """P(NB ≥ max(0, NB_all)) by the Bayesian bootstrap: Exp(1) weights on patients (or clusters), normalised."""
    if clusters is not None:
        psi = np.stack([np.bincount(clusters, weights=column) for column in psi.T], axis=1)
    weights = gamma / gamma.sum(axis=1, keepdims=True)
    scale = 1.0 if clusters is None else psi.shape[0] / clusters.size
    draws = means + scale * (weights @ psi)
    return float(np.mean(draws[:, 0] >= np.maximum(0.0, draws[:, 1])))
