"""The second of two: causes, imputed tables, words among numbers; what only the first one shows is not tested by it."""

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CauseSpecificCox, CoxPH
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import cross_validate_risk
from lbp_prognosis.validation.comparison._effects import effects_on
from lbp_prognosis.validation.planning._simulated_precision import _baseline_hazard
from lbp_prognosis.validation.resampling._cross_validate import average_cross_validations
from lbp_prognosis.validation.sensitivity._subgroup_labels import subgroup_labels


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(160, 2)), columns=["a", "b"])
    time = rng.exponential(10 * np.exp(-0.5 * X["a"]))
    return X, time, rng.integers(0, 3, 160)


@pytest.mark.parametrize("cause", [1, 2])
def test_effects_of_a_cause_are_its_own_coefficients_and_covariance(data, cause):
    """Those of a Cox model in which the other cause is censored."""
    X, time, code = data
    (found,) = effects_on(CauseSpecificCox().fit(X, Surv.right(time, code)), cause, "model")
    alone = CoxPH().fit(X, Surv.right(time, code == cause))
    np.testing.assert_allclose(found.coef, alone.coef_, rtol=1e-8)
    np.testing.assert_allclose(found.covariance, alone.covariance_, rtol=1e-6)


def test_risks_of_imputed_tables_are_averaged_patient_by_patient(data):
    X, time, code = data
    y = Surv.right(time, code == 1)
    options = {"horizons": [5.0, 10.0], "n_splits": 3, "n_repeats": 2, "random_state": 0}
    parts = [cross_validate_risk(CoxPH(), X + shift, y, **options) for shift in (0.0, X**2)]
    mean = average_cross_validations(parts)
    (name,) = mean.models
    for kept in ("risks_by_repeat", "scores_by_repeat"):
        one, other, both = (getattr(part, kept)[name] for part in (*parts, mean))
        np.testing.assert_allclose(both, (one + other) / 2, rtol=1e-12)
        assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([1.0, 4.0, 9.0], ["below 4", "4 or more", "4 or more"]),
        (["1", None, "9"], ["below 4", "not recorded", "4 or more"]),
        (["1", "five", "9"], None),
        ([None, "five", "9"], None),
    ],
)
def test_bands_are_of_numbers_and_a_missing_one_is_not_a_word(values, read):
    groups = {"size": pd.Series(values, dtype=None if values[0] == 1.0 else object)}
    if read is None:
        with pytest.raises(ArgumentError, match="one with words"):
            subgroup_labels(groups, {"size": [4.0]}, 3)
        return
    (labels,) = subgroup_labels(groups, {"size": [4.0]}, 3).values()
    assert list(labels) == read


@pytest.mark.parametrize(("risk", "lp_sd"), [(0.3, 1.2), (0.05, 0.5), (0.7, 2.0)])
def test_a_baseline_hazard_gives_the_average_risk(risk, lp_sd):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    mean = weights @ -np.expm1(-_baseline_hazard(risk, lp_sd) * np.exp(lp_sd * nodes)) / weights.sum()
    assert mean == pytest.approx(risk, rel=1e-6)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_a_pipeline_averages_the_risks_of_all_completed_tables(data, m):
    X, time, code = data
    holes = X.mask(np.random.default_rng(1).random(X.shape) < 0.2)
    made = RiskPipeline([MultipleImputation(m=m, draws=2)], CoxPH()).fit(holes, Surv.right(time, code == 1))
    complete = X.head(4)  # of complete rows each model predicts from the same values
    each = [model.predict_risk(complete, 5.0) for model in made.models_]
    np.testing.assert_allclose(made.predict_risk(complete, 5.0), np.mean(each, axis=0), rtol=1e-12)
    assert len(each) == m
