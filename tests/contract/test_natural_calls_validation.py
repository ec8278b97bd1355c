"""Validation called as an outside script would: whatever holds the numbers, and with the names one would guess."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Reference, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation.diagnostic import accuracy, roc
from lbp_prognosis.evaluation.technical import agreement, concordance_correlation, icc, weighted_kappa
from lbp_prognosis.evaluation.utility import sequential_policy, test_tradeoff, value_of_information
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.validation import (
    added_value,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    internal_external,
    sample_size_development,
    update_model,
)

N = 240
D = syn(N).sample(frac=1, random_state=0)
D.index = [f"pt{i:03d}" for i in np.random.default_rng(0).permutation(N)]
COLUMNS = ["c1", "c2", "p1", "m1"]
X, Y, STATE, SITE = D[COLUMNS], Surv.right(D["time"], D["event"]), Status.at(12, D["y"]), D["site"]
HOLD = {"frame": X, "array": X.to_numpy(), "list": X.to_numpy().tolist()}
MODALITIES = {"clinical": ["c1", "c2"], "patient_reported": ["p1"], "imaging": ["m1"]}


@pytest.mark.parametrize("kind", ["array", "list"])
def test_whatever_holds_the_predictors(kind):
    held = HOLD[kind]
    options = {"n_splits": 3, "n_repeats": 1, "random_state": 0}
    crossed = [cross_validate_risk(CoxPH(), x, Y, 12, **options).risks["CoxPH"] for x in (X, held)]
    np.testing.assert_allclose(*crossed, rtol=1e-12)
    drawn = [bootstrap_validate(CoxPH(), x, Y, horizons=12, n_resamples=3, random_state=0) for x in (X, held)]
    np.testing.assert_allclose(drawn[0].corrected, drawn[1].corrected, rtol=1e-10)
    left = [internal_external(CoxPH(), x, Y, SITE, 12, n_resamples=0).risks["CoxPH"] for x in (X, held)]
    np.testing.assert_allclose(*left, rtol=1e-12)
    fitted = CoxPH().fit(np.asarray(held), Y)
    judged = external_validate(fitted, held, Y, 12, kind="temporal", n_resamples=0)
    np.testing.assert_allclose(judged.risks["CoxPH"], CoxPH().fit(X, Y).predict_risk(X, 12), rtol=1e-12)
    assert update_model(fitted, held, Y, horizon=12).n == N


def test_sites_are_found_under_either_name():
    want = internal_external(CoxPH(), X, Y, SITE, 12, n_resamples=0)
    for found in (
        internal_external(CoxPH(), X, Y, horizons=12, groups=SITE, n_resamples=0),
        internal_external(CoxPH(), X, Y, 12, groups=SITE, n_resamples=0),
        internal_external(CoxPH(), X, Y, [12.0], groups=SITE.to_numpy(), n_resamples=0),
        internal_external(CoxPH(), X, Y, sites=SITE, horizons=12, n_resamples=0),
    ):
        np.testing.assert_array_equal(found.risks["CoxPH"], want.risks["CoxPH"])
    people = np.arange(N)  # with both, groups are patients
    both = internal_external(CoxPH(), X, Y, SITE, 12, groups=people, n_resamples=0)
    np.testing.assert_array_equal(both.risks["CoxPH"], want.risks["CoxPH"])
    with pytest.raises(ArgumentError, match="sites"):
        internal_external(CoxPH(), X, Y, horizons=12)


def test_a_state_knows_its_horizon_in_every_verb():
    risk = LogisticRisk().fit(X, STATE).predict_risk(X, 12)[:, 0]
    less = LogisticRisk().fit(X[["c1"]], STATE).predict_risk(X[["c1"]], 12)[:, 0]
    options = {"n_splits": 3, "n_repeats": 1, "random_state": 0}
    assert cross_validate_risk(LogisticRisk(), X, STATE, **options).horizons.tolist() == [12.0]
    assert bootstrap_validate(LogisticRisk(), X, STATE, n_resamples=2, random_state=0).at("auc", 12.0) is not None
    assert added_value(LogisticRisk(), X, STATE, MODALITIES, **options).horizons.tolist() == [12.0]
    assert internal_external(LogisticRisk(), X, STATE, SITE, n_resamples=0).horizons.tolist() == [12.0]
    judged = external_validate(LogisticRisk().fit(X, STATE), X, STATE, kind="setting", n_resamples=0)
    assert judged.evaluation.horizons.tolist() == [12.0]
    for given in ({}, {"horizon": 12}):
        assert sequential_policy(STATE, less, risk, threshold=0.4, **given).horizon == 12
        assert test_tradeoff(STATE, less, risk, threshold=0.4, **given).horizon == 12
        assert value_of_information(STATE, risk, thresholds=[0.3], **given).horizon == 12


@pytest.mark.parametrize(
    "call",
    [
        lambda: cross_validate_risk(CoxPH(), X, Y),
        lambda: bootstrap_validate(CoxPH(), X, Y),
        lambda: added_value(CoxPH(), X, Y, MODALITIES),
        lambda: external_validate(CoxPH().fit(X, Y), X, Y, kind="temporal"),
        lambda: internal_external(CoxPH(), X, Y, SITE),
        lambda: sequential_policy(Y, np.full(N, 0.3), np.full(N, 0.4), threshold=0.3),
    ],
)
def test_a_time_to_event_needs_its_horizon_said(call):
    with pytest.raises(ArgumentError, match="`horizons` must be given: a number or a sequence of numbers"):
        call()


def test_modalities_by_name_by_number_and_alone():
    options = {"n_splits": 3, "n_repeats": 1, "random_state": 0}
    named = added_value(CoxPH(), X, Y, {"clinical": ["c1", "c2"], "imaging": ["m1"]}, 12, **options)
    numbered = added_value(CoxPH(), X.to_numpy(), Y, {"clinical": [0, 1], "imaging": [3]}, 12, **options)
    alone = added_value(CoxPH(), X, Y, {"clinical": ["c1", "c2"], "imaging": "m1"}, 12, **options)
    for found in (numbered, alone):
        assert found.difference("ipa")["value"] == pytest.approx(named.difference("ipa")["value"], rel=1e-9)


def test_labels_in_another_order_are_not_paired_by_position():
    named = [f"p{k}" for k in range(N)]
    a, b = D["c1"].set_axis(named), (D["c1"] + 0.3 * D["c2"]).set_axis(named)
    turned = b.sample(frac=1, random_state=1)
    for measure in (agreement, concordance_correlation):
        assert measure(a, turned).to_frame().equals(measure(a.to_numpy(), b.to_numpy()).to_frame())
        with pytest.raises(ArgumentError, match="second"):
            measure(a, turned.reset_index(drop=True))  # a default index beside labels says nothing
    kappa = weighted_kappa((a > 0).astype(int), (turned > 0).astype(int)).to_frame()
    assert kappa.equals(weighted_kappa((a > 0).astype(int), (b > 0).astype(int)).to_frame())
    with pytest.raises(ArgumentError, match="groups"):
        cross_validate_risk(CoxPH(), X.reset_index(drop=True), Y, 12, groups=SITE.sample(frac=1, random_state=1))


def test_lists_series_and_arrays_are_one():
    ratings = np.column_stack([D["c1"], D["c1"] + 0.3 * D["c2"]])[:40]
    assert icc(ratings).value == icc(ratings.tolist()).value == icc(pd.DataFrame(ratings, index=D.index[:40])).value
    truth, test = (D["c1"] + 0.6 * D["c2"] > 0).astype(int), D["c1"] > 0.1
    for y, called in ((Reference.now(truth), test), (Reference.now(truth.tolist()), test.tolist())):
        assert accuracy(y, called).sensitivity == accuracy(Reference.now(truth.to_numpy()), test.to_numpy()).sensitivity
        assert roc(y, D["c1"].tolist()).auc == roc(y, D["c1"]).auc
    assert sample_size_development("binary", 20, c_statistic=0.75, prevalence=0.3).n == 1023
