"""Risks without a treatment in a study: read, fitted to the strategy in the folds, judged, shown, released."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import Page, released_page
from lbp_prognosis.report._blocks import Notice, Table
from lbp_prognosis.report._more_numbers import more_numbers
from lbp_prognosis.report._section_treatment import section_treatment
from lbp_prognosis.report._write_page import _all_numbers
from lbp_prognosis.study import Study, StudyResult, analysis_plan, read_study_data, run_study
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._check_before_work import check_before_work
from lbp_prognosis.study._model_plan import ModelPlan
from lbp_prognosis.study._number_table import number_table
from lbp_prognosis.study._study_treatment import _takes_weights, _without_starts, study_treatment
from lbp_prognosis.study._treatment_courses import FittedUntreated
from lbp_prognosis.validation import StartBy, StartWhen, cross_validate_risk, under_strategy, without_treatment

N, K = 420, 5
TABLE: dict[str, Any] = {
    "title": "Sick leave",
    "table": {"wide": "w.csv", "id": "id", "time": "months", "event": "status"},
    "treatment": {
        "name": "surgery",
        "strategy": "never start",
        "table": "treatment.csv",
        "id": "id",
        "time": "months",
        "start": "surgery",
        "columns": ["pain_now"],
    },
    "outcome": {
        "name": "sick leave",
        "definition": "Four weeks of sick leave.",
        "polarity": "bad",
        "time_zero": "first visit",
        "unit": "months",
        "horizons": [6],
        "estimand": "treatment-policy",
    },
    "modalities": {"clinical": ["pain", "age"]},
    "model": [
        {"name": "weibull", "kind": "parametric_aft", "modalities": ["clinical"]},
        {"name": "clinical", "kind": "cox", "modalities": ["clinical"]},
    ],
    "decision": {"low": 0.2, "high": 0.4, "primary": 0.3, "step": 0.1, "rationale": "because"},
    "validation": {"folds": 3, "repeats": 1, "resamples": 0},
}


def frames(n: int = N, seed: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients in pain are treated more often, and have the event more often without treatment."""
    rng = np.random.default_rng(seed)
    pain, age = rng.normal(size=n).round(3), rng.normal(50, 9, n).round(1)
    later = (pain + rng.normal(0, 0.5, n)).round(3)
    surgery = rng.exponential(16 * np.exp(-0.8 * pain))
    risk = np.exp(0.5 * pain)
    event = rng.exponential(12 / risk)
    event = np.where(event > surgery, surgery + 3 * (event - surgery), event)
    lost = rng.uniform(5, 14, n)
    months = np.minimum(event, lost).round(4)
    wide = pd.DataFrame({"id": [f"P{k}" for k in range(n)], "pain": pain, "age": age, "months": months})
    wide["status"] = (event <= lost).astype(int)
    start = np.where(surgery < months, surgery.round(4), np.nan)
    first = pd.DataFrame({"id": wide["id"], "months": 0.0, "surgery": start, "pain_now": pain})
    second = first.assign(months=3.0, pain_now=later)[(months > 3) & ~(start <= 3)]
    return wide, pd.concat([first, second]).sample(frac=1, random_state=1)


WIDE, COURSE = frames()
ALL_BY_10 = COURSE.assign(
    surgery=COURSE["surgery"].where(COURSE["id"].map(WIDE.set_index("id")["months"]) <= 10, 9.5).clip(upper=9.5)
)


def changed(**changes: Any) -> dict[str, Any]:
    table = copy.deepcopy(TABLE)
    for key, value in changes.items():
        kept = table.get(key)
        both = isinstance(value, dict) and isinstance(kept, dict)
        table[key] = {k: v for k, v in {**kept, **value}.items() if v is not None} if both else value
    return {key: value for key, value in table.items() if value is not None}


def _named(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "cox", "modalities": ["clinical"]}


def write(folder: Path, wide: pd.DataFrame = WIDE, course: pd.DataFrame = COURSE) -> None:
    wide.to_csv(folder / "w.csv", index=False)
    course.to_csv(folder / "treatment.csv", index=False)


