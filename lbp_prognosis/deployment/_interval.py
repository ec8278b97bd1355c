"""The interval of an equation's risk, if the model has the covariance of its coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import plain_label
from lbp_prognosis.deployment._pieces import Piece, raw_pieces, through_steps
from lbp_prognosis.models import CoxPH, LogisticRisk

__all__ = ["uncertainty_of"]


def uncertainty_of(model: Any, horizons: tuple[float, ...]) -> dict[str, Any] | None:
    """Return the inputs of an interval on the scale of the linear predictor; None if the covariance is unknown.

    The variance is ``base + (z − centre)ᵀ Σ (z − centre)`` with z the columns of the model: for a Cox model that of
    the log cumulative hazard (coefficients and baseline, as `CoxPH.risk_se`), for a logistic model of the log odds.

    Parameters
    ----------
    model : fitted model or pipeline
        CoxPH, FineGray or LogisticRisk, or a pipeline of one completed table around it.
    horizons : tuple of float
        Times of the equation.

    Returns
    -------
    dict or None
        ``basis, covariance`` and, by horizon, ``centre, base``.
    """
    model = getattr(model, "unlocked", model)
    inner = model
    if hasattr(model, "branches_"):
        if len(model.branches_) != 1:
            return None
        inner = model.branches_[0].model
        shared = through_steps(raw_pieces(model.columns_), [step for _, step in model.steps_])
        pieces = through_steps(shared, model.branches_[0].steps)
    elif isinstance(model, CoxPH | LogisticRisk):
        pieces = raw_pieces(model._names())
    if not isinstance(inner, CoxPH | LogisticRisk) or inner.strata_levels_ or not hasattr(inner, "covariance_"):
        return None
    basis = [_plain(pieces[name]) for name in inner._names()]
    times = np.asarray(horizons)
    if isinstance(inner, LogisticRisk):
        # the intercept is a column of ones
        ones: dict[str, Any] = {"source": basis[0]["source"] if basis else "", "constant": 1.0, "slope": 0.0}
        ones |= {"knots": [], "cubes": []}
        basis = [ones, *basis]
        centre, base = np.zeros((times.size, len(basis))), np.zeros(times.size)
    else:
        if not hasattr(inner, "baseline_variance_"):
            return None
        place = np.searchsorted(inner.baseline_times_[0], times, side="right") - 1
        if (place < 0).any():
            return None
        hazard = inner.baseline_hazard_[0][place]
        base = inner.baseline_variance_[0][place] / hazard**2
        centre = inner.centre_ + inner.baseline_mean_[0][place] / hazard[:, None]
    return {
        "basis": basis,
        "covariance": np.asarray(inner.covariance_, dtype=float).tolist(),
        "centre": centre.tolist(),
        "base": base.tolist(),
    }


def _plain(piece: Piece) -> dict[str, Any]:
    out: dict[str, Any] = {"source": piece.source, "constant": piece.const, "slope": piece.slope}
    out |= {"knots": sorted(piece.cubes), "cubes": [piece.cubes[knot] for knot in sorted(piece.cubes)]}
    if piece.levels:
        out["levels"] = {f"={plain_label(level)}": piece.effects.get(level, 0.0) for level in piece.levels}
    return out
