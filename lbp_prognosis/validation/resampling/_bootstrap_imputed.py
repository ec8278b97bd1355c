"""One bootstrap validation from those of several imputations, which used the same resamples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lbp_prognosis.validation.pooling._multiply_imputed import IMPUTED_BEFORE
from lbp_prognosis.validation.pooling._pool_performance import backward, forward, scale_of
from lbp_prognosis.validation.resampling._bootstrap_validation import BootstrapValidation, mean_defined, p632_plus
from lbp_prognosis.validation.resampling._fixed_by_fit import FIXED_BY_FIT

__all__ = ["pool_bootstraps"]


def pool_bootstraps(parts: Sequence[BootstrapValidation]) -> BootstrapValidation:
    """Average measures over imputations (logit for C and AUC, log for O/E, Fisher's z for R²), then correct.

    The limits are percentiles over the resamples of all imputations, so that the spread between imputations is in
    them; limits of the two-stage kind are averaged.
    """
    first = parts[0]
    scales = [scale_of(name) for name, _, _ in first.names]
    apparent = _averaged(scales, np.stack([part.apparent for part in parts]))
    inside, tested, outside, nothing = (
        _averaged(scales, np.stack([getattr(part, name) for part in parts]))
        for name in ("resampled", "tested", "out_of_bag", "no_information")
    )
    optimism = mean_defined(inside - tested)
    corrected = {
        "optimism": apparent - optimism,
        ".632": 0.368 * apparent + 0.632 * mean_defined(outside),
        ".632+": p632_plus(apparent, mean_defined(outside), nothing),
    }[first.method]
    if first.interval_method == "shifted":
        tails = [(1 - first.confidence) / 2, (1 + first.confidence) / 2]
        shift = apparent - corrected
        stacked = np.concatenate([part.resampled for part in parts]) - shift
        low, high = np.full(shift.size, np.nan), np.full(shift.size, np.nan)
        for k in range(shift.size):
            known = stacked[np.isfinite(stacked[:, k]), k]
            if known.size > 1:
                low[k], high[k] = np.quantile(known, tails)
        for k, (name, _, _) in enumerate(first.names):
            if name in FIXED_BY_FIT:  # limits of predictions taken as given: averaged
                low[k], high[k] = (np.mean([getattr(part, side)[k] for part in parts]) for side in ("low", "high"))
    else:
        low, high = (np.mean([getattr(part, name) for part in parts], axis=0) for name in ("low", "high"))
    risk = None if first.risk is None else np.mean([part.risk for part in parts if part.risk is not None], axis=0)
    kept = [part.predictions for part in parts if part.predictions is not None]
    return replace(
        first,
        apparent=apparent,
        optimism=optimism,
        corrected=corrected,
        low=low,
        high=high,
        resampled=inside,
        tested=tested,
        out_of_bag=outside,
        no_information=nothing,
        n_failed=sum(part.n_failed for part in parts),
        risk=risk,
        predictions=np.stack(kept).mean(axis=0).astype(np.float32) if kept else None,
        objections=tuple(dict.fromkeys((IMPUTED_BEFORE, *(o for part in parts for o in part.objections)))),
    )


def _averaged(scales: Sequence[str], values: np.ndarray) -> np.ndarray:
    """Mean over the first axis, each measure (last axis) on its own scale where all values are inside its range."""
    out = values.mean(axis=0)
    for k, scale in enumerate(scales):
        if scale != "identity":
            z, _ = forward(scale, values[..., k])
            mean = backward(scale, np.mean(z, axis=0))
            out[..., k] = np.where(np.isfinite(z).all(axis=0), mean, out[..., k])
    return out