def study(folder: Path, **changes: Any) -> Study:
    return Study.from_dict(changed(**changes), folder=folder, home=folder)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, unexplained_module: None) -> StudyResult:
    folder: Path = tmp_path_factory.mktemp("treatment")
    write(folder)
    found = run_study(study(folder), n_jobs=1, checkpoint=folder / "fits")
    assert (folder / "fits" / "treatment" / "checkpoint.json").exists()  # a cross-validation of its own
    return found


@pytest.fixture(scope="module")
def page(result: StudyResult) -> Page:
    return result.page()


def test_the_numbers_are_those_of_the_door(result: StudyResult) -> None:
    shown = result.treatment
    assert shown is not None
    starts = COURSE.groupby("id")["surgery"].first().reindex(WIDE["id"]).to_numpy()
    y = Surv.right(WIDE["months"].to_numpy(), WIDE["status"].to_numpy())
    history = COURSE[["id", "months", "pain_now"]]
    found = without_treatment(y, starts, history, ids=WIDE["id"].tolist(), id="id", time="months")
    risk = result.cross_validation.risks["clinical"][:, 0]
    alone = found.evaluate(risk, 6, [0.2, 0.3, 0.4], n_resamples=0)
    for name in ("auc", "brier", "observed_expected", "calibration_slope"):
        assert shown.evaluation.metric(name, "clinical").value == pytest.approx(alone.metric(name).value, abs=1e-12)
    curve, own = shown.evaluation.decision, alone.decision
    m, k = curve.models.index("clinical"), int(np.abs(curve.thresholds - 0.3).argmin())
    assert curve.value[m, 0, k] == pytest.approx(own.value[0, 0, 1], abs=1e-12)
    pd.testing.assert_frame_equal(shown.positivity, found.positivity([6.0]))
    assert (shown.n, shown.n_treated) == (N, int(np.isfinite(starts).sum()))
    assert shown.evaluation.models == ("weibull", "clinical", "clinical without surgery")
    assert {o.code for o in shown.objections} >= {"treatment-unmeasured"}
    assert {o.code for o in result.objections} >= {"treatment-unmeasured"}


def test_models_of_the_strategy_are_weighted_by_training_patients_alone(result: StudyResult) -> None:
    data = result.data
    rows = np.arange(0, N, 2)
    model = FittedUntreated(CoxPH(), data.treatment).fit(data.X.iloc[rows], data.y[rows])
    starts = data.treatment.starts.reindex(data.X.index[rows]).to_numpy()
    part = COURSE[COURSE["id"].isin(data.X.index[rows])]
    found = without_treatment(
        data.y[rows], starts, part[["id", "months", "pain_now"]], ids=list(data.X.index[rows]), id="id", time="months"
    )
    own = found.fit(CoxPH(), data.X.iloc[rows].reset_index(drop=True))
    np.testing.assert_allclose(model.estimator_.coef_, own.coef_, atol=1e-12)
    # the patients in pain are treated, so that the risk without treatment is higher than what was seen
    ratio = {name: result.treatment.evaluation.metric("observed_expected", name).value for name in result.models}
    better = result.treatment.evaluation.metric("observed_expected", "clinical without surgery").value
    assert ratio["clinical"] > better > 0.85


