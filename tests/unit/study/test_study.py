"""The protocol: frozen, hashed, refused where it is not what it must be; and what a run does with it."""

import copy
import dataclasses
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, DataError, OutcomeError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.study import Study, evaluate_table, read_study_data, run_study
from lbp_prognosis.study._dated_at_visit import DatedAtVisit
from lbp_prognosis.survival import known_at, outcome_kind
from lbp_prognosis.validation.resampling import _cross_validate

WIDE = {
    "title": "t",
    "seed": 4,
    "table": {
        "wide": "w.csv",
        "id": "id",
        "time": "months",
        "event": "status",
        "causes": {"recovery": 1, "surgery": 2},
    },
    "outcome": {
        "name": "recovery",
        "definition": "d",
        "polarity": "good",
        "time_zero": "z",
        "unit": "months",
        "horizons": [6, 12],
        "primary_horizon": 12,
    },
    "modalities": {"clinical": ["age", "sex"], "imaging": ["fat"]},
    "model": [
        {"name": "clinical", "kind": "cause_specific_cox", "modalities": ["clinical"]},
        {
            "name": "both",
            "kind": "cause_specific_cox",
            "modalities": ["clinical", "imaging"],
            "imputations": 2,
            "iterations": 2,
        },
    ],
    "comparison": {"clinical": "clinical", "extended": "both"},
    "decision": {"low": 0.3, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "because"},
    "validation": {"folds": 3, "repeats": 1, "resamples": 0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("wide")
    rng = np.random.default_rng(0)
    n = 240
    age, fat = rng.normal(50, 12, n), rng.normal(20, 5, n)
    rate = 0.08 * np.exp(-0.03 * (age - 50))
    t1, t2, c = rng.exponential(1 / rate), rng.exponential(60, n), rng.uniform(8, 24, n)
    time = np.minimum.reduce([t1, t2, c])
    status = np.select([c <= np.minimum(t1, t2), t1 <= t2], [0, 1], 2)
    fat[rng.random(n) < 0.2] = np.nan
    frame = pd.DataFrame(
        {
            "id": np.arange(n),
            "months": time,
            "status": status,
            "age": age,
            "sex": rng.choice(["f", "m"], n),
            "fat": fat,
            "site": rng.choice(list("abc"), n),
            "unused": 1,
            "code": rng.integers(0, 3, n),
        }
    )
    frame.to_csv(where / "w.csv", index=False)
    frame.to_stata(where / "w.dta", write_index=False)
    frame.to_excel(where / "w.xlsx", index=False)
    return where


def study(folder, **changes):
    table = copy.deepcopy(WIDE)
    for key, value in changes.items():
        if value is None:
            table.pop(key)
        elif isinstance(value, dict) and isinstance(table.get(key), dict):
            table[key] = {**table[key], **value}
        else:
            table[key] = value
    return Study.from_dict(table, folder=folder)


def test_frozen_and_hashed(folder):
    one, two = study(folder), study("elsewhere")
    assert one == two
    assert hash(one) == hash(two)
    assert one.spec_hash == two.spec_hash  # where the data lie is no part of the protocol
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.seed = 5
    for change in (
        {"seed": 5},
        {"decision": {"primary": 0.5}},
        {"modalities": {"imaging": ["m1"]}},
        {"outcome": {"primary_horizon": 6}},
        {"prespecified": True},
    ):
        assert study(folder, **change).spec_hash != one.spec_hash, change
    assert one != "study"


@pytest.mark.parametrize("file", ["w.csv", "w.dta", "w.xlsx"])
def test_any_format_gives_the_same_rows(folder, file):
    data = read_study_data(study(folder, table={"wide": file}))
    reference = read_study_data(study(folder))
    pd.testing.assert_frame_equal(data.X.reset_index(drop=True), reference.X.reset_index(drop=True))
    assert np.allclose(data.y["time"], reference.y["time"])
    assert (data.y["event"] == reference.y["event"]).all()
    assert list(data.hashes) == [file]
    assert any("unused" in note for note in data.notes)


def test_labels_of_a_file_stand_beside_the_names(folder, tmp_path):
    from lbp_prognosis.report._section_patients import _columns, _labels, _variable
    from lbp_prognosis.study._study_page import _columns as of_study

    told = {"age": "Age at <visit>", "sex": "Sex at birth", "unused": "not shown"}
    pd.read_stata(folder / "w.dta").to_stata(tmp_path / "w.dta", write_index=False, variable_labels=told)
    data = read_study_data(study(tmp_path, table={"wide": "w.dta"}))
    assert data.labels == {"age": "Age at <visit>", "sex": "Sex at birth"}
    page = SimpleNamespace(columns=of_study(SimpleNamespace(data=data, study=study(tmp_path))))
    shown = _columns(page).frame
    assert dict(zip(shown["predictor"], shown["label"])) == {**dict.fromkeys(shown["predictor"], ""), **data.labels}
    assert _variable("age, mean (SD)", {"age": "years"}, _labels(page)) == "age – Age at <visit> (years), mean (SD)"
    assert _variable("age, at visit, n (%)", {"age": "years"}, _labels(page)) == "age, at visit, n (%)"
    plain = SimpleNamespace(columns=page.columns.assign(label=""))
    assert "label" not in _columns(plain).frame


def test_named_codes_become_words(folder):
    data = read_study_data(study(folder, table={"nominal": ["code"]}, modalities={"clinical": ["age", "code"]}))
    assert set(data.X["code"].unique()) == {"0", "1", "2"}


def test_rows_asked_for(folder):
    data = read_study_data(study(folder, table={"where": {"sex": "f", "site": ["a", "b"]}}))
    assert set(data.X["sex"]) == {"f"}
    kept = data.flow.steps
    assert kept["n"].iloc[0] - kept.loc[kept["kind"].eq("excluded"), "n"].sum() == kept["n"].iloc[-1] == len(data.X)


def test_rows_without_an_outcome_are_counted(folder, tmp_path):
    frame = pd.read_csv(folder / "w.csv")
    frame.loc[:6, "months"] = np.nan
    frame.to_csv(tmp_path / "w.csv", index=False)
    data = read_study_data(study(tmp_path))
    assert len(data.X) == len(frame) - 7
    assert data.flow.steps.query("kind == 'excluded'")["n"].tolist() == [7]


def test_transform(folder):
    plain, bent = read_study_data(study(folder)), read_study_data(study(folder, transform={"sqrt": ["age"]}))
    assert np.allclose(bent.X["age"] ** 2, plain.X["age"])
    with pytest.raises(ArgumentError, match="transform"):
        read_study_data(study(folder, transform={"log": ["sex"]}))


def test_duplicates_come_as_failures(folder, tmp_path):
    frame = pd.read_csv(folder / "w.csv")
    frame.loc[3, "id"] = 1
    frame.to_csv(tmp_path / "w.csv", index=False)
    with pytest.raises(DataError, match="each patient once") as raised:
        read_study_data(study(tmp_path))
    assert raised.value.failures["reason"].tolist() == ["duplicate_key"]
    assert raised.value.failures["row"].tolist() == [4]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoint")


@pytest.fixture(scope="module")
def result(folder, checkpoint):
    plan = study(folder, table={"site": "site"}, validation={"sites": True})
    return run_study(plan, n_jobs=1, checkpoint=checkpoint)


def test_numbers_are_those_of_the_doors(result):
    """The study adds nothing to what the rooms compute: same folds, same risks, same metrics."""
    from lbp_prognosis import evaluate
    from lbp_prognosis.evaluation import decision_curve

    risks = result.cross_validation.risks
    found = evaluate(result.data.y, risks, [6, 12], target="no_event", n_resamples=0)
    for name in risks:
        for metric in ("auc", "brier", "ipa", "observed_expected", "calibration_slope"):
            assert np.allclose(result.evaluation.metric(metric, name).value, found.metric(metric, name).value)
    curve = decision_curve(result.data.y, risks, [6, 12], [0.3, 0.4, 0.5, 0.6], target="no_event", n_resamples=0)
    mine = result.evaluation.decision
    places = [int(np.flatnonzero(np.isclose(mine.thresholds, t))[0]) for t in curve.thresholds]
    assert np.allclose(mine.value[:, :, places], curve.value)


def test_every_patient_is_predicted_by_models_that_did_not_see_them(result):
    folds = result.cross_validation
    assert folds.folds.shape == (1, 240)
    assert np.isfinite(folds.risks["both"]).all()
    plan = result.study.models[1]
    train = folds.folds[0] != 0
    pipeline = plan.pipeline(
        result.data.modalities, incomplete=True, visits=None, nominal=True, random_state=result.study.seed + 1
    )
    again = pipeline.fit(result.data.X[train], result.data.y[train]).predict_risk(result.data.X[~train], [6, 12])
    assert np.allclose(folds.risks["both"][~train], again)


def test_evidence_knows_how_numbers_came_about(result):
    frame = result.to_frame()
    assert set(frame["sample"]) == {"internal", "apparent", "internal-external"}
    answers = {claim.kind: result.evidence.supports(claim) for claim in result.claims}
    assert answers["adds_value"].answer != "supported"
    missing = [check.name for check in answers["adds_value"].checks if check.passed is False]
    assert any("clinical minimum" in name for name in missing)


def test_headline(result):
    rows = result.headline()
    assert len(rows) == 5
    assert rows["label"].str.startswith(("AUC", "ΔIPA", "O/E", "Δ net benefit")).all()
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    gain = result.evaluation.difference("ipa", "both", "clinical")
    assert rows.loc[2, "value"] == pytest.approx(gain.value[1])


def test_sites_are_predicted_without_them(result):
    assert set(result.sites.sites["site"]) == {"a", "b", "c"}
    assert result.sites.models == ("clinical", "both")


def test_repr_and_provenance(result):
    assert "240 patients" in repr(result)
    assert result.provenance["spec_sha256"] == result.study.spec_hash
    assert result.provenance["study"]["title"] == "t"


@pytest.mark.usefixtures("unexplained")
def test_killed_run_resumes_to_the_same(folder, result, checkpoint, monkeypatch):
    """A fold is done again where its file is lost; the others are read, and neither is noticed in the risks."""
    fits = []
    fit_on = _cross_validate.fit_on
    monkeypatch.setattr(_cross_validate, "fit_on", lambda *given, **more: fits.append(1) or fit_on(*given, **more))
    sorted(checkpoint.rglob("task-*.npz"))[0].unlink()
    again = run_study(study(folder, table={"site": "site"}), n_jobs=1, checkpoint=checkpoint)
    assert len(fits) == 1
    for name in again.cross_validation.models:
        assert np.array_equal(again.cross_validation.risks[name], result.cross_validation.risks[name])


def test_models_of_exact_times_are_told_that_visits_are_dates():
    from lbp_prognosis.models import CoxPH

    y = Surv.interval([0, 3, 3, 6, 6, 0] * 5, [3, 6, 6, np.inf, np.inf, 3] * 5)
    X = pd.DataFrame({"x": np.random.default_rng(0).normal(size=30)})
    wrapped = DatedAtVisit(CoxPH()).fit(X, y)
    plain = CoxPH().fit(X, Surv.interval_to_right(y, at="visit"))
    assert np.array_equal(wrapped.predict_risk(X, [3, 6]), plain.predict_risk(X, [3, 6]))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    where = tmp_path_factory.mktemp("registry")
    simulate_cohort(350, 5, imaging_rate=0.7).to_package(where / "cohort")
    return {
        "title": "r",
        "data": {"package": "cohort"},
        "outcome": {
            "kind": "pain_recovery",
            "threshold": 2,
            "sustained": 0,
            "competing": ["surgery"],
            "horizons": [6, 12],
            "primary_horizon": 12,
            "schedule": [1.5, 3, 6, 9, 12, 18, 24],
        },
        "imaging": {"pool": {"pfirrmann": "mean"}},
        "modalities": {"clinical": ["age", "nrs_back"], "imaging": ["pfirrmann__mean"]},
        "model": [
            {"name": "visits", "kind": "discrete_time_hazard", "modalities": ["clinical"], "options": {"penalty": 1.0}},
            {"name": "dated", "kind": "cause_specific_cox", "modalities": ["clinical"], "options": {"penalty": 1.0}},
        ],
        "comparison": {"clinical": "visits", "extended": "dated"},
        "decision": {"low": 0.3, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "because"},
        "validation": {"folds": 3, "repeats": 1, "resamples": 0},
    }, where


def test_data_in_a_database_are_those_of_the_files(registry, folder, tmp_path):
    """A data package in one DuckDB file, and a wide table in one of several tables."""
    duckdb = pytest.importorskip("duckdb")
    table, where = registry
    base = tmp_path / "all.duckdb"
    with duckdb.connect(str(base)) as connection:
        for path in sorted((where / "cohort").glob("*.csv")):
            connection.execute(f"CREATE TABLE {path.stem} AS SELECT * FROM read_csv('{path}', all_varchar = true)")
        connection.execute(f"CREATE SCHEMA wide; CREATE TABLE wide.w AS SELECT * FROM read_csv('{folder / 'w.csv'}')")
    asked = {**table, "data": {"package": "all.duckdb", "synthetic": True}}
    one, two = (
        read_study_data(Study.from_dict(table, folder=where)),
        read_study_data(Study.from_dict(asked, folder=tmp_path)),
    )
    pd.testing.assert_frame_equal(one.X, two.X)
    assert np.array_equal(one.y, two.y)
    assert list(two.hashes) == ["all.duckdb"]
    wide, other = study(folder), study(tmp_path, table={"wide": "all.duckdb", "sheet": "w"})
    one, two = read_study_data(wide).X, read_study_data(other).X
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


@pytest.mark.usefixtures("unexplained")
def test_visit_outcomes_stay_intervals_and_are_decided_on_at_the_visit(registry):
    from lbp_prognosis.evaluation import decision_curve

    table, where = registry
    result = run_study(Study.from_dict(table, folder=where), n_jobs=1)
    y = result.data.y
    assert outcome_kind(y) == "interval"
    ends = y["upper"][np.isfinite(y["upper"])]
    assert set(np.unique(ends)) <= {1.5, 3, 6, 9, 12, 18, 24}
    assert result.synthetic
    assert result.evaluation.synthetic
    assert any(o.code == "dated-at-visit" for o in result.objections)
    assert not any(o.code == "no-decision-curve" for o in result.objections)
    risks = {name: risk[:, 1] for name, risk in result.cross_validation.risks.items()}
    curve = decision_curve(known_at(y, 12), risks, 12, [0.4], target="no_event", n_resamples=0)
    mine = result.evaluation.decision
    k = int(np.flatnonzero(np.isclose(mine.thresholds, 0.4))[0])
    assert np.allclose(mine.value[:, 0, k], curve.value[:, 0, 0])
    for claim in result.claims:
        assert result.evidence.supports(claim).answer != "supported"


def test_visit_outcomes_need_a_schedule_that_holds_the_horizons(registry):
    table, where = registry
    for schedule, words in ((None, "schedule"), ([3, 6], "planned visits")):
        outcome = {**table["outcome"], "schedule": schedule}
        if schedule is None:
            del outcome["schedule"]
        with pytest.raises(ArgumentError, match=words):
            read_study_data(Study.from_dict({**table, "outcome": outcome}, folder=where))


def test_a_package_without_imaging_says_so(registry):
    table, where = registry
    bare = {key: value for key, value in table.items() if key != "imaging"}
    data = read_study_data(Study.from_dict({**bare, "modalities": {"clinical": ["age"]}}, folder=where))
    assert [o.code for o in data.objections].count("no-imaging") == 1


def test_a_rule_for_a_measure_without_values_at_time_zero_says_why_there_are_none(registry, tmp_path):
    table, where = registry
    shutil.copytree(where / "cohort", tmp_path / "cohort")
    for name in ("biomarker", "imaging_study"):
        path = tmp_path / "cohort" / f"{name}.csv"
        frame = pd.read_csv(path, dtype=str)
        frame.drop(columns=["acquired_on", "acquired_day"], errors="ignore").to_csv(path, index=False)
    with pytest.raises(ArgumentError, match="There are: none.*without a date: [0-9]+.*Give `acquired_on`"):
        read_study_data(Study.from_dict(table, folder=tmp_path))
    with pytest.raises(ArgumentError, match=r"got \['pfirrman'\]. There are: .*pfirrmann") as refused:
        read_study_data(Study.from_dict({**table, "imaging": {"pool": {"pfirrman": "mean"}}}, folder=where))
    assert "acquired_on" not in str(refused.value)


def test_a_table_of_predictions(folder, tmp_path):
    frame = pd.read_csv(folder / "w.csv").assign(risk=0.4)
    frame["risk"] = 1 - np.exp(-0.08 * 12 * np.exp(-0.03 * (frame["age"] - 50)))
    frame.to_csv(tmp_path / "p.csv", index=False)
    page = evaluate_table(
        tmp_path / "p.csv",
        risks=["risk"],
        horizon=12,
        time="months",
        event="status",
        thresholds="0.2,0.4",
        target="no_event",
    )
    assert page.evaluation.target == "no_event"
    assert page.objections[0].code == "origin-of-predictions"
    assert page.evidence.supports(page.claims[0]).answer != "supported"
    for keywords, error in (
        ({"time": "months"}, ArgumentError),
        ({"time": "months", "event": "status", "thresholds": "0.5:0.1"}, ArgumentError),
        ({"time": "months", "event": "sex"}, DataError),
        ({"status": "months"}, DataError),
        ({"time": "months", "event": "status", "sample": "hearsay"}, ArgumentError),
    ):
        with pytest.raises(error):
            evaluate_table(tmp_path / "p.csv", risks=["risk"], horizon=12, **keywords)
    assert issubclass(OutcomeError, ArgumentError)
