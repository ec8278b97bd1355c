"""``packet_of_scores``: the packet of a model of measured scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, read_frame
from lbp_prognosis.disclosure import Budget
from lbp_prognosis.federation._packet import Packet
from lbp_prognosis.federation._packet_call import PacketCall
from lbp_prognosis.federation._score_packet import fill_with_scores, forecasts_of, too_few_scores
from lbp_prognosis.survival import measured_spec
from lbp_prognosis.validation import MultiplyImputed

__all__ = ["packet_of_scores"]


def packet_of_scores(
    call: PacketCall, model: Any, X: Any, y: np.ndarray, *, horizon: Any, comparator: Any, subgroups: Any
) -> Packet:
    """Return the packet of a model of measured scores; arguments as `site_packet`.

    Parameters
    ----------
    call : PacketCall
        The site and its policy.
    model, comparator : fitted models
        With predict_forecast; the second may be None.
    X : DataFrame or MultiplyImputed
        Patients of the site.
    y : ndarray of shape (n,)
        Made by `Measured.at`.
    horizon : float or None
        None, or the visit.
    subgroups : None
        Not taken.
    """
    spec = measured_spec(y)
    if horizon is not None and float(horizon) != spec.horizon:
        raise argument_error("horizon", f"{spec.horizon:g}, that of the scores", horizon)
    if subgroups is not None:
        raise argument_error(
            "subgroups", "None for measured scores", subgroups, "Make states of them: measured_to_status."
        )
    tables = X.tables if isinstance(X, MultiplyImputed) else (read_frame(X),)
    n, policy = y.shape[0], call.policy
    named = {"model": model} if comparator is None else {"model": model, "comparator": comparator}
    forecasts = {name: forecasts_of(name, each, tables, n) for name, each in named.items()}
    described = {"kind": "measured", "cause": 1, "horizon": spec.horizon, "lower": spec.lower, "upper": spec.upper}
    content = call.begin(model, comparator, described)
    budget = Budget(int(policy.release_budget * n))
    ahead = np.mean([each.mean() for each in forecasts["model"]], axis=0)

    def insufficient(rows: np.ndarray) -> str:
        return too_few_scores(y[rows], ahead[rows], policy, Budget(int(policy.release_budget * rows.sum())))

    reason = insufficient(np.ones(n, dtype=bool))
    if reason:
        return call.refused(content, reason)
    layers = call.layers(content, tables[0], n, insufficient)
    fill_with_scores(content, y, forecasts, budget, policy)
    content["budget"] = {"numbers": budget.spent, "most": budget.most}
    return call.released(content, tables[0], layers)
