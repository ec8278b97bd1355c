"""Performance of all sets of modalities, with first-in, Shapley and last-in values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import influence_se, interval
from lbp_prognosis._kernels import coalition_members, precedence_weights, shapley_weights
from lbp_prognosis.evaluation import brier, concordance, decision_curve, time_dependent_auc
from lbp_prognosis.survival import has_competing, outcome_kind

__all__ = ["NOTHING", "coalition_name", "coalitions", "shared_worth", "worth_of"]

NOTHING = "(none)"


def coalition_name(members: Sequence[str]) -> str:
    """Return the name of a coalition: modalities joined by ``+``."""
    return "+".join(members) or NOTHING


def coalitions(modalities: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return all coalitions by name, in the order of their bits."""
    names = list(modalities)
    return {
        coalition_name(present): present
        for row in coalition_members(len(names))
        for present in (tuple(name for name, inside in zip(names, row) if inside),)
    }


def worth_of(
    y: np.ndarray,
    risk: np.ndarray | None,
    score: np.ndarray | None,
    null: np.ndarray,
    horizons: np.ndarray,
    threshold: float | None,
    *,
    cause: int,
    target: str,
    clusters: Any,
) -> dict[tuple[str, float], tuple[float, np.ndarray]]:
    """Return performance and influence values of one coalition's cross-fitted risks, by (metric, horizon).

    The null model (``risk`` None) has C = AUC = 0.5 and IPA = 0; its net benefit is the larger of treating all and
    none. IPA = 1 − Brier / Brier of ``null``, the cross-fitted risks of the null model.
    """
    zero = np.zeros(y.shape[0])
    out: dict[tuple[str, float], tuple[float, np.ndarray]] = {}
    for h, horizon in enumerate(horizons):
        key = float(horizon)
        own = None if risk is None else risk[:, h]
        out["auc", key], out["ipa", key] = (0.5, zero), (0.0, zero)
        if own is not None:
            ranked = time_dependent_auc(y, own, key, target=target, cause=cause, clusters=clusters)
            out["auc", key] = (float(ranked.value), np.ravel(ranked.influence))
            loss, least = (brier(y, r, key, target=target, cause=cause, clusters=clusters) for r in (own, null[:, h]))
            share = float(loss.value) / float(least.value)
            psi = (share * np.ravel(least.influence) - np.ravel(loss.influence)) / float(least.value)
            out["ipa", key] = (1 - share, psi)
        if threshold is not None:
            out["net_benefit", key] = _net_benefit(y, own, key, threshold, cause, target)
    if outcome_kind(y) == "right":
        out["concordance", np.nan] = (0.5, zero)
        if risk is not None:
            ranks = risk[:, -1] if score is None or has_competing(y, cause) else score
            found = concordance(y, ranks, cause=cause, clusters=clusters)
            out["concordance", np.nan] = (float(found.value), np.ravel(found.influence))
    return out


def _net_benefit(
    y: np.ndarray, risk: np.ndarray | None, horizon: float, threshold: float, cause: int, target: str
) -> tuple[float, np.ndarray]:
    guess = np.full(y.shape[0], 0.5) if risk is None else risk
    curve = decision_curve(y, {"m": guess}, horizon, [threshold], cause=cause, target=target, n_resamples=0)
    if risk is not None:
        return float(np.ravel(curve.value[curve.models.index("m")])[0]), curve.influence("m")[:, 0]
    everyone = float(np.ravel(curve.value[curve.models.index("treat all")])[0])
    return (everyone, curve.influence("treat all")[:, 0]) if everyone > 0 else (0.0, np.zeros(y.shape[0]))


def shared_worth(
    names: Sequence[str],
    worths: Sequence[Mapping[tuple[str, float], tuple[float, np.ndarray]]],
    *,
    first: str | None,
    clusters: np.ndarray | None,
    confidence: float,
) -> pd.DataFrame:
    """Return first-in, Shapley (and Shapley with ``first`` always first) and last-in values with intervals.

    Returns
    -------
    DataFrame
        ``modality, metric, horizon, share, value, se, low, high``; ``share`` is ``first_in``, ``shapley``,
        ``last_in`` or ``shapley_after_first``.
    """
    k = len(names)
    full = 2**k - 1
    tables: dict[str, np.ndarray] = {"shapley": shapley_weights(k)}
    one, last = np.zeros((k, 2**k)), np.zeros((k, 2**k))
    for j in range(k):
        one[j, 1 << j], one[j, 0] = 1, -1
        last[j, full], last[j, full ^ (1 << j)] = 1, -1
    tables |= {"first_in": one, "last_in": last}
    if first is not None:
        tables["shapley_after_first"] = precedence_weights(k, (names.index(first),))
    rows: list[dict[str, Any]] = []
    for key in worths[0]:
        value = np.array([worth[key][0] for worth in worths])
        psi = np.stack([worth[key][1] for worth in worths], axis=1)
        for share in ("first_in", "shapley", "shapley_after_first", "last_in"):
            if share not in tables:
                continue
            weights = tables[share]
            phi, spread = weights @ value, influence_se(psi @ weights.T, clusters)
            low, high = interval(phi, spread, confidence)
            rows += [
                {
                    "modality": name,
                    "metric": key[0],
                    "horizon": key[1],
                    "share": share,
                    "value": float(phi[j]),
                    "se": float(spread[j]),
                    "low": float(low[j]),
                    "high": float(high[j]),
                }
                for j, name in enumerate(names)
            ]
    return pd.DataFrame(rows)
