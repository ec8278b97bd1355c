"""Curves, their quantiles and their tests against R's survival, prodlim and cmprsk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from syn import syn

from lbp_prognosis.survival import (
    CensoringCox,
    Surv,
    Weights,
    aalen_johansen,
    gray_test,
    kaplan_meier,
    log_rank,
    median_follow_up,
    nelson_aalen,
    reverse_kaplan_meier,
    rmst,
    turnbull,
)

KM_CASES = (
    "km_colon",
    "km_dca_surv",
    "km_edge_ties",
    "km_heart_lefttrunc",
    "km_lbp",
    "km_lung",
    "km_rotterdam",
    "km_veteran",
)
EDGE_CASES = ("edge_constant_prediction", "edge_no_censoring", "edge_tied_predictions", "edge_tied_predictions_end")
TIGHT = {"rtol": 1e-9, "atol": 1e-9}


def floats(values):
    return np.array([np.nan if v is None else v for v in np.atleast_1d(np.asarray(values, dtype=object))], dtype=float)


def load(case, csv, event="event"):
    table, inputs = csv(case["data"]["csv"]), case["inputs"]
    entry = table[inputs["entry"]] if inputs.get("entry") else None
    return table, Surv.right(table[inputs["time"]], table[inputs[event]], entry=entry, censored=0)


@pytest.mark.parametrize("name", KM_CASES)
def test_kaplan_meier(name, reference_case, reference_csv) -> None:
    case = reference_case(name)
    expected, times = case["expected"], case["inputs"]["times"]
    _, y = load(case, reference_csv)
    read = kaplan_meier(y).at(times)
    assert_allclose(read.value, expected["surv"], **TIGHT)
    assert_allclose(read.se, expected["greenwood_se"], **TIGHT)
    assert_allclose(read.at_risk, expected["n_risk"])
    for kind in ("plain", "log", "log-log", "logit"):
        limits = kaplan_meier(y, interval=kind).at(times)
        assert_allclose(limits.low, expected[f"ci_{kind}"]["lower"], err_msg=kind, **TIGHT)
        assert_allclose(limits.high, expected[f"ci_{kind}"]["upper"], err_msg=kind, **TIGHT)
    hazard = nelson_aalen(y).at(times)
    assert_allclose(hazard.value, expected["cumhaz_na"], **TIGHT)
    assert_allclose(hazard.se, expected["cumhaz_se"], **TIGHT)
    quantiles = kaplan_meier(y).quantile((0.25, 0.5, 0.75))
    stored = expected["quantiles_25_50_75_loglog"]
    for column, field in (("time", "est"), ("low", "lower"), ("high", "upper")):
        assert_allclose(quantiles[column], floats(stored[field]), err_msg=field, **TIGHT)


@pytest.mark.parametrize("name", [name for name in KM_CASES if name != "km_heart_lefttrunc"])
def test_restricted_mean_and_follow_up(name, reference_case, reference_csv) -> None:
    case = reference_case(name)
    expected = case["expected"]
    _, y = load(case, reference_csv)
    for key, stored in expected["rmst"].items():
        found = rmst(y, float(key.removeprefix("tau_")))
        assert_allclose([found.value, found.se], [stored["rmst"], stored["se"]], **TIGHT)
    reverse = reverse_kaplan_meier(y).at(case["inputs"]["times"])
    assert_allclose(reverse.value, expected["censoring_km_prodlim_reverse"], **TIGHT)
    if name != "km_edge_ties":  # prodlim leaves the quantile of a plateau at exactly one half undefined
        assert_allclose(median_follow_up(y).value, floats(expected["median_followup_reverse_km"])[0], **TIGHT)


@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_curves(name, reference_case, reference_csv) -> None:
    case = reference_case(name)
    expected = case["expected"]
    _, y = load(case, reference_csv)
    read = kaplan_meier(y).at(case["inputs"]["horizon"])
    assert_allclose([read.value, read.se], [expected["km_surv"], expected["km_se"]], **TIGHT)
    # the reference counts who is left after the horizon or at it with time >= horizon
    assert read.at_risk == (y["time"] >= case["inputs"]["horizon"]).sum()


@pytest.mark.parametrize("name", ["aj_comprisk_rdata", "aj_comprisk_vdata", "aj_dca_surv"])
@pytest.mark.parametrize("cause", [1, 2])
def test_aalen_johansen_and_gray(name, cause, reference_case, reference_csv) -> None:
    case = reference_case(name)
    expected, times = case["expected"][f"cause_{cause}"], case["inputs"]["times"]
    table, y = load(case, reference_csv, event="status")
    read = aalen_johansen(y, cause=cause, interval="log").at(times)
    assert_allclose(read.value, expected["cif"], **TIGHT)
    assert_allclose(read.se, expected["prodlim_se"], **TIGHT)
    assert_allclose(read.se, expected["se_survival_package"], **TIGHT)
    assert_allclose(read.low, expected["ci_log_survival_package"]["lower"], **TIGHT)
    assert_allclose(read.high, expected["ci_log_survival_package"]["upper"], **TIGHT)
    aalen = aalen_johansen(y, cause=cause, variance="aalen").at(times)
    assert_allclose(aalen.se**2, expected["var_cmprsk_cuminc"], rtol=1e-9)
    stored = case["expected"]["gray_test"][f"cause_{cause}"]
    found = gray_test(y, table[case["inputs"]["group"]], cause=cause)
    assert_allclose([found.statistic, found.p, found.df], [stored["stat"], stored["p"], stored["df"]], **TIGHT)


@pytest.mark.parametrize("name", ["logrank_colon_rx", "logrank_lung_sex"])
@pytest.mark.parametrize("rho", [0, 1])
def test_log_rank(name, rho, reference_case, reference_csv) -> None:
    case = reference_case(name)
    expected = case["expected"][f"rho{rho}"]
    table, y = load(case, reference_csv)
    groups = table[case["inputs"]["group"]].astype("category")
    if name == "logrank_colon_rx":
        groups = groups.cat.set_categories(["Obs", "Lev", "Lev+5FU"])
    found = log_rank(y, groups, rho=rho)
    assert sorted(found.observed.round(6)) == sorted(np.round(expected["observed"], 6))
    assert sorted(found.expected.round(6)) == sorted(np.round(expected["expected"], 6))
    assert_allclose([found.statistic, found.p], [expected["chisq"], expected["p"]], **TIGHT)
    assert found.df == expected["df"]


def test_turnbull_golden(golden) -> None:
    case = golden["turnbull"]
    found = turnbull(Surv.interval(case["L"], floats(case["R"])))
    assert_allclose(found.mass, case["s"], atol=5e-9)  # printed to eight digits
    assert_allclose(found.loglik, case["ll"], atol=5e-7)  # printed to eight digits
    assert_allclose(found.gradient, 10, rtol=1e-9)


def test_clustered_rows(reference_csv) -> None:
    """``survfit(Surv(time, status) ~ 1, kidney, cluster = id)``: two rows per patient."""
    table = reference_csv("kidney.csv")
    read = kaplan_meier(Surv.right(table["time"], table["status"]), clusters=table["id"]).at([20, 100, 200])
    stored = np.array([0.0500133487211, 0.0698515994654, 0.0605668109412])
    assert_allclose(read.se, stored * np.sqrt(38 / 37), rtol=1e-11)  # R leaves out the factor m/(m − 1)


def test_left_truncation_golden(cohort) -> None:
    """Delayed entry at 3·u15 months: ignoring it understates the risk at 12 months."""
    late = cohort[cohort["time"] > cohort["entry"]]
    assert len(late) == 559
    entered = kaplan_meier(Surv.right(late["time"], late["event"], entry=late["entry"])).at(12)
    ignored = kaplan_meier(Surv.right(late["time"], late["event"])).at(12)
    assert_allclose([1 - entered.value, 1 - ignored.value], [0.41307, 0.39941], atol=5e-6)  # printed to five digits


STORED = json.loads((Path(__file__).parent / "r" / "curves.json").read_text(encoding="utf-8"))
AT = [2, 6, 12, 24]


@pytest.fixture(scope="module")
def cohort():
    table = syn(600)
    table["month"] = np.maximum(1, np.round(table["time"]))  # half to even, as in R
    table["stratum"], table["entry"], table["w"] = table["c1"] > 0, 3 * table["u15"], 0.5 + table["u15"]
    return table


@pytest.mark.parametrize("cause", [1, 2])
@pytest.mark.parametrize(
    ("name", "column", "options"),
    [
        ("gray_site", "time", {}),
        ("gray_site_rho1", "time", {"rho": 1}),
        ("gray_site_strata", "time", {"strata": True}),
        ("gray_site_months", "month", {}),
    ],
)
def test_gray_six_groups(cohort, name, column, options, cause) -> None:
    options = {"strata": cohort["stratum"]} if "strata" in options else options
    found = gray_test(Surv.right(cohort[column], cohort["status"]), cohort["site"], cause=cause, **options)
    stored = STORED[name][cause - 1]
    assert_allclose([found.statistic, found.df], [stored["statistic"], stored["df"]], rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "column", "rho", "stratified"),
    [
        ("logrank_site_strata", "time", 0, True),
        ("logrank_site_strata_rho1", "time", 1, True),
        ("logrank_site_months", "month", 0, False),
    ],
)
def test_log_rank_six_groups(cohort, name, column, rho, stratified) -> None:
    strata = cohort["stratum"] if stratified else None
    found = log_rank(Surv.right(cohort[column], cohort["status"]), cohort["site"], rho=rho, strata=strata)
    assert_allclose(found.statistic, STORED[name]["statistic"], rtol=1e-9)
    assert_allclose(found.observed, STORED[name]["observed"], rtol=1e-9)
    assert_allclose(found.expected, STORED[name]["expected"], rtol=1e-9)


def agrees(read, stored) -> None:
    for field in ("value", "se", "low", "high"):
        assert_allclose(getattr(read, field), stored[field], rtol=1e-9, err_msg=field)


def test_further_kaplan_meier(cohort) -> None:
    y = Surv.right(cohort["time"], cohort["status"])
    agrees(kaplan_meier(y, interval="arcsin").at(AT), STORED["km_arcsin"])
    agrees(kaplan_meier(y, sample_weight=Weights(cohort["w"], "sampling")).at(AT), STORED["km_sampling"])
    by = kaplan_meier(y, strata=cohort["stratum"])
    for label in (False, True):
        agrees(by[label].at(AT), STORED["km_strata"][str(label).upper()])
    late = cohort[cohort["time"] > cohort["entry"]]
    truncated = Surv.right(late["time"], late["status"], entry=late["entry"])
    agrees(kaplan_meier(truncated, min_at_risk=0).at(AT), STORED["km_entry"])


def test_further_incidence(cohort) -> None:
    y = Surv.right(cohort["time"], cohort["status"])
    late = cohort[cohort["time"] > cohort["entry"]]
    truncated = Surv.right(late["time"], late["status"], entry=late["entry"])
    for k in (0, 1):
        weighted = aalen_johansen(y, cause=k + 1, sample_weight=cohort["w"]).at(AT)
        assert_allclose(weighted.value, np.array(STORED["aj_sampling"]["value"])[:, k], rtol=1e-9)
        assert_allclose(weighted.se, np.array(STORED["aj_sampling"]["se"])[:, k], rtol=1e-9)
        # R's multi-state fit reports the robust variance, which unit sampling weights ask for
        entered = aalen_johansen(truncated, cause=k + 1, sample_weight=np.ones(len(late)), min_at_risk=0).at(AT)
        assert_allclose(entered.value, np.array(STORED["aj_entry"]["value"])[:, k], rtol=1e-9)
        assert_allclose(entered.se, np.array(STORED["aj_entry"]["se"])[:, k], rtol=1e-9)


def test_further_curves(cohort) -> None:
    y, months = (Surv.right(cohort[column], cohort["status"]) for column in ("time", "month"))
    hazard = nelson_aalen(y, cause=1).at(AT)
    assert_allclose(hazard.value, STORED["nelson_aalen_cause"]["value"], rtol=1e-9)
    assert_allclose(hazard.se, STORED["nelson_aalen_cause"]["se"], rtol=1e-9)
    quantiles = kaplan_meier(months).quantile((0.1, 0.25, 0.5, 0.6))
    for column, field in (("time", "quantile"), ("low", "lower"), ("high", "upper")):
        assert_allclose(quantiles[column], STORED["quantile_months"][field], rtol=1e-9)
    assert_allclose(reverse_kaplan_meier(months).at(AT).value, STORED["reverse"], rtol=1e-9)
    for label in (False, True):
        rows = cohort["stratum"] == label
        found = rmst(y[rows.to_numpy()], 12)
        stored = STORED["rmst_strata"][str(label).upper()]
        assert_allclose([found.value, found.se], [stored["value"], stored["se"]], rtol=1e-9)


def test_turnbull_on_visits() -> None:
    stored = STORED["turnbull"]
    found = turnbull(Surv.interval(stored["left"], floats(stored["right"])))
    # R puts a jump in the middle of its interval: read its curve at the visits, and stop at the last one with an end
    last = max(v for v in floats(stored["right"]) if np.isfinite(v))
    visits = [v for v in (1.5, 3, 6, 12, 24, 36) if v <= last and np.isfinite(found.at(v).value)]
    middle = np.array(stored["time"])
    expected = [floats(stored["surv"])[np.searchsorted(middle, v, side="right") - 1] for v in visits]
    assert_allclose(found.at(visits).value, expected, rtol=1e-9)
    assert found.gradient.max() <= len(stored["left"]) * (1 + 1e-9)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_censoring_cox(cohort, ties) -> None:
    stored = STORED["censoring_cox"][ties]
    y = Surv.right(cohort["month"], cohort["status"])
    model = CensoringCox(["c1", "c2"], ties=ties).fit(y, cohort)
    assert_allclose(model.coef_, stored["coef"], rtol=1e-9)
    assert_allclose(model.survival_at(12)[:5], stored["at_12"], rtol=1e-9)
    assert_allclose(model.survival_before(y["time"])[:5], stored["before"], rtol=1e-9)
    assert_allclose(model.survival_before(y["time"][:5], cohort.iloc[:5]), stored["before"], rtol=1e-9)
