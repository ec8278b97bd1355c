"""A model in use: inputs, matured outcomes, charts."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lbp_prognosis import CoxPH, LBPError, Status, Surv
from lbp_prognosis._kernels import cusum_scores_binary, cusum_with_limits
from lbp_prognosis.deployment import DriftReport, Ledger, load_model, monitor

COLUMNS = ["age", "pain"]
BETA = np.array([0.5, 0.7])
END = pd.Timestamp("2024-01-01")


class Known:
    """The model is the truth: hazard 0.03 exp(xβ) a month."""

    def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
        hazard = 0.03 * np.exp(X[COLUMNS].to_numpy(float) @ BETA)
        return -np.expm1(-np.outer(hazard, np.atleast_1d(horizons)))


def batch(
    seed: int, start: str, *, n: int = 120, shift: float = 0.0, ratio: float = 1.0, kind: str = "right"
) -> tuple[pd.DataFrame, np.ndarray, pd.DatetimeIndex]:
    """Half a year of patients; times are cut at the end of 2023 and by losses."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(shift, 1, (n, 2)), columns=COLUMNS)
    entry = pd.Timestamp(start) + pd.to_timedelta(np.sort(rng.integers(0, 180, n)), unit="D")
    time = rng.exponential(size=n) / (0.03 * ratio * np.exp(X.to_numpy() @ BETA))
    left = np.asarray((END - entry).days, dtype=float) / (365.25 / 12)
    if kind == "status":
        return X, Status.at(12, np.where(left >= 12, time <= 12, -1).astype(int)), entry
    end = np.minimum(np.maximum(left, 0.01), rng.uniform(8, 60, n))
    return X, Surv.right(np.minimum(time, end), (time <= end).astype(int)), entry


STARTS = ["2020-01-01", "2020-07-01", "2021-01-01", "2021-07-01", "2022-01-01", "2022-07-01"]


def watch(batches: list, **more: Any) -> DriftReport:
    return monitor(Known(), batches, horizon=12, false_alarms_per_year=0.05, until=END, **more)


def test_nothing_has_changed() -> None:
    found = watch([batch(seed, start) for seed, start in enumerate(STARTS)])
    assert not found.drifted
    assert not found.objections
    assert found.update is None
    assert found.n_matured == found.n == 720
    assert found.windows["low"].le(1).all()
    assert found.windows["high"].ge(1).all()
    assert (found.inputs["psi"] < found.inputs["psi_by_chance"]).all()
    assert found.membership["auc"].between(0.38, 0.62).all()
    assert found.false_alarm_probability == pytest.approx(found.alarms_expected / 720 / 2)


@pytest.mark.parametrize("kind", ["right", "status"])
def test_half_as_many_again_are_found_within_two_batches(kind: str) -> None:
    """O/E of about 1.5 from the third batch on, 240 patients a year."""
    ratios = [1, 1, 1.8, 1.8, 1.8, 1.8]
    found = watch([batch(s, start, ratio=r, kind=kind) for s, (start, r) in enumerate(zip(STARTS, ratios))])
    assert found.drifted
    first = found.alarms.iloc[0]
    assert first["direction"] == "more events than predicted"
    assert pd.Timestamp("2021-01-01") <= first["date"] <= pd.Timestamp("2022-01-01")
    assert {doubt.code for doubt in found.objections} == {"drift"}
    assert found.update is not None
    assert found.update.method != "original"


def test_fewer_events_are_found_too() -> None:
    found = watch([batch(s, start, ratio=1 if s < 2 else 0.45) for s, start in enumerate(STARTS)])
    assert set(found.alarms["direction"]) == {"fewer events than predicted"}


def test_case_mix_alone_moves_inputs_and_no_outcome() -> None:
    shifts = [0, 0, 0.9, 0.9, 0.9, 0.9]
    found = watch([batch(s, start, shift=m) for s, (start, m) in enumerate(zip(STARTS, shifts))])
    assert not found.drifted
    assert {doubt.code for doubt in found.objections} == {"inputs-moved"}
    assert found.membership["auc"].iloc[-1] > 0.75


