"""Closed list of classes of a model file; names in a file are never imported."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from lbp_prognosis import fusion, models
from lbp_prognosis._base import FeatureMap, Objection
from lbp_prognosis.deployment._competing_equation import CauseHazard, CompetingEquation
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._published_model import PublishedModel
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm
from lbp_prognosis.validation import UpdatedModel

__all__ = ["NOT_STORED", "SKLEARN_STEPS", "class_named", "known_classes", "stored_name"]

MODELS = (
    "AalenAdditive",
    "AverageRisk",
    "BoostedAFT",
    "BoostedCox",
    "BoostedHazard",
    "BoostedOutcome",
    "CauseSpecificCox",
    "CoxPH",
    "DiscreteTimeHazard",
    "DynamicRisk",
    "ElasticNetCox",
    "FineGray",
    "LinearOutcome",
    "LogisticRisk",
    "LongitudinalOutcome",
    "MixtureCure",
    "MultiStateCox",
    "MultimodalNet",
    "NullModel",
    "OrdinalRegression",
    "PanelMarkov",
    "ParametricAFT",
    "PiecewiseExponential",
    "PriorityCox",
    "RecurrentCox",
    "RiskStratifier",
    "RoystonParmar",
    "StackedRisk",
    "TwoPartOutcome",
)
NOT_STORED = {
    "AdaptedModel": "contains a model of another library: save it with that library",
    "OnColumns": "is a comparison's view of a model: save the model itself",
}
"""Public estimators that say why they cannot be saved."""

SKLEARN_STEPS = (
    ("sklearn.preprocessing", "MaxAbsScaler"),
    ("sklearn.preprocessing", "MinMaxScaler"),
    ("sklearn.preprocessing", "RobustScaler"),
    ("sklearn.preprocessing", "StandardScaler"),
    ("sklearn.impute", "SimpleImputer"),
)


@functools.cache
def known_classes() -> dict[str, type]:
    """Return the classes by their name in a file."""
    from sklearn import impute, preprocessing

    rooms = {"sklearn.preprocessing": preprocessing, "sklearn.impute": impute}
    found: dict[str, type] = {name: getattr(models, name) for name in MODELS}
    found |= fusion.stored_classes()
    found |= {f"sklearn.{name}": getattr(rooms[room], name) for room, name in SKLEARN_STEPS}
    for kind in (
        UpdatedModel,
        PublishedModel,
        Equation,
        CompetingEquation,
        CauseHazard,
        NumberTerm,
        LevelTerm,
        Objection,
        FeatureMap,
    ):
        found[kind.__name__] = kind
    return found


def class_named(name: Any) -> type | None:
    """Return the class of a name, None for an unknown one."""
    return known_classes().get(name) if isinstance(name, str) else None


@functools.cache
def _names() -> dict[type, str]:
    return {kind: name for name, kind in known_classes().items()}


def stored_name(value: Any) -> str | None:
    """Return the name of a value's class in files; None if it cannot be saved. A subclass is not its parent."""
    return _names().get(type(value))


Restore = Callable[..., Any]
