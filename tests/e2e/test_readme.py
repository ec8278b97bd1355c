"""What the README shows is what happens."""

import re
import runpy
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import call

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
TOML = re.findall(r"^```toml\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A folder with the table the README speaks of."""
    (tmp_path / "examples").mkdir()
    shutil.copy(ROOT / "examples" / "registry.dta", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def copy_as(registry, kind):
    """Write the README's table in another format, by the program's own adapter."""
    folder = registry / "examples"
    table = pd.read_stata(folder / "registry.dta", convert_categoricals=False)
    if kind == "csv":
        table.to_csv(folder / "registry.csv", index=False)
    elif kind == "xlsx":
        table.to_excel(folder / "registry.xlsx", index=False)
    elif kind == "sav":
        pytest.importorskip("pyreadstat").write_sav(table, folder / "registry.sav")
    elif kind == "xpt":
        pytest.importorskip("pyreadstat").write_xport(table, folder / "registry.xpt", file_format_version=8)


@pytest.mark.parametrize("block", BLOCKS, ids=["predictions", "wide table", "calculator"])
def test_block_runs(block, registry, capsys):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    few = block.replace("m=5", "m=2").replace("n_repeats=2", "n_repeats=1")  # it runs as it does with more
    exec(compile(few, "README.md", "exec"), {})
    plt.close("all")
    if "calculator_page" in block:
        assert "Research use, not for care" in (registry / "calculator.html").read_text(encoding="utf-8")
        assert (registry / "recovery.lbpm").stat().st_size > 1000
    elif "registry.dta" in block:
        assert (registry / "out" / "registry" / "evidence.html").is_file()
        assert (registry / "decision_curve.png").stat().st_size > 10_000
    else:
        assert "AUC" in capsys.readouterr().out


def test_wide_table_takes_at_most_twelve_lines():
    lines = [line for line in BLOCKS[1].splitlines() if line.strip()]
    assert len(lines) <= 12


def test_study_file_runs(registry, capsys, monkeypatch):
    """As it stands it is a valid protocol; it runs with as many fits as it takes for a page, not for numbers."""
    (registry / "study.toml").write_text(TOML[0], encoding="utf-8")
    checked = call(capsys, monkeypatch, "validate", "study.toml")
    assert checked.status == 0, checked.err
    few, n = re.subn(
        r"(imputations|folds|repeats) = \d+", lambda m: f"{m[1]} = {1 if m[1] == 'repeats' else 2}", TOML[0]
    )
    assert n == 4
    few = few.replace('penalty = "cv"', "penalty = 1.0", 1)  # the second model tunes its own
    (registry / "study.toml").write_text(few, encoding="utf-8")
    called = call(capsys, monkeypatch, "run", "study.toml", "-o", "out/study", "--quiet", "--jobs", 1)
    assert called.status == 0, called.err
    assert "ΔIPA at 12 months" in called.out


def numbers_of(file):
    """What the README's script gives of a table; as many fits as it takes for numbers, not for a page."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    short = re.sub(r"n_splits=5, n_repeats=2", "n_splits=2, n_repeats=1", BLOCKS[1].replace("m=5", "m=2, iterations=2"))
    short = "\n".join(line for line in short.splitlines() if not re.match(r"(lbp\.report|found\.decision)", line))
    names = {}
    exec(compile(short.replace("examples/registry.dta", str(file)), "README.md", "exec"), names)
    plt.close("all")
    return names["found"].table()


@pytest.fixture(scope="module")
def numbers_of_stata():
    return numbers_of((ROOT / "examples" / "registry.dta").as_posix())


@pytest.mark.parametrize("kind", ["csv", "xlsx", "sav", "xpt"])
def test_wide_table_in_any_format_gives_the_same_numbers(registry, kind, numbers_of_stata):
    """The README's script over Stata, and over the same table as CSV, Excel, SPSS and SAS."""
    copy_as(registry, kind)
    pd.testing.assert_frame_equal(numbers_of_stata, numbers_of(f"examples/registry.{kind}"), rtol=1e-6)


def test_honest_about_data():
    assert "No public table yet links imaging biomarkers of the lumbar spine to outcomes at follow-up." in README


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


def test_the_registry_is_what_its_script_writes(tmp_path):
    written = runpy.run_path(str(ROOT / "examples" / "make_registry.py"))["main"]
    written(tmp_path / "registry.dta")
    found, kept = (pd.read_stata(path / "registry.dta") for path in (tmp_path, ROOT / "examples"))
    pd.testing.assert_frame_equal(found, kept)