def test_a_window_that_has_not_matured_says_nothing() -> None:
    """Of patients entered within the last year only the failures are known: they must not be counted."""
    found = watch([batch(0, "2021-01-01"), batch(1, "2023-03-01")])
    young = found.windows.iloc[1]
    assert (young["matured"], young["observed"], young["expected"]) == (0, 0, 0)
    assert np.isnan(young["observed_expected"])
    assert "not" not in found.windows.iloc[0]["reason"]
    assert "windows-not-matured" in {doubt.code for doubt in found.objections}
    # counted as they come in, they would look alarming: all known states are events
    _, y, _ = batch(1, "2023-03-01")
    assert ((y["event"] == 1) | (y["time"] >= 12)).sum() == (y["event"] == 1).sum()


def test_matured_on_the_day() -> None:
    """Entry and twelve months before the last day, the same day, the day after."""
    X, y, _ = batch(0, "2021-01-01", n=3)
    entry = [END - pd.Timedelta(days=366), END - pd.Timedelta(days=365.25), END - pd.Timedelta(days=365)]
    found = watch([(X, y, entry)])
    assert found.n_matured == 2


def test_new_levels_and_missing_values() -> None:
    first, second = batch(0, "2020-01-01"), batch(1, "2020-07-01")
    old = first[0].assign(scanner="A")
    new = second[0].assign(
        scanner=np.where(np.arange(120) < 30, "B", "A"), pain=second[0]["pain"].where(second[0].index > 59)
    )

    class Blind(Known):
        def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
            return super().predict_risk(X.fillna({"pain": 0.0}), horizons)

    found = monitor(Blind(), [(old, *first[1:]), (new, *second[1:])], horizon=12, false_alarms_per_year=0.2, until=END)
    rows = found.inputs.set_index("column")
    assert rows.loc["scanner", "new_levels"] == "B"
    assert rows.loc["scanner", "outside"] == pytest.approx(0.25)
    assert rows.loc["pain", "missing_now"] == pytest.approx(0.5)
    assert rows.loc["pain", "psi"] > 0.25
    assert "levels-not-seen-before" in {doubt.code for doubt in found.objections}
    assert found.membership["auc"].iloc[0] > 0.6


def test_competing_events_are_known_states() -> None:
    X, y, entry = batch(0, "2020-01-01")
    codes = np.where((y["event"] == 1) & (np.arange(120) % 4 == 0), 2, y["event"])
    found = watch([(X, Surv.right(y["time"], codes, causes={"recovery": 1, "surgery": 2}), entry)])
    window = found.windows.iloc[0]
    lost = ((codes == 0) & (y["time"] < 12)).sum()
    assert window["unknown"] == lost
    assert window["matured"] == 120 - lost


def test_a_batch_without_a_competing_event_by_chance_is_judged_like_the_others() -> None:
    """Cumulative hazards of one batch and risks of the next would be on one chart."""
    first, second = batch(0, "2020-01-01"), batch(1, "2020-07-01")
    codes = np.where((second[1]["event"] == 1) & (np.arange(120) % 4 == 0), 2, second[1]["event"])
    causes = {"recovery": 1, "surgery": 2}
    early = (first[0], Surv.right(first[1]["time"], first[1]["event"], causes=causes), first[2])
    late = (second[0], Surv.right(second[1]["time"], codes, causes=causes), second[2])
    windows = watch([early, late]).windows
    lost = ((first[1]["event"] == 0) & (first[1]["time"] < 12)).sum()
    assert windows["unknown"].iloc[0] == lost > 0
    known = (first[1]["event"] > 0) | (first[1]["time"] >= 12)
    assert windows["expected"].iloc[0] == pytest.approx(Known().predict_risk(first[0], 12)[known].sum())


