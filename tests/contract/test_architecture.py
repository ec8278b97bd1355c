"""What every module must keep: doors, light imports, no code run from files, no prints."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "lbp_prognosis"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "torch",
    "xgboost",
    "shap",
    "radiomics",
    "mirp",
    "SimpleITK",
    "nibabel",
    "lifelines",
    "statsmodels",
    "pandera",
    "matplotlib",
    "jinja2",
    "typer",
    "pydicom",
    "skimage",
    "openpyxl",
    "pyreadstat",
    "docx",
}
TOP_LIMIT = 60


@pytest.fixture(scope="module", autouse=True)
def sources_forgotten() -> Iterator[None]:
    """Drop the trees after the last of these tests: a million nodes would be read by every collection of garbage."""
    yield
    for kept in (_source, _nodes, _calls):
        kept.cache_clear()


@cache
def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(_source(path))))


@cache
def _calls(path: Path) -> list[tuple[ast.Call, str]]:
    return [(node, ast.unparse(node.func)) for node in _nodes(path) if isinstance(node, ast.Call)]


def _imports(path: Path) -> Iterator[tuple[ast.AST, str]]:
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node, node.module


def _place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


def _faults(rule: Callable[[Path], Iterator[str]]) -> list[str]:
    """Where a rule is broken, all modules at once: a test per rule and module would be 4,800 tests."""
    return [f"{_place(path)}: {fault}" for path in MODULES for fault in rule(path)]


def _more_than_a_door(path: Path) -> Iterator[str]:
    if path.name != "__init__.py":
        return
    tree = _nodes(path)[0]
    assert isinstance(tree, ast.Module)
    if not ast.get_docstring(tree):
        yield "a door says what the room is for"
    if "__all__" not in _source(path):
        yield "no __all__"
    if path.parent != PACKAGE:
        code = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        yield from (f"code in a door: {n.name}" for n in code if n.name != "__getattr__")


def test_doors_only_reexport() -> None:
    assert sum(path.name == "__init__.py" for path in MODULES) > 15
    assert _faults(_more_than_a_door) == []


def _behind_a_door(path: Path) -> Iterator[str]:
    room = _room(path)
    for node, name in _imports(path):
        parts = name.split(".")
        if parts[0] != "lbp_prognosis" or len(parts) < 3 or parts[1] == room:
            continue
        if any(part.startswith("_") for part in parts[2:]):
            yield f"line {node.lineno}: {name} reaches behind the door of {parts[1]}"


def test_only_doors_of_other_rooms_are_used() -> None:
    assert _faults(_behind_a_door) == []


def _heavy_at_the_top(path: Path) -> Iterator[str]:
    banned = HEAVY - {"typer"} if _room(path) == "cli" else HEAVY  # the command line is made of it
    heavy = [(node, name) for node, name in _imports(path) if name.split(".")[0] in banned]
    if not heavy:
        return
    later = {
        id(sub)
        for node in _nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        for sub in ast.walk(node)
    }
    yield from (f"line {node.lineno}: {name} at module level" for node, name in heavy if id(node) not in later)


def test_heavy_packages_are_imported_inside_functions() -> None:
    assert _faults(_heavy_at_the_top) == []


_RUNS_CODE = {"pickle.load", "pickle.loads", "joblib.load", "torch.load", "eval", "exec"}


def _code_or_print(path: Path) -> Iterator[str]:
    for node, name in _calls(path):
        if name in _RUNS_CODE or (name.endswith((".eval", ".query")) and name != "ast.literal_eval"):
            yield f"line {node.lineno}: {name} runs text as code"
        if name == "print" and _room(path) != "cli":
            yield f"line {node.lineno}: print outside the command line"
    for node in _nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.search("/(?:home|root|tmp|work)/", node.value):
                yield f"line {node.lineno}: a machine path"


def test_nothing_runs_code_from_files_or_prints() -> None:
    assert _faults(_code_or_print) == []


REGISTERED = set(tomllib.loads((PACKAGE / "_base" / "objections.toml").read_text(encoding="utf-8")))


def _unregistered(path: Path) -> Iterator[str]:
    for node, name in _calls(path):
        if name in ("Objection", "objection") and node.args:
            code = node.args[0]
            if isinstance(code, ast.Constant) and code.value not in REGISTERED:
                yield f"line {node.lineno}: add {code.value!r} to _base/objections.toml"


def test_codes_of_objections_are_registered() -> None:
    assert _faults(_unregistered) == []


def test_no_drawer_of_everything() -> None:
    drawers = {"utils", "_utils", "helpers", "_helpers", "common", "_common", "misc", "_misc"}
    assert not [p for p in MODULES if p.stem in drawers or p.parent.name in drawers]


def test_module_sizes() -> None:
    """Statements, not lines: how long a table of facts is broken is the formatter's affair."""

    def statements(path: Path) -> int:
        return sum(isinstance(node, ast.stmt) for node in _nodes(path))

    long = {str(path.relative_to(PACKAGE)): n for path in MODULES if (n := statements(path)) > 300}
    assert not long, f"modules above 300 statements: {long}"


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, lbp_prognosis\n"
        "heavy = {'sklearn','torch','shap','xgboost','matplotlib','statsmodels','lifelines','numba'}\n"
        "heavy &= set(sys.modules)\n"
        "print(*sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


