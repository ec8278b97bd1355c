"""A model from numbers of copies is the model of the rows drawn: predictions, and every number of a validation."""

from __future__ import annotations

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import EstimationError
from lbp_prognosis.models import CauseSpecificCox, FineGray, LogisticRisk
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import bootstrap_validate
from lbp_prognosis.validation.resampling._performance import Panel

COLUMNS = ["c1", "c2", "p1", "p2", "m1"]


class Drawn(CoxPH):
    """The same model, whose rows are drawn."""

    weights_equal_copies = False


def data(n: int = 250):
    d = syn(n)
    rng = np.random.default_rng(0)
    return d[COLUMNS], Surv.right(d["time"], d["event"] == 1), rng.integers(0, 3, n), 0.2 * rng.normal(size=n)


FITS = [{}, {"ties": "breslow"}, {"penalty": 3.0}, {"penalty": 2.0, "standardize": False}]
DRAWN = [({}, "groups"), ({"penalty": 3.0}, "within")]  # who is drawn, whatever is fitted to them


@pytest.mark.parametrize(
    ("parameters", "more"), [*((fit, more) for fit in FITS for more in ("", "strata", "offset")), *DRAWN]
)
def test_numbers_are_those_of_rows_drawn(parameters, more):
    X, y, sites, offset = data()
    given = {"groups": {"groups": np.arange(250) // 2}, "within": {"within": sites}}.get(more, {})
    if more in ("strata", "offset"):  # predictions need them too, so they are columns
        X, parameters = X.assign(**{more: sites if more == "strata" else offset}), {**parameters, more: more}
    found, want = (
        bootstrap_validate(
            kind(**parameters),
            X,
            y,
            [6, 12],
            thresholds=[0.3],
            n_resamples=4,
            random_state=2,
            keep_predictions=True,
            **given,
        )
        for kind in (CoxPH, Drawn)
    )
    for name in ("apparent", "resampled", "tested", "out_of_bag", "corrected", "low", "high"):
        np.testing.assert_allclose(getattr(found, name), getattr(want, name), rtol=1e-9, atol=1e-10, err_msg=name)
    np.testing.assert_allclose(found.predictions, want.predictions, rtol=1e-6)  # kept in single precision


def test_delayed_entry_and_the_two_stage_interval_follow_too():
    X, y, sites, _ = data()
    late = Surv.right(y["time"], y["event"], entry=y["time"] * (sites == 1) * 0.4)
    for outcome, more in ((late, {}), (y, {"interval": "two-stage", "n_inner": 3})):
        found, want = (
            bootstrap_validate(kind(), X, outcome, 12, n_resamples=4, random_state=3, **more) for kind in (CoxPH, Drawn)
        )
        np.testing.assert_allclose(found.resampled, want.resampled, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(found.low, want.low, rtol=1e-9, atol=1e-10)


def test_failed_fits_are_the_same_ones():
    X, y, _, _ = data(120)
    X = X.assign(rare=(np.cumsum(y["event"]) <= 3).astype(float))  # a resample without its events has no maximum
    found, want = (bootstrap_validate(kind(), X, y, 12, n_resamples=80, random_state=1) for kind in (CoxPH, Drawn))
    assert found.n_failed == want.n_failed > 0
    np.testing.assert_allclose(found.corrected, want.corrected, rtol=1e-8)


def test_a_resampled_model_predicts_and_claims_no_more():
    X, y, sites, _ = data()
    model = CoxPH().fit(X, y, strata=sites)
    copies = np.bincount(np.random.default_rng(1).integers(0, 250, 250), minlength=250)
    again = model.resampler(X, y, strata=sites)(copies)
    scratch = CoxPH().fit(X, y, strata=sites, sample_weight=Weights(copies, "frequency"))
    np.testing.assert_allclose(again.linear_predictor(X), scratch.linear_predictor(X), atol=1e-10)
    horizons = [3, 12, 24]
    np.testing.assert_allclose(
        again.predict_risk(X, horizons, strata=sites), scratch.predict_risk(X, horizons, strata=sites), atol=1e-11
    )
    assert again.max_time_ == y["time"][copies > 0].max()
    assert not hasattr(again, "covariance_")
    np.testing.assert_array_equal(model.coef_, CoxPH().fit(X, y, strata=sites).coef_)  # left as it was
    assert model.resampler(X, y, strata=sites)(copies * (sites > 0)) is None  # a stratum is gone


def test_where_there_is_no_shortcut_there_is_none():
    X, y, _, _ = data(150)
    assert CoxPH(ties="exact").fit(X.iloc[:, :2], y).resampler(X.iloc[:, :2], y) is None
    doubled = X.assign(twice=2 * X["c1"])
    assert CoxPH(collinear="drop").fit(doubled, y).resampler(doubled, y) is None
    assert FineGray().fit(X, y).resampler(X, y) is None
    assert CauseSpecificCox().fit(X, y).resampler(X, y) is None
    weights = np.random.default_rng(0).uniform(0.5, 2, 150)
    found, want = (
        bootstrap_validate(kind(), X, y, 12, n_resamples=3, random_state=1, fit_params={"sample_weight": weights})
        for kind in (CoxPH, Drawn)
    )
    assert np.array_equal(found.resampled, want.resampled)


@pytest.mark.parametrize("kind", ["right", "entry", "competing", "status"])
@pytest.mark.parametrize("linear", [True, False])
def test_measures_of_copies_are_those_of_rows(kind, linear):
    rng = np.random.default_rng(7)
    d = syn(200)
    risk = rng.uniform(0.02, 0.9, (200, 2)).round(2)
    risk.sort(axis=1)
    lp = np.log(risk[:, 0]) + rng.normal(size=200) if linear else None
    y = {
        "right": Surv.right(d["time"], d["event"] == 1),
        "competing": Surv.right(d["time"], d["event"]),
        "entry": Surv.right(d["time"], d["event"] == 1, entry=np.floor(d["time"] * 0.3)),
        "status": Status.at(12, np.where(rng.random(200) < 0.1, np.nan, d["y"])),
    }[kind]
    panel = Panel("status" if kind == "status" else "right", np.array([6.0, 12.0]), np.array([0.2, 0.5]))
    rows = rng.integers(0, 200, 200)
    found = panel.measure(panel.prepare(y).counted(np.bincount(rows, minlength=200)), panel.rank(risk, lp))
    want = panel.measure(panel.prepare(y[rows]), panel.rank(risk[rows], None if lp is None else lp[rows]))
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-12)
    # of late entrants it is not known what the patients of time zero would have come to: only pairs and lines remain
    for_all = [name in ("auc", "brier", "ipa", "observed_expected", "net_benefit") for name, _, _ in panel.names]
    np.testing.assert_array_equal(np.isnan(found), np.array(for_all) & (kind == "entry"))


def test_an_unknown_risk_matters_only_where_it_counts():
    X, y, _, _ = data(100)
    model = CoxPH().fit(X, y)
    panel = Panel("right", np.array([12.0]), np.empty(0))
    risk, lp = model.predict_risk(X, 12), model.linear_predictor(X)
    copies = np.ones(100)
    copies[7] = 0
    want = panel.measure(panel.prepare(y).counted(copies), panel.rank(risk, lp))
    risk[7], lp[7] = np.nan, np.nan
    found = panel.measure(panel.prepare(y).counted(copies), panel.rank(risk, lp))
    np.testing.assert_allclose(found, want, rtol=1e-13)  # the unknown risk is ranked last: sums in another order
    assert np.isnan(panel.measure(panel.prepare(y), panel.rank(risk, lp))).all()


def test_a_model_that_fails_on_the_data_themselves_says_so():
    X, y, _, _ = data(60)
    with pytest.raises(EstimationError):
        bootstrap_validate(CoxPH(), X.assign(twice=2 * X["c1"]), y, 12, n_resamples=3, random_state=0)
    assert LogisticRisk.weights_equal_copies  # declared, without a shortcut: rows are drawn
    found = bootstrap_validate(LogisticRisk(), X, Status.at(12, syn(60)["y"]), 12, n_resamples=3, random_state=0)
    assert np.isfinite(found.at("auc")["corrected"])