@pytest.mark.parametrize(("lost", "told"), [(0, False), (6, False), (7, True)])
def test_losses_among_competing_events_run_ahead(lost: int, told: bool) -> None:
    """Events before a loss are known and freedom from them is not: 5 % of 120 patients are six."""
    X, y, entry = batch(0, "2020-01-01")
    codes = np.where((y["event"] == 1) & (np.arange(120) % 4 == 0), 2, y["event"])
    time = np.where(codes == 0, 20.0, y["time"])
    time[np.flatnonzero(codes == 0)[:lost]] = 4.0
    found = watch([(X, Surv.right(time, codes, causes={"recovery": 1, "surgery": 2}), entry)])
    assert found.windows["unknown"].iloc[0] == lost
    assert ("windows-with-losses" in {doubt.code for doubt in found.objections}) is told
    alone = watch([(X, Surv.right(time, np.minimum(codes, 1)), entry)])  # one cause: counted as long as seen
    assert "windows-with-losses" not in {doubt.code for doubt in alone.objections}


def test_the_new_version_gets_a_file_and_a_line(tmp_path: Any) -> None:
    model = CoxPH().fit(*batch(9, "2018-01-01", n=600)[:2])
    parts = [batch(s, start, ratio=2.5) for s, start in enumerate(STARTS[:3])]
    chain = Ledger(tmp_path / "versions.jsonl")
    found = monitor(model, parts, horizon=12, false_alarms_per_year=0.05, until=END, ledger=chain)
    assert found.update is not None
    lines = chain.verify()
    assert "closed test" in lines["reason"].iloc[0]
    saved = load_model(tmp_path / "after-drift-2024-01-01.lbpm", expect_sha256=lines["artifact_sha256"].iloc[0])
    X = parts[0][0]
    np.testing.assert_allclose(
        saved.predict_risk(X, 12).ravel(), found.update.model.predict_risk(X, 12).ravel(), atol=0.05
    )
    watch([batch(0, "2020-01-01")], ledger=tmp_path / "other.jsonl")
    assert not (tmp_path / "other.jsonl").exists()  # nothing has changed: no version


def test_a_fitted_model_and_its_default_last_day() -> None:
    big = batch(9, "2018-01-01", n=600)
    model = CoxPH().fit(*big[:2])
    found = monitor(model, [batch(k, start) for k, start in enumerate(STARTS)], horizon=12, false_alarms_per_year=0.2)
    assert found.until <= END + pd.Timedelta(days=1)
    assert found.n_matured > 300
    frame = found.to_frame()
    assert set(frame["metric"]) == {"observed_expected", "calibration_slope", "membership_auc"}


def test_pictures() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    found = watch([batch(s, start, ratio=2.5) for s, start in enumerate(STARTS[:3])])
    assert found.plot().get_ylabel() == "cumulative log likelihood ratio"
    assert len(found.figure().axes) == 3
    assert "alarms of outcomes" in repr(found)


