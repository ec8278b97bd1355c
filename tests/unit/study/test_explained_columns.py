"""Attributions of the risk by column in a study: all coalitions of few columns, a closed form or orders of many."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import RiskPipeline, Surv
from lbp_prognosis._base import FeatureMap
from lbp_prognosis.models import CauseSpecificCox, CoxPH
from lbp_prognosis.study._explain_model import MOST_EXACT, explanation_tasks


@pytest.mark.parametrize(
    ("columns", "model", "method"),
    [
        (MOST_EXACT, CauseSpecificCox(), "exact"),
        (MOST_EXACT + 1, CauseSpecificCox(), "permutation"),  # coalitions of its risks are tables
        (MOST_EXACT + 1, CoxPH(), "series"),  # they are sums
    ],
)
def test_method_by_the_number_of_columns(columns, model, method):
    rng = np.random.default_rng(4)
    names = [f"x{k}" for k in range(columns)]
    X = pd.DataFrame(rng.normal(size=(120, columns)), columns=names)
    time = rng.exponential(np.exp(-X["x0"]))
    event = rng.integers(0, 3, 120) if isinstance(model, CauseSpecificCox) else np.ones(120, int)
    fitted = RiskPipeline([], model).fit(X, Surv.right(time, event))
    tasks = explanation_tasks(fitted, X, FeatureMap({"clinical": tuple(names)}), 0.5, 1, True)
    found = {name: result for task in tasks for name, result in task()[0].items()}
    by_column = found["columns_risk"]
    assert by_column.method == method
    total = by_column.values.sum(axis=1) + by_column.base
    np.testing.assert_allclose(total, fitted.predict_risk(X.loc[list(by_column.rows)], 0.5), atol=1e-3)
