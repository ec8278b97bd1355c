"""One fitted model of every kind that a file holds, and rows it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from lbp_prognosis import Surv, models
from lbp_prognosis.deployment import equation
from lbp_prognosis.fusion import (
    ComBat,
    CovBat,
    FormulaTerms,
    MultipleImputation,
    OneHot,
    PatternSubmodels,
    RegressionCalibration,
    RepeatableColumns,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
)
from lbp_prognosis.validation import update_model
from tests.contract.test_estimators import ESTIMATORS, data

BARE = {name: case for name, case in ESTIMATORS.items() if case.saved}


def table(n: int = 240) -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, words, sites, and values that are missing."""
    X, y = data("single", n)
    rng = np.random.default_rng(3)
    X = X.assign(
        grade=rng.choice(["mild", "severe", "worst"], n),
        site=rng.choice(["north", "south"], n),
        sick=rng.integers(0, 2, n).astype(float),
    )
    return X, y


def holes(X: pd.DataFrame) -> pd.DataFrame:
    out = X.copy()
    out.loc[out.index[::6], "p1"] = np.nan
    out.loc[out.index[::9], "grade"] = None
    out.loc[out.index[1::7], "sick"] = np.nan
    return out


def _readings() -> list[pd.DataFrame]:
    """Two readings of other patients: one measure repeats, one does not."""
    rng = np.random.default_rng(4)
    names = [f"other {k}" for k in range(20)]
    first = pd.DataFrame(rng.normal(size=(20, 2)), columns=["m1", "p1"], index=names)
    return [first, first + rng.normal(size=(20, 2)) * [0.1, 2.0]]


def _pipelines() -> dict[str, Any]:
    cox = models.CoxPH
    return {
        "splines": ([OneHot(["grade", "site"]), Standardise(["c1"]), RestrictedCubicSpline(["c2"])], cox(), False),
        "imputation": ([MultipleImputation(2, draws=10), OneHot(["grade", "site"])], cox(), True),
        "combat": ([ComBat("site", columns=["c1", "m1"]), OneHot(["grade"])], cox(), False),
        "covbat": ([CovBat("site", columns=["c1", "m1", "c2"]), OneHot(["grade"])], cox(), False),
        "calibrated": ([OneHot(["grade", "site"]), RegressionCalibration({"m1": 0.3})], cox(), False),
        "repeatable": ([OneHot(["grade", "site"]), RepeatableColumns(_readings(), external=True)], cox(), False),
        "scikit-learn": ([OneHot(["grade", "site"]), SimpleImputer(), MinMaxScaler(), StandardScaler()], cox(), False),
        "strata": ([OneHot(["grade"])], cox(strata="site"), False),
        "formula": ([FormulaTerms("rcs(c1, 4) + c2 * grade + C(site) + poly(p1, 2)")], cox(), False),
    }


PIPELINES = _pipelines()


def fitted(name: str) -> tuple[Any, Any]:
    """Return a fitted model and rows."""
    if name in BARE:
        X, y = data(BARE[name].kind)
        return BARE[name].make().fit(X, y), X
    X, y = table()
    if name in PIPELINES:
        steps, model, missing = PIPELINES[name]
        X = holes(X) if missing else X
        return RiskPipeline(steps, model).fit(X, y), X
    if name == "patterns":
        X = X[["c1", "c2", "p1", "m1"]].copy()
        X.loc[X.index[:120], "m1"] = np.nan
        groups = {"clinical": ["c1", "c2", "p1"], "imaging": ["m1"]}
        return PatternSubmodels(models.CoxPH(), groups, mandatory=("clinical",)).fit(X, y), X
    X = X[["c1", "c2"]]
    model = models.CoxPH().fit(X, y)
    if name == "updated":
        later = Surv.right(y["time"] * 1.3, y["event"])
        return update_model(model, X, later, method="slope", horizon=12).model, X
    if name == "equation":
        return equation(model, horizons=[6, 12]), X
    raise KeyError(name)


EVERY = [*BARE, *PIPELINES, "patterns", "updated", "equation"]