def test_the_page_says_what_the_strategy_is(page: Page) -> None:
    bare = replace(page, treatment=replace(page.treatment, evaluation=_undrawn(page)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lbp_prognosis.report._section_treatment._models", lambda page, shown: [])
        section = section_treatment(bare)
    assert section is not None
    tables = {block.name: block.frame for block in section.blocks if isinstance(block, Table)}
    assert set(tables) == {"treatment_starts", "treatment_positivity", "treatment"}
    assert list(tables["treatment"]["model"]) == ["weibull", "clinical", "clinical without surgery"]
    assert "net benefit at 0.3" in tables["treatment"]
    words = " ".join(str(getattr(block, "text", "")) for block in section.blocks)
    assert "never start surgery" in words
    assert any(isinstance(block, Notice) for block in section.blocks)
    rows = _all_numbers(page)
    rows = rows[rows["group"] == "never start surgery"]
    assert set(rows["model"]) - {"treat all"} == {"weibull", "clinical", "clinical without surgery"}
    assert set(rows["sample"]) == {"internal"}
    assert section_treatment(replace(page, treatment=None)) is None


def _undrawn(page: Page) -> Any:
    """Without what is drawn: figures are looked at elsewhere."""
    found = page.treatment.evaluation
    return replace(found, decision=replace(found.decision, reason=("undrawn",)))


def test_a_page_for_release_shows_no_cell_below_k(page: Page) -> None:
    shown = released_page(replace(page, gate=Gate(share=1.0, smallest_cell=K)))
    own = shown.treatment
    assert own is not None
    assert (own.n, own.n_treated, own.n_lost, own.treated, own.known, own.scores) == (None,) * 5 + ({},)
    assert own.starts.empty
    assert set(own.positivity.columns) == {"horizon", "treated", "known", "fifth"}
    assert own.evaluation.calibrations == {}
    assert own.evaluation.metrics["clinical"]["auc"].influence is None
    section = section_treatment(shown)
    assert section is not None
    assert [type(block).__name__ for block in section.blocks if type(block).__name__ == "Picture"] == []
    frame = more_numbers(shown)[0]
    assert frame["se"].isna().all()
    assert shown.numbers[["n", "n_events", "se"]].isna().all().all()
    assert "never start surgery" in set(shown.numbers["group"])
    assert not any(character.isdigit() for one in own.objections for character in one.sentence.split("(")[0])


@pytest.mark.parametrize("few", [K - 1, K])
def test_the_few_who_were_treated_do_not_follow_by_subtraction(page: Page, few: int) -> None:
    """All patients less those whose state without treatment is known are those treated, by outcome."""
    state = _state(page)
    own = page.treatment
    treated = np.zeros(N, dtype=bool)
    for value in (0, 1):
        treated[np.flatnonzero(state == value)[: few if value else 40]] = True
    treated[np.flatnonzero(state == -1)] = False
    made = replace(own, treated=treated, known=~treated & (state >= 0))
    shown = released_page(replace(page, treatment=made, gate=Gate(share=1.0, smallest_cell=K)))
    unknown = int((state == -1).sum())
    assert (shown.treatment is not None) == (few >= K and (unknown == 0 or unknown >= K))
    if shown.treatment is None:
        actions = shown.release.to_frame()
        assert "results without surgery" in set(actions["where"])
        assert section_treatment(shown) is None
        assert "never start surgery" not in set(shown.numbers["group"])


def _state(page: Page) -> np.ndarray:
    fitted = page.evaluation.calibrations["clinical"].judged(page.horizon)
    state: np.ndarray = fitted.state()
    return state


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"treatment": {"table": None}}, "one without 'table'"),
        ({"treatment": {"strategy": "start within 3 months"}}, "never start"),
        ({"treatment": {"tabel": "x", "table": None}}, "table"),
        ({"treatment": {"columns": []}}, "at least one column"),
        ({"treatment": {"losses": "none"}}, "marginal"),
        ({"table": {"id": None}}, "table.id"),
        ({"table": {"entry": "start"}}, "exact times from time zero"),
        ({"table": {"causes": {"sick leave": 1, "surgery": 2}}}, "no event of the outcome"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        study(tmp_path, **changes)


@pytest.mark.parametrize(
    ("course", "words"),
    [
        (COURSE.drop(columns="pain_now"), "no column 'pain_now'"),
        (COURSE.assign(surgery=np.arange(len(COURSE)) + 1.0), "one time in 'surgery'"),
        (COURSE.assign(pain_now="much"), "columns .* are numbers"),
        (COURSE.assign(id=np.nan), "name no patient"),
        (COURSE.assign(id="0" + COURSE["id"]), "No patient of the study is in 'treatment.csv'"),
    ],
)
def test_tables_that_are_none_of_a_treatment_are_refused(tmp_path: Path, course: pd.DataFrame, words: str) -> None:
    write(tmp_path, course=course)
    with pytest.raises((DataError, ArgumentError), match=words):
        read_study_data(study(tmp_path))
    (tmp_path / "treatment.csv").unlink()
    with pytest.raises(DataError, match="treatment.csv"):
        read_study_data(study(tmp_path))


@pytest.mark.parametrize(
    ("course", "changes", "error", "words"),
    [
        (COURSE.assign(surgery=np.nan), {}, ArgumentError, "none before the end"),
        (
            COURSE.assign(surgery=COURSE["surgery"].where(COURSE["id"] != "P3", 0.0)),
            {},
            ArgumentError,
            "1 at or before",
        ),
        (COURSE[COURSE["id"] != "P3"], {}, DataError, "1 no_row_at_time_zero"),
        (ALL_BY_10, {"outcome": {"horizons": [6, 12]}}, ArgumentError, "within untreated follow-up"),
        (COURSE, {"model": [_named("a"), _named("a without surgery")]}, ArgumentError, "no name that ends in"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_any_fit(
    tmp_path: Path, course: pd.DataFrame, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    write(tmp_path, course=course)
    plan = study(tmp_path, **changes)
    data = read_study_data(plan)
    with pytest.raises(error, match=words):
        check_before_work(plan, data)


def test_folds_without_a_treated_patient_are_named_and_fitted_to_what_was_observed(tmp_path: Path) -> None:
    y = Surv.right(WIDE["months"].to_numpy(), WIDE["status"].to_numpy())
    folds = cross_validate_risk(CoxPH(), WIDE[["pain", "age"]], y, 6, n_splits=3, n_repeats=1, random_state=1)
    middle = (WIDE["pain"].abs() < 0.5) & (WIDE["months"] > 4)
    few = WIDE["id"][middle & (folds.folds[0] == 1)].iloc[:3]
    first = COURSE[COURSE["months"] == 0]
    course = first.assign(surgery=np.where(first["id"].isin(few), 2.5, np.nan))
    write(tmp_path, course=course)
    told = study(tmp_path, model=[_named("clinical")], decision=None)
    data = read_study_data(told)
    assert data.treatment.started(data.y, data.X.index).sum() == 3
    model = build_models(told, data)
    again = cross_validate_risk(model, data.X, data.y, [6], n_splits=3, n_repeats=1, random_state=told.seed)
    found = study_treatment(told, data, model, again)
    (said,) = [doubt for doubt in found.objections if doubt.code == "treatment-fold-without-starts"]
    assert "started surgery in 1 of 3 fits (fold 2 of repeat 1)" in said.sentence
    held = again.folds[0] == 1
    own = CoxPH().fit(data.X[~held], data.y[~held])
    risk = found.scores["clinical without surgery"][held]
    np.testing.assert_allclose(risk, own.predict_risk(data.X[held], 6)[:, 0], atol=1e-12)
    assert _without_starts(told.treatment, np.array([[0, 1]]), np.array([True, True])) == ()


def test_folds_in_which_a_measurement_tells_who_was_treated_are_named_and_censored_at_the_start(tmp_path: Path) -> None:
    y = Surv.right(WIDE["months"].to_numpy(), WIDE["status"].to_numpy())
    folds = cross_validate_risk(CoxPH(), WIDE[["pain", "age"]], y, 6, n_splits=3, n_repeats=1, random_state=1).folds[0]
    few = WIDE["id"][(WIDE["months"] > 4) & (folds == 1)].iloc[:3]
    told_by = WIDE["id"][(WIDE["months"] > 4) & (folds == 0)].iloc[
        :3
    ]  # outside fold 1 all of the treated, and they alone
    first = COURSE[COURSE["months"] == 0]
    start = np.where(first["id"].isin([*few, *told_by]), 2.5, np.nan)
    course = first.assign(surgery=start, pain_now=first["id"].isin(told_by).astype(float))
    write(tmp_path, course=course)
    told = study(tmp_path, model=[_named("clinical")], decision=None)
    data = read_study_data(told)
    inside = folds != 1
    fitted = FittedUntreated(CoxPH(), data.treatment).fit(data.X[inside], data.y[inside])
    assert [doubt.code for doubt in fitted.objections_] == ["treatment-separated-in-fold"]
    until = data.treatment.censored(data.y, data.X.index)
    treated = data.X.index.isin([*few, *told_by])
    np.testing.assert_array_equal(until["time"], np.where(treated, 2.5, data.y["time"]))
    np.testing.assert_array_equal(until["event"], np.where(treated, 0, data.y["event"]))
    own = CoxPH().fit(data.X[inside], until[inside])
    np.testing.assert_allclose(fitted.predict_risk(data.X, 6), own.predict_risk(data.X, 6), atol=1e-12)
    whole = FittedUntreated(CoxPH(), data.treatment).fit(data.X, data.y)
    assert whole.objections_ == ()
    again = cross_validate_risk(FittedUntreated(CoxPH(), data.treatment), data.X, data.y, 6, folds=folds)
    assert "treatment-separated-in-fold" in [doubt.code for doubt in again.objections]


def test_measurements_that_do_not_vary_in_a_fold_or_tell_who_was_lost_leave_the_weights_of_the_treatment(
    tmp_path: Path,
) -> None:
    y = Surv.right(WIDE["months"].to_numpy(), WIDE["status"].to_numpy())
    lost = COURSE["id"].isin(WIDE["id"][(y["event"] == 0) & (y["time"] < 8)])
    fitted = {}
    for name, columns in {
        "alone": {},
        "rare": {"rare": COURSE["id"].isin(WIDE["id"][:5]) * 1.0},  # no one else has the finding
        "lost": {"rare": lost * 1.0},
    }.items():
        write(tmp_path, course=COURSE.assign(**columns))
        plan = {"columns": ["pain_now", *columns], "losses": "history" if name == "lost" else "marginal"}
        data = read_study_data(study(tmp_path, model=[_named("clinical")], decision=None, treatment=plan))
        rest = ~data.X.index.isin(WIDE["id"][:5]) & ~((data.y["event"] == 0) & (data.y["time"] >= 8))
        fitted[name] = FittedUntreated(CoxPH(), data.treatment).fit(data.X[rest], data.y[rest])
    np.testing.assert_allclose(fitted["rare"].estimator_.coef_, fitted["alone"].estimator_.coef_, rtol=1e-10)
    assert fitted["alone"].objections_ == fitted["rare"].objections_ == ()
    assert [doubt.code for doubt in fitted["lost"].objections_] == ["treatment-losses-separated-in-fold"]
    assert "surgery" in fitted["lost"].objections_[0].sentence


@pytest.mark.parametrize(
    ("kind", "options", "weighted"),
    [
        ("stacked", {"learners": {"clinical": "cox", "all": "cause_specific_cox"}}, True),
        ("average", {"learners": {"clinical": "cox", "all": "parametric_aft"}}, False),
        ("stacked", {"learners": {"clinical": "cox"}, "meta": "cox_nonneg"}, False),
        ("patterns", {"estimator": "cox"}, True),
        ("risk_stratifier", {"model": "cox", "cuts": [0.3]}, True),
        ("parametric_aft", {}, False),
    ],
)
def test_combinations_of_cox_models_are_fitted_under_the_strategy(kind, options, weighted) -> None:
    assert _takes_weights(ModelPlan("m", kind, ("clinical",), options)) is weighted


BY_FOUR = {"strategy": "start by", "by": 4, "last": 3, "truncate": 0.99}


def test_a_study_of_another_strategy_has_the_numbers_of_the_door(tmp_path: Path) -> None:
    write(tmp_path)
    told = study(tmp_path, model=[_named("clinical")], treatment=BY_FOUR)
    data = read_study_data(told)
    check_before_work(told, data)
    models = build_models(told, data)
    folds = cross_validate_risk(models, data.X, data.y, [6], n_splits=3, n_repeats=1, random_state=told.seed)
    shown = study_treatment(told, data, models, folds)
    starts = COURSE.groupby("id")["surgery"].first().reindex(WIDE["id"]).to_numpy()
    history, ids = COURSE[["id", "months", "pain_now"]], WIDE["id"].tolist()
    strategy = StartBy(4, last=3)
    own = under_strategy(data.y, starts, history, strategy, ids=ids, id="id", time="months", truncate=0.99)
    alone = own.evaluate(folds.risks["clinical"][:, 0], 6, [0.2, 0.3, 0.4], n_resamples=0)
    for name in ("auc", "brier", "observed_expected", "calibration_slope"):
        assert shown.evaluation.metric(name, "clinical").value == pytest.approx(alone.metric(name).value, abs=1e-12)
    assert shown.evaluation.models == ("clinical", "clinical under the strategy")
    assert (shown.n_treated, shown.n_deviated, shown.n_lost) == (own.n_started, own.n_deviated, own.n_lost)
    np.testing.assert_array_equal(shown.treated, own.deviated & (own.y["time"] <= 6))
    assert {"treatment-unmeasured", "treatment-weights-truncated"} <= {one.code for one in shown.objections}
    # a fold is weighted by its own patients, and a part without a start is refused
    rows = np.arange(0, N, 2)
    part = COURSE[COURSE["id"].isin(data.X.index[rows])][["id", "months", "pain_now"]]
    half = under_strategy(
        data.y[rows], starts[rows], part, strategy, ids=[*data.X.index[rows]], id="id", time="months", truncate=0.99
    )
    fitted = FittedUntreated(CoxPH(), data.treatment).fit(data.X.iloc[rows], data.y[rows])
    expected = half.fit(CoxPH(), data.X.iloc[rows].reset_index(drop=True)).coef_
    np.testing.assert_allclose(fitted.estimator_.coef_, expected, atol=1e-12)
    none = np.flatnonzero(np.isnan(starts))
    with pytest.raises(ArgumentError, match="none before the end"):
        FittedUntreated(CoxPH(), data.treatment).fit(data.X.iloc[none], data.y[none])
    plan = analysis_plan(told).to_markdown()
    assert "start surgery by 4" in plan
    assert "quantile 0.99" in plan


def test_the_page_and_its_release_say_another_strategy(page: Page) -> None:
    own = page.treatment
    words = "start surgery by 4"
    rows = own.positivity.rename(columns={"treated": "deviated"}).assign(started=9)
    bare = replace(own, strategy=words, n_deviated=7, positivity=rows, evaluation=_undrawn(page))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lbp_prognosis.report._section_treatment._models", lambda page, shown: [])
        section = section_treatment(replace(page, treatment=bare))
    assert section.question == f"What if all patients followed “{words}”?"
    tables = {block.name: block.frame for block in section.blocks if isinstance(block, Table)}
    assert {"started by then", "left it by then"} <= set(tables["treatment_positivity"])
    said = " ".join(str(getattr(block, "text", "")) for block in section.blocks)
    assert f"Strategy: {words}." in said
    assert "7 left it" in said
    assert set(bare.to_frame()["group"]) == {words}
    shown = released_page(replace(page, treatment=bare, gate=Gate(share=1.0, smallest_cell=K)))
    assert set(shown.treatment.positivity.columns) == {"horizon", "deviated", "known", "fifth"}
    assert shown.treatment.n_deviated is None
    assert words in set(shown.numbers["group"])
    assert section_treatment(shown) is not None


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({"strategy": "start by"}, "`treatment.by` must be given"),
        ({"strategy": "start by", "by": 3, "column": "pain_now"}, "`treatment.column` must be left out"),
        ({"strategy": "start by", "by": 3, "earliest": 4}, "`treatment.earliest`"),
        ({"strategy": "start when", "column": "pain_now", "at_least": 1}, "`treatment.within` must be given"),
        ({"strategy": "start when", "column": "age", "at_least": 1, "within": 1}, "`treatment.column` must be one of"),
        ({"strategy": "start when", "column": "pain_now", "within": 1}, "`treatment.at_least`"),
        ({"strategy": "never start", "by": 3}, "`treatment.by` must be left out"),
        ({"strategy": "never start", "truncate": 0.9}, "`treatment.truncate` must be left out"),
        ({"strategy": "start by", "by": 3, "truncate": 5}, "`treatment.truncate`"),
    ],
)
def test_keys_that_do_not_describe_the_strategy_are_refused(tmp_path: Path, plan: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        study(tmp_path, treatment=plan)


def test_a_strategy_of_the_study_is_that_of_the_door(tmp_path: Path) -> None:
    keys = {"strategy": "start when", "column": "pain_now", "at_least": 1, "within": 2}
    told = study(tmp_path, treatment=keys)
    assert told.treatment.declared == StartWhen("pain_now", at_least=1, within=2)
    assert told.treatment.words == "start surgery within 2 of the first pain_now >= 1, not before"
    assert set(told.to_dict()["treatment"]) >= set(keys)
    assert not {"by", "truncate"} & set(study(tmp_path).to_dict()["treatment"])


def test_codes_of_missing_values_of_the_table_of_a_treatment_are_its_own(tmp_path: Path) -> None:
    write(tmp_path, course=COURSE.assign(surgery=COURSE["surgery"].fillna(99.0)))
    told = study(tmp_path, table={"missing": {"age": [-9]}}, treatment={"missing": {"surgery": [99]}})
    expected = COURSE.groupby("id")["surgery"].first().isna().sum()
    assert read_study_data(told).treatment.starts.isna().sum() == expected


def test_a_treatment_that_competes_in_a_registry_is_refused(tmp_path: Path) -> None:
    simulate_cohort(120, 5, imaging_rate=0.7).to_package(tmp_path / "cohort")
    work = {"kind": "return_to_work", "horizons": [12], "competing": ["surgery"]}
    made = {**changed(table=None, decision=None), "data": {"package": "cohort"}, "outcome": work, "modalities": {}}
    made["model"] = [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}]
    with pytest.raises(ArgumentError, match="no event of the outcome.*out of `competing`"):
        read_study_data(Study.from_dict(made, folder=tmp_path, home=tmp_path))


def test_other_codes_of_missing_values_make_other_courses(tmp_path: Path) -> None:
    """They stand in the hash of a checkpoint: the same file and predictors, and other weights."""
    write(tmp_path, course=COURSE.assign(surgery=COURSE["surgery"].fillna(99.0)))
    first, second = (read_study_data(study(tmp_path, table={"missing": codes})) for codes in ([], [99]))
    assert first.X.equals(second.X)
    assert repr(first.treatment) != repr(second.treatment)


def test_the_protocol_keeps_its_digest_and_the_plan_says_the_strategy(tmp_path: Path) -> None:
    without = study(tmp_path, treatment=None)
    assert "treatment" not in without.to_dict()
    assert study(tmp_path).spec_hash != without.spec_hash
    plan = analysis_plan(study(tmp_path)).to_markdown()
    assert "as if no patient started surgery" in plan
    assert "which depends on pain" in plan


@pytest.mark.parametrize("rare", [K - 1, 40])
def test_two_risks_without_treatment_are_released_with_enough_of_each(page: Page, rare: int) -> None:
    """O/E, IPA and AUC of two known risks are solved for the patients with each."""
    own = page.treatment
    state = _state(page)
    risk = np.full(N, 0.2)
    for value in (0, 1):
        risk[np.flatnonzero((state == value) & own.known)[:rare]] = 0.7
    made = replace(own, scores={"clinical": risk})
    shown = released_page(replace(page, treatment=made, gate=Gate(share=1.0, smallest_cell=K)))
    assert (shown.treatment is not None) == (rare >= K)
    assert any("only 2 different risks" in why for why in shown.release.to_frame()["reason"]) == (rare < K)


@pytest.mark.parametrize(("unit", "kind"), [("datetime64[ns]", "dates"), ("timedelta64[ns]", "durations")])
def test_a_second_table_with_dates_is_refused(tmp_path, unit, kind) -> None:
    day = np.array([5, 9, 12]).astype("timedelta64[D]").astype("timedelta64[ns]").astype("int64").view(unit)
    path = tmp_path / "c.parquet"
    pd.DataFrame({"id": ["a", "b", "c"], "start": day}).to_parquet(path)
    with pytest.raises(ArgumentError, match=f"{kind} in 'start' of 'c.parquet'. Give times as numbers since time zero"):
        number_table("treatment", path, "id", ["start"])


def test_a_latest_start_to_which_few_are_followed_is_refused_before_any_fit(tmp_path: Path) -> None:
    write(tmp_path)
    times = np.sort(WIDE["months"])
    for by, refused in ((times[-10], False), (np.nextafter(times[-10], 99), True)):
        told = study(tmp_path, treatment={"strategy": "start by", "by": float(by)})
        data = read_study_data(told)
        if refused:
            with pytest.raises(ArgumentError, match=r"`treatment.by` must be a time to which 10 .* to which 9 are"):
                check_before_work(told, data)
        else:
            check_before_work(told, data)
