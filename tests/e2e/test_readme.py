"""What the README shows is what happens."""

import re
from pathlib import Path

import numpy as np
import pytest
from command import call

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
TOML = re.findall(r"^```toml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder with the table the README speaks of."""
    from lbp_prognosis.datasets import simulate_cohort

    X, y, _ = simulate_cohort(400, 2, imaging_rate=0.6).wide(observed=True)
    frame = X.rename(columns={"pfirrmann__mean": "pfirrmann_mean", "fat_fraction__mean": "fat_fraction_mean"})
    columns = ["age", "nrs_back", "odi", "expectation", "pfirrmann_mean", "fat_fraction_mean"]
    table = frame[columns].assign(months=y["time"], status=y["event"].astype(np.int32)).reset_index(drop=True)
    table.to_stata(tmp_path / "registry.dta", write_index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=["predictions", "wide table"])
def test_block_runs(block, registry, capsys):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    exec(compile(block, "README.md", "exec"), {})
    plt.close("all")
    if "registry.dta" in block:
        assert (registry / "out" / "registry" / "evidence.html").is_file()
        assert (registry / "decision_curve.png").stat().st_size > 10_000
    else:
        assert "AUC" in capsys.readouterr().out


def test_wide_table_takes_at_most_twelve_lines():
    lines = [line for line in BLOCKS[1].splitlines() if line.strip()]
    assert len(lines) <= 12


def test_study_file_runs(registry, capsys, monkeypatch):
    (registry / "study.toml").write_text(TOML[0], encoding="utf-8")
    called = call(capsys, monkeypatch, "run", "study.toml", "-o", "out/study", "--quiet", "--jobs", 1)
    assert called.status == 0, called.err
    assert "ΔIPA at 12 months" in called.out


def test_honest_about_data():
    assert "No public table yet links imaging biomarkers of the lumbar spine to outcomes at follow-up." in README


def test_links_lead_somewhere():
    root = Path(__file__).resolve().parents[2]
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (root / target).exists(), target
