"""Formulas against R: splines of rms, factors, interactions, polynomials, strata and offsets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.fusion import from_formula
from lbp_prognosis.models import CoxPH, LinearOutcome, LogisticRisk

STORED = json.loads((Path(__file__).parent / "r" / "formula.json").read_text())
DATA = pd.DataFrame(STORED["data"])


@pytest.mark.parametrize("formula", STORED["models"])
def test_coefficients_equal_r(formula) -> None:
    ref = STORED["models"][formula]
    kind = {"Surv": CoxPH(tol=1e-12), "Stat": LogisticRisk(), "Meas": LinearOutcome()}[formula[:4]]
    pipeline, X, y = from_formula(kind, formula, DATA)
    model = pipeline.fit(X, y).models_[0]
    theirs = [np.nan if value == "NA" else value for value in ref["coef"]]
    np.testing.assert_allclose(model.coef_, theirs, rtol=1e-8, atol=1e-11)
    if isinstance(ref["loglik"], float):
        assert model.log_likelihood_ == pytest.approx(ref["loglik"], rel=1e-10)


def test_knots_and_polynomials_are_those_of_the_training_rows() -> None:
    for formula in ("Surv(time, status) ~ rcs(age, 4) + poly(karno, 2)", "Surv(time, status) ~ celltype * rcs(age, 3)"):
        pipeline, X, y = from_formula(CoxPH(), formula, DATA)
        pipeline.fit(X, y)
        whole = pipeline.predict_risk(X, 100.0)
        np.testing.assert_allclose(pipeline.predict_risk(X.iloc[5:8], 100.0), whole[5:8], rtol=1e-12)
        half, half_X, half_y = from_formula(CoxPH(), formula, DATA[::2])
        assert not np.allclose(half.fit(half_X, half_y).predict_risk(X, 100.0), whole)
