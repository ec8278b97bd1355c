"""Numbers that a parameter takes: the limit itself, and not the next one beyond it.

A line per parameter: how the object is made and fitted, which values are taken, and which are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import fusion as F
from lbp_prognosis import models as M
from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.survival import Measured, Status, Surv
from lbp_prognosis.validation import sample_size_support, update_model

RNG = np.random.default_rng(3)
N = 60
X = pd.DataFrame({"a": RNG.normal(size=N), "b": RNG.normal(size=N)})
TIME = np.ceil(24 * RNG.uniform(size=N)) + 0.5
EVENT = (np.arange(N) % 3 > 0).astype(int)
RIGHT = Surv.right(TIME, EVENT)
READ = X.set_axis([f"other {k}" for k in range(N)], axis=0)
CAUSES = Surv.right(TIME, np.arange(N) % 3)
STATE = Status.at(12, np.arange(N) % 2)
SCORE = Measured.at(12, np.arange(N) % 11, lower=0, upper=10)
QUICK = {"rounds": 2, "early_stopping": None}


def model(kind: type, y: np.ndarray, **fixed: Any) -> Callable[..., Any]:
    return lambda **given: kind(**{**fixed, **given}).fit(X, y)


def boosted(**given: Any) -> Any:
    pytest.importorskip("xgboost")
    return M.BoostedCox(**{**QUICK, **given}).fit(X, RIGHT)


def boosted_aft(**given: Any) -> Any:
    pytest.importorskip("xgboost")
    return M.BoostedAFT(**{**QUICK, **given}).fit(X, RIGHT)


def harmonised(kind: type, **fixed: Any) -> Callable[..., Any]:
    return lambda **given: kind(batch="site", **{**fixed, **given}).fit(X.assign(site=np.repeat(["p", "q"], N // 2)))


REPEATABLE = model(F.RepeatableColumns, RIGHT, readings=[READ, READ + 0.1], external=True)
NET = model(M.ElasticNetCox, RIGHT, n_lambdas=3, cv=2)
CAUSE = model(M.CauseSpecificCox, CAUSES, penalty="cv", cv=2)
BLOCKS = {"one": ["a"], "two": ["b"]}

LIMITS: list[tuple[str, Callable[..., Any], str, list[Any], list[Any]]] = [
    ("RoystonParmar", model(M.RoystonParmar, RIGHT), "df", [1], [0, 1.5]),
    ("FineGray", model(M.FineGray, CAUSES), "cause", [1, 2], [0]),
    ("BoostedCox", boosted, "rounds", [1], [0, 1.5]),
    ("BoostedCox", boosted, "folds", [2], [1]),
    ("BoostedCox", boosted, "repeats", [1], [0, 1.5]),
    ("BoostedCox", boosted, "learning_rate", [1e-6, 1.0], [0.0, 1.001]),
    ("BoostedCox", boosted, "max_depth", [1], [0]),
    ("BoostedCox", boosted, "reg_lambda", [0.0], [-0.001]),
    ("BoostedCox", boosted, "subsample", [0.5, 1.0], [0.0, 1.001]),
    ("BoostedCox", boosted, "colsample", [0.5, 1.0], [0.0, 1.001]),
    ("BoostedCox", boosted, "max_bin", [2], [1]),
    ("BoostedCox", boosted, "min_leaf_events", [0.0], [-0.001]),
    ("BoostedCox", boosted, "early_stopping", [1], [0]),
    ("BoostedAFT", boosted_aft, "scale", [0.01], [0.0]),
    ("OrdinalRegression", model(M.OrdinalRegression, SCORE), "penalty", [0.0], [-0.001]),
    ("LogisticRisk", model(M.LogisticRisk, STATE), "penalty", [0.0], [-0.001]),
    ("CoxPH", model(M.CoxPH, RIGHT), "penalty", [0.0], [-0.001]),
    ("CoxPH", model(M.CoxPH, RIGHT, penalty="cv"), "cv", [2], [1, 2.5]),
    ("ElasticNetCox", NET, "l1_ratio", [0.0, 1.0], [-0.001, 1.001]),
    ("ElasticNetCox", NET, "n_lambdas", [1], [0]),
    ("ElasticNetCox", NET, "cv", [2], [1]),
    ("ElasticNetCox", NET, "choose", [0.01], [0.0, -1.0]),
    ("CauseSpecificCox", CAUSE, "l1_ratio", [0.0, 1.0], [-0.001, 1.001]),
    ("PriorityCox", model(M.PriorityCox, RIGHT, blocks=BLOCKS, unpenalised=["one", "two"]), "cross_fit", [0, 2], [-1]),
    ("AverageRisk", model(M.AverageRisk, RIGHT, learners={"cox": M.CoxPH(), "null": M.NullModel()}), "cv", [2], [1]),
    ("PiecewiseExponential", model(M.PiecewiseExponential, RIGHT), "penalty", [0.0], [-0.001]),
    ("PiecewiseExponential", model(M.PiecewiseExponential, RIGHT), "breakpoints", [0, 2], [-1, 51]),
    ("RestrictedCubicSpline", model(F.RestrictedCubicSpline, RIGHT, columns=["a"]), "n_knots", [3, 7], [2, 8]),
    (
        "RepeatableColumns",
        model(F.RepeatableColumns, RIGHT, readings=[READ, READ + 0.1], external=True),
        "minimum",
        [0.0, 1.0],
        [-0.001, 1.001],
    ),
    ("MultipleImputation", model(F.MultipleImputation, RIGHT), "m", [1], [0]),
    ("CovBat", harmonised(F.CovBat, min_batch=20), "variance", [0.5, 1.0], [0.0, 1.001]),
    ("CovBat", harmonised(F.CovBat), "min_batch", [3], [2]),
    ("ComBat", harmonised(F.ComBat), "min_calibration", [2], [1]),
    ("ComBat", harmonised(F.ComBat), "tol", [1e-3], [0.0]),
    (
        "sample_size_support",
        lambda **given: sample_size_support(STATE, 2, n_simulations=2, **given),
        "c_statistic",
        [0.51, 0.99],
        [0.5, 1.0],
    ),
    (
        "update_model",
        lambda **given: update_model(M.LogisticRisk().fit(X, STATE), X, STATE, method="bayes", **given),
        "discount",
        [0.001, 1.0],
        [0.0, 1.001],
    ),
]


@pytest.mark.parametrize(("which", "make", "name", "taken", "refused"), LIMITS, ids=[f"{c[0]}-{c[2]}" for c in LIMITS])
def test_a_parameter_takes_its_limit_and_nothing_beyond(
    which: str, make: Callable[..., Any], name: str, taken: list[Any], refused: list[Any]
) -> None:
    for value in taken:
        try:
            make(**{name: value})
        except EstimationError:  # the number was taken; what it gives is for other tests
            continue
    for value in refused:
        with pytest.raises(ArgumentError, match=f"`{name}`"):
            make(**{name: value})
