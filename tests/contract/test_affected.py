"""`affected.py` finds the tests of a change through doors, importers, patches and files of data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from affected import Checkout, changed_files

FILES = {
    "lbp_prognosis/__init__.py": '_NAMES = {"Outcome": "low"}\n',
    "lbp_prognosis/low/__init__.py": "from lbp_prognosis.low._outcome import Outcome\n",
    "lbp_prognosis/low/_outcome.py": "class Outcome: ...\n",
    "lbp_prognosis/low/_other.py": "def other(): ...\n",
    "lbp_prognosis/high/__init__.py": "from lbp_prognosis.high._page import page\n",
    "lbp_prognosis/high/_page.py": "from lbp_prognosis.low import Outcome\n\ndef page(): return 'templates/page.css'\n",
    "lbp_prognosis/high/templates/page.css": "",
    "tests/helper.py": "",
    "tests/contract/test_architecture.py": "",
    "tests/unit/low/test_outcome.py": "from lbp_prognosis.low import Outcome\n",
    "tests/unit/low/test_other.py": "from lbp_prognosis.low._other import other\nimport helper\n",
    "tests/unit/low/test_patched.py": "PLACE = 'lbp_prognosis.low._outcome.Outcome'\n",
    "tests/e2e/test_top.py": "import lbp_prognosis as lbp\nlbp.Outcome()\nlbp.low.Outcome()\n",
    "tests/e2e/test_page.py": "from lbp_prognosis import high\nhigh.page()\n",
    "tests/e2e/test_nothing.py": "import math\n",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_affected_follows_doors_importers_and_rooms(checkout: Path) -> None:
    assert Checkout(checkout).affected(["lbp_prognosis/low/_outcome.py"]) == {
        "tests/unit/low/test_outcome.py": 0,
        "tests/unit/low/test_patched.py": 0,
        "tests/e2e/test_top.py": 0,
        "tests/contract/test_architecture.py": 1,
        "tests/e2e/test_page.py": 1,
        "tests/unit/low/test_other.py": 2,
    }


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ("lbp_prognosis/high/templates/page.css", ["tests/e2e/test_page.py"]),
        ("tests/helper.py", ["tests/unit/low/test_other.py"]),
        ("tests/e2e/test_nothing.py", ["tests/e2e/test_nothing.py"]),
        ("README.md", []),
    ],
)
def test_affected_of_data_helpers_and_tests(checkout: Path, changed: str, first: list[str]) -> None:
    found = Checkout(checkout).affected([changed])
    assert [path for path, distance in found.items() if distance == 0] == first


def test_changed_files_are_committed_uncommitted_and_new_ones(checkout: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=checkout, check=True)

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    git("checkout", "-q", "-b", "mine")
    (checkout / "tests/helper.py").write_text("A = 1\n", encoding="utf-8")
    git("commit", "-q", "-a", "-m", "second")
    (checkout / "tests/e2e/test_top.py").write_text("", encoding="utf-8")
    (checkout / "tests/e2e/test_new.py").write_text("", encoding="utf-8")
    assert changed_files(checkout, "main") == ["tests/e2e/test_new.py", "tests/e2e/test_top.py", "tests/helper.py"]


def test_affected_tests_stop_when_the_time_is_used_up(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_first(): assert False\n", encoding="utf-8")
    (tmp_path / "test_b.py").write_text("def test_second(): pass\n", encoding="utf-8")
    code = (
        "import pytest, sys; from affected import TimeLimit; limit = TimeLimit(-1); "
        f"status = pytest.main(['-q', '-c', '/dev/null', '--rootdir', {str(tmp_path)!r}, {str(tmp_path)!r}], "
        "plugins=[limit]); print('finished', sorted(limit.finished), limit.reached, int(status))"
    )
    tests = Path(__file__).resolve().parents[1]
    run = subprocess.run([sys.executable, "-c", code], cwd=tests, capture_output=True, text=True, check=True)
    assert "finished ['test_a.py'] True 1" in run.stdout
