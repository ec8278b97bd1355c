"""Readings of a registry and the two lowest rungs: what is compared, what comes out, what is refused."""

import copy

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.datasets import simulate_cohort
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.evaluation.technical import icc, weighted_kappa
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.study import DiagnosticPlan, Study, TechnicalPlan, run_study
from lbp_prognosis.study._judge_readings import judge_repeats, judge_test
from lbp_prognosis.survival import Reference


@pytest.fixture(scope="module")
def tables():
    return simulate_cohort(900, 3, imaging_rate=0.8).tables


def wide(tables, who, level, measure="pfirrmann", by="reader_id"):
    rows = tables["reading"]
    rows = rows[rows["measure"].eq(measure) & rows["level"].eq(level) & rows["reader_id"].isin(who)]
    if by == "reader_id":
        rows = rows[rows["occasion"] == 1]
    return rows.pivot_table(index="patient_id", columns=by, values="value")[
        list(who) if by == "reader_id" else [1, 2]
    ].dropna()


def test_two_readers_of_a_grade(tables):
    plan = TechnicalPlan("pfirrmann", ("reader_1", "reader_2"), name="grade")
    found = judge_repeats(plan, tables, synthetic=True)
    frame = found.to_frame().set_index(["group", "metric"])
    for level in ("l1l2", "l5s1"):
        grades = wide(tables, ("reader_1", "reader_2"), level)
        direct, kappa = icc(grades.to_numpy()), weighted_kappa(*grades.to_numpy().T, categories=[1, 2, 3, 4, 5])
        row = frame.loc[(level, "icc")]
        assert (row["value"], row["low"], row["high"]) == pytest.approx((direct.value, direct.low, direct.high))
        assert frame.loc[(level, "sdc_agreement"), "value"] == pytest.approx(direct.sdc_agreement)
        assert frame.loc[(level, "kappa_quadratic"), ["value", "low"]].tolist() == pytest.approx(
            [kappa.value, kappa.low]
        )
        assert row["n"] == len(grades) > 50
    assert set(frame["model"] if "model" in frame else found.to_frame()["model"]) == {"grade"}
    assert found.synthetic


def test_one_reader_twice(tables):
    plan = TechnicalPlan("fat_fraction", ("program",), levels=("l4l5",))
    frame = judge_repeats(plan, tables, synthetic=True).to_frame().set_index("metric")
    twice = wide(tables, ("program",), "l4l5", "fat_fraction", by="occasion")
    assert frame.loc["icc", "value"] == pytest.approx(icc(twice.to_numpy()).value)
    assert frame["group"].unique().tolist() == ["l4l5 left"]
    # the simulator's error of one measurement is 1.5 points, and so is the standard error found
    assert frame.loc["sem_agreement", "value"] == pytest.approx(1.5, rel=0.2)
    assert not frame.index.str.startswith("kappa").any()


def test_categories_have_kappa_and_no_error(tables):
    rows = tables["reading"].assign(
        value=lambda t: t["value"].clip(0, 3), measure="modic", structure="endplate", unit="category"
    )
    plan = TechnicalPlan("modic", ("reader_1", "reader_2"))
    found = judge_repeats(plan, {"reading": rows[rows["reader_id"].str.startswith("reader")]}, synthetic=False)
    assert set(found.to_frame()["metric"]) == {"kappa", "percent_agreement"}
    verdict = Evidence().with_result(found, sample="apparent").supports(Claim.repeats("modic"))
    assert verdict.answer == "supported"
    assert "kappa" in verdict.checks[0].name


def test_against_a_reference(tables):
    plan = DiagnosticPlan("pfirrmann", "reader_1", 4, name="program")
    found = judge_test(plan, tables, synthetic=True)
    row = found.to_frame().set_index("metric")
    keys = ["patient_id", "study_id", "level"]
    read = tables["reading"]
    read = read[read["reader_id"].eq("reader_1") & read["occasion"].eq(1)]
    made = tables["biomarker"][tables["biomarker"]["measure"] == "pfirrmann"].dropna(subset="value")
    both = read.merge(made, on=keys)
    direct = roc(Reference.now((both["value_x"] >= 4).astype(int)), both["value_y"], clusters=both["patient_id"])
    assert (row.loc["auc", "value"], row.loc["auc", "se"]) == pytest.approx((direct.value, direct.se))
    called = (both["value_y"] >= 4)[both["value_x"] >= 4].mean()
    assert row.loc["sensitivity", "value"] == pytest.approx(called)
    assert row.loc["auc", "n"] == len(both)
    assert found.objections  # readers are no standard
    evidence = Evidence().with_result(found, sample="apparent", against="readers")
    assert evidence.supports(Claim.detects("program")).answer == "not supported"  # simulated
    assert evidence.supports(Claim.detects("program", "standard")).answer == "not assessed"
    standard = judge_test(
        DiagnosticPlan("pfirrmann", "reference", 4, against="standard", test="reader_2"), tables, False
    )
    assert not standard.objections
    known = Evidence().with_result(standard, sample="apparent", against="standard")
    assert known.supports(Claim.detects("pfirrmann", "standard")).answer == "supported"


