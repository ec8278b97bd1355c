"""Measures of predicted scores that follow from sums: mean error, calibration line, explained variance."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SUMS", "measures_of_sums"]

SUMS = ("predicted", "observed", "observed_predicted", "predicted_squared", "observed_squared")


def measures_of_sums(sums: Mapping[str, float], n: float) -> dict[str, float]:
    """Return the measures of ``n`` patients; without those that equal predictions or equal scores leave undefined."""
    y, m = sums["observed"], sums["predicted"]
    ahead, spread = sums["predicted_squared"] - m**2 / n, sums["observed_squared"] - y**2 / n
    out = {"mean_error": (y - m) / n}
    if ahead > 1e-12 * sums["predicted_squared"]:
        slope = (sums["observed_predicted"] - y * m / n) / ahead
        out |= {"mean_calibration_intercept": (y - slope * m) / n, "mean_calibration_slope": slope}
    if spread > 1e-12 * sums["observed_squared"]:
        loss = sums["observed_squared"] - 2 * sums["observed_predicted"] + sums["predicted_squared"]
        out["score_r2"] = 1 - loss / spread
    return out
