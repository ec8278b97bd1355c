"""Partial proportional odds against ordinal::clm with nominal effects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Measured
from lbp_prognosis.models import OrdinalRegression

STORED = json.loads((Path(__file__).parent / "r" / "partial_odds.json").read_text())
DATA = pd.DataFrame(STORED["data"]).astype(float)
Y = Measured.at(1, DATA["y"], lower=1, upper=5)
X = DATA[["age", "diagtime", "trt"]]
CLOSE = {"rtol": 1e-7, "atol": 1e-9}  # clm stops at a gradient of 1e-11


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_coefficients_at_each_threshold_equal_clm(link) -> None:
    ref = STORED[link]
    model = OrdinalRegression(link=link, partial=["trt"]).fit(X, Y)
    theirs = list(ref["coef"].values())
    np.testing.assert_allclose(model.thresholds_, theirs[:4], **CLOSE)
    np.testing.assert_allclose(-model.partial_coef_[:, 0], theirs[4:8], **CLOSE)  # theirs is added to the threshold
    np.testing.assert_allclose(model.coef_[:2], theirs[8:], **CLOSE)
    errors = list(ref["se"].values())
    np.testing.assert_allclose(model.threshold_errors_, errors[:4], **CLOSE)
    np.testing.assert_allclose(model.to_frame()["se"], errors[4:], **CLOSE)
    assert model.log_likelihood_ == pytest.approx(ref["loglik"], rel=1e-10)


def test_two_columns_equal_clm() -> None:
    ref = STORED["logit"]
    model = OrdinalRegression(partial=["trt", "diagtime"]).fit(X, Y)
    theirs = np.array(list(ref["both"].values()))
    # columns stand in the order of the table
    np.testing.assert_allclose(-model.partial_coef_, np.column_stack([theirs[8:12], theirs[4:8]]), **CLOSE)
    np.testing.assert_allclose(model.thresholds_, theirs[:4], **CLOSE)
    assert model.log_likelihood_ == pytest.approx(ref["loglik_both"], rel=1e-10)
