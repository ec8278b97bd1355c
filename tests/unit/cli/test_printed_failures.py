"""Failures on the command line: each kind is shown, and many of one kind hide no other."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis.cli._failure import print_failures


def failures(n: int) -> pd.DataFrame:
    lost = {"table": "biomarker", "field": "patient_id", "reason": "foreign_key", "message": "not found"}
    many = [{**lost, "row": k + 1, "value": f"P{k}"} for k in range(n)]
    other = {"table": "visit", "row": 7, "field": "visit_date", "reason": "date", "value": "soon", "message": "no date"}
    return pd.DataFrame([*many, other])


def test_many_failures_of_one_kind_hide_no_other(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    print_failures(failures(40))
    shown = capsys.readouterr().out
    assert shown.count("foreign_key") == 4  # three rows and the sum
    assert "visit_date" in shown
    assert "40 in all: biomarker, patient_id, foreign_key, not found" in shown
    assert "37 more; write all with --failures FILE.csv" in shown
    assert "soon" not in shown


def test_three_of_a_kind_are_shown_and_nothing_is_summed(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    print_failures(failures(3), show_values=True)
    shown = capsys.readouterr().out
    assert shown.count("foreign_key") == 3
    assert "soon" in shown
    assert "in all" not in shown
    assert "more" not in shown
    print_failures(failures(3)[["reason"]])
    assert capsys.readouterr().out.count("foreign_key") == 3
