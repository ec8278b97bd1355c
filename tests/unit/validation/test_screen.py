"""Leaks and other sabotage are found before any fit; clean tables raise no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Status, Surv, evaluate
from lbp_prognosis._base import ArgumentError
from lbp_prognosis._kernels import copied_rows
from lbp_prognosis.evaluation import brier, calibration, decision_curve, time_dependent_auc
from lbp_prognosis.evidence import BLOCKING
from lbp_prognosis.survival import outcome_screen
from lbp_prognosis.validation import cross_validate_risk, screen
from lbp_prognosis.validation.screening._identifier_like import identifier_like


def registry(n: int, seed: int, *, visits: bool = False):
    """Patients whose recovery depends on pain, disability, expectation and a grade; surgery competes."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": rng.normal(48, 12, n).round(),
            "sex": rng.integers(0, 2, n),
            "nrs": np.clip(rng.normal(6, 2, n).round(), 0, 10),
            "odi": np.clip(rng.normal(35, 14, n).round(), 0, 100),
            "expectation": rng.integers(0, 4, n),
            "pfirrmann": rng.integers(1, 6, n).astype(float),
            "fat": rng.normal(20, 6, n).round(1),
        }
    )
    lp = 0.03 * (X["odi"] - 35) + 0.2 * (X["nrs"] - 6) - 0.3 * X["expectation"] + 0.15 * X["pfirrmann"]
    recovery = rng.exponential(8 * np.exp(0.5 * lp))
    surgery, lost = rng.exponential(60, n), rng.uniform(4, 30, n)
    time = np.minimum(np.minimum(recovery, surgery), lost)
    event = np.where(time == recovery, 1, np.where(time == surgery, 2, 0))
    X.loc[rng.random(n) < 0.3, "fat"] = np.nan
    time = np.ceil(time / 3) * 3 if visits else np.maximum(time, 0.01)
    return X, time, event, rng


def codes(X, y, **keywords):
    return set(screen(X, y, [6, 12], **keywords).to_frame()["code"])


@pytest.fixture(scope="module")
def clean():
    X, time, event, rng = registry(500, 1)
    return X, time, event, Surv.right(time, event), rng


def test_screen_is_silent_on_clean_registries() -> None:
    alarms = 0
    for seed in range(1000, 1010):  # the limits were set on other seeds
        X, time, event, _ = registry((200, 400, 1000)[seed % 3], seed, visits=bool(seed % 2))
        alarms += bool(codes(X, Surv.right(time, event), polarity="good"))
    assert alarms == 0


@pytest.mark.slow
def test_screen_raises_at_most_two_alarms_per_hundred_clean_registries() -> None:
    alarms = 0
    for seed in range(2000, 2200):
        X, time, event, _ = registry((200, 400, 1000)[seed % 3], seed, visits=bool(seed % 2))
        alarms += bool(codes(X, Surv.right(time, event), polarity="good"))
    assert alarms <= 4


@pytest.mark.parametrize("seed", range(3))
def test_screen_finds_the_outcome_among_predictors(seed) -> None:
    X, time, event, _ = registry(400, seed)
    y = Surv.right(time, event)
    assert codes(X.assign(z=event == 1), y) == {"predictor-is-outcome"}
    assert codes(X.assign(z=np.where(event == 1, "b", "a")), y) == {"predictor-is-outcome"}
    assert codes(X.assign(z=np.log1p(time) * -3), y) == {"predictor-is-outcome"}
    state = Status.at(12, (time > 12).astype(int))
    assert set(screen(X.assign(z=7 - 2 * (time > 12)), state).to_frame()["code"]) == {"predictor-is-outcome"}


def test_screen_finds_what_was_recorded_after_time_zero(clean) -> None:
    X, time, event, y, rng = clean
    assert "predictor-is-outcome" in codes(X.assign(z=((event == 2) | (rng.random(500) < 0.02)) * 1), y)
    later = ((time > 6) & (rng.random(500) < 0.35)).astype(int)
    assert codes(X.assign(surgery=later), Surv.right(time, event == 1)) == {"level-decides-outcome"}
    visits = np.floor(time / 3) + rng.integers(0, 4, 500)
    assert codes(X.assign(visits=visits), y) == {"predictor-follows-follow-up"}
    assert len(codes(X.assign(visits=np.floor(time / 3)), y)) == 1  # the time itself, but coarse
    strong = 0.55 * (time < 8) + rng.normal(0, 0.28, 500)
    assert codes(X.assign(z=strong), Surv.right(time, event == 1))


