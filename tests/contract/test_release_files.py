"""Version, sdist, conda recipe and bill of materials agree with ``pyproject.toml``."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import lbp_prognosis

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RECIPE = yaml.safe_load((ROOT / "conda-recipe/meta.yaml").read_text(encoding="utf-8"))


def _normal(lines: list[str]) -> set[tuple[str, str]]:
    return {(line.name, str(line.specifier)) for line in map(Requirement, lines)}


def test_version_is_the_same_in_package_citation_recipe_and_changelog() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert newest is not None
    assert {cited, RECIPE["package"]["version"], newest[1]} == {lbp_prognosis.__version__}


def test_conda_recipe_has_the_requirements_of_pyproject() -> None:
    project = PROJECT["project"]
    needed = _normal(project["dependencies"]) | {("python", project["requires-python"])}
    assert _normal([line.replace(" ", "", 1) for line in RECIPE["requirements"]["run"]]) == needed
    scripts = [f"{name} = {place}" for name, place in project["scripts"].items()]
    assert RECIPE["build"]["entry_points"] == scripts
    assert RECIPE["about"]["summary"] == project["description"]
    assert RECIPE["about"]["license"] == project["license"]


def test_sdist_includes_everything_that_tests_read() -> None:
    included = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert all((ROOT / name.lstrip("/")).exists() for name in included)
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: only git knows which files are of the project")
    run = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    top = {line.split("/")[0] for line in run.stdout.splitlines()}
    assert top - {".gitignore", "pyproject.toml"} <= {name.lstrip("/") for name in included}  # these two always are


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("sbom", ROOT / ".ci/sbom.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def document(script) -> dict:
    assert script.sbom(["report"]) == script.sbom(["report"])
    return script.sbom(["report"])


def test_bill_of_materials_of_an_unknown_extra_is_refused(script) -> None:
    with pytest.raises(ValueError, match="got boosted"):
        script.sbom(["report", "boosted"])


def test_bill_of_materials_lists_the_closure_of_requirements(document: dict) -> None:
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    own = document["metadata"]["component"]
    assert own["purl"] == f"pkg:pypi/lbp-prognosis@{lbp_prognosis.__version__}"
    names = {part["name"] for part in document["components"]}
    direct = {Requirement(line).name for line in PROJECT["project"]["dependencies"]}
    report = {Requirement(line).name for line in PROJECT["project"]["optional-dependencies"]["report"]}
    assert direct | report | {"llvmlite", "markupsafe"} <= names  # of numba and jinja2
    assert "pytest" not in names
    edges = {edge["ref"]: edge["dependsOn"] for edge in document["dependencies"]}
    known = {part["bom-ref"] for part in document["components"]} | {own["bom-ref"]}
    assert set(edges) == known
    assert {other for others in edges.values() for other in others} <= known
    assert len(edges[own["bom-ref"]]) == len(direct | report)
