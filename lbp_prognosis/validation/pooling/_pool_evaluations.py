"""One evaluation from those of several imputations: numbers by Rubin's rules, curves of the averaged risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import MetricResult
from lbp_prognosis._kernels import d2_test
from lbp_prognosis.evaluation import DecisionCurve, Evaluation, NetBenefitDifference
from lbp_prognosis.validation.comparison._likelihood_ratio import LikelihoodRatio
from lbp_prognosis.validation.pooling._pool_performance import pool_one

__all__ = ["pool_evaluations", "pool_likelihood_ratios", "pool_table"]


def pool_evaluations(parts: Sequence[Evaluation], averaged: Evaluation) -> Evaluation:
    """Return ``averaged`` (the evaluation of the mean risks) with every number pooled over ``parts``.

    Calibration curves and groups stay those of the mean risks. Influence values are dropped: they do not include the
    variation between imputations.
    """
    metrics = {
        model: {name: _metric([part.metrics[model][name] for part in parts], base) for name, base in found.items()}
        for model, found in averaged.metrics.items()
    }
    return replace(
        averaged,
        metrics=metrics,
        differences=tuple(
            _metric([part.differences[k] for part in parts], base) for k, base in enumerate(averaged.differences)
        ),
        decision=None
        if averaged.decision is None
        else _curve([part.decision for part in parts if part.decision is not None], averaged.decision),
        net_benefit_differences=tuple(
            _difference([part.net_benefit_differences[k] for part in parts], base)
            for k, base in enumerate(averaged.net_benefit_differences)
        ),
        objections=tuple(dict.fromkeys(o for part in (averaged, *parts) for o in part.objections)),
        synthetic=averaged.synthetic or any(part.synthetic for part in parts),
    )


def pool_table(frames: Sequence[pd.DataFrame], confidence: float, *, differences: bool = False) -> pd.DataFrame:
    """Return the first frame with ``value, se, low, high`` pooled row by row; differences are pooled as they are."""
    out = frames[0].copy()
    values, errors = (np.array([frame[name].to_numpy(float) for frame in frames]) for name in ("value", "se"))
    rows = out.to_dict("records")
    for j, row in enumerate(rows):
        cell = {
            "reference": "differences" if differences else row.get("reference", ""),
            "metric": row["metric"],
            "reason": row.get("reason", ""),
        }
        row |= {k: v for k, v in pool_one(cell, values[:, j], errors[:, j], np.inf, confidence).items() if k in out}
    return pd.DataFrame(rows, columns=out.columns).astype(out.dtypes.to_dict())


def pool_likelihood_ratios(parts: Sequence[LikelihoodRatio | None]) -> LikelihoodRatio | None:
    """Return the D2 test: ``statistic`` is D2 times its degrees of freedom, ``p`` that of its F distribution."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    test = d2_test(np.array([part.statistic for part in known]), known[0].df)
    means: dict[str, Any] = {
        name: float(np.mean([getattr(part, name) for part in known]))
        for name in ("lr_without", "lr_with", "fraction_new", "fraction_new_adjusted", "fraction_new_variance")
    }
    return replace(known[0], statistic=test.statistic * known[0].df, p=test.p, **means)


def _arrays(
    metric: str, reference: str, values: np.ndarray, errors: np.ndarray, confidence: float, said: Sequence[str] = ()
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Pool over the first axis, element by element; ``said`` has why an element or its interval is missing."""
    out = np.full((4, *values.shape[1:]), np.nan)
    reasons = []
    for k, place in enumerate(np.ndindex(values.shape[1:])):
        cell = (slice(None), *place)
        row = {"metric": metric, "reference": reference, "reason": said[k] if said else ""}
        pooled = pool_one(row, values[cell], errors[cell], np.inf, confidence)
        out[cell] = [pooled[name] for name in ("value", "se", "low", "high")]
        reasons.append(str(pooled["reason"]))
    return out[0], out[1], out[2], out[3], reasons


def _metric(parts: Sequence[MetricResult], base: MetricResult) -> MetricResult:
    values, errors = (np.array([np.asarray(getattr(part, name), float) for part in parts]) for name in ("value", "se"))
    said = [next((why for why in cell if why), "") for cell in zip(*(part.reasons() for part in parts))]
    *found, reasons = _arrays(base.metric, base.reference, values, errors, base.confidence, said)
    shaped = [float(a) if np.ndim(base.value) == 0 else a for a in found]
    inner: dict[str, Any] = {}
    for entry in fields(base):
        if entry.name != "influence" and isinstance(getattr(base, entry.name), MetricResult):
            inner[entry.name] = _metric([getattr(part, entry.name) for part in parts], getattr(base, entry.name))
    return base.labelled(
        value=shaped[0],
        se=shaped[1],
        low=shaped[2],
        high=shaped[3],
        reason=reasons[0] if np.ndim(base.value) == 0 else tuple(reasons),
        influence=None,
        method=_said(base.method, len(parts)),
        **inner,
    )


def _curve(parts: Sequence[DecisionCurve], base: DecisionCurve) -> DecisionCurve:
    shares = {
        name: np.mean([getattr(part, name) for part in parts], axis=0)
        for name in ("treated", "true_positive", "false_positive")
    }
    carried = np.any([part.carried_forward for part in parts], axis=0)
    return replace(base, **_with_bands(parts, base, ""), **shares, carried_forward=carried, _data=None, _resamples=())


def _difference(parts: Sequence[NetBenefitDifference], base: NetBenefitDifference) -> NetBenefitDifference:
    return replace(base, **_with_bands(parts, base, base.reference))


def _with_bands(parts: Sequence[Any], base: Any, reference: str) -> dict[str, Any]:
    """Pooled values and limits; simultaneous limits are as many standard errors away as those of the mean risks."""
    values, errors = (np.array([getattr(part, name) for part in parts]) for name in ("value", "se"))
    value, se, low, high, _ = _arrays("net_benefit", reference, values, errors, base.confidence)
    with np.errstate(divide="ignore", invalid="ignore"):
        times = (base.band_high - base.value) / base.se
    return {
        "value": value,
        "se": se,
        "low": low,
        "high": high,
        "band_low": value - times * se,
        "band_high": value + times * se,
        "method": _said(base.method, len(parts)),
    }


def _said(method: str, m: int) -> str:
    return "; ".join(filter(None, (method, f"pooled over {m} imputations")))
