"""What is known of a metric stands once, in one line."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis._base import METRICS, ArgumentError, MetricResult, metric_frame, metric_title
from lbp_prognosis.evaluation import METRICS as PUBLIC

PACKAGE = Path(__file__).resolve().parents[3] / "lbp_prognosis"


def test_names_at_the_door_of_evaluation_are_the_registry() -> None:
    assert PUBLIC is METRICS
    assert len(METRICS) == (PACKAGE / "_base" / "metrics.csv").read_text(encoding="utf-8").count("\n") - 1


def test_facts_are_of_their_kinds() -> None:
    for name, fact in METRICS.items():
        assert fact.name == name
        assert fact.tier in {"", "technical", "diagnostic", "prognostic", "utility"}
        assert fact.better in {"", "higher", "lower", "zero", "one"}
        assert fact.scale in {"identity", "log", "logit", "fisher"}
        assert set(fact.outcomes) <= {"right", "interval", "status", "reference", "measured"}
        assert fact.low < fact.high
        for value in (fact.no_information, fact.line):
            assert value is None or fact.low <= value <= fact.high


def test_titles_tell_metrics_apart() -> None:
    for titles in ([m.title for m in METRICS.values()], [m.short for m in METRICS.values()]):
        assert [title for title, n in Counter(titles).items() if n > 1 or not title] == []
    assert metric_title("ibs_step") != metric_title("ibs_trapezoid")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("auc", 0.5),
        ("ipa", 0.0),
        ("observed_expected", 1.0),
        ("calibration_slope", 1.0),
        ("citl", 0.0),
        ("brier", None),
    ],
)
def test_line_of_a_drawing(name: str, line: float | None) -> None:
    assert METRICS[name].line == line


def test_an_unregistered_metric_is_an_error() -> None:
    good = MetricResult("auc", "prognostic", 0.7, 0.1, 0.5, 0.9, 0.95, "m", n=10, n_events=5)
    with pytest.raises(ArgumentError, match=r"`metric`.*'auc'"):
        replace(good, metric="aucc")
    assert good.to_frame()["metric"].tolist() == ["auc"]
    with pytest.raises(ArgumentError, match="`metric`"):
        metric_frame([{"metric": "sharpe_ratio", "value": np.nan}])


def test_no_second_table_of_metrics() -> None:
    """A dictionary from names of metrics to words or numbers belongs into the registry."""
    # criteria that a user may change, and where a curve begins
    kept = {"_probability_useful.py", "_sample_size_support.py", "_step_curve.py"}
    tables = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name not in kept
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        and sum(isinstance(key, ast.Constant) and key.value in METRICS for key in node.keys) >= 3
        and all(isinstance(value, ast.Constant) for value in node.values)
    ]
    assert tables == []
