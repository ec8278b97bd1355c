"""Forty-eight cumulative link models against ordinal::clm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Measured
from lbp_prognosis.models import OrdinalRegression
from lbp_prognosis.survival import Weights

STORED = json.loads((Path(__file__).parent / "r" / "ordinal_fits.json").read_text())
DATA = pd.DataFrame(STORED["data"]).astype(float)


@pytest.mark.parametrize("k", range(len(STORED["fits"])))
def test_fit_equals_clm(k) -> None:
    ref = STORED["fits"][k]
    cuts = STORED["cuts"][ref["classes"]]
    score = DATA["karno"] if not cuts else np.searchsorted(np.array(cuts, dtype=float), DATA["karno"], side="left")
    y = Measured.at(1, score, lower=0, upper=100)
    weights = Weights(DATA["w"].to_numpy(), "frequency") if ref["weighted"] else None
    model = OrdinalRegression(link=ref["link"]).fit(DATA[ref["columns"]], y, sample_weight=weights)
    close = {"rtol": 1e-7, "atol": 1e-9}  # clm stops at a gradient of 1e-11
    np.testing.assert_allclose(model.thresholds_, ref["alpha"], **close)
    np.testing.assert_allclose(model.coef_, ref["beta"], **close)
    assert model.log_likelihood_ == pytest.approx(ref["loglik"], rel=1e-10)
    errors = np.r_[model.threshold_errors_, np.sqrt(np.diag(model.covariance_))]
    np.testing.assert_allclose(errors, ref["se"], **close)
