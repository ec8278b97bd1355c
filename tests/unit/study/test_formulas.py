"""A model of the study file written as a formula."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import FormulaTerms, from_formula
from lbp_prognosis.models import CoxPH
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.validation import anova

N = 240
RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(
    {
        "time": RNG.exponential(10, N).round(1) + 0.1,
        "event": RNG.integers(0, 2, N),
        "age": RNG.normal(50, 9, N),
        "odi": RNG.uniform(0, 80, N),
        "grade": RNG.integers(1, 4, N),
        "sex": RNG.choice(["f", "m"], N),
        "site": RNG.choice(["a", "b"], N),
        "fat": RNG.normal(size=N),
    }
)
RIGHT = "rcs(odi, 4) + C(grade) * sex + strata(site)"


def study(tmp_path, *, frame: pd.DataFrame = FRAME, kind: str = "cox", **model) -> Study:
    frame.to_csv(tmp_path / "w.csv", index=False)
    return Study.from_dict(
        {
            "title": "t",
            "table": {"wide": str(tmp_path / "w.csv"), "time": "time", "event": "event", "censored": 0},
            "outcome": {
                "name": "e",
                "definition": "d",
                "polarity": "bad",
                "time_zero": "z",
                "unit": "months",
                "horizons": [6],
            },
            "modalities": {"clinical": ["age", "odi", "grade", "sex", "site"], "imaging": ["fat"]},
            "model": [{"name": "m", "kind": kind, "modalities": ["clinical", "imaging"], **model}],
        }
    )


def test_a_formula_of_a_study_is_that_of_a_script(tmp_path) -> None:
    told = study(tmp_path, formula=RIGHT)
    data = read_study_data(told)
    ours = build_models(told, data)["m"].fit(data.X, data.y)
    pipeline, X, y = from_formula(CoxPH(), f"Surv(time, event) ~ {RIGHT}", FRAME)
    theirs = pipeline.fit(X, y)
    np.testing.assert_allclose(ours.models_[0].coef_, theirs.models_[0].coef_, rtol=1e-10)
    np.testing.assert_allclose(ours.predict_risk(data.X, 6.0), theirs.predict_risk(X, 6.0), rtol=1e-10)
    assert "odi" in set(anova(ours).to_frame()["term"])


def test_columns_that_the_formula_does_not_name_are_not_in_the_model(tmp_path) -> None:
    told = study(tmp_path, formula=RIGHT)
    modalities = {"clinical": ["age", "odi", "grade", "sex", "site"], "imaging": ["fat"]}
    assert told.models[0].columns(modalities) == ("odi", "grade", "sex", "site")


def test_imputation_comes_before_the_terms_and_draws_categories(tmp_path) -> None:
    holes = FRAME.assign(
        odi=FRAME["odi"].where(RNG.random(N) < 0.8), grade=FRAME["grade"].astype(float).where(RNG.random(N) < 0.8)
    )
    told = study(tmp_path, frame=holes, formula="rcs(odi, 3) + C(grade)", imputations=2, iterations=2)
    data = read_study_data(told)
    model = build_models(told, data)["m"].fit(data.X, data.y)
    steps = [step for branch in model.branches_ for step in branch.steps]
    assert all(isinstance(step, FormulaTerms) for step in steps)
    assert all(set(step.categories_["C(grade)"]) == {1, 2, 3} for step in steps)
    assert np.isfinite(model.predict_risk(data.X, 6.0)).all()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"formula": "rcs(height, 4)"}, "height"),
        ({"formula": "__import__('os')"}, "formula"),
        ({"formula": "odi", "splines": {"odi": 4}}, "splines"),
        ({"formula": "odi", "kind": "average", "options": {"learners": {"a": "cox"}}}, "combined"),
        ({"formula": "odi + strata(site)", "kind": "logistic"}, "strata"),
        ({"formula": 3}, "formula"),
        ({"formula": ""}, None),
    ],
)
def test_formulas_are_checked_before_any_work(tmp_path, changes, match) -> None:
    if match is None:
        assert study(tmp_path, **changes).models[0].formula == ""
        return
    with pytest.raises(ArgumentError, match=match):
        study(tmp_path, **changes)


def test_the_protocol_keeps_the_formula(tmp_path) -> None:
    assert study(tmp_path, formula=RIGHT).to_dict()["models"][0]["formula"] == RIGHT
    assert "formula" not in study(tmp_path).to_dict()["models"][0]