def test_a_list_of_categories(tables):
    plan = DiagnosticPlan("pfirrmann", "reference", (4, 5), test="reader_1")
    number = DiagnosticPlan("pfirrmann", "reference", 4, test="reader_1")
    one, two = (judge_test(p, tables, False).to_frame().set_index("metric") for p in (plan, number))
    assert one.loc["sensitivity", "value"] == pytest.approx(two.loc["sensitivity", "value"])
    assert one.loc["auc", "value"] < two.loc["auc", "value"]  # a yes or no says less than a grade


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (TechnicalPlan("pfirrmann", ("absent",)), "no reading of 'pfirrmann' by 'absent'; its readers are "),
        (TechnicalPlan("modic", ("reader_1",)), "no reading of 'modic' by 'reader_1'; no reader is named"),
        (TechnicalPlan("pfirrmann", ("reference",)), "not repeated"),
        (TechnicalPlan("pfirrmann", ("reader_1",), levels=("s1",)), "not repeated at s1"),
        (TechnicalPlan("pfirrmann", ("reader_1",), structure="canal"), "no such structure"),
        (DiagnosticPlan("pfirrmann", "reference", 9), "positives and negatives"),
        (DiagnosticPlan("fat_fraction", "program", 20), None),
    ],
)
def test_what_the_registry_does_not_hold(tables, plan, words):
    judge = judge_repeats if isinstance(plan, TechnicalPlan) else judge_test
    if words is None:
        assert judge(plan, tables, False).to_frame()["value"].notna().any()
        return
    with pytest.raises(DataError, match=words):
        judge(plan, tables, False)
    with pytest.raises(DataError, match="reading"):
        judge(plan, {}, False)


def test_two_methods_are_two_variables(tables):
    rows = tables["reading"].assign(method_id=lambda t: np.where(t["reader_id"] == "reader_2", "other", t["method_id"]))
    with pytest.raises(DataError, match="different variables"):
        judge_repeats(TechnicalPlan("pfirrmann", ("reader_1", "reader_2")), {"reading": rows}, False)


def test_few_patients_are_said_not_judged(tables):
    few = tables["reading"]["patient_id"].unique()[:40]
    rows = tables["reading"][tables["reading"]["patient_id"].isin(few)]
    found = judge_repeats(TechnicalPlan("pfirrmann", ("reader_1", "reader_2")), {"reading": rows}, False).to_frame()
    assert found["value"].isna().all()
    assert found["reason"].str.contains("fewer than 10").all()


def test_plans_refuse_nonsense():
    for make, word in (
        (lambda: TechnicalPlan("x", ()), "readers"),
        (lambda: TechnicalPlan("x", ("a", "a")), "readers"),
        (lambda: TechnicalPlan("x", "ab"), "readers"),
        (lambda: TechnicalPlan("x", ("a",), repeats=3), r"technical\.repeats"),
        (lambda: TechnicalPlan("x", ("a",), between="sessions"), r"technical\.between"),
        (lambda: TechnicalPlan("x", ("a",), days=7), r"technical\.days"),
        (lambda: DiagnosticPlan("x", "r", "4"), "positive"),
        (lambda: DiagnosticPlan("x", "r", ()), "positive"),
        (lambda: DiagnosticPlan("x", "r", 4, against="truth"), "against"),
        (lambda: DiagnosticPlan("x", "r", 4, test="r"), "another reader"),
    ):
        with pytest.raises(ArgumentError, match=word):
            make()


