"""Tests that a change concerns, nearest first, until the time is used up.

    python tests/affected.py                     changes since main, committed or not
    python tests/affected.py --since HEAD~3 --list
    python tests/affected.py --seconds 60 -- -x

A test file is *nearest* (0) if it changed or names an object defined in a changed file, through the door of a room too;
*near* (1) if it names an object of a file that imports a changed one; and *of the room* (2) if it tests the changed
room. Tests that do not fit into the time are listed: `make test` runs them.
"""

from __future__ import annotations

import argparse
import ast
import gc
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "lbp_prognosis"
ALWAYS = ("tests/contract/test_architecture.py", "tests/contract/test_import_circles.py")  # requirements for every file


def _dotted(node: ast.AST) -> list[str]:
    """Return ``["a", "b", "c"]`` of ``a.b.c``; empty where something else is at its root."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *names[::-1]] if isinstance(node, ast.Name) else []


class Checkout:
    """Files of a checkout, and what each of them uses of the package."""

    def __init__(self, root: Path) -> None:
        self.root = root
        gc.disable()  # nothing of millions of nodes is garbage
        self.trees: dict[str, ast.Module] = {}
        self.nodes: dict[str, list[ast.AST]] = {}
        for folder in (PACKAGE, "tests", "docs", "benchmarks"):
            for path in sorted((root / folder).rglob("*.py")):
                relative = path.relative_to(root).as_posix()
                if "/_build/" not in relative:
                    self.trees[relative] = ast.parse(path.read_text(encoding="utf-8"))
                    kinds = (ast.ImportFrom, ast.Import, ast.Attribute, ast.Constant)
                    self.nodes[relative] = [node for node in ast.walk(self.trees[relative]) if isinstance(node, kinds)]
        gc.enable()
        self.modules = {self._module(path): path for path in self.trees if path.startswith(f"{PACKAGE}/")}

    @staticmethod
    def _module(path: str) -> str:
        return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @cached_property
    def doors(self) -> dict[str, dict[str, str]]:
        """Door -> name it offers -> module that it comes from, also by a table ``_NAMES`` of lazily loaded names."""
        out: dict[str, dict[str, str]] = {}
        for module, path in self.modules.items():
            if not path.endswith("/__init__.py"):
                continue
            names = out.setdefault(module, {})
            for node in self.trees[path].body:
                if isinstance(node, ast.ImportFrom) and node.module:
                    names |= {alias.asname or alias.name: node.module for alias in node.names}
                elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_NAMES":
                    names |= {name: f"{module}.{room}" for name, room in ast.literal_eval(node.value).items()}
        return out

    def defined_in(self, module: str, names: Sequence[str]) -> str:
        """Return the file that defines ``module.names[0].names[1]…``, as far as it can be followed."""
        for name in names:
            if f"{module}.{name}" in self.modules:
                module = f"{module}.{name}"
                continue
            seen: set[str] = set()
            while name in self.doors.get(module, {}) and module not in seen:
                seen.add(module)
                module = self.doors[module][name]
            break
        return self.modules.get(module, "")

    def uses(self, path: str) -> set[str]:
        """Return the files of the package, and helper modules of tests and docs, that a file names."""
        out: set[str] = set()
        known: dict[str, tuple[str, list[str]]] = {}  # local name -> module, names inside it
        for node in self.nodes[path]:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                if node.module.split(".")[0] == PACKAGE:
                    known |= {alias.asname or alias.name: (node.module, [alias.name]) for alias in node.names}
                out |= self._helper(node.module)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == PACKAGE:
                        known[alias.asname or PACKAGE] = (alias.name if alias.asname else PACKAGE, [])
                    out |= self._helper(alias.name)
        out |= {self.defined_in(module, names) for module, names in known.values() if names}
        for node in self.nodes[path]:
            if isinstance(node, ast.Attribute):
                chain = _dotted(node)
                if chain and chain[0] in known:
                    module, names = known[chain[0]]
                    out.add(self.defined_in(module, [*names, *chain[1:]]))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if node.value.startswith(f"{PACKAGE}."):  # a place to be patched
                    out.add(self.defined_in(PACKAGE, node.value.split(".")[1:]))
        return out - {"", path}

    def _helper(self, module: str) -> set[str]:
        places = (f"{folder}/{module.replace('.', '/')}.py" for folder in ("tests", "docs", "."))
        return {place.removeprefix("./") for place in places if place.removeprefix("./") in self.trees}

    def affected(self, changed: Iterable[str]) -> dict[str, int]:
        """Return test file -> distance, for paths relative to the root, in the order in which they should run."""
        changed = set(changed)
        mentioned = {Path(path).name for path in changed if not path.endswith(".py") and path.startswith(PACKAGE)}
        used = {path: self.uses(path) for path in self.trees}
        for path in (
            self.modules.values() if mentioned else ()
        ):  # a style sheet or table concerns the file that reads it
            texts = (n.value for n in self.nodes[path] if isinstance(n, ast.Constant) and isinstance(n.value, str))
            if mentioned & {text.rsplit("/", 1)[-1] for text in texts}:
                changed.add(path)
        doors = {path for path in self.modules.values() if path.endswith("/__init__.py")}
        first = changed - doors
        second = {path for path, others in used.items() if path not in doors and others & first} - first
        rooms = {path.split("/")[1] for path in changed if path.startswith(f"{PACKAGE}/") and path.count("/") > 1}
        out: dict[str, int] = {}
        for path in self.trees:
            if not path.startswith("tests/") or not Path(path).name.startswith("test_"):
                continue
            if path in changed or used[path] & first:
                out[path] = 0
            elif used[path] & second or (rooms and path in ALWAYS):
                out[path] = 1
            elif path.startswith(tuple(f"tests/unit/{room}/" for room in rooms)):
                out[path] = 2
        # among equals those that use least: they speak most directly of the change
        return dict(sorted(out.items(), key=lambda item: (item[1], len(used[item[0]]), item[0])))


def changed_files(root: Path, since: str) -> list[str]:
    """Return the files that differ from the last common commit with ``since``, and those that git does not know yet."""

    def git(*arguments: str) -> list[str]:
        return subprocess.run(
            ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
        ).stdout.splitlines()

    base = git("merge-base", since, "HEAD")[0]
    new = git("ls-files", "--others", "--exclude-standard")
    return sorted({*git("diff", "--name-only", base), *new})


class TimeLimit:
    """A pytest plugin that ends the run after so many seconds; status 1 if a test had failed by then."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds
        self.finished: set[str] = set()
        self.failed = False
        self.reached = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed
        self.finished.add(report.nodeid.split("::")[0])

    def pytest_runtest_logfinish(self) -> None:
        if time.monotonic() > self.until and not self.reached:
            self.reached = True
            pytest.exit("the time is used up", returncode=int(self.failed))