def test_a_page_with_the_charts(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    found = watch([batch(s, start, ratio=2.5 if s < 2 else 1.0) for s, start in enumerate([*STARTS[:2], "2023-03-01"])])
    page = found.to_html()
    assert page.count('<img src="data:image/svg+xml;base64,') == 3
    assert page.count('alt="') == 3
    assert "img-src data:" in page
    assert "more events than predicted" in page
    assert "no patient has matured" in page
    assert "Not for release: shows counts and dates of single patients." in page
    assert not re.search(r"https?://", re.sub(r"base64,[A-Za-z0-9+/=]*", "", page))
    assert found.to_html() == page  # the same bytes
    assert "| 1: 2020-01" in found.to_markdown()
    assert found.to_word(tmp_path / "drift.docx").stat().st_mode & 0o077 == 0 or os.name != "posix"
    assert "SIMULATED" in watch([synthetic(batch(0, "2020-01-01"))]).to_html()


def synthetic(part: tuple[pd.DataFrame, np.ndarray, pd.DatetimeIndex]) -> tuple[Any, ...]:
    part[0].attrs["synthetic"] = True
    return part


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        ([], "at least one batch"),
        ([(1, 2)], "triples"),
        ([(np.zeros((120, 2)), *batch(0, "2020-01-01")[1:])], "frames"),
        ([(*batch(0, "2020-01-01")[:2], ["?"] * 120)], "dates"),
        ([(*batch(0, "2020-01-01")[:2], np.linspace(0, 6, 120))], "dates; got numbers"),  # were days of 1970
        ([(*batch(0, "2020-01-01")[:2], [pd.Timestamp("2020-01-01")] * 119 + [20200101])], "text such as"),  # and this
        ([(*batch(0, "2020-01-01")[:2], pd.to_timedelta(np.arange(120), unit="D"))], "dates; got durations"),
        (
            [(*batch(0, "2020-01-01")[:2], ["03.04.2020"] * 120)],
            "2023-06-16",
        ),  # the third of April, or the fourth of March
        ([(*batch(0, "2020-01-01")[:2], batch(0, "2020-01-01")[2].tz_localize("UTC"))], "without a time zone"),
        ([(*batch(0, "2020-01-01")[:2], ["2020-01-01"] * 119)], "as many rows"),
        ([batch(0, "2020-01-01"), tuple(part[:0] for part in batch(1, "2020-07-01"))], "batch 2 of none"),
        ([batch(0, "2020-01-01"), batch(1, "2020-07-01", kind="status")], "one kind"),
        (
            [batch(0, "2020-01-01"), (lambda X, y, day: (X[["age"]], y, day))(*batch(1, "2020-07-01"))],
            "one set of columns",
        ),
    ],
)
def test_what_is_no_batch(batches: list, told: str) -> None:
    with pytest.raises(LBPError, match=told):
        watch(batches)


def test_patients_given_twice_are_noticed() -> None:
    X, y, entry = batch(1, STARTS[1], n=30)
    later = Surv.right(y["time"] + 1, y["event"])  # the same patients, followed longer
    found = watch([batch(0, STARTS[0], n=30), (X, y, entry), (X, later, entry)]).objections[0]
    assert found.code == "patients-copied"
    assert "in two batches" in found.sentence


def test_batches_come_in_any_order_and_columns_are_matched_by_name() -> None:
    batches = [batch(seed, start, n=30) for seed, start in enumerate(STARTS[:2])]
    turned = [(X[COLUMNS[::-1]], y, entry) for X, y, entry in batches[::-1]]
    found, again = watch(batches), watch(turned, development_X=batches[0][0])
    pd.testing.assert_frame_equal(found.chart, again.chart)
    assert sorted(found.windows["expected"]) == pytest.approx(sorted(again.windows["expected"]))


def test_a_wrong_year_is_noticed() -> None:
    """Without `until`, one date of 2202 made every patient mature; a date of 1902 made years of false alarms."""
    X, y, entry = batch(1, "2022-07-01", n=12)
    parts = [batch(0, "2022-01-01", n=12)]

    def dated(day: str) -> list:
        return [*parts, (X, y, pd.DatetimeIndex([pd.Timestamp(day), *entry[1:]]))]

    def found(batches: list, **more: Any) -> DriftReport:
        return monitor(Known(), batches, horizon=12, false_alarms_per_year=0.1, **more)

    days = [*parts, (X, Surv.right(y["time"] * 30.4375, y["event"]), entry)]  # with times in another unit
    long = [*parts, (X, Surv.right(np.append(1e6, y["time"][1:]), y["event"]), entry)]
    for batches in (dated("2202-03-01"), days, long):
        with pytest.raises(LBPError, match="`until` must be given, or batches that end by today"):
            found(batches)
    assert found(long, until=END).n_matured == 24 - (entry + pd.Timedelta(days=365.25) > END).sum()
    for day, code in (("2202-03-01", True), ("1902-03-01", True), ("2014-03-01", True), ("2019-03-01", False)):
        told = {doubt.code for doubt in found(dated(day), until=END).objections}
        assert ("dates-years-from-others" in told) is code, day
    with pytest.raises(LBPError, match=r"`until` must be a date without a time zone.*tz_localize"):
        found(parts, until=END.tz_localize("UTC"))


