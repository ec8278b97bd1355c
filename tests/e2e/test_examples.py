"""Every example runs, on the real tables where they are beside the checkout."""

import json
import re
import runpy
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command import call, call_script

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def recovery(shared, tmp_path_factory):
    from lbp_prognosis.study import Study, run_study

    study = Study.from_toml(EXAMPLES / "lbp_cox.toml", data=shared / "reference" / "data")
    few = replace(study, validation=replace(study.validation, repeats=2))  # a page as of five repeats
    result = run_study(few, n_jobs=1)
    folder = tmp_path_factory.mktemp("lbp_cox")
    return result, result.write(folder)


def test_recovery_reads_one_imputation(recovery):
    result, _ = recovery
    assert len(result.data.X) == 265
    assert (result.data.y["event"] == 1).sum() == 193
    steps = result.data.flow.steps
    assert steps.loc[steps["kind"].eq("excluded"), "n"].tolist() == [9 * 265]
    assert result.data.spec.target == "no_event"


def test_recovery_numbers_are_those_of_the_door(recovery):
    """What stands on the page is what `evaluate` says of the out-of-fold risks."""
    from lbp_prognosis import evaluate

    result, page = recovery
    risks = {name: values.mean(axis=0) for name, values in result.cross_validation.risks_by_repeat.items()}
    found = evaluate(result.data.y, risks, [60, 120, 180], target="no_event", n_resamples=0)
    for model in ("clinical", "clinical + work"):
        expected = found.metric("auc", model).value
        assert result.evaluation.metric("auc", model).value == pytest.approx(expected, abs=1e-12)
    gain = found.difference("ipa", "clinical + work", "clinical")
    row = result.headline().iloc[2]
    assert (row["value"], row["low"], row["high"]) == pytest.approx((gain.value[1], gain.low[1], gain.high[1]))
    text = page.read_text(encoding="utf-8")
    assert f"{found.metric('auc', 'clinical').value[1]:.3f}" in text


def test_recovery_says_that_there_is_no_imaging(recovery):
    _, page = recovery
    text = page.read_text(encoding="utf-8")
    assert "contain no imaging" in text
    assert "What does work and beliefs add" in text
    assert "Simulated" not in text


def test_recovery_does_not_flatter(recovery):
    result, _ = recovery
    for model in ("clinical", "clinical + work"):
        assert result.apparent.metric("auc", model).value[1] > result.evaluation.metric("auc", model).value[1]
    null = result.evaluation.metric("ipa", "null").value
    assert (null < 0.01).all()


def test_recovery_claims(recovery):
    result, _ = recovery
    answers = {claim.kind: result.evidence.supports(claim).answer for claim in result.claims}
    assert answers["adds_value"] == "not supported"
    assert answers["improves_outcomes"] == "not assessed"
    adds = next(claim for claim in result.claims if claim.kind == "adds_value")
    assert any("declared" in check.name and "sex" in check.name for check in result.evidence.supports(adds).checks)


def test_trial(shared, tmp_path, capsys, monkeypatch):
    called = call(
        capsys,
        monkeypatch,
        "run",
        EXAMPLES / "prt_trial.toml",
        "--data",
        shared / "data",
        "-o",
        tmp_path,
        "--quiet",
        "--jobs",
        1,
    )
    assert called.status == 0, called.err
    assert re.search(r"AUC at 1 months?, pain and disability", called.out)
    told = json.loads((tmp_path / "provenance.json").read_text(encoding="utf-8"))
    assert "prt_trial_mapping.toml" in told["input_sha256"]
    page = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert "status-missing" in page  # the sixteen who did not come back are named, not taken for non-responders
    flow = pd.read_csv(tmp_path / "tables" / "predictors.csv")
    assert (flow["known in"].astype(str) == "151").any()


def test_trial_says_where_the_file_is_absent(tmp_path, capsys, monkeypatch):
    called = call(
        capsys, monkeypatch, "run", EXAMPLES / "prt_trial.toml", "--data", tmp_path, "-o", tmp_path, "--quiet"
    )
    assert called.status == 1
    assert "Ashar2022_outcomes_demographics.csv" in called.err