_WRITERS = re.compile(
    r"\.(write_text|write_bytes|savefig|to_csv|to_parquet|to_excel|to_stata|savez|savez_compressed|mkdir|touch|copyfile)$"
    r"|^(shutil\.copy\w*|shutil\.move|os\.open|os\.rename|os\.mkdir|os\.makedirs|tempfile\.\w+|np\.save\w*|np\.memmap)$"
)
_OPENS_FILES = {"_base/_write_file.py", "_base/_folder_lock.py", "_kernels/_numba_cache.py"}


def _writes_to_a_path(call: ast.Call) -> bool:
    """Whether a call may open a file for writing: a mode, or a writer that is given more than options."""
    name = ast.unparse(call.func)
    if name in ("open", "os.fdopen") or name.endswith(".open"):
        modes = [a for a in (*call.args, *(k.value for k in call.keywords if k.arg == "mode"))]
        return any(
            isinstance(m, ast.Constant)
            and re.fullmatch(r"[rwxab+t]{1,3}", str(m.value))
            and str(m.value) not in ("r", "rb", "rt")
            for m in modes
        )
    if not _WRITERS.search(name):
        return False
    if name.endswith((".to_csv", ".to_parquet", ".savefig", ".savez")):
        # into memory, or into a file that `write_file` opened
        return bool(call.args) and ast.unparse(call.args[0]) not in ("file", "out", "buffer", "parquet")
    return True


def _writes_by_itself(path: Path) -> Iterator[str]:
    if _place(path) in _OPENS_FILES:
        return
    for node, _ in _calls(path):
        if _writes_to_a_path(node):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]} writes without `write_file`"


def test_one_function_opens_for_writing() -> None:
    """Files are complete or absent because only `_base.write_file` writes."""
    assert _faults(_writes_by_itself) == []


@pytest.mark.parametrize(
    ("code", "writes"),
    [
        ("open(p, 'w')", True),
        ("open(p, mode='ab')", True),
        ("p.open('r+')", True),
        ("open(p, 'rb')", False),
        ("p.write_text('a')", True),
        ("frame.to_csv(p)", True),
        ("frame.to_csv(index=False)", False),
        ("frame.to_csv(file)", False),
        ("np.save(p, a)", True),
        ("p.mkdir()", True),
        ("p.read_text()", False),
    ],
)
def test_writing_is_seen(code: str, writes: bool) -> None:
    assert _writes_to_a_path(ast.parse(code).body[0].value) is writes  # type: ignore[attr-defined]


DTYPES_ASKED = {
    # file or folder: why it asks how a column is stored, and not what it holds
    "_base/intake": "the one answer",
    "_base/_checkpoint.py": "arrays written to files",
    "_kernels": "arrays of single precision",
    "schema": "text of files before it is read",
    "biomarkers": "voxels of images and masks",
    "evaluation/technical/_overlap.py": "label images",
    "models/_state.py": "arrays written to files",
    "deployment/_codec.py": "arrays written to files",
    "report/_write_page.py": "cells of tables that are written",
    "validation/resampling": "arrays read from a checkpoint, and row numbers of resamples",
}


def test_few_places_ask_how_a_column_is_stored() -> None:
    assert len(DTYPES_ASKED) <= 10
    assert [place for place in DTYPES_ASKED if not (PACKAGE / place).exists()] == []


_ASKED = re.compile(r"is_\w+_dtype|select_dtypes|CategoricalDtype|dtypes?\.kind|\.dtype [=!]= |infer_dtype")


def _asks_a_dtype(path: Path) -> Iterator[str]:
    if not _place(path).startswith(tuple(DTYPES_ASKED)):
        yield from (line.strip() for line in _source(path).splitlines() if _ASKED.search(line))


def test_one_place_says_what_kind_a_column_is() -> None:
    assert _faults(_asks_a_dtype) == [], "ask column_kind, is_number or holds"


@pytest.mark.parametrize(
    ("rule", "place", "text", "found"),
    [
        (_more_than_a_door, "models/__init__.py", "'Room.'\n__all__ = []\n", 0),
        (_more_than_a_door, "models/__init__.py", "x = 1\ndef f(): ...\n", 3),
        (_behind_a_door, "models/_a.py", "from lbp_prognosis._base._work import x\n", 1),
        (
            _behind_a_door,
            "models/_a.py",
            "from lbp_prognosis.models._b import x\nfrom lbp_prognosis._base import y\n",
            0,
        ),
        (_heavy_at_the_top, "models/_a.py", "import torch.nn\n", 1),
        (_heavy_at_the_top, "models/_a.py", "def f():\n    import torch\n", 0),
        (_heavy_at_the_top, "models/_a.py", "if TYPE_CHECKING:\n    import torch\n", 0),
        (_heavy_at_the_top, "cli/_a.py", "import typer\n", 0),
        (_heavy_at_the_top, "models/_a.py", "import typer\n", 1),
        (_code_or_print, "models/_a.py", "print(eval('1'), frame.query('a'), ast.literal_eval('1'))\n", 3),
        (_code_or_print, "models/_a.py", "x = '/ho' 'me/a/b'\n", 1),
        (_code_or_print, "cli/_a.py", "print(1)\n", 0),
        (_unregistered, "models/_a.py", "Objection('no-such-code')\nObjection(code)\n", 1),
        (_writes_by_itself, "models/_a.py", "p.write_text('a')\np.read_text()\n", 1),
        (_asks_a_dtype, "models/_a.py", "a.dtype.kind\n", 1),
        (_asks_a_dtype, "schema/_a.py", "a.dtype.kind\n", 0),
    ],
)
def test_a_rule_sees_what_it_forbids(rule, place: str, text: str, found: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    path = tmp_path / place
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    assert len(list(rule(path))) == found