def test_screen_reads_missing_values_identifiers_and_dates(clean) -> None:
    X, _, event, y, rng = clean
    assert codes(X.assign(z=X["odi"].where(event == 1)), y) == {"missingness-tells-outcome"}
    assert codes(X.assign(z=rng.permutation(500)), y) == {"identifier-as-predictor"}
    day = 20190000 + rng.integers(1, 13, 500) * 100 + rng.integers(1, 29, 500)
    assert codes(X.assign(z=day), y) == {"identifier-as-predictor"}
    assert codes(X.assign(z=pd.to_datetime(day.astype(str))), y) == {"identifier-as-predictor"}
    assert codes(X.assign(z=[f"P{k:05d}" for k in range(500)]), y) == {"identifier-as-predictor"}
    assert codes(X.assign(patient_id=rng.choice(10**7, 500, replace=False)), y) == {"identifier-as-predictor"}
    swapped = day % 100 * 1_000_000 + day // 100 % 100 * 10_000 + day // 10_000  # ddmmyyyy
    assert codes(X.assign(z=swapped), y) == {"identifier-as-predictor"}
    volumes = rng.choice(10**6, 500, replace=False)  # whole and unlike in every row, and a measure all the same
    assert codes(X.assign(volume_mm3=volumes), y) == set()


def test_screen_finds_patients_twice(clean) -> None:
    X, _, _, y, rng = clean
    twice, both = pd.concat([X, X], ignore_index=True), np.concatenate([y, y])
    assert codes(twice, both) == {"patients-copied"}
    nearly, later = X.copy(), y.copy()
    nearly[["fat", "odi", "age"]] += rng.normal(0, 0.02, (500, 3))
    later["time"] += 0.001
    assert codes(pd.concat([X, nearly]), np.concatenate([y, later])) == {"patients-copied"}
    assert codes(twice, both, groups=np.tile(np.arange(500), 2)) == set()  # several rows of a patient are declared
    assert "patients-copied" in {o.code for o in evaluate(both, np.tile(X["odi"] / 101, 2), 12).objections}


def test_screen_looks_at_the_outcome_itself(clean) -> None:
    X, time, event, _, rng = clean
    assert codes(X, Surv.right(np.full(500, 6.0), event)) == {"events-at-one-time"}
    filled = np.where(rng.random(500) < 0.2, np.median(time), time)
    assert codes(X, Surv.right(filled, event)) == {"outcome-values-piled"}
    days = Surv.right(np.ceil(time * 30.4), event)
    assert {o.code for o in outcome_screen(days, np.array([12.0]))} == {"unit-of-time"}
    assert outcome_screen(days, np.array([365.0])) == ()
    assert outcome_screen(days, np.array([28.0])) == ()  # a horizon that is meant in days


def test_screen_asks_about_swapped_causes(clean) -> None:
    X, _, _, y, _ = clean
    assert codes(X, y, polarity="bad") == {"causes-swapped"}
    assert codes(X, y, polarity="good") == set()
    with pytest.raises(ArgumentError, match="polarity"):
        screen(X, y, 12, polarity="recovery")


def test_events_at_one_time_stands_on_its_boundary() -> None:
    def said(same: int, n: int) -> set[str]:
        time = np.r_[np.full(same, 5.0), np.arange(n - same) + 6.0]
        return {o.code for o in outcome_screen(Surv.right(np.r_[time, 50.0], np.r_[np.ones(n, int), 0]))}

    assert said(18, 20) == {"events-at-one-time"}
    assert said(17, 20) != {"events-at-one-time"}
    assert said(9, 9) == set()  # nine events are too few to say anything
    assert said(10, 10) == {"events-at-one-time"}


def test_evaluate_objects_to_risks_that_are_off_by_a_slip(clean) -> None:
    _, time, event, y, _ = clean
    rng = np.random.default_rng(3)
    risk = np.clip(0.6 + 0.1 * rng.normal(size=500), 0.05, 0.95)

    def said(outcome, predicted, horizon=12, **keywords):
        return {
            o.code: o.sentence for o in evaluate(outcome, predicted, horizon, n_resamples=20, **keywords).objections
        }

    assert "observed-expected-implausible" not in said(y, risk)
    assert "factor of 100" in said(y, risk / 100)["observed-expected-implausible"]
    assert "factor of 100" in said(y, risk / 100, target="no_event")["observed-expected-implausible"]
    decimals = Surv.right(time * 30.4375, event)
    assert "days, and horizons in months" in said(decimals, risk)["observed-expected-implausible"]
    told = np.where((time <= 12) & (event == 1), 0.9, 0.1) + rng.normal(0, 0.01, 500)
    assert "discrimination-implausible" in said(y, told)
    swapped = Surv.right(time, np.where(event == 1, 2, np.where(event == 2, 1, 0)))
    better = np.clip(risk + np.where((time <= 12) & (event == 1), 0.05, -0.05), 0, 1)
    assert "causes-swapped" in said(swapped, better)


