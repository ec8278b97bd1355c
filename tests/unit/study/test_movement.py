"""Movement in a study: trials of a registry, whether they repeat, and what is objected to without baseline pain."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.evaluation.technical import icc
from lbp_prognosis.study import Study, TechnicalPlan, read_study_data, run_study
from lbp_prognosis.study._judge_readings import judge_repeats

PROTOCOL = {
    "title": "t",
    "seed": 1,
    "data": {"package": "cohort"},
    "cohort": {"index": "index_date"},
    "outcome": {"kind": "surgery", "unit": "months", "horizons": [12]},
    "biomechanics": {"summary": {"sorensen_time": "best"}},
    "modalities": {
        "clinical": ["age"],
        "patient_reported": ["nrs_back"],
        "biomechanical": ["sorensen_time", "flexion_rom"],
    },
    "model": [
        {"name": "clinical", "kind": "cause_specific_cox", "modalities": ["clinical"]},
        {"name": "moves", "kind": "cause_specific_cox", "modalities": ["clinical", "biomechanical"]},
    ],
    "comparison": {"clinical": "clinical", "extended": "moves"},
    "clinical_minimum": {"age": "age", "pain": "nrs_back"},
    "validation": {"folds": 2, "repeats": 1, "resamples": 0},
}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A registry whose endurance and flexion come as trials, and whose gait speed as values."""
    folder = tmp_path_factory.mktemp("movement")
    cohort = simulate_cohort(260, 5, surgery=0.4, missingness=0.0)
    motion = cohort.tables["motion"]
    parts = motion[motion["measure"].isin(["sorensen_time", "flexion_rom"])]
    rng = np.random.default_rng(0)
    trials = pd.concat(
        [
            parts.assign(trial=k, value=(parts["value"] + rng.normal(0, 4, len(parts))).clip(0, 150).round(1))
            for k in (1, 2)
        ],
        ignore_index=True,
    )
    tables = {**cohort.tables, "motion": motion[motion["measure"].eq("gait_speed")], "motion_trial": trials}
    type(cohort)(tables, cohort.latent, cohort._measured, cohort.settings).to_package(folder / "cohort")
    return folder, tables


def study(folder, **change):
    protocol = copy.deepcopy(PROTOCOL)
    for name, value in change.items():
        protocol[name] = value
    return Study.from_dict(protocol, folder=folder)


def test_trials_of_a_registry_are_values_of_sessions(package):
    folder, tables = package
    data = read_study_data(study(folder))
    trials = tables["motion_trial"].set_index(["measure", "patient_id"])["value"]
    by = trials.groupby(level=["measure", "patient_id"])
    for measure, expected in (("sorensen_time", by.max()), ("flexion_rom", by.mean())):
        assert data.X[measure].to_numpy() == pytest.approx(expected[measure].reindex(data.X.index).to_numpy())
    assert data.modalities["biomechanical"] == ("sorensen_time", "flexion_rom")
    said = [note for note in data.notes if "motion_trial" in note]
    assert said == ["The trials of `motion_trial` became values of sessions."]  # and no count that a gate does not see
    every = read_study_data(study(folder, biomechanics={}))
    assert every.X["sorensen_time"].to_numpy() == pytest.approx(by.mean()["sorensen_time"].reindex(every.X.index))
    assert study(folder).spec_hash != study(folder, biomechanics={}).spec_hash


def test_movement_without_pain_is_said_of_the_model_that_is_claimed(package):
    folder, _ = package
    codes = {doubt.code for doubt in read_study_data(study(folder)).objections}
    assert "state-not-trait" in codes
    models = copy.deepcopy(PROTOCOL["model"])
    models[1]["modalities"] = ["clinical", "patient_reported", "biomechanical"]
    with_pain = read_study_data(study(folder, model=models))
    assert "state-not-trait" not in {doubt.code for doubt in with_pain.objections}
    # under another name of the modality the table still says that it is movement
    groups = {"clinical": ["age", "flexion_rom"], "patient_reported": ["nrs_back"]}
    alone = [{"name": "c", "kind": "cause_specific_cox", "modalities": ["clinical"]}]
    hidden = study(folder, modalities=groups, model=alone, comparison={})
    assert "state-not-trait" in {doubt.code for doubt in read_study_data(hidden).objections}


@pytest.mark.usefixtures("unexplained")
def test_the_claims_of_a_run_are_blocked(package, tmp_path):
    folder, _ = package
    technical = [{"measure": "flexion_rom", "table": "motion", "name": "lumbar flexion"}]
    result = run_study(study(folder, technical=technical))
    blocked = {claim.kind: result.evidence.supports(claim).blocking for claim in result.claims}
    for kind in ("is_associated", "adds_value"):
        assert "state-not-trait" in blocked[kind]
    assert "state-not-trait" not in blocked["predicts"]
    repeats = next(claim for claim in result.claims if claim.kind == "repeats")
    assert np.isfinite([check.value for check in result.evidence.supports(repeats).checks if check.metric]).all()
    page = result.write(tmp_path).read_text(encoding="utf-8")
    assert "2 trials of one session" in page
    assert "Movement changes with pain" in page


