"""Leaks in the wide table of a study, by kind of outcome: each is said by its own code, and by no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import DataError
from lbp_prognosis.evidence import BLOCKING, Claim
from lbp_prognosis.study import Study, read_study_data, run_study

N = 400
KINDS = {
    "competing": {"time": "t", "event": "cause", "causes": {"recovery": 1, "surgery": 2}, "censored": 0},
    "status": {"status": "by12"},
    "score": {"score": "points"},
}
OUTCOME_CODES = {code for code, blocked in BLOCKING.items() if "predicts" in blocked}


def registry(seed: int) -> tuple[pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "pain": rng.integers(0, 11, N),
            "age": rng.normal(50, 14, N).round(),
            "sex": rng.integers(0, 2, N),
            "bmi": rng.normal(27, 4, N).round(1),
            "z": rng.normal(size=N),
        }
    )
    lp = 0.12 * (frame["pain"] - 5) + 0.015 * (frame["age"] - 50)
    times = np.column_stack([rng.uniform(8, 36, N), rng.exponential(14 * np.exp(-lp)), rng.exponential(50, N)])
    frame["t"], frame["cause"] = times.min(axis=1), times.argmin(axis=1)
    frame["by12"] = (times[:, 1] <= 12).astype(int)
    frame["points"] = np.clip(np.round(5 + 2 * lp + rng.normal(0, 2, N)), 0, 10)
    return frame, rng


def study(frame: pd.DataFrame, kind: str, folder: Path) -> Study:
    frame.to_csv(folder / "w.csv", index=False)
    model = {"competing": "cause_specific_cox", "status": "logistic", "score": "ordinal_regression"}[kind]
    protocol = {
        "title": "t",
        "table": {"wide": "w.csv", **KINDS[kind]},
        "outcome": {
            "name": "recovery",
            "definition": "no pain",
            "polarity": "bad",
            "time_zero": "visit",
            "unit": "months",
            "horizons": [12],
        },
        "modalities": {"clinical": ["pain", "age", "sex"], "imaging": ["bmi", "z"]},
        "model": [
            {"name": name, "kind": model, "modalities": parts, "imputations": 1, "options": {"penalty": 1.0}}
            for name, parts in (("clinical", ["clinical"]), ("all", ["clinical", "imaging"]))
        ],
        "comparison": {"clinical": "clinical", "extended": "all"},
        "decision": {"low": 0.2, "high": 0.6, "primary": 0.4, "step": 0.1, "rationale": "because"},
        "validation": {"folds": 2, "repeats": 1, "resamples": 0},
    }
    if kind == "score":
        protocol["score"] = {"lower": 0, "upper": 10, "at_most": 4}
    return Study.from_dict(protocol, folder=folder)


def said(frame: pd.DataFrame, kind: str, folder: Path) -> set[str]:
    return {o.code for o in read_study_data(study(frame, kind, folder)).objections} & OUTCOME_CODES


@pytest.mark.parametrize("kind", KINDS)
def test_each_leak_is_said_by_its_own_code(kind: str, tmp_path: Path) -> None:
    assert said(registry(0)[0], kind, tmp_path) == set()
    frame, rng = registry(9)
    own = frame[{"competing": "cause", "status": "by12", "score": "points"}[kind]]
    happened = own <= 4 if kind == "score" else own == 1
    some = happened & (rng.random(N) < 0.7)
    leaks = {
        "predictor-is-outcome": own,
        "predictor-too-strong": some.astype(int),
        "missingness-tells-outcome": frame["z"].mask(happened),
        "identifier-as-predictor": rng.permutation(N) + 1,
    }
    for code, column in leaks.items():
        assert said(frame.assign(z=column), kind, tmp_path) == {code}, code
    assert said(pd.concat([frame, frame]), kind, tmp_path) == {"patients-copied"}
    assert said(pd.concat([frame, frame[:25]]), kind, tmp_path) == {"patients-copied"}


def test_damaged_outcomes_are_said(tmp_path: Path) -> None:
    frame, rng = registry(9)
    filled = rng.random(N) < 0.3
    for code, changed in (
        ("outcome-values-piled", frame.assign(t=frame["t"].mask(filled, frame["t"].median()))),
        ("events-at-one-time", frame.assign(t=12)),
    ):
        assert said(changed, "competing", tmp_path) == {code}, code
    with pytest.raises(DataError, match="look like days"):
        said(frame.assign(t=np.ceil(frame["t"] * 30.4)), "competing", tmp_path)
    points = frame["points"].mask(filled, frame["points"].median())
    assert said(frame.assign(points=points), "score", tmp_path) == {"outcome-values-piled"}


@pytest.mark.slow
@pytest.mark.usefixtures("unexplained")
@pytest.mark.parametrize("kind", KINDS)
def test_a_leak_blocks_the_claims_of_a_run(kind: str, tmp_path: Path) -> None:
    for seed in range(1, 6):
        assert said(registry(seed)[0], kind, tmp_path) == set()
    frame, _ = registry(9)
    own = frame[{"competing": "cause", "status": "by12", "score": "points"}[kind]]
    happened = own <= 4 if kind == "score" else own == 1
    result = run_study(study(frame.assign(z=frame["z"].mask(happened)), kind, tmp_path))
    for claim in (Claim.predicts("all", 12), Claim.adds_value("all", "clinical", 12)):
        verdict = result.evidence.supports(claim)
        assert "missingness-tells-outcome" in verdict.blocking
        assert verdict.answer != "supported"
