"""Outcome-linked validation of spine imaging in low back pain.

Tables become a cohort; the cohort gets an outcome and features; a model turns features into risks; and only the
outcome and the risk cross into evaluation. Names below are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.2.0"

# name -> module that holds it; importing the package itself loads none of them (PEP 562)
_NAMES = {
    "Surv": "survival",
    "Status": "survival",
    "Reference": "survival",
    "Measured": "survival",
    "OutcomeSpec": "survival",
    "evaluate": "evaluation",
    "calibration": "evaluation",
    "concordance": "evaluation",
    "decision_curve": "evaluation",
    "ThresholdRange": "evaluation",
    "added_value": "validation",
    "bootstrap_validate": "validation",
    "simulate_cohort": "datasets",
    "RiskPipeline": "fusion",
    "CoxPH": "models",
    "Evidence": "evidence",
    "Study": "study",
    "LBPError": "_base",
}
_ROOMS = (
    "biomarkers",
    "biomechanics",
    "cohort",
    "datasets",
    "deployment",
    "disclosure",
    "evaluation",
    "evidence",
    "explain",
    "federation",
    "fusion",
    "instruments",
    "models",
    "report",
    "schema",
    "study",
    "survival",
    "validation",
)

__all__ = [
    "CoxPH",
    "Evidence",
    "LBPError",
    "Measured",
    "OutcomeSpec",
    "Reference",
    "RiskPipeline",
    "Status",
    "Study",
    "Surv",
    "ThresholdRange",
    "__version__",
    "added_value",
    "bootstrap_validate",
    "calibration",
    "concordance",
    "decision_curve",
    "evaluate",
    "simulate_cohort",
]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS})
