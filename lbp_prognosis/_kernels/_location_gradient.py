"""Derivatives of the likelihood of log time in each row's location, as boosting needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._transformation import Scale, TransformationDesign, transformation_parts

__all__ = ["LocationTimes", "location_gradient"]


@dataclass(frozen=True)
class LocationTimes:
    """Standardised log times of each row's contribution, ``(n,)``; -inf stands for time 0.

    ``kind`` is 0 (right-censored at ``time``), 1 (exact) or 2 (between ``lower`` and ``time``).
    """

    kind: np.ndarray
    time: np.ndarray
    lower: np.ndarray
    entry: np.ndarray | None = None

    def part(self, rows: np.ndarray) -> LocationTimes:
        """Return some rows."""
        entry = None if self.entry is None else self.entry[rows]
        return LocationTimes(self.kind[rows], self.time[rows], self.lower[rows], entry)


def location_gradient(
    times: LocationTimes, location: np.ndarray, scale: Scale
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each row's log-likelihood, its derivative in the location, and a bound on the curvature, ``(n,)`` each.

    Parameters
    ----------
    times : LocationTimes
        In units of the scale.
    location : ndarray of shape (n,)
        In units of the scale: z = time - location.
    scale : callable
        Of `transformation_scale`.

    Notes
    -----
    The density is that of z, without the Jacobian. Delayed entry makes the likelihood less curved; the bound leaves
    that out, so that it stays positive.
    """
    none, n = np.zeros((location.size, 0)), location.size
    design = TransformationDesign(
        kind=times.kind,
        time=none,
        time_offset=times.time - location,
        slope=none,
        slope_offset=np.ones(n),
        lower=none,
        lower_offset=times.lower - location,
        entry=None if times.entry is None else none,
        entry_offset=None if times.entry is None else times.entry - location,
    )
    loglik, g_t, h_tt, g_l, h_ll, h_tl, _, _, g_e, _ = transformation_parts(design, scale, np.empty(0))
    return loglik, -(g_t + g_l + g_e), np.maximum(-(h_tt + h_ll + 2 * h_tl), 0.0)
