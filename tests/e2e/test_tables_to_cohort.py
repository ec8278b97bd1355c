"""Simulated people, written as a package, read back, and made a cohort whose outcome contains their true fate."""

import numpy as np
import pytest

from lbp_prognosis.cohort import ChronicTransition, Cohort, CohortSpec, PainRecovery, Surgery
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.schema import validate_package

DAYS = 30.4375


@pytest.fixture(scope="module")
def simulated():
    return simulate_cohort(600, 20)


@pytest.fixture(scope="module")
def package(simulated, tmp_path_factory):
    return validate_package(simulated.to_package(tmp_path_factory.mktemp("package")))


def fate(simulated, cohort, name):
    number = [int(patient[1:]) - 1 for patient in cohort.patients.index]
    return getattr(simulated.latent, name)[number] * DAYS


def test_written_tables_are_valid_and_stay_marked(package):
    assert package.ok, package.failures.head().to_string()
    assert package.synthetic
    cohort = Cohort.build(package, CohortSpec(), Surgery(horizons=(12,)))
    assert cohort.synthetic
    assert all(part.synthetic for part in cohort.split_by("site").values())
    assert cohort.patients.attrs["synthetic"]


def test_the_interval_holds_the_true_recovery(simulated, package):
    # in the simulator pain is at most 2 exactly when recovered
    outcome = PainRecovery(horizons=(12,), threshold=2, sustained=0, unit="days")
    cohort = Cohort.build(package, CohortSpec(), outcome)
    y, true, operated = cohort.outcome, fate(simulated, cohort, "recovery"), fate(simulated, cohort, "surgery")
    found = y["event"] == 1
    assert found.sum() > 150
    assert (y["lower"][found] < true[found]).all()
    assert (true[found] <= y["upper"][found]).all()
    censored = y["event"] == 0
    assert (true[censored] > y["lower"][censored]).all()
    # the operation is dated to the day
    rival = y["event"] == 2
    assert rival.sum() > 10
    assert (np.abs(y["upper"][rival] - operated[rival]) <= 1).all()


def test_visit_dates_for_events_would_come_late(simulated, package):
    outcome = PainRecovery(horizons=(12,), threshold=2, sustained=0, unit="days")
    cohort = Cohort.build(package, CohortSpec(), outcome)
    found = cohort.outcome["event"] == 1
    late = cohort.outcome["upper"][found] - fate(simulated, cohort, "recovery")[found]
    assert np.median(late) > 7


def test_state_at_a_visit(simulated, package):
    cohort = Cohort.build(package, CohortSpec(), ChronicTransition(horizon=6, above=2))
    state, true = cohort.outcome["status"], fate(simulated, cohort, "recovery")
    seen = state >= 0
    assert 0.5 < seen.mean() < 1
    # the visit lies within a fifth of six months
    assert (true[seen & (state == 1)] > 0.8 * 6 * DAYS).all()
    assert (true[seen & (state == 0)] <= 1.2 * 6 * DAYS).all()


def test_only_what_was_known_at_time_zero_is_a_predictor(simulated, package):
    cohort = Cohort.build(package, CohortSpec(), Surgery(horizons=(12,)))
    assert (cohort.biomarkers["day"] <= 0).all()
    assert cohort.flow.refused() == int((package.tables["prom"]["visit_id"] != "V00").sum())
    prom = package.tables["prom"]
    first = prom[prom["visit_id"].eq("V00") & prom["instrument"].eq("odi")].set_index("patient_id")["value"]
    kept = cohort.patients["odi"].dropna()
    assert (kept == first.reindex(kept.index)).all()
