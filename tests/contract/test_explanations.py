"""Every estimator's risk is shared out as its definition says: all coalitions, row by row, with what a row lacks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._kernels import coalition_members, shapley_from_values
from lbp_prognosis.explain import prediction_shapley, shap_values
from tests.contract.test_estimators import ESTIMATORS, data, fitted, horizons

GROUPS = {"clinical": ["c1", "c2", "p1"], "imaging": ["m1"]}
# single-precision trees and nets; statsmodels and scikit-learn keep double precision
SINGLE = {"xgboost": 1e-6, "torch": 1e-6}


def by_definition(model, rows: pd.DataFrame, drawn: pd.DataFrame, times: list[float]) -> np.ndarray:
    """Return Shapley values of the columns, each mixed row predicted by itself."""
    columns = list(rows.columns)
    worth = []
    for coalition in coalition_members(len(columns)):
        mixed = [
            [row[c] if held else other[c] for c, held in zip(columns, coalition)]
            for (_, row), (_, other) in product(rows.iterrows(), drawn.iterrows())
        ]
        risk = model.predict_risk(pd.DataFrame(mixed, columns=columns), times)
        worth.append(np.asarray(risk).reshape(len(rows), len(drawn), -1).mean(axis=1))
    return shapley_from_values(np.array(worth)).transpose(1, 0, 2)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_attributions_equal_the_definition(name: str) -> None:
    case = ESTIMATORS[name]
    if case.package:
        pytest.importorskip(case.package)
    X, y = data(case.kind)
    takes_missing = bool(getattr(case.make(), "_allow_missing", False))
    if takes_missing:
        X = X.copy()
        X.loc[X.index[::6], "m1"] = np.nan
    model, times = case.make().fit(X, y) if takes_missing else fitted(name), horizons(case)
    rows, drawn = X[:4], X.dropna()[50:56]
    assert rows.isna().any().any() == takes_missing
    close = SINGLE.get(case.package, 1e-9)
    found = shap_values(model, rows, drawn, scale="risk", horizons=times, method="exact")
    np.testing.assert_allclose(found.values, by_definition(model, rows, drawn, times), atol=close)
    np.testing.assert_allclose(found.prediction, model.predict_risk(rows, times), atol=close)
    np.testing.assert_allclose(found.values.sum(axis=1), found.prediction - found.base, atol=1e-12)
    shares = prediction_shapley(model, rows, GROUPS, drawn, horizons=times)
    np.testing.assert_allclose(shares.prediction, found.prediction, atol=close)
    np.testing.assert_allclose(shares.values.sum(axis=1), shares.prediction - shares.base, atol=1e-12)
    if hasattr(model, "linear_predictor"):
        scores = shap_values(model, rows, drawn)
        theirs = np.asarray(model.linear_predictor(rows), dtype=float)
        np.testing.assert_allclose(scores.prediction[:, 0], theirs, atol=close * (1 + np.abs(theirs).max()))
        np.testing.assert_allclose(
            scores.values.sum(axis=1), scores.prediction - scores.base, atol=1e-12 * (1 + np.abs(theirs).max())
        )
