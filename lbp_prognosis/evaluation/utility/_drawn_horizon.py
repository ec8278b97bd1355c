"""``drawn_horizon``: which of the horizons a picture is of, and its words."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["drawn_horizon", "grid_words", "risk_words"]


def drawn_horizon(horizons: np.ndarray, horizon: float | None, reasons: tuple[str, ...]) -> int:
    """Return the place of ``horizon`` among ``horizons``; for None that of the first with values.

    Another horizon is refused, not rounded, and so is one without values.
    """
    if horizon is None:
        place = next((k for k, reason in enumerate(reasons) if not reason), 0)
    else:
        near = np.flatnonzero(np.isclose(horizons, horizon))
        if near.size == 0:
            raise argument_error("horizon", f"one of {horizons.tolist()}", horizon)
        place = int(near[0])
    if reasons[place]:
        raise argument_error("horizon", "one with an estimate", f"{horizons[place]:g}: {reasons[place]}")
    return place


def risk_words(target: str, horizon: float) -> str:
    """Say what the risk is of, where the caller did not."""
    return f"{'no event' if target == 'no_event' else 'event'} by {horizon:g}"


def grid_words(thresholds: np.ndarray, horizons: np.ndarray) -> str:
    """Count thresholds and horizons; one alone is named."""
    first = f"{thresholds.size} thresholds" if thresholds.size > 1 else f"threshold {thresholds[0]:g}"
    return first + (f", {horizons.size} horizons" if horizons.size > 1 else f", horizon {horizons[0]:g}")
