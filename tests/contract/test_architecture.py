"""What every module must keep: doors, light imports, no code run from files, no prints."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "lbp_prognosis"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    "torch",
    "xgboost",
    "shap",
    "radiomics",
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


def _imports(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node, node.module


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=lambda p: str(p.parent.name))
def test_doors_only_reexport(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a door says what the room is for"
    assert "__all__" in source
    if path.parent != PACKAGE:
        code = [n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        names = [n.name for n in code if n.name != "__getattr__"]
        assert not names, f"code in a door: {names}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_doors_of_other_rooms_are_used(path: Path) -> None:
    room = _room(path)
    for node, name in _imports(ast.parse(path.read_text(encoding="utf-8"))):
        parts = name.split(".")
        if parts[0] != "lbp_prognosis" or len(parts) < 3 or parts[1] == room:
            continue
        private = [part for part in parts[2:] if part.startswith("_")]
        assert not private, f"line {node.lineno}: {name} reaches behind the door of {parts[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_inside_functions(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    banned = HEAVY - {"typer"} if _room(path) == "cli" else HEAVY  # the command line is made of it
    typing_only = {
        id(sub)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for sub in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            typing_only |= {id(sub) for sub in ast.walk(node)}
    for node, name in _imports(tree):
        if id(node) not in typing_only:
            assert name.split(".")[0] not in banned, f"line {node.lineno}: {name} at module level"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_runs_code_from_files_or_prints(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in {"pickle.load", "pickle.loads", "joblib.load", "torch.load", "eval", "exec"}, name
            assert not name.endswith((".eval", ".query")) or name == "ast.literal_eval", f"{name} runs text as code"
            if "cli" not in path.parts:
                assert name != "print", f"line {node.lineno}: print outside the command line"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = re.search("/(?:home|root|tmp|work)/", node.value)
            assert found is None, f"line {node.lineno}: a machine path"


REGISTERED = set(tomllib.loads((PACKAGE / "_base" / "objections.toml").read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_codes_of_objections_are_registered(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Objection", "objection") and node.args:
            code = node.args[0]
            if isinstance(code, ast.Constant):
                assert code.value in REGISTERED, f"line {node.lineno}: add {code.value!r} to _base/objections.toml"


def test_no_drawer_of_everything() -> None:
    drawers = {"utils", "_utils", "helpers", "_helpers", "common", "_common", "misc", "_misc"}
    assert not [p for p in MODULES if p.stem in drawers or p.parent.name in drawers]


def test_module_sizes() -> None:
    """Statements, not lines: how long a table of facts is broken is the formatter's affair."""

    def statements(path: Path) -> int:
        return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))

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


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_function_opens_for_writing(path: Path) -> None:
    """Files are complete or absent because nobody writes but `_base.write_file`."""
    if path.relative_to(PACKAGE).as_posix() in _OPENS_FILES:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _writes_to_a_path(node):
            raise AssertionError(f"line {node.lineno}: {ast.unparse(node)[:80]} writes without `write_file`")


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


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_place_says_what_kind_a_column_is(path: Path) -> None:
    place = path.relative_to(PACKAGE).as_posix()
    if place.startswith(tuple(DTYPES_ASKED)):
        return
    asked = re.compile(r"is_\w+_dtype|select_dtypes|CategoricalDtype|dtypes?\.kind|\.dtype [=!]= |infer_dtype")
    found = [line for line in path.read_text(encoding="utf-8").splitlines() if asked.search(line)]
    assert not found, f"ask column_kind, is_number or holds: {found}"