def test_halved_risks_are_not_said_to_be_inverted() -> None:
    rng = np.random.default_rng(1)
    rate = 0.1 * np.exp(0.8 * rng.normal(size=300))
    time, lost = rng.exponential(1 / rate), rng.uniform(6, 30, 300)
    risk = 1 - np.exp(-12 * rate)
    for y in (Surv.right(np.minimum(time, lost), time <= lost), Status.at(12, time <= 12)):
        for predicted, code in ((risk / 2, "observed-expected-implausible"), (1 - risk, "risk-looks-inverted")):
            everywhere = [
                *calibration(y, predicted, 12, n_resamples=0).objections,
                *brier(y, predicted, 12).objections,
                *time_dependent_auc(y, predicted, 12).objections,
                *decision_curve(y, predicted, 12, [0.3], n_resamples=0).objections,
                *decision_curve(y, predicted, 12, [0.3], target="no_event", n_resamples=0).objections,
            ]
            inverted = [o for o in everywhere if o.code == "risk-looks-inverted"]
            assert len(inverted) == (5 if code == "risk-looks-inverted" else 0)
            said = {o.code for o in evaluate(y, predicted, 12, [0.3], n_resamples=0).objections}
            assert said & {"risk-looks-inverted", "observed-expected-implausible"} == {code}
            assert "predicts" in BLOCKING[code]


def test_a_leak_makes_no_patient_a_copy() -> None:
    """At visits, with coarse predictors, a copy of the outcome makes patients alike who are not."""
    X, time, event, rng = registry(500, 1, visits=True)
    coarse = X[["nrs", "sex"]]
    y = Surv.interval(time - 3, np.where(event > 0, time, np.inf), event)
    for column in (event, np.where(event == 1, time, 99)):
        assert "patients-copied" not in codes(coarse.assign(z=column), y)
    again = np.r_[np.arange(500), np.arange(40)]
    both = X.iloc[again].reset_index(drop=True).assign(number=rng.permutation(540))
    assert {"patients-copied", "identifier-as-predictor"} <= codes(both, y[again])


def test_a_leak_travels_with_cross_validated_risks_and_blocks(clean) -> None:
    X, time, event, _, _ = clean
    folds = cross_validate_risk(
        CoxPH(penalty=1.0),
        X[["odi", "nrs"]].assign(visits=np.floor(time / 3) + np.arange(500) % 4),
        Surv.right(time, event == 1),
        [12],
        n_splits=3,
        n_repeats=1,
        random_state=0,
    )
    said = {o.code for o in folds.objections}
    assert "predictor-follows-follow-up" in said
    assert "predicts" in BLOCKING["predictor-follows-follow-up"]


def test_screen_looks_at_the_columns_that_models_use(clean) -> None:
    from lbp_prognosis.validation.screening._screen_of import screen_of

    X, time, event, y, _ = clean
    whole = X.assign(time=time, event=event)
    horizons = np.array([6.0, 12.0])

    class Fixed:
        def predict_risk(self, X, horizons, cause=1):
            return np.full((len(X), 1), 0.5)

    fitted = CoxPH(penalty=1.0).fit(X[["odi", "nrs"]], y)
    assert screen_of({"a": fitted}, whole, y, horizons, 1, None) == ()
    assert screen_of({"a": Fixed()}, whole, y, horizons, 1, None) == ()  # nobody knows what it reads
    assert "predictor-is-outcome" in {o.code for o in screen_of({"a": CoxPH()}, whole, y, horizons, 1, None)}


def test_screen_finds_codes_for_missing_values_and_cross_validation_reports_them(clean) -> None:
    X, time, event, y, rng = clean
    coded = X.assign(nrs=X["nrs"].mask(rng.random(500) < 0.05, -9), fat=X["fat"].fillna(20))
    found = screen(coded, y, [6, 12]).to_frame()
    assert found["code"].tolist() == ["missing-code-as-value"]
    assert found["value"].iloc[0] == (coded["nrs"] == -9).mean()
    folds = cross_validate_risk({"cox": CoxPH()}, coded, Surv.right(time, event == 1), 12, n_splits=2, n_repeats=1)
    assert "missing-code-as-value" in {doubt.code for doubt in folds.objections}
    assert "missing-code-as-value" in BLOCKING


