"""Single changes of a room's source, tried against its tests: what no test notices, no test stands on.

    python tests/mutants.py cohort --sample 60 --seed 1 tests/unit/cohort

Comparisons move by one step (< to <=), counts by one, and/or, any/all, min/max and first/last change places. A copy of
the package is changed, never the checkout; a mutant is caught when a test fails.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numba  # noqa: F401  imported once, before the children
import openpyxl  # noqa: F401
import pandera.pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pyreadstat  # noqa: F401
import pytest
import scipy.optimize
import scipy.stats  # noqa: F401
import sklearn.datasets
import sklearn.linear_model  # noqa: F401

OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
OPTIONS += ["-W", "ignore:Module already imported", "-o", "addopts=--import-mode=importlib"]
ROOT = Path(__file__).resolve().parent.parent
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


def changes(tree: ast.AST) -> list[tuple[ast.AST, str, object, str]]:
    """Return (node, attribute, new value, words) of every change; docstrings and annotations are no code."""
    found: list[tuple[ast.AST, str, object, str]] = []
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED:
            new = COMPARED[type(node.ops[0])]
            found.append(
                (node, "ops", [new(), *node.ops[1:]], f"line {line}: {type(node.ops[0]).__name__} to {new.__name__}")
            )
        elif isinstance(node, ast.BinOp) and type(node.op) in COUNTED and not isinstance(node.left, ast.JoinedStr):
            new = COUNTED[type(node.op)]
            if not any(
                isinstance(side, ast.Constant) and isinstance(side.value, str) for side in (node.left, node.right)
            ):
                found.append((node, "op", new(), f"line {line}: {type(node.op).__name__} to {new.__name__}"))
        elif isinstance(node, ast.BoolOp):
            new = ast.Or if isinstance(node.op, ast.And) else ast.And
            found.append((node, "op", new(), f"line {line}: and/or"))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.Invert):
            found.append(
                (node, "op", ast.UAdd() if isinstance(node.op, ast.Invert) else ast.Not(), f"line {line}: not")
            )
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            new = not node.value if isinstance(node.value, bool) else node.value + 1
            found.append((node, "value", new, f"line {line}: {node.value} to {new}"))
        elif isinstance(node, ast.Constant) and node.value in WORDS:
            found.append((node, "value", WORDS[node.value], f"line {line}: {node.value!r} to {WORDS[node.value]!r}"))
        elif isinstance(node, ast.Attribute) and node.attr in NAMES:
            found.append((node, "attr", NAMES[node.attr], f"line {line}: {node.attr} to {NAMES[node.attr]}"))
    # a doubled "not" changes nothing, and so does a plus before a truth value
    return [item for item in found if not (isinstance(item[0], ast.UnaryOp) and isinstance(item[0].op, ast.Not))]


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


def outcome(home: Path, tests: list[str], timeout: float) -> int:
    """Run the tests in a child of this process, which has imported what is slow to import; return pytest's status."""
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(int(timeout))  # a loop without end is caught, too
            os.chdir(home)
            sys.path.insert(0, str(home))
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            status = int(pytest.main([*OPTIONS, *tests]))
        except BaseException:
            status = 1
        os._exit(status)  # nothing of the parent's is cleaned up here
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    """Try the sample and print what was missed, and the share that was caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("room")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--sample", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=300)
    asked = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for name in ("lbp_prognosis", "data_schemas", "tests"):
            shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", home)
        if outcome(home, asked.tests, asked.timeout):
            raise SystemExit("the tests fail without any change")
        mutants = sample(home / "lbp_prognosis" / asked.room, asked.sample, asked.seed)
        for number, (file, source, words) in enumerate(mutants, start=1):
            kept = file.read_text(encoding="utf-8")
            file.write_text(source, encoding="utf-8")
            code = outcome(home, asked.tests, asked.timeout)
            file.write_text(kept, encoding="utf-8")
            where = f"{file.relative_to(home)}, {words}"
            missed += [where] if code == 0 else []
            print(f"{number}/{len(mutants)} {'MISSED' if code == 0 else 'caught'} {where}", flush=True)
    print(f"{asked.room}: {len(mutants) - len(missed)} of {len(mutants)} caught")


if __name__ == "__main__":
    main()