def test_trials_and_sessions_are_judged_by_the_technical_tier(package):
    _, tables = package
    plan = TechnicalPlan("flexion_rom", table="motion")
    frame = judge_repeats(plan, tables, synthetic=True).to_frame().set_index("metric")
    rows = tables["motion_trial"][tables["motion_trial"]["measure"].eq("flexion_rom")]
    direct = icc(rows.pivot(index="patient_id", columns="trial", values="value").to_numpy())
    assert frame.loc["icc", ["value", "low", "high"]].tolist() == pytest.approx([direct.value, direct.low, direct.high])
    assert frame.loc["sem_agreement", ["low", "high"]].tolist() == pytest.approx(direct.limits["sem_agreement"])
    assert frame.loc["sem_agreement", "value"] == pytest.approx(4.0, rel=0.15)  # the error that was added
    gait = tables["motion"]
    again = pd.concat(
        [gait, gait.assign(session_id="M2", acquired_on=gait["acquired_on"] + pd.Timedelta(days=7))], ignore_index=True
    )
    again.loc[len(gait) :, "value"] += 0.1
    apart = TechnicalPlan("gait_speed", table="motion", between="sessions", days=7)
    found = judge_repeats(apart, {"motion": again}, synthetic=True)
    assert found.compared == "2 sessions within 7 days"
    # every patient walks 0.1 m/s faster: no error left but that between the sessions, 0.1/√2
    errors = found.to_frame().set_index("metric")["value"]
    assert errors["sem_agreement"] == pytest.approx(0.1 / np.sqrt(2), abs=1e-9)
    with pytest.raises(DataError, match="Fewer than two"):
        judge_repeats(TechnicalPlan("gait_speed", table="motion", between="sessions", days=6), {"motion": again}, True)
    sided = rows.assign(measure="rotation_rom", side="left")
    few = sided[sided["patient_id"].isin(sided["patient_id"].unique()[:3])].assign(side="right")
    both = judge_repeats(TechnicalPlan("rotation_rom", table="motion"), {"motion_trial": pd.concat([sided, few])}, True)
    icc_of = both.to_frame().query("metric == 'icc'").set_index("group")
    assert icc_of.loc["left", "value"] == pytest.approx(direct.value)
    assert icc_of.loc["right", "reason"] == "fewer than 10 patients with all readings"
    with pytest.raises(DataError, match="no values"):
        judge_repeats(TechnicalPlan("cadence", table="motion"), tables, True)
    with pytest.raises(DataError, match="needs a package"):
        judge_repeats(plan, {}, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"biomechanics": {"summary": "median"}}, "summary"),
        ({"biomechanics": {"summary": {"jump": "best"}}}, "jump"),
        ({"biomechanics": {"sides": {"flexion_rom": "mean"}}}, "sides"),
        ({"biomechanics": {"colour": "red"}}, "colour"),
        ({"technical": [{"measure": "flexion_rom", "table": "motion", "readers": ["a"]}]}, "readers"),
        ({"technical": [{"measure": "flexion_rom", "table": "motion", "between": "sessions"}]}, "days"),
        ({"technical": [{"measure": "flexion_rom", "table": "motion", "days": 7.0}]}, "days"),
        ({"technical": [{"measure": "jump", "table": "motion"}]}, "jump"),
        ({"technical": [{"measure": "flexion_rom", "table": "gait"}]}, "table"),
    ],
)
def test_a_protocol_is_checked_before_data_are_read(change, words):
    with pytest.raises(ArgumentError, match=words):
        Study.from_dict({**PROTOCOL, **change})


def test_tables_that_do_not_fit(package, tmp_path):
    _, tables = package
    cohort = simulate_cohort(30, 5)
    cohort.to_package(tmp_path / "cohort")
    with pytest.raises(ArgumentError, match="motion_trial"):
        read_study_data(study(tmp_path))
    trials = tables["motion_trial"].head(4)
    twice = {**cohort.tables, "motion_trial": trials}
    type(cohort)(twice, cohort.latent, cohort._measured, cohort.settings).to_package(tmp_path / "cohort")
    with pytest.raises(DataError, match="are in `motion`"):
        read_study_data(study(tmp_path))
    sided = {**twice, "motion_trial": trials.assign(side="left", session_id="M9")}
    type(cohort)(sided, cohort.latent, cohort._measured, cohort.settings).to_package(tmp_path / "cohort")
    with pytest.raises(DataError, match="cannot be used") as caught:
        read_study_data(study(tmp_path))
    assert caught.value.failures["reason"].tolist() == ["side"] * 4