DAYS = [(1950 + k % 49, 1 + k % 12, 1 + k % 28) for k in range(100)]


@pytest.mark.parametrize(
    ("name", "values", "what"),
    [
        ("x", [f"{y}-{m:02d}-{d:02d}" for y, m, d in DAYS], "a date"),
        ("x", [f"{d}.{m}.{y}" for y, m, d in DAYS], "a date"),
        ("x", [f"{d:02d}/{m:02d}/{y % 100:02d} 08:30" for y, m, d in DAYS], "a date"),
        ("x", [*(f"{d}.{m}.{y}" for y, m, d in DAYS[:98]), "before", "after"], "an identifier"),  # 98 %: unlike words
        ("x", [d * 1_000_000 + m * 10_000 + y for y, m, d in DAYS], "a date"),
        ("visit_date", [40_000 + 13 * k for k in range(100)], "a date"),  # days of a spreadsheet
        ("visit_date", [999 + 13 * k for k in range(100)], ""),
        ("year_of_mri_date", [2005 + k % 18 for k in range(100)], ""),
        ("visit_date", [2005 + k for k in range(100)], "a date"),  # 2104 is no year of the calendar
        ("muscle_index", [40_000 + 13 * k for k in range(100)], ""),
        ("index", [40_000 + 13 * k for k in range(100)], "an identifier"),
        ("serial_no", [40_000 + 13 * k for k in range(100)], "an identifier"),
        ("cost_to_date", [3000 + 13 * k for k in range(100)], ""),
        ("software", [("2.0.17", "12.31.50", "13.1.20")[k % 3] for k in range(100)], ""),
        ("software", [f"{k % 9 + 13}.{k % 7 + 13}.{k % 90 + 10}" for k in range(100)], "an identifier"),
        ("x", [f"{m}/{d}/{y}" for y, m, d in DAYS], "a date"),
        ("x", [f"{d:02d}JUN{y}" for y, m, d in DAYS], "a date"),
        ("x", [f"{d} June {y}" for y, m, d in DAYS], "a date"),
        ("x", [d * 10**8 + m * 10**6 + y % 100 * 10**4 + k for k, (y, m, d) in enumerate(DAYS)], "an identifier"),
        ("x", [d * 10**9 + m * 10**7 + y % 100 * 10**5 + k for k, (y, m, d) in enumerate(DAYS)], "an identifier"),
        ("visitdate", [1.4e9 + 1e6 * k for k in range(100)], "a date"),
        ("update_count", [40_000 + 13 * k for k in range(100)], ""),
        ("x", [40_000 + 13 * k for k in range(100)], ""),  # a volume
        ("x", [y * 100_000_000 + m * 1_000_000 + d * 10_000 + k for k, (y, m, d) in enumerate(DAYS)], "an identifier"),
        ("x", [(y % 100) * 10**8 + m * 10**6 + d * 10**4 + k for k, (y, m, d) in enumerate(DAYS)], "an identifier"),
        ("x", [32 * 10**8 + m * 10**6 + 99 * 10**4 + k for k, (y, m, d) in enumerate(DAYS)], ""),
        ("energy", [1e20 * (k + 1) for k in range(100)], ""),
        ("energy", [123_456_789.0 * (k + 1) for k in range(100)], ""),
    ],
)
def test_dates_and_personal_numbers_are_known_however_they_are_written(name, values, what) -> None:
    assert identifier_like(name, pd.Series(values)) == what


def test_coarse_predictors_repeat_by_chance() -> None:
    rng = np.random.default_rng(117)  # of 200 such tables the one in which 24 rows repeat, 12 by permutation
    pain, sex = rng.integers(0, 11, 400), rng.integers(0, 2, 400)
    event = np.ceil(rng.exponential(14 * np.exp(-0.12 * pain), 400) * 30.4)
    lost = np.round(rng.uniform(8, 36, 400), 1) * 30.4
    outcome = np.column_stack([np.minimum(event, lost), event <= lost]).astype(float)
    coarse = np.column_stack([pain, sex]).astype(float)
    assert copied_rows(coarse, outcome) == (0, "")
    fine = np.column_stack([pain, rng.normal(size=400)])
    for copies, found in ((3, (6, "exact")), (2, (0, ""))):  # 1 % of 402 rows is above 4
        again = np.arange(400 + copies) % 400
        assert copied_rows(fine[again], outcome[again]) == found