def test_external_validation_as_printed(shared):
    rows = runpy.run_path(str(EXAMPLES / "rotterdam_gbsg.py"))["external"](shared / "reference" / "data")
    printed = json.loads((shared / "reference" / "published_tables.json").read_text(encoding="utf-8"))["rows"]
    names = {
        "Harrell C": "Harrell's C",
        "Uno C": "Uno's C",
        "cumulative/dynamic AUC at 4.99y": "AUC at 4.99 years",
        "Brier at 4.99y": "Brier at 4.99 years",
        "IPA at 4.99y": "IPA at 4.99 years",
        "O/E at 5y": "O/E at 5 years",
        "Cox calibration slope": "calibration slope",
        "net benefit at threshold 0.23": "net benefit at 0.23",
    }
    models = {"basic model": "basic", "basic model + PGR": "basic + PGR"}
    compared = 0
    for row in printed:
        sample, _, model = row["sample"].partition(", ")
        if row["measure"] not in names or sample != "external" or not row["agrees_to_printed_digits"]:
            continue
        mine = rows[(rows["measure"] == names[row["measure"]]) & (rows["model"] == models[model])]["value"].iloc[0]
        half = 0.5 * 10.0 ** -row["printed_digits"] + 1e-9
        assert abs(mine - row["printed"]) <= half, (row["measure"], row["sample"], mine, row["printed"])
        compared += 1
    assert compared >= 10


def test_external_validation_says_where_the_files_are_absent(tmp_path, capsys, monkeypatch):
    done = call_script(capsys, monkeypatch, EXAMPLES / "rotterdam_gbsg.py", tmp_path)
    assert done.status == 0
    assert done.out.startswith("skipped: rotterdam.csv and gbsg.csv")


def test_chronic_pain_developed_here_validated_there(shared, tmp_path, monkeypatch):
    """Missing values imputed inside every resample; the external patients pooled over their imputations."""
    from lbp_prognosis.report import write_page

    example = runpy.run_path(str(EXAMPLES / "lbp_chronic.py"))
    impute = example["MultipleImputation"]
    few = lambda m, iterations, **given: impute(2, iterations=2, **given)  # noqa: E731
    monkeypatch.setitem(example["pipeline"].__globals__, "MultipleImputation", few)
    found = example["study"](shared / "reference" / "data", resamples=3, repeats=1)
    assert found["internal"].n == 159
    row = found["pooled"].metric("auc", model="clinical")
    assert 0.7 < row["low"] < row["value"] < 0.92
    codes = {o.code for o in found["pooled"].objections}
    assert {"imputed-outside-resampling", "few-events-for-validation"} <= codes
    assert found["corrected"]["clinical"].at("auc")["corrected"] < found["corrected"]["clinical"].at("auc")["apparent"]
    page = example["page"](found)
    verdicts = {claim.sentence: page.evidence.supports(claim).answer for claim in page.claims}
    assert "supported" not in verdicts.values()  # five constructs of nine, imputed beforehand, 80 patients
    assert "contain no imaging" in write_page(page, tmp_path).read_text(encoding="utf-8")


def test_imaging_that_finds_and_imaging_that_adds(tmp_path):
    from lbp_prognosis.report import write_page

    example = runpy.run_path(str(EXAMPLES / "imaging_and_decisions.py"))
    nothing, something = example["study"](0.0, n=900), example["study"](4.0)
    for found in (nothing, something):
        assert found["finding"].value > 0.95
        assert not found["added"].missing
        assert not found["added"].supported  # simulated data support nothing
    assert not nothing["added"].gains
    assert nothing["added"].difference("net_benefit", 12.0, 0.45)["low"] <= 0
    assert something["added"].gains
    assert something["added"].difference("net_benefit", 12.0, 0.45)["low"] > 0
    text = write_page(example["page"](nothing, "t"), tmp_path).read_text(encoding="utf-8")
    assert "imulated" in text
    assert "is not shown to add" in text
