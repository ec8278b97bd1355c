"""Models on lifelines against R: survival::aareg, a Poisson glm, a mixture likelihood written out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from syn import park_miller, syn

from lbp_prognosis import Surv
from lbp_prognosis.models import AalenAdditive, MixtureCure, PiecewiseExponential
from lbp_prognosis.survival import Weights

pytest.importorskip("lifelines")
R = json.loads((Path(__file__).parent / "r" / "additive_piecewise_cure.json").read_text(encoding="utf-8"))
N = 300
COHORT = syn(n=N)
X = COHORT[["c1", "p1"]] - COHORT[["c1", "p1"]].mean()
COUNTS = 1.0 + (np.arange(1, N + 1) % 3)
Y = Surv.right(COHORT.time, COHORT.status == 1)


@pytest.mark.parametrize("weighted", [False, True])
def test_aareg(weighted):
    weights = {"sample_weight": Weights(COUNTS, "frequency")} if weighted else {}
    model, expected = AalenAdditive().fit(X, Y, **weights), R["additive_weighted" if weighted else "additive"]
    both = min(model.times_.size, len(expected["times"]))  # R counts weights among the rows at risk of its last times
    assert both > 100
    np.testing.assert_allclose(model.times_[:both], expected["times"][:both])
    np.testing.assert_allclose(model.cumulative_baseline_[:both], expected["baseline"][:both], atol=1e-9)
    for j, name in enumerate(X.columns):
        np.testing.assert_allclose(model.cumulative_coef_[:both, j], expected[name][:both], atol=1e-9)
    if not weighted:
        assert model.times_.size == len(expected["times"])


@pytest.mark.parametrize("case", ["piecewise", "piecewise_weighted", "piecewise_late"])
def test_poisson_regression_on_time_at_risk(case):
    entry = np.where(COHORT.time > 3, 2.5, 0.0) if case == "piecewise_late" else None
    weights = {"sample_weight": Weights(COUNTS, "frequency")} if case == "piecewise_weighted" else {}
    y = Surv.right(COHORT.time, COHORT.status == 1, entry=entry)
    model = PiecewiseExponential([6.0, 14.0]).fit(X, y, **weights)
    expected = R[case]
    got = np.concatenate([model.intercept_, model.coef_.T.ravel()])
    order = np.arange(9).reshape(3, 3).T.ravel()
    np.testing.assert_allclose(got, expected["coef"], atol=1e-8)
    # R's covariance is that of the step before its last
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_))[order], expected["se"], rtol=1e-6)
    np.testing.assert_allclose(model.log_likelihood_, expected["loglik"], rtol=1e-11)


def test_mixture_likelihood():
    v = park_miller(77, 1600).reshape(400, 4)
    x = norm.ppf(v[:, 0])
    never = v[:, 1] < 1 / (1 + np.exp(0.4 - 0.8 * x))
    t, end = 5 * np.exp(0.3 * x) * (-np.log(v[:, 2])) ** (1 / 1.5), 20 + 20 * v[:, 3]
    y = Surv.right(np.where(never, end, np.minimum(t, end)), ~never & (t <= end))
    model = MixtureCure(acts_on="both").fit(pd.DataFrame({"x": x}), y)
    got = [
        model.cured_intercept_,
        model.cured_coef_[0],
        model.time_intercept_,
        model.time_coef_[0],
        np.log(model.scale_),
    ]
    # nlm knows derivatives by differences only, and its Hessian to about 1e-4
    np.testing.assert_allclose(got, R["cure"]["estimate"], atol=2e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), R["cure"]["se"], rtol=1e-3)
    np.testing.assert_allclose(model.log_likelihood_, R["cure"]["loglik"], rtol=1e-10)
    assert model.sufficient_follow_up_ < 0.05
    assert model.objections_ == ()
