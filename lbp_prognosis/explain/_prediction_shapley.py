"""``prediction_shapley``: exact Shapley values of the modalities for each predicted risk or mean score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lbp_prognosis._base import check_choice, takes_rows
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._shap_values import shap_values

__all__ = ["prediction_shapley"]


@takes_rows(first=None)
def prediction_shapley(
    estimator: Any,
    X: Any,
    modalities: Mapping[str, Sequence[str]],
    background: Any,
    *,
    horizons: Any = None,
    scale: str = "risk",
    cause: int = 1,
    first: Sequence[str] = (),
) -> ShapResult:
    """Attribute each predicted risk (or mean score) to the modalities by exact Shapley values.

    Parameters
    ----------
    estimator : fitted model
        With ``predict_risk``, or ``predict_mean`` for the mean.
    X : DataFrame of shape (n, p)
        Rows to explain. A row keeps its missing values if the model accepts them: the attribution of an absent modality
        is the effect of its absence on the prediction.
    modalities : mapping of str to sequence of str
        Columns by modality; each is one player (2⁴ coalitions for four).
    background : DataFrame of shape (b, p)
        Complete rows that stand for "not known".
    horizons : float or sequence of float, optional
        Prediction times, required for risks; visits, for means of a model with several visits.
    scale : {"risk", "mean"}, default "risk"
        Explained quantity: the risk, or the predicted mean of a score, in its points.
    cause : int, default 1
        Event code.
    first : sequence of str, default ()
        Modalities that come first in every order, e.g. ``["clinical"]``: findings available before imaging is
        requested.

    Returns
    -------
    ShapResult
        With ``values``, ``first_in`` and ``last_in``, of shape (n, n_modalities, n_horizons).

    Notes
    -----
    These values describe the fitted model. They do not estimate the performance without a modality, which requires
    refits: see ``validation.performance_shapley``. Shapley values divide the information that modalities have in
    common; the last-in value and the net benefit of a modality show whether it is useful, its share does not.

    References
    ----------
    Jullum M, Redelmeier A, Aas K. groupShapley: efficient prediction explanation with Shapley values for feature
    groups. 2021. arXiv:2106.12228
    """
    check_choice("scale", scale, ("risk", "mean"))
    return shap_values(
        estimator,
        X,
        background,
        scale=scale,
        horizons=horizons,
        cause=cause,
        groups=modalities,
        players="groups",
        first=first,
        method="exact",
    )
