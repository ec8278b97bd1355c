"""A score at a visit as the outcome of a study: read, fitted, predicted out of fold, judged."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from lbp_prognosis import Measured
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.cohort import Flow, outcome_steps
from lbp_prognosis.disclosure import Gate, Patients
from lbp_prognosis.evaluation import crps, evaluate, score_tenths
from lbp_prognosis.fusion import RiskPipeline, from_formula
from lbp_prognosis.models import LongitudinalOutcome, OrdinalRegression
from lbp_prognosis.report import PageScores, released_page
from lbp_prognosis.report._methods_sentences import _KINDS
from lbp_prognosis.report._probast_of_page import _flow
from lbp_prognosis.report._released_patients import released_flow
from lbp_prognosis.report._results_sentences import _patients
from lbp_prognosis.report._section_scores import _by_visit
from lbp_prognosis.study import Study, analysis_plan, fit_study, read_study_data, run_study
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._model_plan import MODEL_KINDS
from lbp_prognosis.study._run_study import _sites
from lbp_prognosis.study._study_visits import visit_scores
from lbp_prognosis.survival import measured_to_status
from lbp_prognosis.validation import cross_validate_risk

N = 240
RNG = np.random.default_rng(8)
PAIN, AGE, FAT = RNG.integers(3, 11, N).astype(float), RNG.normal(50, 9, N).round(1), RNG.normal(size=N).round(2)
SCORE = np.clip(np.round(0.6 * PAIN + 0.05 * (AGE - 50) + RNG.normal(0, 2, N) - 1), 0, 10)
FRAME = pd.DataFrame({"id": np.arange(N), "pain": PAIN, "age": AGE, "fat": FAT, "nrs": SCORE})
FRAME.loc[::6, "nrs"] = np.nan

LONGITUDINAL = {"name": "m", "kind": "longitudinal_outcome", "modalities": ["clinical"]}
TABLE: dict[str, Any] = {
    "title": "Pain at twelve months",
    "table": {"wide": "w.csv", "id": "id", "score": "nrs"},
    "score": {"lower": 0, "upper": 10, "at_most": 3, "baseline": "pain", "smallest_detectable": 2, "important": 2},
    "outcome": {
        "name": "little pain",
        "definition": "NRS of at most 3 at twelve months.",
        "polarity": "good",
        "time_zero": "first visit",
        "unit": "months",
        "horizons": [12],
        "estimand": "treatment-policy",
    },
    "modalities": {"clinical": ["pain", "age"], "imaging": ["fat"]},
    "model": [
        {"name": "clinical", "kind": "ordinal_regression", "modalities": ["clinical"]},
        {
            "name": "both",
            "kind": "ordinal_regression",
            "modalities": ["clinical", "imaging"],
            "formula": "rcs(pain, 3) + age * fat",
        },
    ],
    "comparison": {"clinical": "clinical", "extended": "both"},
    "decision": {"low": 0.3, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "because"},
    "validation": {"folds": 3, "repeats": 2, "resamples": 0},
}


def changed(**changes: Any) -> dict[str, Any]:
    """Return the protocol with some of its tables changed, or left out (None)."""
    table = copy.deepcopy(TABLE)
    for key, value in changes.items():
        if value is None:
            del table[key]
        elif isinstance(value, dict) and isinstance(table.get(key), dict):
            table[key] = {k: v for k, v in {**table[key], **value}.items() if v is not None}
        else:
            table[key] = value
    return table


def study(folder: Path, frame: pd.DataFrame = FRAME, **changes: Any) -> Study:
    frame.to_csv(folder / "w.csv", index=False)
    return Study.from_dict(changed(**changes), folder=folder, home=folder)


def package(folder: Path, **changes: Any) -> Study:
    """Return a study of a registry whose totals at time zero and at the visit are those of the wide table."""
    cohort = folder / "cohort"
    cohort.mkdir()
    names = [f"P{k}" for k in range(N)]
    pd.DataFrame({"patient_id": names, "age": AGE}).to_csv(cohort / "patient.csv", index=False)
    totals = [("start", 0, PAIN), ("year", 365, FRAME["nrs"]), ("quarter", 91, SCORE.clip(1, 9))]
    visits = [
        pd.DataFrame({"patient_id": names, "visit_id": visit, "visit_day": day}).assign(attended=True)[~np.isnan(value)]
        for visit, day, value in totals
    ]
    of_back = {"instrument": "nrs_back", "item": "total"}
    proms = [
        pd.DataFrame({"patient_id": names, "visit_id": visit, "value": value}).assign(**of_back)
        for visit, _, value in totals
    ]
    pd.concat(visits).to_csv(cohort / "visit.csv", index=False)
    pd.concat(proms).dropna().to_csv(cohort / "prom.csv", index=False)
    table = changed(
        table=None,
        outcome=None,
        score={"baseline": "nrs_back"},
        modalities={"clinical": ["nrs_back", "age"], "imaging": None},
        model=[{"name": "clinical", "kind": "ordinal_regression", "modalities": ["clinical"]}],
        comparison=None,
    )
    table |= {"data": {"package": "cohort"}, "outcome": {"kind": "score", "instrument": "nrs_back", "horizon": 12}}
    for key, value in changes.items():
        table[key] = {**table[key], **value} if isinstance(value, dict) else value
    return Study.from_dict(table, folder=folder, home=folder)


def test_the_flow_ends_with_those_without_a_score_and_their_reasons(tmp_path: Path) -> None:
    """Not to be found in an objection alone: who is missing, and why."""
    wide = read_study_data(study(tmp_path)).flow.steps
    assert wide[["kind", "step", "n"]].tail(3).to_numpy().tolist() == [
        ["end", "patients in the cohort", N],
        ["missing", "no score at 12 months", N // 6],
        ["observed", "score at 12 months observed", N - N // 6],
    ]
    why = pd.Series(None, index=FRAME.index, dtype=object)
    why[FRAME.index[::6]] = ["moved", " moved ", None, "died"] * 10
    FRAME.assign(why=why).to_csv(tmp_path / "w.csv", index=False)
    told = Study.from_dict(changed(table={"reason": "why"}), folder=tmp_path)
    data = read_study_data(told)
    missing = data.flow.steps[data.flow.steps["kind"] == "missing"]
    counts = dict(zip(missing["step"].str.partition(": ")[2], missing["n"]))
    assert counts == {"moved": 20, "reason not recorded": 10, "died": 10}
    assert "reason" not in Study.from_dict(TABLE, folder=tmp_path).to_dict()["data"]
    FRAME.assign(why="moved").to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(ArgumentError, match=r"`reason` must be empty for patients whose score at 12 months is known"):
        read_study_data(told)


def test_reasons_that_are_codes_are_whole_numbers_and_a_code_for_observed_is_refused_with_a_remedy() -> None:
    y = Measured.at(12, [np.nan, 3.0, np.nan, np.nan], lower=0, upper=10)
    told = outcome_steps(y, 12, "months", pd.Series([2.0, np.nan, 2.0, 1.0]))
    assert [one["step"] for one in told[:2]] == ["no score at 12 months: 2", "no score at 12 months: 1"]
    with pytest.raises(ArgumentError, match=r"1 reasons for known outcomes. Declare a code"):
        outcome_steps(y, 12, "months", pd.Series([2.0, 0.0, 2.0, 1.0]))


def test_results_and_form_tell_who_lacks_the_outcome() -> None:
    steps = pd.DataFrame(
        [
            {"kind": "start", "step": "rows", "n": 50},
            {"kind": "end", "step": "patients in the cohort", "n": 50},
            {"kind": "missing", "step": "no score at 12 months: moved", "n": 3},
            {"kind": "missing", "step": "no score at 12 months: died", "n": 7},
            {"kind": "observed", "step": "score at 12 months observed", "n": 40},
        ]
    )
    evaluation = SimpleNamespace(n=50, n_events=None, horizons=[12.0])
    page = SimpleNamespace(
        evaluation=evaluation, synthetic=False, flow=Flow(steps), release=None, outcome=None, time="12 months", unit=""
    )
    words = "The outcome was missing in 3 (no score at 12 months: moved) and 7 (no score at 12 months: died); 40 had"
    assert words in " ".join(_patients(page))
    assert "Without the outcome: no score at 12 months: moved 3;" in _flow(steps).text
    assert "Without the outcome" not in _flow(steps[:2]).text


def test_a_flow_for_release_tells_the_sum_of_those_without_a_score_or_nothing() -> None:
    steps = [
        {"kind": "start", "step": "rows", "n": 520},
        {"kind": "excluded", "step": "withdrawn", "n": 20},
        {"kind": "end", "step": "patients in the cohort", "n": 500},
        {"kind": "missing", "step": "no score at 12 months: moved", "n": 3},
        {"kind": "missing", "step": "no score at 12 months: died", "n": 30},
        {"kind": "observed", "step": "score at 12 months observed", "n": 467},
    ]

    def shown(moved: int, died: int) -> pd.DataFrame:
        rows = pd.DataFrame(steps)
        rows.loc[3:5, "n"] = [moved, died, 500 - moved - died]
        release = Gate(5, share=1.0).open(Patients(np.repeat([1, 0], 250)))
        return released_flow(Flow(rows), release).steps

    told = shown(3, 30)
    assert told.loc[told["kind"] == "missing", ["step", "n"]].to_numpy().tolist() == [["no score at 12 months", 33]]
    assert not shown(1, 2)["kind"].isin(["missing", "observed"]).any()


def test_a_registry_gives_the_score_of_a_wide_table(tmp_path: Path) -> None:
    told = package(tmp_path, outcome={"earlier": [3]}, model=[LONGITUDINAL])
    data, wide = read_study_data(told), read_study_data(study(tmp_path))
    assert data.y.dtype == wide.y.dtype
    np.testing.assert_array_equal(data.y["value"], wide.y["value"])
    np.testing.assert_array_equal(data.baseline, PAIN)
    np.testing.assert_array_equal(data.earlier[3.0], SCORE.clip(1, 9))
    assert (data.spec.target, data.spec.horizons) == ("no_event", (12.0,))
    steps = data.flow.to_frame().set_index("step")["n"]
    assert steps["no total in the window of the visit: score not observed"] == N // 6
    (fitted,) = fit_study(told, data).values()
    assert fitted.predict_forecast(data.X).probability.shape[0] == N
    plan = analysis_plan(told).to_markdown().replace("\\", "")
    assert "total of nrs_back: 0 to 10 (ordinal)" in plan
    assert "nearest; earlier, for fits alone: nrs_back at 3 months" in plan


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"score": {"baseline": "age"}}, "score.baseline"),
        ({"score": {"earlier": {"3": "nrs_back"}}}, "score.earlier"),
        ({"outcome": {"at_most": 3}}, "outcome.at_most"),
        ({"outcome": {"earlier": [3]}}, "outcome.earlier"),
        ({"model": [LONGITUDINAL]}, "outcome.earlier"),
        ({"outcome": {"instrument": "pseq"}, "score": {"baseline": "pseq"}}, "score.important"),  # a rise is a response
        ({"outcome": {"choice": "mean"}}, "outcome"),
        ({"outcome": {"earlier": 3}}, "outcome.earlier"),
        ({"outcome": {"window": "wide"}}, "outcome.window"),
        ({"outcome": {"instrument": ["odi"]}}, "outcome.instrument"),
        ({"score": {"upper": "ten"}}, "score.upper"),
        ({"outcome": {"kind": "chronic_transition"}}, "score"),
    ],
)
def test_a_registry_whose_tables_contradict_each_other_about_the_score_is_refused(
    tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        package(tmp_path, **changes)
    assert field in set(caught.value.failures["field"])


def test_the_page_of_a_registry_of_scores_passes_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lbp_prognosis.study._run_study._explanations", lambda *given: [])  # tested elsewhere
    result = run_study(package(tmp_path, validation={"folds": 2, "repeats": 1}), n_jobs=1)
    page = result.page()
    assert page.scores is not None
    assert page.scores.response is not None
    shown = released_page(replace(page, gate=Gate(share=1.0, smallest_cell=5)))
    assert shown.scores is not None
    assert shown.scores.tenths["n"].min() >= 5
    folds = cross_validate_risk(
        build_models(result.study, result.data),
        result.data.X,
        result.data.y,
        [12],
        n_splits=2,
        n_repeats=1,
        random_state=result.study.seed,
    )
    alone = crps(result.data.y, folds.forecasts["clinical"]).value
    assert result.evaluation.metric("crps", "clinical").value == pytest.approx(alone, abs=1e-12)


def test_the_score_keeps_its_range_its_cut_and_its_missing_values(tmp_path) -> None:
    data = read_study_data(study(tmp_path))
    expected = Measured.at(12, FRAME["nrs"], lower=0, upper=10, at_most=3)
    assert data.y.dtype == expected.dtype
    np.testing.assert_array_equal(data.y["value"], expected["value"])
    np.testing.assert_array_equal(data.baseline, PAIN)
    assert len(data.X) == N  # a score that was not observed is no reason to leave a patient out
    assert data.spec.ascertainment == "status"
    assert data.spec.target == "no_event"


@pytest.mark.parametrize("kind", ["ordinal_regression", "linear_outcome", "two_part_outcome", "boosted_outcome"])
def test_each_model_of_a_score_is_fitted_by_its_kind(tmp_path, kind) -> None:
    options = {"rounds": 5, "select_rounds": False, "recalibrate": False} if kind == "boosted_outcome" else {}
    one = {"name": "m", "kind": kind, "modalities": ["clinical"], "options": options}
    told = study(tmp_path, model=[one], comparison=None)
    data = read_study_data(told)
    fitted = fit_study(told, data)["m"]
    risk, forecast = fitted.predict_risk(data.X, 12)[:, 0], fitted.predict_forecast(data.X)
    np.testing.assert_allclose(risk, forecast.at_most(3), atol=1e-12)
    assert np.corrcoef(forecast.mean()[data.y["value"] >= 0], data.y["value"][data.y["value"] >= 0])[0, 1] > 0.3


def test_a_formula_of_a_study_of_scores_is_that_of_a_script(tmp_path) -> None:
    told = study(tmp_path)
    data = read_study_data(told)
    ours = build_models(told, data)["both"].fit(data.X, data.y)
    pipeline, X, y = from_formula(OrdinalRegression(), "Measured(nrs, 12, 0, 10) ~ rcs(pain, 3) + age * fat", FRAME)
    theirs = pipeline.fit(X, y)
    np.testing.assert_allclose(ours.predict_forecast(data.X).mean(), theirs.predict_forecast(X).mean(), rtol=1e-10)


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "score without its table": ({"score": None}, "score", "missing_key"),
    "table without its score": ({"table": {"score": None, "status": "nrs"}}, "score", "conflict"),
    "no cut": ({"score": {"at_most": None}}, "score", "range"),
    "two cuts": ({"score": {"at_least": 5}}, "score", "range"),
    "cut that all reach": ({"score": {"at_most": 10}}, "score", "range"),
    "range upside down": ({"score": {"lower": 10, "upper": 0}}, "score", "range"),
    "no range": ({"score": {"upper": None}}, "score.upper", "missing_key"),
    "unknown key": ({"score": {"mcid": 2}}, "score.mcid", "unknown_key"),
    "word for a number": ({"score": {"at_most": "3"}}, "score.at_most", "type"),
    "kind": ({"score": {"kind": "nominal"}}, "score", "range"),
    "change without baseline": ({"score": {"baseline": None}}, "score", "range"),
    "outcome as baseline": ({"score": {"baseline": "nrs"}}, "score.baseline", "conflict"),
    "two visits": ({"outcome": {"horizons": [6, 12]}}, "outcome.horizons", "conflict"),
    "response where high is good": (
        {"score": {"at_most": None, "at_least": 7}},
        "score.important",
        "conflict",
    ),
    "model of a time": (
        {"model": [{"name": "m", "kind": "cox", "modalities": ["clinical"]}], "comparison": None},
        "model.1.kind",
        "conflict",
    ),
    "model of a score for a state": (
        {"table": {"score": None, "status": "nrs"}, "score": None},
        "model.1.kind",
        "conflict",
    ),
    "score and time": ({"table": {"time": "nrs", "event": "age"}}, "table", "range"),
    "codes of events": ({"table": {"causes": {"a": 1}}}, "table", "range"),
    "exact dates": ({"outcome": {"ascertainment": "exact"}}, "outcome.ascertainment", "conflict"),
    "models as options": (
        {
            "model": [
                {
                    "name": "m",
                    "kind": "two_part_outcome",
                    "modalities": ["clinical"],
                    "options": {"above": "linear_outcome"},
                }
            ],
            "comparison": None,
        },
        "model.1",
        "range",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_protocol_that_contradicts_itself_about_its_score_is_refused(name) -> None:
    changes, field, reason = FAULTS[name]
    with pytest.raises(ArgumentError) as caught:
        Study.from_dict(changed(**changes))
    rows = caught.value.failures
    assert (field, reason) in list(zip(rows["field"], rows["reason"]))


def test_a_package_has_no_score_column() -> None:
    with pytest.raises(ArgumentError):
        Study.from_dict(changed(table=None) | {"data": {"package": "p", "score": "nrs"}})


@pytest.mark.parametrize(
    ("column", "cell"), [("nrs", 11.0), ("nrs", -1.0), ("pain", 99.0), ("nrs", "much")], ids=lambda v: str(v)
)
def test_a_score_outside_the_range_of_the_instrument_is_refused(tmp_path, column, cell) -> None:
    frame = FRAME.astype({column: object})
    frame.loc[3, column] = cell
    with pytest.raises(DataError, match=column):
        read_study_data(study(tmp_path, frame))


def test_a_column_without_any_score_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="No row has a score"):
        read_study_data(study(tmp_path, FRAME.assign(nrs=np.nan)))


def test_the_score_is_no_predictor_of_itself(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="modalities"):
        read_study_data(study(tmp_path, modalities={"imaging": ["fat", "nrs"]}))


def test_the_protocol_of_a_score_has_a_digest_of_its_own_and_others_keep_theirs(tmp_path) -> None:
    told = study(tmp_path)
    assert study(tmp_path, score={"at_most": 2}).spec_hash != told.spec_hash
    assert told.to_dict()["score"]["at_most"] == 3
    state = study(
        tmp_path,
        table={"score": None, "status": "nrs"},
        score=None,
        model=[{"name": "m", "kind": "logistic", "modalities": ["clinical"]}],
        comparison=None,
    )
    assert "score" not in state.to_dict()
    assert "score" not in state.to_dict()["data"]


def test_each_kind_of_model_has_words_for_a_manuscript() -> None:
    assert set(MODEL_KINDS) == set(_KINDS)


def earlier_study(folder: Path, frame: pd.DataFrame | None = None, **changes: Any) -> Study:
    """Return a study whose score was also recorded at 3 months."""
    rng = np.random.default_rng(4)
    seen = np.clip(np.round(SCORE + rng.normal(0, 1, N)), 0, 10)
    frame = FRAME.assign(nrs_3=np.where(rng.random(N) < 0.2, np.nan, seen)) if frame is None else frame
    plan = {"name": "m", "kind": "longitudinal_outcome", "modalities": ["clinical"]}
    given = {"score": {"earlier": {"3": "nrs_3"}}, "model": [plan], "comparison": None}
    return study(folder, frame, **(given | changes))


def test_a_model_of_several_visits_is_that_of_a_script(tmp_path) -> None:
    told = earlier_study(tmp_path)
    data = read_study_data(told)
    whole = Measured.at_visits({3: data.earlier[3.0], 12: data.y["value"]}, lower=0, upper=10, at_most=3)
    theirs = LongitudinalOutcome().fit(data.X[["pain", "age"]].reset_index(drop=True), whole)
    ours = fit_study(told, data)["m"]
    expected = theirs.predict_forecast(data.X[["pain", "age"]].reset_index(drop=True), 12)
    np.testing.assert_allclose(ours.predict_forecast(data.X).mean(), expected.mean(), rtol=1e-6)
    np.testing.assert_allclose(ours.predict_risk(data.X, 12)[:, 0], expected.at_most(3), rtol=1e-6)


def test_each_visit_is_judged_out_of_fold(tmp_path: Path) -> None:
    told = earlier_study(tmp_path, validation={"folds": 2, "repeats": 1})
    data = read_study_data(told)
    models = build_models(told, data)
    found = visit_scores(told, data, models, checkpoint=tmp_path / "fits")
    assert list(found) == [3.0]
    assert (tmp_path / "fits" / "3" / "checkpoint.json").exists()  # each visit is a cross-validation of its own
    rows = np.arange(N)
    seen = data.earlier[3.0].to_numpy()
    result = found[3.0].metric("crps", "m")
    assert result.n == int(np.isfinite(seen).sum())
    there = {"m": clone(models["m"]).set_params(visit=3.0)}
    again = cross_validate_risk(there, data.X, data.y, [12], n_splits=2, n_repeats=1, random_state=1)
    y = Measured.at(3, seen, lower=0, upper=10, at_most=3)
    assert result.value == pytest.approx(crps(y, again.forecasts["m"]).value, abs=1e-12)
    fitted = models["m"].fit(data.X, data.y)
    whole = fitted.estimator_.predict_forecast(data.X.iloc[rows], 3)
    assert whole.mean()[0] != pytest.approx(fitted.predict_forecast(data.X).mean()[0], abs=1e-3)
    alone = RiskPipeline([], OrdinalRegression()).fit(data.X[["pain"]], data.y)
    with pytest.raises(ArgumentError, match="`visit` must be left out"):
        alone.predict_forecast(data.X[["pain"]], 3)
    assert visit_scores(study(tmp_path), data, models) == {}
    shown = PageScores("m", "", score_tenths(data.y, again.forecasts["m"]), visits=found, y=data.y)
    evaluation = evaluate(data.y, again.forecasts, None, n_resamples=0)
    page = SimpleNamespace(horizon=12.0, unit="months", sample="out of fold", evaluation=evaluation)
    (table,) = _by_visit(page, shown)
    assert table.frame["visit (months)"].tolist() == ["3", "12"]
    assert table.frame["patients seen"].tolist() == [str(result.n), str(int(np.isfinite(data.y["value"]).sum()))]


def test_rows_of_a_fold_bring_their_own_earlier_scores(tmp_path) -> None:
    told = earlier_study(tmp_path)
    data = read_study_data(told)
    rows = np.random.default_rng(0).permutation(N)[: N // 2]
    model = build_models(told, data)["m"]
    part = model.fit(data.X.iloc[rows], data.y[rows]).predict_forecast(data.X)
    own = Measured.at_visits(
        {3: data.earlier[3.0].to_numpy()[rows], 12: data.y["value"][rows]}, lower=0, upper=10, at_most=3
    )
    X = data.X[["pain", "age"]].reset_index(drop=True)
    expected = LongitudinalOutcome().fit(X.iloc[rows].reset_index(drop=True), own).predict_forecast(X, 12)
    np.testing.assert_allclose(part.mean(), expected.mean(), rtol=1e-6)
    other = replace(data, earlier=data.earlier.assign(**{"3.0": 0}).rename(columns={"3.0": 3.5}))
    assert repr(build_models(told, other)["m"].earlier) != repr(model.earlier)  # stands in the hash of a checkpoint


@pytest.mark.parametrize(
    "changes",
    [
        {"score": {"earlier": {}}},
        {"score": {"earlier": {"12": "nrs_3"}}},
        {"score": {"earlier": {"soon": "nrs_3"}}},
        {"score": {"earlier": {"-3": "nrs_3"}}},
        {"score": {"earlier": {"3": "nrs_3", "3.0": "fat"}}},
        {"score": {"earlier": {"3": "nrs_3", "6": "nrs_3"}}},
        {"score": {"earlier": {"3": "nrs"}}},
        {"score": {"earlier": {"3": "pain"}}},
        {"model": [{"name": "m", "kind": "linear_outcome", "modalities": ["clinical"]}]},
    ],
)
def test_earlier_visits_that_no_model_can_use_are_refused(tmp_path, changes) -> None:
    with pytest.raises(ArgumentError) as caught:
        earlier_study(tmp_path, **changes)
    assert caught.value.failures["field"].str.startswith("score").all()


@pytest.mark.parametrize("column", ["nrs_3", "absent"])
def test_earlier_scores_are_read_as_strictly_as_the_last(tmp_path, column) -> None:
    told = earlier_study(tmp_path, FRAME.assign(nrs_3=11), score={"earlier": {"3": column}})
    with pytest.raises(DataError, match=column):
        read_study_data(told)


def test_an_earlier_score_is_no_predictor(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="modalities"):
        read_study_data(earlier_study(tmp_path, modalities={"imaging": ["fat", "nrs_3"]}))


def test_each_site_is_predicted_by_models_of_the_score_fitted_without_it(tmp_path) -> None:
    frame = FRAME.assign(site=np.resize(list("abc"), N))
    told = study(tmp_path, frame, table={"site": "site"}, validation={"sites": True})
    data = read_study_data(told)
    models = build_models(told, data)
    found = _sites(told, data, models, None)
    out = frame["site"].to_numpy() == "b"
    X, y = data.X[["pain", "age"]].reset_index(drop=True), data.y
    own = OrdinalRegression().fit(X[~out].reset_index(drop=True), y[~out])
    risk = own.predict_risk(X[out].reset_index(drop=True), 12)
    expected = evaluate(measured_to_status(y[out]), risk, 12, target="no_event", n_resamples=0)
    rows = found.to_frame()
    rows = rows[(rows["model"] == "clinical") & (rows["group"] == "b") & (rows["reference"].fillna("") == "")]
    for name in ("auc", "observed_expected", "calibration_slope"):
        value = float(rows.loc[rows["metric"] == name, "value"].iloc[0])
        assert value == pytest.approx(expected.metric(name).value, rel=1e-8), name


@pytest.mark.parametrize(("baseline", "said"), [("fat", True), ("pain", False), (None, False)])
def test_a_model_without_the_score_at_time_zero_is_objected_to(tmp_path, baseline, said) -> None:
    told = study(
        tmp_path,
        FRAME.assign(fat=FRAME["fat"].abs()),
        score={"baseline": baseline, "smallest_detectable": None, "important": None},
    )
    doubts = {doubt.code: doubt.sentence for doubt in read_study_data(told).objections}
    assert ("baseline-not-in-model" in doubts) == said
    if said:
        assert "(fat) is not a predictor in clinical." in doubts["baseline-not-in-model"]
    lacks = "Which column is the score at time zero (score.baseline)."
    assert (lacks in analysis_plan(told).to_markdown()) == (baseline is None)


LEARNERS = {"clinical": "ordinal_regression", "imaging": {"kind": "linear_outcome", "imputations": 0}}


@pytest.mark.parametrize("kind", ["average", "stacked"])
def test_models_of_scores_are_combined_by_name(tmp_path: Path, kind: str) -> None:
    model = {"name": "both", "kind": kind, "modalities": ["clinical", "imaging"], "options": {"learners": LEARNERS}}
    given = study(tmp_path, model=[model], comparison=None)
    data = read_study_data(given)
    fitted = build_models(given, data)["both"].fit(data.X, data.y)
    forecast = fitted.predict_forecast(data.X)
    assert forecast.probability.shape[0] == N
    np.testing.assert_allclose(forecast.probability.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(fitted.predict_risk(data.X, [12])[:, 0], forecast.at_most(3), atol=1e-9)


def test_risk_groups_of_a_score_are_built_by_name(tmp_path: Path) -> None:
    options = {"model": {"kind": "ordinal_regression", "imputations": 0}, "cuts": [0.4]}
    model = {"name": "groups", "kind": "risk_stratifier", "modalities": ["clinical"], "options": options}
    given = study(tmp_path, model=[model], comparison=None)
    data = read_study_data(given)
    (rule,) = build_models(given, data)["groups"].fit(data.X, data.y).models_
    own = rule.model_.predict_risk(data.X[["pain", "age"]])[:, 0]
    np.testing.assert_array_equal(rule.predict_group(data.X[["pain", "age"]]), own >= 0.4)


def test_patients_without_an_image_have_a_model_of_their_own_for_a_score(tmp_path: Path) -> None:
    frame = FRAME.assign(fat=FRAME["fat"].where(FRAME["id"] >= 120))
    options = {"estimator": {"kind": "ordinal_regression", "imputations": 0}, "min_events": 40}
    model = {"name": "both", "kind": "patterns", "modalities": ["clinical", "imaging"], "options": options}
    given = study(tmp_path, frame, model=[model], comparison=None)
    data = read_study_data(given)
    fitted = build_models(given, data)["both"].fit(data.X, data.y)
    rows = data.X.head(120)[["pain", "age"]].reset_index(drop=True)
    own = OrdinalRegression().fit(rows, data.y[:120])
    np.testing.assert_allclose(fitted.predict_forecast(data.X).mean()[:120], own.predict_mean(rows), rtol=1e-9)


@pytest.mark.parametrize(
    ("kind", "learner"), [("stacked", "cox"), ("average", "longitudinal_outcome"), ("stacked", "null")]
)
def test_learners_of_another_outcome_are_refused(tmp_path: Path, kind: str, learner: str) -> None:
    options = {"learners": {"clinical": "ordinal_regression", "imaging": learner}}
    model = {"name": "both", "kind": kind, "modalities": ["clinical", "imaging"], "options": options}
    with pytest.raises(ArgumentError, match="model.1.options.learners.imaging.*a model of a score") as caught:
        study(tmp_path, model=[model], comparison=None)
    assert caught.value.failures["field"].tolist() == ["model.1.options.learners.imaging"]


def test_patterns_of_a_score_need_a_model_of_a_score(tmp_path: Path) -> None:
    model = {"name": "m", "kind": "patterns", "modalities": ["clinical", "imaging"], "options": {"estimator": "cox"}}
    with pytest.raises(ArgumentError) as caught:
        study(tmp_path, model=[model], comparison=None)
    assert caught.value.failures["field"].tolist() == ["model.1.options.estimator"]


def test_stacks_of_scores_without_a_score_are_refused(tmp_path: Path) -> None:
    model = {"name": "m", "kind": "stacked", "modalities": ["clinical", "imaging"], "options": {"learners": LEARNERS}}
    table = changed(model=[model], comparison=None, score=None)
    table["table"] = {"wide": "w.csv", "time": "pain", "event": "nrs"}
    with pytest.raises(ArgumentError, match="models of scores need"):
        Study.from_dict(table, folder=tmp_path, home=tmp_path)
