"""Risks that are updated at landmarks in a study: read, predicted out of fold, judged, shown, released."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError, DataError, objection
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import DynamicRisk, landmark
from lbp_prognosis.report import Page, released_page
from lbp_prognosis.report._blocks import Picture, Table
from lbp_prognosis.report._section_updates import section_updates
from lbp_prognosis.report._write_page import _all_numbers
from lbp_prognosis.study import Study, StudyResult, analysis_plan, read_study_data, run_study
from lbp_prognosis.study._check_before_work import check_before_work
from lbp_prognosis.study._run_study import _doubts
from lbp_prognosis.study._study_updates import _changing, study_updates
from lbp_prognosis.study._updates_plan import UpdatesPlan

N, K = 600, 5
TABLE: dict[str, Any] = {
    "title": "Recovery",
    "table": {"wide": "w.csv", "id": "id", "time": "months", "event": "status"},
    "updates": {
        "landmarks": [0, 3],
        "width": 6,
        "table": "visits.csv",
        "id": "id",
        "time": "months",
        "columns": ["nrs"],
        "fixed": ["age"],
    },
    "outcome": {
        "name": "recovery",
        "definition": "Pain gone.",
        "polarity": "good",
        "time_zero": "first visit",
        "unit": "months",
        "horizons": [6],
    },
    "modalities": {"clinical": ["pain", "age"]},
    "model": [{"name": "clinical", "kind": "cox", "modalities": ["clinical"]}],
    "decision": {"low": 0.2, "high": 0.4, "primary": 0.3, "step": 0.1, "rationale": "because"},
    "validation": {"folds": 3, "repeats": 1, "resamples": 0},
}


def frames(n: int = N, seed: int = 10) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    pain = rng.normal(size=n).round(3)
    later = (0.6 * pain + rng.normal(0, 0.9, n)).round(3)
    need = rng.exponential(size=(n, 2))
    early, late = need[:, 0] / (0.09 * np.exp(-0.7 * pain)), 3 + need[:, 1] / (0.11 * np.exp(-0.9 * later))
    time = np.where(early < 3, early, late)
    lost = rng.uniform(2, 20, n)
    wide = pd.DataFrame({"id": [f"P{k}" for k in range(n)], "pain": pain, "age": rng.normal(50, 9, n).round(1)})
    wide["months"], wide["status"] = np.minimum(time, lost).round(4), (time <= lost).astype(int)
    seen = wide["months"] > 3
    first = pd.DataFrame({"id": wide["id"], "months": 0.0, "nrs": pain})
    second = pd.DataFrame({"id": wide["id"], "months": 2.9, "nrs": later})[seen]
    return wide, pd.concat([first, second]).sample(frac=1, random_state=2)


WIDE, VISITS = frames()


def changed(**changes: Any) -> dict[str, Any]:
    table = copy.deepcopy(TABLE)
    for key, value in changes.items():
        kept = table.get(key)
        both = isinstance(value, dict) and isinstance(kept, dict)
        table[key] = {k: v for k, v in {**kept, **value}.items() if v is not None} if both else value
    return {key: value for key, value in table.items() if value is not None}


def write(folder: Path, wide: pd.DataFrame = WIDE, visits: pd.DataFrame = VISITS) -> None:
    wide.to_csv(folder / "w.csv", index=False)
    visits.to_csv(folder / "visits.csv", index=False)


def study(folder: Path, **changes: Any) -> Study:
    return Study.from_dict(changed(**changes), folder=folder, home=folder)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, unexplained_module: None) -> StudyResult:
    folder: Path = tmp_path_factory.mktemp("updates")
    write(folder)
    return run_study(study(folder), n_jobs=1)


@pytest.fixture(scope="module")
def page(result: StudyResult) -> Page:
    return result.page()


def test_each_landmark_is_judged_in_those_still_at_risk(result: StudyResult) -> None:
    shown = result.updates
    assert shown is not None
    y = result.data.y
    for at in (0.0, 3.0):
        at_risk = y["time"] > at
        row = shown.at_risk.set_index("landmark").loc[at]
        assert (row["n"], row["n_left"]) == (at_risk.sum(), N - at_risk.sum())
        found = shown.evaluations[at]
        assert found.models == ("not updated", "updated")
        assert found.target == "no_event"
        assert found.n == at_risk.sum()
    later = shown.evaluations[3.0]
    gain = later.difference("auc", "updated", "not updated")
    assert gain.low > 0  # pain at three months tells what pain at the start does not
    assert later.metric("observed_expected", "updated").value == pytest.approx(1, abs=0.25)


def test_the_risk_of_a_patient_is_of_models_without_the_patient(tmp_path: Path) -> None:
    write(tmp_path, WIDE.head(300))
    first = study(tmp_path)
    data = read_study_data(first)
    told = study_updates(first, data)
    changed_y = data.y.copy()
    who = int(np.flatnonzero((data.y["time"] > 6) & (data.y["event"] == 1))[0])
    changed_y["time"][who] += 1.0  # still an event, in the same fold, of the same patient
    again = study_updates(first, replace(data, y=changed_y))
    before, after = (one.evaluations[0.0].calibrations["updated"].judged(6.0).score[who] for one in (told, again))
    assert after == pytest.approx(before, abs=1e-15)


def test_the_numbers_are_those_of_evaluate(result: StudyResult) -> None:
    shown, data = result.updates, result.data
    found = shown.evaluations[3.0]
    kept = landmark(data.y, data.X, 3.0, 6.0)
    risk = 1 - found.calibrations["updated"].judged(6.0).score  # of recovery
    alone = evaluate(kept.y, risk, 6.0, [0.3], target="no_event", n_resamples=0)
    for name in ("auc", "brier", "observed_expected"):
        assert found.metric(name, "updated").value == pytest.approx(alone.metric(name).value, abs=1e-12)


def test_synthetic_patients_have_quantiles_of_those_at_risk(result: StudyResult) -> None:
    course = result.updates.course.set_index(["patient", "landmark"])
    still = result.data.y["time"] > 3
    later = VISITS[VISITS["months"] > 0].set_index("id")["nrs"].reindex(result.data.X.index)[still]
    for name, share in (("values fall", 0.25), ("values stay", 0.5), ("values rise", 0.75)):
        assert course.loc[(name, 3.0), "nrs"] == pytest.approx(later.quantile(share))
        assert course.loc[(name, 3.0), "age"] == pytest.approx(result.data.X["age"].median())
    assert course.loc[("values fall", 3.0), "risk"] > course.loc[("values rise", 3.0), "risk"]
    same = course.xs(0.0, level="landmark")["risk"]
    assert same.nunique() == 1


def test_who_lacks_a_value_is_counted_and_not_judged(tmp_path: Path) -> None:
    part = VISITS[~VISITS["id"].isin(WIDE["id"].iloc[:7])]
    write(tmp_path, visits=part)
    data = read_study_data(study(tmp_path))
    found = study_updates(study(tmp_path), data)
    rows = found.at_risk.set_index("landmark")
    assert rows.loc[0.0, "n_unknown"] == 7
    assert rows.loc[3.0, "n_unknown"] == int((data.y["time"][:7] > 3).sum())
    assert found.n_unfitted == 7
    assert (found.codes[0.0][:7] == 2).all()
    write(tmp_path, visits=VISITS[VISITS["months"] > 0])  # no value at the first landmark
    with pytest.raises(DataError, match=r"'nrs' is not known at 0 for 100%"):
        study_updates(study(tmp_path), read_study_data(study(tmp_path)))


def test_who_lacks_a_value_at_a_later_landmark_still_has_a_part_in_the_first(tmp_path: Path) -> None:
    """Else those who left before are kept and those who stay are left out: observed over expected at 0 is 1.2."""
    wide, visits = frames(3000, 3)
    missed = (visits["months"] > 0) & (np.random.default_rng(0).random(len(visits)) < 0.5)
    write(tmp_path, wide, visits[~missed])
    plan = study(tmp_path, updates={"max_age": 1})
    found = study_updates(plan, read_study_data(plan))
    first, later = (found.at_risk.set_index("landmark").loc[at] for at in (0.0, 3.0))
    assert (first["n_unknown"], found.n_unfitted) == (0, 0)
    assert later["n_unknown"] > 900
    for model in ("not updated", "updated"):
        assert found.evaluations[0.0].metric("observed_expected", model).value == pytest.approx(1, abs=0.04)


def test_the_page_shows_who_is_at_risk(page: Page) -> None:
    section = section_updates(page)
    assert section is not None
    tables = {block.name: block.frame for block in section.blocks if isinstance(block, Table)}
    assert set(tables) == {"updates_at_risk", "updates", "updates_added", "updates_courses"}
    assert list(tables["updates_courses"].columns[1:]) == ["values fall", "values stay", "values rise"]
    assert len([block for block in section.blocks if isinstance(block, Picture)]) == 2
    rows = _all_numbers(page)
    assert {"landmark 0", "landmark 3"} <= set(rows["group"])
    assert section_updates(replace(page, updates=None)) is None


def test_a_page_for_release_keeps_landmarks_between_which_enough_change(page: Page) -> None:
    gate = Gate(share=1.0, smallest_cell=K)
    shown = released_page(replace(page, gate=gate))
    assert shown.updates is not None
    assert set(shown.updates.evaluations) == {0.0, 3.0}
    assert (shown.updates.codes, shown.updates.n_unfitted) == ({}, None)
    assert list(shown.updates.course.columns) == ["patient", "landmark", "risk"]
    assert shown.numbers[["n", "n_events", "se"]].isna().all().all()
    assert section_updates(shown) is not None


def test_a_page_for_release_tells_of_effects_that_change_and_drops_objections_with_counts(page: Page) -> None:
    said = objection("landmark-effects-differ", columns="nrs", p="< 0.01")
    counted = objection("landmark-not-predicted", landmark=3, known=9, n=2)
    updates = replace(page.updates, objections=(counted, said))
    shown = replace(page, updates=updates, gate=Gate(share=1.0, smallest_cell=K))
    assert released_page(shown).updates.objections == (said,)


@pytest.mark.parametrize("few", [1, K - 1])
def test_the_few_who_left_between_landmarks_do_not_follow_by_subtraction(page: Page, few: int) -> None:
    codes = {at: code.copy() for at, code in page.updates.codes.items()}
    state = page.evaluation.calibrations["clinical"].judged(page.horizon).state()
    codes[3.0] = codes[0.0].copy()  # nobody left
    rows = np.flatnonzero((codes[0.0] == 0) & (state == 0))[:few]
    codes[3.0][rows] = 3
    made = replace(page.updates, codes=codes)
    shown = released_page(replace(page, updates=made, gate=Gate(share=1.0, smallest_cell=K)))
    assert set(shown.updates.evaluations) == {0.0}
    assert set(shown.updates.course["landmark"]) <= {0.0}
    assert "landmark 3" not in set(shown.numbers["group"])
    assert "landmark 3" in set(shown.release.to_frame()["where"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"updates": {"table": None}}, "one without 'table'"),
        ({"updates": {"landmarks": [3, 0]}}, "increasing"),
        ({"updates": {"landmarks": []}}, "increasing"),
        ({"updates": {"width": 0}}, "above 0"),
        ({"updates": {"fixed": ["agge"]}}, "age"),
        ({"updates": {"interactions": ["nsr"]}}, "nrs"),
        ({"updates": {"columns": ["nrs", "nrs"]}}, "named once"),
        ({"table": {"id": None}}, "table.id"),
        ({"table": {"time": None, "event": None, "status": "status"}}, "exact times"),
    ],
)
def test_protocols_that_contradict_themselves_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        study(tmp_path, **changes)


@pytest.mark.parametrize(
    ("visits", "words"),
    [
        (VISITS.drop(columns="nrs"), "no column 'nrs'"),
        (pd.concat([VISITS, VISITS.head(2)]), "each visit once"),
        (VISITS.assign(months=np.nan), "have no 'months'"),
        (VISITS.assign(nrs="much"), "are numbers"),
        (VISITS.assign(months=VISITS["months"] * 30.4), "No visit .* after the first landmark, 0, and by the last, 3"),
        (VISITS.assign(id="0" + VISITS["id"]), "No patient of the study is in 'visits.csv'"),
    ],
)
def test_tables_that_are_none_of_visits_are_refused(tmp_path: Path, visits: pd.DataFrame, words: str) -> None:
    write(tmp_path, WIDE.head(60), visits)
    with pytest.raises((DataError, ArgumentError), match=words):
        read_study_data(study(tmp_path))


@pytest.mark.parametrize(
    ("missing", "own", "said"),
    [
        (None, None, True),
        ({"pain": [-9]}, None, True),
        ([-9], None, False),
        ({"pain": [-9]}, {"nrs": [-9]}, False),
        ([-9], [], True),  # the table's own declaration counts
    ],
)
def test_codes_of_missing_values_among_visits_are_noted(tmp_path: Path, missing: Any, own: Any, said: bool) -> None:
    coded = VISITS["nrs"].abs().round().mask(VISITS["id"].str.endswith("5"), -9)
    write(tmp_path, visits=VISITS.assign(nrs=coded))
    plan = study(tmp_path, table={"missing": missing}, updates={"missing": own})
    data = read_study_data(plan)
    assert any("nrs of visits.csv: -9 apart from all other values" in note for note in data.notes) == said
    assert data.visits_table.frame["nrs"].isna().any() != said
    assert ("missing" in plan.to_dict()["updates"]) == (own is not None)  # others keep their digest
    assert study(tmp_path, updates={"missing": 0}).to_dict()["updates"]["missing"] == 0


def test_files_of_one_name_in_two_folders_have_two_digests(tmp_path: Path) -> None:
    for name, frame in (("now", WIDE), ("later", VISITS)):
        (tmp_path / name).mkdir()
        frame.to_csv(tmp_path / name / "t.csv", index=False)
    told = {"table": {"wide": "now/t.csv"}, "updates": {"table": "later/t.csv"}}
    hashes = read_study_data(study(tmp_path, **told)).hashes
    assert list(hashes) == ["now/t.csv", "later/t.csv"]
    for name, digest in hashes.items():
        assert digest == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
    here = {"table": {"wide": str(tmp_path / "now/t.csv")}, "updates": {"table": str(tmp_path / "later/t.csv")}}
    named = read_study_data(study(tmp_path, **here)).hashes
    assert named == {"t.csv": hashes["now/t.csv"], "t.csv (2)": hashes["later/t.csv"]}  # no folder of this machine


@pytest.mark.parametrize(("known", "judged"), [(1, False), (5, True)])
def test_a_landmark_known_to_few_is_objected_to_and_not_an_exception(tmp_path: Path, known: int, judged: bool) -> None:
    wide, visits = frames(200, 3)
    later = visits[visits["months"] > 0].sample(known, random_state=0)
    write(tmp_path, wide, pd.concat([visits[visits["months"] == 0], later]))
    plan = study(tmp_path, updates={"max_age": 1})
    found = study_updates(plan, read_study_data(plan))
    assert (3.0 in found.evaluations) == judged
    row = found.at_risk.set_index("landmark").loc[3.0]
    at_risk = int((wide["months"] > 3).sum())
    assert row["n"] + row["n_unknown"] == at_risk
    assert (row["n"] > 0) == judged
    assert (found.codes[3.0] < 2).sum() == row["n"]
    (said,) = found.objections
    assert said.code == "landmark-not-predicted"
    words = f"At landmark 3 all values are known for {known} patients at risk, and {known - row['n']} of them"
    assert said.sentence.startswith(words)


def test_a_landmark_that_no_training_set_can_impute_is_named_as_such(tmp_path: Path) -> None:
    wide, visits = frames(120, 3)
    later = visits[visits["months"] > 0].sample(5, random_state=0)
    write(tmp_path, wide, pd.concat([visits[visits["months"] == 0], later]))
    folds = {"folds": 2, "repeats": 1, "resamples": 0}
    plan = study(tmp_path, updates={"max_age": 1, "imputations": 1}, validation=folds)
    (said,) = study_updates(plan, read_study_data(plan)).objections
    at_risk = int((wide["months"] > 3).sum())
    assert said.code == "landmark-not-predicted"
    assert said.sentence.startswith(f"At landmark 3 {at_risk} of {at_risk} patients at risk have no prediction out of ")
    assert "too few known values to impute" in said.sentence


def test_effects_that_change_between_landmarks_are_objected_to_unless_declared() -> None:
    rng = np.random.default_rng(8)
    pain = pd.DataFrame({"nrs": rng.normal(size=500), "age": rng.normal(size=500)})
    early, late = (rng.exponential(1 / (0.1 * np.exp(b * pain["nrs"]))) for b in (-1.0, 0.8))
    y = Surv.right(np.where(early < 3, early, 3 + late), np.ones(500))
    plan = UpdatesPlan((0, 3), 3, "visits.csv", ("nrs",), ("age",))
    same = {0.0: pain, 3.0: pain}
    (said,) = _changing(plan, same, y)
    assert said.code == "landmark-effects-differ"
    assert "effects of nrs change between landmarks (Wald test, p < 0.001)" in said.sentence
    assert _changing(replace(plan, interactions=("nrs",)), same, y) == []  # that of age is constant
    assert _changing(replace(plan, interactions=("nrs", "age")), same, y) == []
    assert _changing(replace(plan, landmarks=(0,)), {0.0: pain}, y) == []
    constant = Surv.right(rng.exponential(1 / (0.1 * np.exp(-pain["nrs"]))), np.ones(500))
    assert _changing(plan, same, constant) == []


def test_values_that_are_not_known_at_a_landmark_are_imputed_in_each_training_set(tmp_path: Path) -> None:
    wide, visits = frames(200, 3)
    missed = (visits["months"] > 0) & (np.random.default_rng(0).random(len(visits)) < 0.4)
    write(tmp_path, wide, visits[~missed])
    folds = {"folds": 2, "repeats": 1, "resamples": 0}
    plan = study(tmp_path, updates={"max_age": 1, "imputations": 1}, validation=folds)
    data = read_study_data(plan)
    found = study_updates(plan, data)
    rows = found.at_risk.set_index("landmark")
    assert rows["n_unknown"].tolist() == [0, 0]  # of those at risk at 3, 40 % have no visit in the month before
    assert rows.loc[3.0, "n"] == found.evaluations[3.0].n == (wide["months"] > 3).sum()
    assert found.objections == ()
    assert found.n_unfitted == 0
    # a patient's risk is that of a model, and of imputers, that never saw the patient
    fold = next(StratifiedKFold(2, shuffle=True, random_state=plan.seed).split(np.zeros((200, 1)), data.y["event"]))
    known = data.visits_table.known(data.X)
    model = DynamicRisk([0, 3], 6, imputer=MultipleImputation(1, random_state=plan.seed))
    model.fit({at: frame.iloc[fold[0]].reset_index(drop=True) for at, frame in known.items()}, data.y[fold[0]])
    test = fold[1][data.y["time"][fold[1]] > 3]
    alone = 1 - model.predict_risk(known[3.0].iloc[test], 9, at=3)[:, 0]
    own = found.evaluations[3.0].calibrations["updated"].judged(6.0).score
    place = np.searchsorted(np.flatnonzero(data.y["time"] > 3), test)
    np.testing.assert_allclose(own[place], alone, rtol=1e-10)
    assert "are imputed once." in analysis_plan(plan).to_markdown()
    assert "imputations" not in study(tmp_path).to_dict()["updates"]
    without = visits[visits["months"] == 0]  # nobody at risk at 3 has a recent value
    write(tmp_path, wide, pd.concat([without, visits[visits["months"] > 0].head(1)]))
    with pytest.raises(DataError, match="'nrs' is not known at 3 for 99%"):
        study_updates(plan, read_study_data(plan))


def test_objections_at_landmarks_are_those_of_the_result(result: StudyResult) -> None:
    own = objection("no-imaging")
    held = result.updates.evaluations
    at_three = replace(held[3.0], objections=(own, objection("values-after-time-zero")))
    updates = replace(result.updates, evaluations={**held, 3.0: at_three}, objections=(objection("level-names", n=3),))
    found = {"evaluation": result.evaluation, "treatment": None, "updates": updates, "visits": {3.0: at_three}}
    doubts = _doubts(result.data, {**found, "sites": None, "readings": [], "association": None}, [])
    told = [doubt.sentence for doubt in doubts if doubt.code == "values-after-time-zero"]
    assert [words.split(": ")[0] for words in told] == ["At landmark 3 months", "At the visit of 3 months"]
    assert [doubt.sentence for doubt in doubts if doubt.code == "no-imaging"] == [own.sentence]  # known before
    assert "level-names" in {doubt.code for doubt in doubts}


def test_a_landmark_after_all_follow_up_is_refused_before_any_fit(tmp_path: Path) -> None:
    write(tmp_path)
    plan = study(tmp_path, updates={"landmarks": [0, 30]})
    data = read_study_data(plan)
    with pytest.raises(ArgumentError, match="at risk; got 30"):
        check_before_work(plan, data)


def test_the_protocol_keeps_its_digest_and_the_plan_says_the_landmarks(tmp_path: Path) -> None:
    without = study(tmp_path, updates=None)
    assert "updates" not in without.to_dict()
    plan = analysis_plan(study(tmp_path)).to_markdown()
    assert "at 0, 3, in those still at risk, for the next 6" in plan


@pytest.mark.parametrize("rare", [K - 1, 40])
def test_a_landmark_at_which_a_model_predicts_two_risks_is_released_with_enough_of_each(page: Page, rare: int) -> None:
    """O/E, IPA and AUC of two known risks are solved for the patients with each."""
    code = page.updates.codes[0.0]
    state = code[code < 2]
    risk = np.full(state.size, 0.2)
    for value in (0, 1):
        risk[np.flatnonzero(state == value)[:rare]] = 0.7
    y = Status.at(page.updates.width, state)
    few = evaluate(y, {"updated": risk[:, None]}, page.updates.width, n_resamples=0)
    made = replace(page.updates, evaluations={0.0: few, 3.0: page.updates.evaluations[3.0]})
    shown = released_page(replace(page, updates=made, gate=Gate(share=1.0, smallest_cell=K)))
    assert (0.0 in shown.updates.evaluations) == (rare >= K)
    assert any("only 2 different risks" in why for why in shown.release.to_frame()["reason"]) == (rare < K)


@pytest.mark.parametrize("late", [K - 1, K])
def test_the_few_who_came_later_are_not_counted(page: Page, late: int) -> None:
    rows = page.updates.at_risk.copy()
    rows.loc[rows["landmark"] == 3.0, "n_not_entered"] = late
    shown = released_page(
        replace(page, updates=replace(page.updates, at_risk=rows), gate=Gate(share=1.0, smallest_cell=K))
    )
    assert (3.0 in set(shown.updates.at_risk["landmark"])) == (late >= K)
