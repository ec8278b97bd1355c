"""Where ties or late entry decide, against R (values by r/further_cases.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis._kernels import rcs_knots
from lbp_prognosis.evaluation import brier, concordance, royston_d, time_dependent_auc
from lbp_prognosis.models import CoxPH, FineGray
from lbp_prognosis.survival import CensoringCox, Surv

FOLDER = Path(__file__).parent / "r"
R = json.loads((FOLDER / "further_cases.json").read_text(encoding="utf-8"))


def columns(part: dict, *names: str) -> np.ndarray:
    return np.column_stack([part[name] for name in names]).astype(float)


@pytest.fixture(scope="module")
def months():
    """The patients of mgus2 in months, where events and censorings share times."""
    return json.loads((FOLDER / "fine_gray_ties.json").read_text(encoding="utf-8"))


def test_patients_alike_are_tied():
    """78 distinct linear predictors of 77 kinds of patients would move C by 7e-6."""
    part = R["tied_scores"]
    X, y = columns(part, "hormon", "nodes", "heavy"), Surv.right(part["time"], part["status"])
    score = CoxPH(ties="breslow").fit(X, y).linear_predictor(X)
    assert np.unique(score).size == np.unique(X, axis=0).shape[0] == 77
    found = concordance(y, score)
    np.testing.assert_allclose([found.value, found.se], [part["c"], part["se"]], rtol=1e-9)
    assert [found.concordant, found.discordant, found.tied] == part["counts"]


def test_residuals_of_exact_ties():
    part = R["exact"]
    X, y = columns(part, "karno", "age"), Surv.right(part["month"], part["status"])
    model = CoxPH(ties="exact").fit(X, y)
    np.testing.assert_allclose(model.coef_, part["coef"], rtol=1e-8)
    np.testing.assert_allclose(model.residuals(X, y), part["martingale"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(model.residuals(X, y, "deviance"), part["deviance"], rtol=1e-7, atol=1e-9)


PILES = {
    "low": np.r_[np.zeros(20), np.arange(1, 181) ** 2 / 10],
    "high": np.r_[np.sqrt(np.arange(1, 181)), np.full(20, 50)],
    "both": np.r_[np.zeros(20), np.sqrt(np.arange(1, 161)), np.full(20, 50)],
    "few": np.r_[np.full(5, -3), np.sqrt(np.arange(1, 61))],
    "common": np.tile([0.0, 1, 1, 2, 2, 2, 3, 4, 5, 6], 20),
    "levels": np.tile([1.0, 2, 3, 4, 5], 30),
}


@pytest.mark.parametrize("name", PILES)
def test_knots_beside_a_pile_of_values(name):
    for k in range(3, 8):
        np.testing.assert_allclose(rcs_knots(PILES[name], k), R["knots"][name][str(k)], rtol=1e-10)


@pytest.mark.parametrize("cause", [1, 2])
def test_competing_concordance_in_tied_months(cause, months):
    """The pair of an event at T with somebody still at risk weighs 1/(G(T−) G(T)), not 1/G(T−)²."""
    y = Surv.right(months["time"], months["code"])
    for tau in (60, 240):
        found = concordance(y, np.array(months["age"]) / 100, weighting="uno", tau=tau, cause=cause)
        assert found.value == pytest.approx(R["pec"][str(cause)][str(tau)], rel=1e-9)


@pytest.mark.parametrize("cause", [1, 2])
def test_royston_d_in_tied_months(cause, months):
    y, score, wanted = Surv.right(months["time"], months["code"]), months["age"], R["royston"][str(cause)]
    found = royston_d(y, score, cause=cause)
    np.testing.assert_allclose([found.value, found.se], [wanted["d"], wanted["se"]], rtol=1e-7)
    first = royston_d(y, score, cause=cause, censoring_ties="events_first")
    assert 1e-6 < abs(first.value / found.value - 1) < 5e-3


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_subdistribution_with_late_entry(cause, ties, months):
    entry = np.arange(1, len(months["time"]) + 1) % 12
    kept = np.array(months["time"]) > entry
    X = columns(months, "age", "male", "mspike")[kept]
    y = Surv.right(np.array(months["time"])[kept], np.array(months["code"])[kept], entry=entry[kept])
    model, wanted = FineGray(cause=cause, ties=ties).fit(X, y), R["late"][f"{ties}{cause}"]
    np.testing.assert_allclose(model.coef_, wanted["coef"], rtol=1e-8)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), wanted["se"], rtol=1e-7)
    assert model.log_likelihood_ == pytest.approx(wanted["loglik"], rel=1e-10)
    assert model.baseline_cumulative_hazard(120) == pytest.approx(wanted["hazard"], rel=1e-8)
    ignored = FineGray(cause=cause, ties=ties).fit(X, Surv.right(y["time"], y["event"]))
    assert np.abs(ignored.coef_ / model.coef_ - 1).max() > 1e-3


def test_exact_ties_with_late_entry():
    """The likelihood of a risk set given how many of it had the event; values by r/exact_late_entry.R."""
    part, wanted = R["exact"], json.loads((FOLDER / "exact_late_entry.json").read_text(encoding="utf-8"))
    month, entry = np.array(part["month"]), np.arange(1, len(part["month"]) + 1) % 3
    kept = month > entry
    X = columns(part, "karno", "age")[kept]
    model = CoxPH(ties="exact").fit(X, Surv.right(month[kept], np.array(part["status"])[kept], entry=entry[kept]))
    np.testing.assert_allclose(model.coef_, wanted["coef"], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), wanted["se"], rtol=1e-8)
    assert model.log_likelihood_ == pytest.approx(wanted["loglik"][1], rel=1e-11)
    everyone = CoxPH(ties="exact").fit(X, Surv.right(month[kept], np.array(part["status"])[kept]))
    assert np.abs(everyone.coef_ / model.coef_ - 1).max() > 1e-3


def test_null_model_under_a_model_of_the_censoring():
    """The risk for all is Kaplan–Meier's, and its score has the weights of the scores it is compared with."""
    stored = json.loads((FOLDER / "censoring_model.json").read_text(encoding="utf-8"))
    time, status, hormon, nodes, heavy = columns(R["tied_scores"], "time", "status", "hormon", "nodes", "heavy").T
    y = Surv.right(time + np.arange(1, time.size + 1) / 1000, status)
    censoring = CensoringCox().fit(y, np.column_stack([nodes, hormon]))
    horizons = np.array([730.0, 1461.0])
    risk = -np.expm1(-horizons / 3000 * np.exp(0.4 * heavy + np.log(1 + nodes) / 2 - 0.3 * hormon)[:, None])
    found = brier(y, risk, horizons, censoring=censoring)
    np.testing.assert_allclose(found.value, stored["brier"], rtol=1e-7)
    np.testing.assert_allclose(found.null.value, stored["null"], rtol=1e-7)
    np.testing.assert_allclose(found.ipa.value, stored["ipa"], rtol=1e-6)
    np.testing.assert_allclose(
        time_dependent_auc(y, risk, horizons, censoring=censoring).value, stored["auc"], rtol=1e-7
    )
    for part in (found, found.null, found.ipa):
        np.testing.assert_allclose(part.influence.sum(axis=0), 0, atol=1e-8)
        np.testing.assert_allclose(np.sqrt((part.influence**2).sum(axis=0)) / time.size, part.se, rtol=1e-8)
