"""``survival_shap``: attributions of the risk over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lbp_prognosis._base import takes_rows
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._shap_values import shap_values

__all__ = ["survival_shap"]


@takes_rows(groups=None)
def survival_shap(
    estimator: Any,
    X: Any,
    background: Any,
    times: Sequence[float],
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    cause: int = 1,
) -> ShapResult:
    """Attribute the risk at each of many times.

    Parameters
    ----------
    estimator : fitted model
        With ``predict_risk``.
    X : DataFrame of shape (n, p)
        Rows to explain.
    background : DataFrame of shape (b, p)
        Complete rows that stand for "not known".
    times : sequence of float
        Increasing times, in the unit of the outcome.
    groups : mapping of str to sequence of str, optional
        Modalities as players; by default each column is one.
    cause : int, default 1
        Event code.

    Returns
    -------
    ShapResult
        One output per time; ``plot`` draws curves.

    Notes
    -----
    An attribution may change its sign over time although hazards are proportional: at late times nearly all patients
    have had the event, and the risk cannot rise further. Interpret the curve together with the attributions on the
    log-hazard scale.

    References
    ----------
    Krzyziński M, Spytek M, Baniecki H, Biecek P. SurvSHAP(t). Knowledge-Based Systems 2023;262:110234.
    doi:10.1016/j.knosys.2022.110234
    """
    players = "features" if groups is None else "groups"
    return shap_values(
        estimator, X, background, scale="risk", horizons=times, cause=cause, groups=groups, players=players
    )
