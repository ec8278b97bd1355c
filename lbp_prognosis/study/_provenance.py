"""``provenance``: versions, inputs and seed of a page, so that it can be reproduced."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData

__all__ = ["package_versions", "provenance"]

_PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "numba",
    "lifelines",
    "statsmodels",
    "pandera",
    "xgboost",
    "xgboost-cpu",  # the same module, built for processors alone
    "shap",
    "matplotlib",
    "jinja2",
)


def package_versions() -> dict[str, str]:
    """Return the versions of this library and of the packages behind its numbers."""
    from lbp_prognosis import __version__

    found = {"lbp_prognosis": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def provenance(study: Study, data: StudyData, messages: tuple[str, ...]) -> dict[str, Any]:
    """Return versions, hashes of inputs and protocol, seed, warnings; no date, so that a rerun writes the same file.

    Parameters
    ----------
    study : Study
        The protocol; all of it is included.
    data : StudyData
        Inputs of the study.
    messages : tuple of str
        Warnings of the run.
    """
    return {
        "versions": package_versions(),
        "platform": f"{platform.system()} {platform.machine()}",
        "seed": study.seed,
        "spec_sha256": study.spec_hash,
        "input_sha256": data.hashes,
        "synthetic": data.synthetic,
        "warnings": list(messages),
        "notes": list(data.notes),
        "study": study.to_dict(),
    }