def main(arguments: Sequence[str]) -> int:
    """Run or list the tests; return the status of pytest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", default="main", help="branch or commit to compare with")
    parser.add_argument("--seconds", type=float, default=120.0, help="time for tests")
    parser.add_argument("--list", action="store_true", help="show the files and run nothing")
    parser.add_argument("options", nargs="*", help="options of pytest, after --")
    chosen = parser.parse_args(arguments)
    try:
        changed = changed_files(ROOT, chosen.since)
    except subprocess.CalledProcessError as error:
        remedy = "name a branch or commit that this clone has: make check SINCE=origin/main"
        parser.error(f"--since {chosen.since}: {error.stderr.strip()}; {remedy}")
    found = Checkout(ROOT).affected(changed)
    print(f"{len(changed)} files changed since {chosen.since}, {len(found)} test files concerned", flush=True)
    if chosen.list or not found:
        for path, distance in found.items():
            print(f"  {distance}  {path}")
        return 0
    limit = TimeLimit(chosen.seconds)
    status = pytest.main(["-q", "-m", "not slow", *chosen.options, *found], plugins=[limit])
    left = [path for path in found if path not in limit.finished] if limit.reached else []
    if limit.reached:
        print(f"time used up: {len(left)} of {len(found)} test files were not reached; `make test` runs all")
        for path in left:
            print(f"  {found[path]}  {path}")
    return 0 if status == pytest.ExitCode.NO_TESTS_COLLECTED else int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
