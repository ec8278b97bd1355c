"""TreeSHAP of the boosted model against enumeration, and the two reference populations told apart."""

from __future__ import annotations

import numpy as np
import pytest
from small_models import Hazard
from syn import syn

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.explain import prediction_shapley, shap_values, tree_shap
from lbp_prognosis.survival import Surv

NAMES = ["c1", "c2", "p1", "p2", "m1"]


@pytest.fixture(scope="module")
def boosted():
    pytest.importorskip("xgboost")
    pytest.importorskip("shap")
    from lbp_prognosis.models import BoostedCox

    table = syn(300)
    y = Surv.right(table["time"], table["event"])
    return BoostedCox(rounds=25, select_rounds=False, folds=2).fit(table[NAMES], y), table[NAMES]


def test_interventional_values_are_the_enumerated_ones(boosted) -> None:
    model, X = boosted
    fast = tree_shap(model, X.iloc[:6], X.iloc[100:180])
    slow = shap_values(model, X.iloc[:6], X.iloc[100:180], method="exact")
    # trees hold single-precision splits and leaves
    np.testing.assert_allclose(fast.values, slow.values, atol=5e-6)
    np.testing.assert_allclose(fast.base, slow.base, atol=5e-6)
    np.testing.assert_allclose(fast.values.sum(axis=1) + fast.base, fast.prediction, atol=1e-5)
    assert fast.value_function == "interventional"
    assert fast.background_hash == slow.background_hash


def test_path_dependent_values_are_others_and_say_so(boosted) -> None:
    model, X = boosted
    path = tree_shap(model, X.iloc[:6])
    np.testing.assert_allclose(path.values.sum(axis=1) + path.base, path.prediction, atol=1e-5)
    assert path.value_function == "path_dependent"
    assert np.abs(path.values - tree_shap(model, X.iloc[:6], X).values).max() > 1e-3


def test_the_risk_is_shared_out_by_enumeration(boosted) -> None:
    model, X = boosted
    groups = {"clinical": ["c1", "c2"], "patient_reported": ["p1", "p2"], "imaging": ["m1"]}
    result = prediction_shapley(model, X.iloc[:3], groups, X.iloc[100:160], horizons=[6, 12])
    np.testing.assert_allclose(
        result.values.sum(axis=1) + result.base, model.predict_risk(X.iloc[:3], [6, 12]), atol=1e-9
    )


def test_other_models_are_refused(boosted) -> None:
    _, X = boosted
    with pytest.raises(ArgumentError, match="shap_values"):
        tree_shap(Hazard([1] * 5), X)
