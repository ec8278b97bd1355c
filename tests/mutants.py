"""Single changes of a room's source, tried against its tests: what no test notices, no test stands on.

    python tests/mutants.py cohort --sample 60 --seed 1
    python tests/mutants.py evaluation survival --sample 20 --seconds 60 --again

Comparisons move by one step (< to <=), counts by one, and/or, any/all, min/max, first/last change places. Annotations,
decorators and what a `raise` says are left as they are. A copy under build/mutants is changed, never the checkout.
Each mutant meets the test files that name its file (`tests/affected.py`), those of its own room first, until one test
fails or its processor time is used up; a test that fails must pass without the change. What was found is kept
in build/mutants/ROOM.jsonl: a second run goes on where the first stopped, and ``--again`` tries what was missed anew.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import openpyxl  # noqa: F401  what is slow to import is imported once, before the children
import pandera.pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pyreadstat  # noqa: F401
import pytest
import scipy.optimize
import scipy.stats  # noqa: F401
import sklearn.datasets
import sklearn.linear_model  # noqa: F401
from affected import Checkout

OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
OPTIONS += ["-W", "ignore:Module already imported", "-o", "addopts=--import-mode=importlib"]
ROOT = Path(__file__).resolve().parent.parent
COPIED = ("lbp_prognosis", "data_schemas", "tests", "docs", "examples", "benchmarks")
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
COMPARED |= {ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}
COUNTED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {
    "any": "all",
    "all": "any",
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "fmin": "fmax",
}
NAMES |= {"first": "last", "last": "first", "isna": "notna", "notna": "isna", "floor": "ceil", "idxmin": "idxmax"}
WORDS = {"first": "last", "last": "first", "left": "right", "right": "left", "exclude": "include"}


ALWAYS_GREEN = (
    "tests/contract/test_architecture.py",
    "tests/contract/test_import_circles.py",
)  # behaviour is not theirs


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through what is computed: no annotation, no decorator, no words of an error."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params") or isinstance(tree, ast.Raise):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from _code(node)


def changes(tree: ast.AST) -> list[tuple[ast.AST, str, object, str]]:
    """Return (node, attribute, new value, words) of every change."""
    found: list[tuple[ast.AST, str, object, str]] = []
    for node in _code(tree):
        line = f"line {getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
            old, new = type(node.ops[0]), COMPARED[type(node.ops[0])]
            found.append((node, "ops", [new(), *node.ops[1:]], f"{line}: {old.__name__} to {new.__name__}"))
        elif isinstance(node, ast.BinOp) and type(node.op) in COUNTED and not _of_text(node):
            other = COUNTED[type(node.op)]
            found.append((node, "op", other(), f"{line}: {type(node.op).__name__} to {other.__name__}"))
        elif isinstance(node, ast.BoolOp):
            found.append((node, "op", ast.Or() if isinstance(node.op, ast.And) else ast.And(), f"{line}: and/or"))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
            found.append((node, "op", ast.UAdd(), f"{line}: not"))
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            value = not node.value if isinstance(node.value, bool) else node.value + 1
            found.append((node, "value", value, f"{line}: {node.value} to {value}"))
        elif isinstance(node, ast.Constant) and node.value in WORDS:
            found.append((node, "value", WORDS[node.value], f"{line}: {node.value!r} to {WORDS[node.value]!r}"))
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            found.append((node, "attr", NAMES[node.attr], f"{line}: {node.attr} to {NAMES[node.attr]}"))
    return found


def _of_text(node: ast.BinOp) -> bool:
    sides = (node.left, node.right)
    texts = (ast.JoinedStr, ast.Constant)
    return any(isinstance(side, texts) and not isinstance(getattr(side, "value", ""), int | float) for side in sides)


def sample(room: Path, n: int, seed: int) -> list[tuple[Path, str, str]]:
    """Return (file, changed source, words) of a sample of the room's changes, the same for the same seed."""
    every = []
    for file in sorted(room.rglob("*.py")):
        if file.name != "__init__.py":
            every += [(file, k) for k in range(len(changes(ast.parse(file.read_text(encoding="utf-8")))))]
    made = []
    for file, k in random.Random(seed).sample(every, min(n, len(every))):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        node, name, value, words = changes(tree)[k]
        setattr(node, name, value)
        made.append((file, ast.unparse(ast.fix_missing_locations(tree)), words))
    return made


class _Watch:
    """A pytest plugin that notes the first test that fails, and ends the run when the processor time is used up."""

    def __init__(self, seconds: float) -> None:
        self.until = time.process_time() + seconds
        self.failed = ""
        self.reached = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_runtest_logfinish(self) -> None:
        if time.process_time() > self.until and not self.reached:
            self.reached = True
            pytest.exit("the time is used up", returncode=0)