def test_dates_follow_the_labels_of_the_predictors_and_may_be_text() -> None:
    X, y, entry = batch(0, "2020-01-01")
    names = [f"p{k}" for k in range(len(X))]
    labelled = X.set_axis(names)
    dates = pd.Series(entry, index=names)
    want = watch([(X, y, entry)]).windows
    for given in (dates, dates[::-1], dates.dt.strftime("%Y-%m-%d")):
        pd.testing.assert_frame_equal(watch([(labelled, y, given)]).windows, want)
    with pytest.raises(LBPError, match="until"):
        monitor(Known(), [(X, y, entry)], horizon=12, false_alarms_per_year=0.05, until=2024)


def test_a_window_in_which_no_event_is_expected() -> None:
    X, _, entry = batch(0, "2020-01-01")
    later = (X.head(1), Surv.right([1e-9], [0]), entry[:1])

    class Late(Known):
        def predict_risk(self, X: Any, horizons: Any) -> np.ndarray:
            return super().predict_risk(X, horizons) * (np.atleast_1d(horizons) > 1)

    found = monitor(Late(), [batch(0, "2020-01-01"), later], horizon=12, false_alarms_per_year=0.05, until=END)
    assert np.isnan(found.windows["observed_expected"][1])
    assert "expects no event" in found.windows["reason"][1]


def test_an_equation_knows_no_risk_at_the_times_of_losses() -> None:
    class AtTwelve(Known):
        def predict_risk(self, X: Any, horizons: Any) -> np.ndarray:
            at = np.atleast_1d(horizons)
            return np.where(at == 12, super().predict_risk(X, at), np.nan)

    with pytest.raises(LBPError, match="Status.at"):
        monitor(AtTwelve(), [batch(0, "2020-01-01")], horizon=12, false_alarms_per_year=0.05, until=END)
    states = [batch(0, "2020-01-01", kind="status")]
    found = monitor(AtTwelve(), states, horizon=12, false_alarms_per_year=0.05, until=END)
    assert np.isfinite(found.windows["observed_expected"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.9])
def test_false_alarms_come_at_the_declared_rate(shift: float) -> None:
    """Alarms over 60 charts against the number expected, with and without a shift of case mix: two standard errors."""
    alarms, expected = 0, 0.0
    for seed in range(60):
        parts = [batch(1000 * seed + k, start, shift=0.0 if k < 2 else shift, n=80) for k, start in enumerate(STARTS)]
        found = monitor(Known(), parts, horizon=12, false_alarms_per_year=2, until=END, random_state=seed)
        alarms, expected = alarms + len(found.alarms), expected + found.alarms_expected
    assert abs(alarms - expected) <= 2 * np.sqrt(expected)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_the_average_run_length_is_the_declared_one(shift: float) -> None:
    """Runs between false alarms of 40 charts of 4,000 patients against 1/α: within 5 %, and two standard errors."""
    gaps: list[float] = []
    alpha = 1 / 200
    for seed in range(40):
        rng = np.random.default_rng(seed)
        risk = expit(rng.normal(-1 + shift * (np.arange(4000) > 2000), 0.8))
        event, none = (cusum_scores_binary(risk, np.full(4000, k), 2.0) for k in (1, 0))

        def draw(
            i: int, paths: int, random: np.random.Generator, at: tuple[np.ndarray, ...] = (risk, event, none)
        ) -> Any:
            return np.where(random.random(paths) < at[0][i], at[1][i], at[2][i])

        happened = rng.random(4000) < risk
        scores = np.where(happened, event, none)
        found = cusum_with_limits(scores, draw, alpha, paths=8000, random=np.random.default_rng(seed + 1000))
        gaps += np.diff(np.append(0, np.flatnonzero(found.alarm) + 1)).tolist()
    length, se = float(np.mean(gaps)), float(np.std(gaps) / np.sqrt(len(gaps)))
    assert abs(length * alpha - 1) <= max(0.05, 2 * se * alpha)
