"""The pain trial: from the raw long table to a response outcome, counted against the table itself."""

import re
import runpy
from pathlib import Path

import pandas as pd
from command import call_script

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "prt_trial.py"


def test_response_agrees_with_the_raw_table(shared, capsys):
    folder = shared / "data" / "ashar2022_prt_trial"
    cohort = runpy.run_path(str(SCRIPT))["main"](str(folder))
    raw = pd.read_csv(folder / "Ashar2022_outcomes_demographics.csv")
    raw = raw[raw["group"].notna()]
    before, after = (raw[raw["time"].eq(t)].set_index("id")["pain_avg"] for t in (1, 2))
    responded = (before - after.reindex(before.index)) >= 0.3 * before - 1e-9
    expected = responded.astype(int).where(after.reindex(before.index).notna(), -1)
    expected.index = expected.index.astype(str)
    found = pd.Series(cohort.outcome["status"].astype(int), index=cohort.patients.index)
    assert (before > 0).all()
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False, check_dtype=False)
    assert len(cohort) == 151
    assert (found == -1).sum() == 16
    assert cohort.patients["weight"].between(40, 120).all()
    assert cohort.spec.target == "no_event"
    said = capsys.readouterr().out
    assert "skipped" not in said
    free = said.split("free or nearly free of pain, of all randomised")[1]
    counts = re.findall(r"(pain reprocessing|placebo|usual care) +(\d+) +(\d+)", free)[:3]
    at_end = raw[raw["time"].eq(2) & (raw["pain_avg"] <= 1)].groupby("group").size().tolist()
    assert [(int(n), int(of)) for _, n, of in counts] == list(zip(at_end, [50, 51, 50]))


def test_example_says_where_the_file_is_absent(tmp_path, capsys, monkeypatch):
    done = call_script(capsys, monkeypatch, SCRIPT, tmp_path)
    assert done.status == 0
    assert done.out.startswith("skipped: Ashar2022_outcomes_demographics.csv")