class Trials:
    """The copy that is changed, and which of its tests pass without a change."""

    def __init__(self, home: Path, seconds: float) -> None:
        self.home, self.seconds = home, seconds
        home.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            shutil.rmtree(home / name, ignore_errors=True)
            shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("*.pyc", "_build"))
        for path in ROOT.iterdir():  # README and others that tests read
            if path.is_file():
                shutil.copy2(path, home)
        self.checkout = Checkout(home)
        self.passed: dict[str, bool] = {}

    def tests(self, file: Path) -> list[str]:
        """Return the test files of a file, its own room's first, nearest before others."""
        path = file.relative_to(self.home).as_posix()
        found = self.checkout.affected([path])
        room = f"tests/unit/{path.split('/')[1]}/"
        rank = {name: (d if d == 0 else 3 - d, not name.startswith(room)) for name, d in found.items()}
        return sorted((name for name in found if name not in ALWAYS_GREEN), key=lambda name: rank[name])

    def run(self, tests: Sequence[str]) -> tuple[str, float, bool]:
        """Run tests in a child; return the first that fails ("" for none), seconds, and whether they were used up."""
        told = self.home / "told.json"
        told.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            try:
                self._inside(tests, told)
            finally:
                os._exit(1)  # nothing of the parent's is cleaned up here
        _, status, used = os.wait4(child, 0)
        seconds = used.ru_utime + used.ru_stime
        if not told.exists():
            return ("no end" if os.waitstatus_to_exitcode(status) == -signal.SIGALRM else "a crash"), seconds, False
        failed, reached = json.loads(told.read_text(encoding="utf-8"))
        return failed, seconds, reached

    def _inside(self, tests: Sequence[str], told: Path) -> None:
        signal.alarm(int(6 * self.seconds) + 120)  # a loop without end is caught, too
        os.chdir(self.home)
        os.environ["PYTHONPATH"] = str(self.home)
        os.environ.setdefault("LBP_REFERENCE_FOLDER", str(ROOT.parent / "shared"))
        sys.path[:] = [str(self.home), *(p for p in sys.path if not p.startswith(str(ROOT / "tests")))]
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        watch, left = _Watch(self.seconds), list(tests)
        step = 1  # few files first: collecting all of them takes longer than the first test that fails
        while left and not watch.failed and not watch.reached:
            status = pytest.main([*OPTIONS, *left[:step]], plugins=[watch])
            if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not watch.failed:
                watch.failed = left[0]
            left, step = left[step:], 2 * step
        told.write_text(json.dumps([watch.failed, watch.reached]), encoding="utf-8")
        os._exit(0)

    def judge(self, file: Path, source: str) -> dict[str, object]:
        """Try one change; return who noticed it, in how many seconds."""
        tests = self.tests(file)
        began = time.monotonic()
        for _ in range(5):
            with self._changed(file, source):
                failed, seconds, reached = self.run(tests)
            if "::" not in failed and not failed.endswith(".py"):
                break
            if failed not in self.passed:
                self.passed[failed] = self.run([failed])[0] == ""
            if self.passed[failed]:
                break
            tests = [name for name in tests if name != failed.split("::")[0]]  # fails by itself: no witness
            failed = ""
        return {
            "by": failed,
            "seconds": round(seconds, 1),
            "wall": round(time.monotonic() - began, 1),
            "files": len(tests),
            "cut": reached and not failed,
        }

    @contextmanager
    def _changed(self, file: Path, source: str) -> Iterator[None]:
        """Change a file for a while; compiled kernels that hold its code are put aside."""
        kept, since, aside = file.read_text(encoding="utf-8"), file.stat(), self.home / "aside"
        stems = self._holders(file)
        aside.mkdir(exist_ok=True)
        moved = [(place, aside / place.name) for place in self._kernels(stems)]
        for place, other in moved:
            place.rename(other)
        file.write_text(source, encoding="utf-8")
        try:
            yield
        finally:
            file.write_text(kept, encoding="utf-8")
            os.utime(file, ns=(since.st_atime_ns, since.st_mtime_ns))  # its compiled kernels are valid again
            for place in self._kernels(stems):
                place.unlink()
            for place, other in moved:
                other.rename(place)

    def _holders(self, file: Path) -> set[str]:
        """Return the names of a file with kernels and of all that use it; none for a file without."""
        if not any(mark in file.read_text(encoding="utf-8") for mark in ("@compiled(", "@inner(", "@tiered(")):
            return set()
        path = file.relative_to(self.home).as_posix()
        stale, new = {path}, {path}
        used = {name: self.checkout.uses(name) for name in self.checkout.modules.values()}
        while new:
            new = {name for name, others in used.items() if others & new} - stale
            stale |= new
        return {Path(name).stem for name in stale}

    def _kernels(self, stems: set[str]) -> list[Path]:
        found = (self.home / "lbp_prognosis").rglob("__pycache__/*.nb[ic]")
        return [place for place in found if place.name.split(".")[0] in stems]


def try_room(room: str, asked: argparse.Namespace) -> tuple[int, int]:
    """Try the sample of a room; print each, and return how many were caught and tried."""
    folder = ROOT / "build" / "mutants"
    trials = Trials(folder / "copy", asked.seconds)
    kept = folder / f"{room}.jsonl"
    known = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.exists() else ():
        found = json.loads(line)
        known[found["mutant"]] = found
    mutants = sample(trials.home / "lbp_prognosis" / room, asked.sample, asked.seed)
    caught = 0
    for number, (file, source, words) in enumerate(mutants, start=1):
        where = f"{file.relative_to(trials.home)}, {words}"
        mutant = f"{where} [{hashlib.sha256(source.encode()).hexdigest()[:12]}]"
        found = known.get(mutant)
        if found is None or (asked.again and not found["by"]):
            found = {"mutant": mutant, **trials.judge(file, source)}
            with kept.open("a", encoding="utf-8") as out:
                out.write(json.dumps(found) + "\n")
        caught += bool(found["by"])
        word = "caught" if found["by"] else "MISSED in the time" if found["cut"] else "MISSED"
        print(f"{number}/{len(mutants)} {word} {where} ({found['seconds']:.0f} s; {found['by']})", flush=True)
    return caught, len(mutants)


def main() -> None:
    """Try the samples and print what was missed, and the share that was caught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="+")
    parser.add_argument("--sample", type=int, default=60, help="changes per room")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60, help="processor time of tests per change")
    parser.add_argument("--again", action="store_true", help="try what was missed before anew")
    asked = parser.parse_args()
    found = {room: try_room(room, asked) for room in asked.rooms}
    for room, (caught, tried) in found.items():
        print(f"{room}: {caught} of {tried} caught ({100 * caught / max(tried, 1):.0f} %)")


if __name__ == "__main__":
    main()
