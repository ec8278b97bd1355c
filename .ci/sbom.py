"""Write the bill of materials of a release, as installed here: CycloneDX 1.5, to standard output.

    python .ci/sbom.py [extra ...]

Components are the package, the requirements of the core and of the extras named, and their requirements. The same
environment gives the same bytes: there is no time in it, and the serial number follows from the contents.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tomllib
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lbp_prognosis import __version__

NAME = "lbp-prognosis"
PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def requirements(package: str) -> list[str]:
    """Return the requirements of a package; our own from the file, since an editable installation may be older."""
    if package != NAME:
        return importlib.metadata.requires(package) or []
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    lines = list(project["dependencies"])
    for extra, others in project["optional-dependencies"].items():
        for text in others:
            line = Requirement(text)
            marker = f"extra == '{extra}'" + (f" and ({line.marker})" if line.marker else "")
            line.marker = None
            lines.append(f"{line} ; {marker}")
    return lines


def closure(name: str, extras: Sequence[str]) -> dict[str, list[str]]:
    """Return package -> the packages that it requires, for all that ``name[extras]`` needs on this machine."""
    out: dict[str, set[str]] = {}
    waiting = [(canonicalize_name(name), frozenset(["", *extras]))]
    done: set[tuple[str, str]] = set()
    while waiting:
        package, wanted = waiting.pop()
        needs = out.setdefault(package, set())
        for text in requirements(package):
            line = Requirement(text)
            for extra in wanted:
                if line.marker is not None and not line.marker.evaluate({"extra": extra}):
                    continue
                other = canonicalize_name(line.name)
                if other != package:
                    needs.add(other)
                for inner in ("", *line.extras):
                    if (other, inner) not in done:
                        done.add((other, inner))
                        waiting.append((other, frozenset([inner])))
    return {package: sorted(needs) for package, needs in sorted(out.items())}


def component(package: str) -> dict[str, Any]:
    """Return the entry of one package."""
    found = importlib.metadata.metadata(package)
    version = __version__ if package == NAME else found["Version"]
    purl = f"pkg:pypi/{package}@{version}"
    out: dict[str, Any] = {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl}
    # `get`: another package (importlib_metadata) may answer, for which an absent field is an error
    if summary := found.get("Summary"):
        out["description"] = summary
    if licence := found.get("License-Expression"):
        out["licenses"] = [{"expression": licence}]
    return out


def sbom(extras: Sequence[str]) -> dict[str, Any]:
    """Return the document.

    Raises
    ------
    ValueError
        If the package has no such extra.
    """
    known = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    if unknown := sorted(set(extras) - set(known)):
        raise ValueError(f"extras must be some of {', '.join(known)}; got {', '.join(unknown)}")
    needs = closure(NAME, extras)
    parts = {package: component(package) for package in needs if package != NAME}
    own = component(NAME)
    reference = {package: part["bom-ref"] for package, part in {**parts, NAME: own}.items()}
    body = {
        "metadata": {"component": own},
        "components": list(parts.values()),
        "dependencies": [
            {"ref": reference[package], "dependsOn": [reference[other] for other in others]}
            for package, others in needs.items()
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True))
    head = {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1}
    return {**head, **body}


if __name__ == "__main__":
    print(json.dumps(sbom(sys.argv[1:]), indent=1, ensure_ascii=False))