PROTOCOL = {
    "title": "t",
    "seed": 1,
    "data": {"package": "cohort", "site": "site"},
    "cohort": {"index": "index_date"},
    "outcome": {"kind": "surgery", "unit": "months", "horizons": [12]},
    "imaging": {"pool": {"pfirrmann": "mean"}},
    "modalities": {"clinical": ["age", "leg_pain"], "imaging": ["pfirrmann__mean"]},
    "model": [
        {"name": "clinical", "kind": "cause_specific_cox", "modalities": ["clinical"], "imputations": 2},
        {
            "name": "both",
            "kind": "cause_specific_cox",
            "modalities": ["clinical", "imaging"],
            "imputations": 2,
            "iterations": 2,
        },
    ],
    "comparison": {"clinical": "clinical", "extended": "both"},
    "validation": {"folds": 2, "repeats": 1, "resamples": 0},
    "technical": [{"measure": "pfirrmann", "readers": ["reader_1", "reader_2"], "name": "grade"}],
    "diagnostic": [{"measure": "pfirrmann", "reference": "reader_1", "positive": 4, "name": "program"}],
}


@pytest.fixture(scope="module")
def result(tmp_path_factory, unexplained_module):
    folder = tmp_path_factory.mktemp("readings")
    simulate_cohort(700, 5, imaging_rate=0.8, surgery=0.3).to_package(folder / "cohort")
    return run_study(Study.from_dict(PROTOCOL, folder=folder))


def test_a_study_answers_all_four_rungs(result, tmp_path):
    answers = {(v.claim.kind, v.claim.subject): v for v in map(result.evidence.supports, result.claims)}
    for key in (("repeats", "grade"), ("detects", "program"), ("is_associated", "both"), ("adds_value", "both")):
        verdict = answers[key]
        assert verdict.answer == "not supported", key  # simulated
        assert not verdict.missing, key
        assert np.isfinite([c.value for c in verdict.checks if c.metric]).all()
    assert result.association.test == "wald"
    assert result.association.m >= 20
    page = result.write(tmp_path).read_text(encoding="utf-8")
    for words in (
        "Are the measurements repeatable?",
        "L4–L5",
        "values of the biomarker table against reader 1 (readers)",
        "Is imaging associated with the outcome?",
        "degrees of freedom",
    ):
        assert words in page
    for name in ("repeatability", "agreement", "association"):
        assert len(pd.read_csv(tmp_path / "tables" / f"{name}.csv")) >= 1
    kept = pd.read_parquet(tmp_path / "results.parquet")
    assert {"technical", "diagnostic"} <= set(kept["tier"])


def test_sections_are_part_of_the_protocol(result):
    whole = Study.from_dict(PROTOCOL).spec_hash
    for change in (("technical", {"readers": ["reader_2", "reader_1"]}), ("diagnostic", {"positive": 3})):
        other = copy.deepcopy(PROTOCOL)
        other[change[0]][0] |= change[1]
        assert Study.from_dict(other).spec_hash != whole
    assert result.provenance["study"]["technical"][0]["readers"] == ["reader_1", "reader_2"]


def test_sections_that_are_not_as_they_must_be():
    for change, word in (
        ({"technical": {"measure": "x"}}, r"\[\[technical\]\]"),
        ({"diagnostic": [{"measure": "x", "reference": "r"}]}, "positive"),
        ({"technical": [{"measure": "x", "readers": ["a"], "colour": 1}]}, "colour"),
        ({"technical": [{"measure": "x", "readers": ["a"], "repeats": 2}]}, r"technical\.repeats.*left out"),
        ({"technical": [{"measure": "x", "readers": ["a"], "name": ""}]}, r"technical\.name"),
    ):
        with pytest.raises(ArgumentError, match=word):
            Study.from_dict({**PROTOCOL, **change})
    wide_table = {
        **PROTOCOL,
        "table": {"wide": "w.csv", "time": "t", "event": "e"},
        "outcome": {
            "name": "o",
            "definition": "d",
            "polarity": "bad",
            "time_zero": "z",
            "unit": "months",
            "horizons": [12],
        },
    }
    del wide_table["data"], wide_table["cohort"]
    with pytest.raises(ArgumentError, match="wide table"):
        Study.from_dict(wide_table)


@pytest.mark.usefixtures("unexplained")
def test_models_without_a_likelihood_are_said(tmp_path):
    simulate_cohort(400, 5, imaging_rate=0.8, surgery=0.3).to_package(tmp_path / "cohort")
    models = [dict(PROTOCOL["model"][0]), {**PROTOCOL["model"][1], "kind": "elastic_net_cox"}]
    models[0]["kind"] = models[1]["kind"]
    found = run_study(
        Study.from_dict({**PROTOCOL, "model": models, "technical": [], "diagnostic": []}, folder=tmp_path)
    )
    assert found.association is None
    assert any(o.code == "no-association-test" for o in found.objections)
    kinds = {c.kind: c.subject for c in found.claims}
    assert (kinds["repeats"], kinds["detects"]) == ("imaging", "imaging")
