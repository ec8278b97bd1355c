"""Lin's concordance correlation: correlation penalised for bias and for a difference in scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lbp_prognosis._base import (
    MetricResult,
    argument_error,
    check_confidence,
    norm,
    takes_rows,
)
from lbp_prognosis.evaluation.technical._ratings import check_pair

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ConcordanceCorrelation", "concordance_correlation"]


@dataclass(frozen=True, repr=False)
class ConcordanceCorrelation(MetricResult):
    """A `MetricResult` of Lin's coefficient."""

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficient with its interval.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        return draw_estimates(
            self.to_frame().assign(label="Lin's coefficient"), axis=f"n = {self.n}", neutral=1.0, ax=ax
        )


@takes_rows()
def concordance_correlation(first: Any, second: Any, *, confidence: float = 0.95) -> ConcordanceCorrelation:
    """Concordance correlation coefficient of two measurements.

    Parameters
    ----------
    first, second : array-like of shape (n,)
        Measurements of the same patients.
    confidence : float, default 0.95
        Level of the interval.

    Returns
    -------
    ConcordanceCorrelation
        Metric ``concordance_correlation``.

    Notes
    -----
    ρ_c = 2 s_xy / (s_x² + s_y² + (x̄ − ȳ)²) with divisor n; the interval is symmetric on Fisher's z.

    References
    ----------
    Lin (1989), https://doi.org/10.2307/2532051.
    """
    x, y = check_pair(first, second)
    confidence = check_confidence(confidence)
    n = x.size
    sx, sy = float(x.std()), float(y.std())
    if sx == 0 or sy == 0:
        raise argument_error("first", "measurements that vary", "a constant")
    cov = float(np.mean((x - x.mean()) * (y - y.mean())))
    shift = float(x.mean() - y.mean())
    rho, bias = cov / (sx * sy), 2 * sx * sy / (sx**2 + sy**2 + shift**2)
    value = rho * bias
    u2 = shift**2 / (sx * sy)
    rest = 1 - value**2
    if rest <= 1e-15:  # identical or mirrored: Fisher's z is infinite and there is nothing left to vary
        se_z, z = 0.0, float(np.copysign(np.inf, value))
    else:
        # Lin's variance with ρ_c = ρ C_b put in, so that ρ = 0 is no division by zero
        variance = (
            (1 - rho**2) * bias**2 / rest
            + 2 * value**2 * bias * (1 - value) * u2 / rest**2
            - value**2 * bias**2 * u2**2 / (2 * rest**2)
        ) / (n - 2)
        se_z, z = float(np.sqrt(max(variance, 0.0))), float(np.arctanh(value))
    half = float(norm.ppf(0.5 + confidence / 2)) * se_z
    return ConcordanceCorrelation(
        metric="concordance_correlation",
        tier="technical",
        value=float(value),
        se=float(se_z * (1 - value**2)),
        low=float(np.tanh(z - half)),
        high=float(np.tanh(z + half)),
        confidence=confidence,
        method="Lin, interval on Fisher's z",
        n=n,
    )
