"""One suite for every estimator: scikit-learn's conventions, one currency, files without pickle, bad data told plainly.

To add an estimator, add a line to ``ESTIMATORS``: how to make it, what it takes, and one parameter to search over.
"""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from syn import syn

from lbp_prognosis import Measured, Reference, Status, Surv
from lbp_prognosis import models as M
from lbp_prognosis._base import FeatureMap, LBPError, OutcomeError
from lbp_prognosis.models._base import RiskEstimator

COLUMNS = ["c1", "c2", "p1", "m1"]
VISITS = (3.0, 6.0, 12.0, 24.0)
NET_MODALITIES = {"clinical": ["c1", "c2", "p1"], "imaging": ["m1"]}
LEVELS = FeatureMap(NET_MODALITIES, {"m1": {"level": "l4l5", "measure": "height"}})


@dataclass(frozen=True)
class Case:
    """How to make an estimator, which outcome it takes, and a grid to search."""

    make: Any
    kind: str = "single"  # single, competing, status, measured, repeated, visits
    grid: dict = field(default_factory=dict)
    saved: bool = True
    looks_at_x: bool = True
    refuses_events: bool = True  # an outcome without events is an error
    folds: int = 2  # of searches; more where half the patients do not tell
    names_only: bool = False  # columns are named among the parameters, so that an array can't be taken
    package: str = ""


ESTIMATORS: dict[str, Case] = {
    "CoxPH": Case(lambda: M.CoxPH(), grid={"penalty": [0.0, 1.0]}),
    "CoxPH-ridge": Case(lambda: M.CoxPH(penalty=1.0), grid={"penalty": [1.0, 10.0]}),
    "CoxPH-tuned": Case(lambda: M.CoxPH(penalty="cv", cv=3), grid={"choose": ["min", "one_se"]}),
    "CauseSpecificCox-tuned": Case(
        lambda: M.CauseSpecificCox(penalty="cv", cv=3), "competing", {"l1_ratio": [0.0, 0.5]}
    ),
    "CauseSpecificCox-net": Case(
        lambda: M.CauseSpecificCox(penalty="cv", l1_ratio=0.5, cv=3), "competing", {"choose": ["min", "one_se"]}
    ),
    "FineGray-tuned": Case(lambda: M.FineGray(penalty="cv", cv=3), "competing", {"penalty": [1.0, "cv"]}),
    "LogisticRisk-tuned": Case(lambda: M.LogisticRisk(penalty="cv", cv=3), "status", {"cv": [2, 3]}),
    "DiscreteTimeHazard-tuned": Case(
        lambda: M.DiscreteTimeHazard(VISITS, between="interpolate", penalty="cv", cv=2), "visits", {"cv": [2, 3]}
    ),
    "CauseSpecificCox": Case(
        lambda: M.CauseSpecificCox(), "competing", {"incidence": ["product_limit", "exponential"]}
    ),
    "FineGray": Case(lambda: M.FineGray(), "competing", {"penalty": [0.0, 1.0]}),
    "ElasticNetCox": Case(lambda: M.ElasticNetCox(), grid={"l1_ratio": [0.5, 1.0]}),
    "PriorityCox": Case(
        lambda: M.PriorityCox({"clinical": ["c1", "c2", "p1"], "imaging": ["m1"]}, cv=3, cross_fit=3),
        grid={"l1_ratio": [1.0]},
        names_only=True,
    ),
    "PriorityCox-competing": Case(
        lambda: M.PriorityCox(NET_MODALITIES, unpenalised=["clinical", "imaging"], cross_fit=2),
        "competing",
        {"missing": ["ignore", "mean"]},
        names_only=True,
    ),
    "NullModel": Case(lambda: M.NullModel(), "competing", {"horizon": [None]}, looks_at_x=False, refuses_events=False),
    "DynamicRisk": Case(
        lambda: M.DynamicRisk([0.0, 3.0, 6.0], 12.0, interactions=["c1"]),
        "competing",
        {"degree": [1, 2]},
        names_only=True,
    ),
    "MultiStateCox": Case(lambda: M.MultiStateCox(), "competing", {"incidence": ["product_limit", "exponential"]}),
    "MultiStateCox-reset": Case(
        lambda: M.MultiStateCox(clock="reset"), "competing", {"incidence": ["product_limit", "exponential"]}
    ),
    "RecurrentCox": Case(lambda: M.RecurrentCox(), grid={"kind": ["andersen_gill", "pwp_gap"]}),
    "LogisticRisk": Case(lambda: M.LogisticRisk(), "status", {"penalty": [0.0, 1.0]}),
    "LogisticRisk-ridge": Case(lambda: M.LogisticRisk(penalty=1.0), "status", {"penalty": [1.0, 10.0]}),
    "DiscreteTimeHazard": Case(
        lambda: M.DiscreteTimeHazard(VISITS, between="interpolate"), grid={"penalty": [0.0, 1.0]}
    ),
    "DiscreteTimeHazard-competing": Case(
        lambda: M.DiscreteTimeHazard(VISITS, between="interpolate"), "competing", {"penalty": [0.0, 1.0]}
    ),
    "ParametricAFT": Case(lambda: M.ParametricAFT(), grid={"distribution": ["weibull", "lognormal"]}),
    "ParametricAFT-gamma": Case(lambda: M.ParametricAFT("generalised_gamma"), grid={"collinear": ["drop"]}),
    "RoystonParmar": Case(lambda: M.RoystonParmar(df=2), grid={"df": [1, 2]}),
    "DiscreteTimeHazard-visits": Case(
        lambda: M.DiscreteTimeHazard(VISITS, between="interpolate"), "visits", {"penalty": [0.0, 1.0]}
    ),
    "RoystonParmar-visits": Case(lambda: M.RoystonParmar(df=2), "visits", {"df": [1, 2]}),
    "ParametricAFT-visits": Case(lambda: M.ParametricAFT(), "visits", {"distribution": ["weibull", "lognormal"]}),
    "NullModel-visits": Case(
        lambda: M.NullModel(), "visits", {"horizon": [None]}, looks_at_x=False, refuses_events=False
    ),
    "BoostedCox": Case(lambda: M.BoostedCox(rounds=4, folds=2), "competing", {"max_depth": [1, 2]}, package="xgboost"),
    "AverageRisk": Case(
        lambda: M.AverageRisk({"cox": M.CauseSpecificCox(), "null": M.NullModel()}, cv=3),
        "competing",
        {"scale": ["cloglog", "risk"]},
    ),
    "AverageRisk-visits": Case(
        lambda: M.AverageRisk({"cox": M.RoystonParmar(df=2), "weibull": M.ParametricAFT()}, cv=2, scale="logit"),
        "visits",
        {"recalibrate": [False, True]},
    ),
    "StackedRisk": Case(
        lambda: M.StackedRisk({"clinical": M.CoxPH(), "few": M.CoxPH(penalty=50.0)}, cv=3),
        grid={"meta": ["log_score", "cox_nonneg"]},
    ),
    "StackedRisk-competing": Case(
        lambda: M.StackedRisk({"cox": M.CauseSpecificCox(), "null": M.NullModel()}, cv=3),
        "competing",
        {"cox__penalty": [0.0, 10.0]},
    ),
    "StackedRisk-status": Case(
        lambda: M.StackedRisk(
            {"clinical": M.LogisticRisk(), "imaging": M.LogisticRisk()},
            modalities={"clinical": ["c1", "c2", "p1"], "imaging": ["m1"]},
            cv=3,
        ),
        "status",
        {"discrete": [True, False]},
        names_only=True,
    ),
    "StackedRisk-scores": Case(
        lambda: M.StackedRisk({"clinical": M.OrdinalRegression(), "line": M.LinearOutcome()}, cv=2),
        "measured",
        {"meta": ["brier_simplex", "brier_at_cut"]},
    ),
    "AverageRisk-scores": Case(
        lambda: M.AverageRisk({"ordinal": M.OrdinalRegression(), "line": M.LinearOutcome()}, cv=2),
        "measured",
        {"scale": ["cloglog", "logit"]},
    ),
    "StackedRisk-visits": Case(
        lambda: M.StackedRisk({"spline": M.RoystonParmar(df=2), "null": M.NullModel()}, cv=2, meta="log_score"),
        "visits",
        {"cv": [2, 3]},
    ),
    "BoostedAFT": Case(
        lambda: M.BoostedAFT(rounds=4, folds=2), grid={"distribution": ["normal", "extreme"]}, package="xgboost"
    ),
    "MultimodalNet": Case(
        lambda: M.MultimodalNet(NET_MODALITIES, seeds=2, max_epochs=4, bins=4),
        "competing",
        {"hidden": [(), (4,)]},
        names_only=True,
        package="torch",
    ),
    "MultimodalNet-efron": Case(
        lambda: M.MultimodalNet(NET_MODALITIES, loss="efron", seeds=2, max_epochs=4),
        grid={"penalty": [0.0, 0.1]},
        names_only=True,
        package="torch",
    ),
    "MultimodalNet-levels": Case(
        lambda: M.MultimodalNet(LEVELS, levels=["imaging"], seeds=2, max_epochs=4, bins=4),
        "competing",
        {"d": [2, 4]},
        names_only=True,
        package="torch",
    ),
    "MultimodalNet-visits": Case(
        lambda: M.MultimodalNet(NET_MODALITIES, seeds=2, max_epochs=4),
        "visits",
        {"dropout": [0.0, 0.2]},
        names_only=True,
        package="torch",
    ),
    "MultimodalNet-status": Case(
        lambda: M.MultimodalNet(NET_MODALITIES, seeds=2, max_epochs=4),
        "status",
        {"modality_dropout": [0.0, 0.2]},
        names_only=True,
        package="torch",
    ),
    "BoostedHazard": Case(
        lambda: M.BoostedHazard(VISITS, rounds=4, folds=2), "competing", {"max_depth": [1, 2]}, package="xgboost"
    ),
    "BoostedHazard-visits": Case(
        lambda: M.BoostedHazard(VISITS, rounds=4, folds=2), "visits", {"max_depth": [1, 2]}, package="xgboost"
    ),
    "BoostedHazard-status": Case(
        lambda: M.BoostedHazard(rounds=4, folds=2), "status", {"max_depth": [1, 2]}, package="xgboost"
    ),
    "BoostedAFT-visits": Case(
        lambda: M.BoostedAFT(rounds=4, folds=2), "visits", {"max_depth": [1, 2]}, package="xgboost"
    ),
    "RiskStratifier": Case(
        lambda: M.RiskStratifier(M.CauseSpecificCox(), horizon=12.0, cuts=[0.2, 0.5]),
        "competing",
        {"model__penalty": [0.0, 10.0]},
    ),
    "RiskStratifier-scores": Case(
        lambda: M.RiskStratifier(M.OrdinalRegression(), cuts=[0.5]), "measured", {"cuts": [[0.3], [0.6]]}
    ),
    "RiskStratifier-status": Case(
        lambda: M.RiskStratifier(M.LogisticRisk(), n_groups=3, cv=3), "status", {"n_groups": [2, 3]}
    ),
    "OrdinalRegression": Case(lambda: M.OrdinalRegression(), "measured", {"link": ["logit", "probit"]}),
    "LinearOutcome": Case(lambda: M.LinearOutcome(), "measured", {"variance": ["model", "robust"]}),
    "BoostedOutcome": Case(
        lambda: M.BoostedOutcome(rounds=4, folds=2), "measured", {"max_depth": [1, 2]}, package="xgboost"
    ),
    "TwoPartOutcome": Case(
        lambda: M.TwoPartOutcome(M.LogisticRisk(), M.OrdinalRegression(), floor=1.0),
        "measured",
        {"above__penalty": [0.0, 1.0]},
    ),
    "PanelMarkov-visits": Case(lambda: M.PanelMarkov(), "visits", {"breakpoints": [None, (6.0,)]}),
    "AalenAdditive": Case(lambda: M.AalenAdditive(), grid={"collinear": ["drop", "error"]}, package="lifelines"),
    "PiecewiseExponential": Case(lambda: M.PiecewiseExponential(), grid={"breakpoints": [0, 1]}, package="lifelines"),
    "PiecewiseExponential-visits": Case(
        lambda: M.PiecewiseExponential(1), "visits", {"penalty": [0.0, 1.0]}, package="lifelines"
    ),
    "MixtureCure": Case(
        lambda: M.MixtureCure(), grid={"distribution": ["weibull", "loglogistic"]}, package="lifelines", folds=3
    ),
    "MixtureCure-visits": Case(
        lambda: M.MixtureCure(), "visits", {"variance": ["model", "robust"]}, package="lifelines"
    ),
    "LongitudinalOutcome": Case(
        lambda: M.LongitudinalOutcome(covariance="exchangeable"),
        "repeated",
        {"by_visit": ["all", "none"]},
        package="statsmodels",
    ),
    "LongitudinalOutcome-gee": Case(
        lambda: M.LongitudinalOutcome("gee"),
        "repeated",
        {"covariance": ["exchangeable", "independence"]},
        package="statsmodels",
    ),
    "as_risk_model": Case(
        lambda: M.as_risk_model(LogisticRegression()), "status", {"estimator__C": [0.1, 1.0]}, saved=False
    ),
}


def data(kind: str, n: int = 240) -> tuple[pd.DataFrame, np.ndarray]:
    cohort = syn(n=n)
    y = {
        "single": lambda: Surv.right(cohort.time, cohort.event),
        "competing": lambda: Surv.right(cohort.time, cohort.status),
        "visits": lambda: visits(cohort.time.to_numpy(), cohort.event.to_numpy()),
        "status": lambda: Status.at(12, np.where(np.arange(n) % 11 == 0, -1, cohort.y)),
        "measured": lambda: Measured.at(
            12,
            np.where(np.arange(n) % 11 == 0, np.nan, np.clip(np.round(10 - cohort.time / 4), 0, 10)),
            lower=0,
            upper=10,
            at_most=5,
        ),
        "repeated": lambda: Measured.at_visits(
            {
                visit: np.where(
                    np.arange(n) % 11 == k,
                    np.nan,
                    np.clip(np.round(10 - cohort.time / 4 + cohort[name]), 0, 10),
                )
                for k, (visit, name) in enumerate(zip((3.0, 6.0, 12.0), ("m2", "m3", "g2")))
            },
            lower=0,
            upper=10,
            at_most=5,
        ),
    }[kind]()
    return cohort[COLUMNS], y


def visits(time: np.ndarray, event: np.ndarray, grid: tuple[float, ...] = VISITS) -> np.ndarray:
    """What visits on a schedule would have seen."""
    ends = np.array([0.0, *grid])
    place = np.searchsorted(grid, time, side="left")
    known = np.searchsorted(grid, time, side="right")
    found = (event == 1) & (place < len(grid))
    lower = np.where(found, ends[place], np.where(event == 1, grid[-1], ends[known]))
    return Surv.interval(lower, np.where(found, np.append(grid, np.inf)[place], np.inf))


@cache
def fitted(name: str) -> Any:
    """Return an estimator fitted to `data` as they are, once for all tests; none may change it."""
    case = ESTIMATORS[name]
    return case.make().fit(*data(case.kind))


@pytest.fixture
def model(case, request) -> Any:
    return fitted(request.node.callspec.params["case"])


@pytest.fixture(params=ESTIMATORS)
def case(request) -> Case:
    chosen = ESTIMATORS[request.param]
    if chosen.package:
        pytest.importorskip(chosen.package)
    return chosen


def horizons(case: Case) -> list[float]:
    return [12.0] if case.kind in ("status", "measured", "repeated") else [6.0, 12.0]


def test_every_estimator_of_the_door_is_here():
    made = {type(case.make()).__name__ for case in ESTIMATORS.values()}
    public = {
        name for name in M.__all__ if isinstance(getattr(M, name), type) and issubclass(getattr(M, name), RiskEstimator)
    }
    assert public <= made


def test_parameters_are_stored_and_cloned(case):
    model = case.make()
    again = clone(model)
    assert again is not model
    assert repr(again.get_params(deep=False)) == repr(model.get_params(deep=False))
    name, values = next(iter(case.grid.items()))
    if "__" not in name:
        assert model.set_params(**{name: values[-1]}).get_params()[name] == values[-1]
    with pytest.raises(NotFittedError):
        case.make().predict_risk(data(case.kind)[0], horizons(case))


def test_fit_returns_itself_and_risks_are_risks(case):
    X, y = data(case.kind)
    before = X.copy()
    model = case.make()
    assert model.fit(X, y) is model
    pd.testing.assert_frame_equal(X, before)
    risk = model.predict_risk(X[:30], horizons(case))
    assert risk.shape == (30, len(horizons(case)))
    assert ((risk >= 0) & (risk <= 1)).all()
    assert (np.diff(risk, axis=1) >= -1e-12).all()
    assert model.predict_risk(X[:30], 12.0).shape == (30, 1)
    np.testing.assert_allclose(model.predict_risk(X[:30], 12.0)[:, 0], risk[:, -1], rtol=1e-12)
    assert np.isnan(model.predict_risk(X[:5], 1e5)).all()
    assert not case.saved or model.predict_risk(X[:0], horizons(case)).shape == (0, len(horizons(case)))
    np.testing.assert_allclose(model.predict_risk(X[7:8], horizons(case)), risk[7:8], rtol=1e-6)  # rows are apart
    if case.kind == "competing":
        if isinstance(model, M.FineGray):  # a model of one cause
            return
        both = sum(model.predict_risk(X[:30], horizons(case), cause=cause) for cause in (1, 2))
        assert (both <= 1 + 1e-9).all()


def test_names_are_kept_and_columns_found_by_name(case, model):
    X, y = data(case.kind)
    assert list(model.feature_names_in_) == COLUMNS
    assert model.n_features_in_ == 4
    if case.saved:  # a foreign model does as it likes with the order of columns
        np.testing.assert_array_equal(
            model.predict_risk(X[COLUMNS[::-1]], horizons(case)), model.predict_risk(X, horizons(case))
        )
        if case.looks_at_x:
            with pytest.raises(LBPError, match="c1"):
                model.predict_risk(X.drop(columns="c1"), horizons(case))
    if case.names_only:
        return
    array = clone(model).fit(X.to_numpy(), y)
    np.testing.assert_allclose(
        array.predict_risk(X.to_numpy(), horizons(case)), model.predict_risk(X, horizons(case)), rtol=1e-9
    )
    assert not hasattr(array, "feature_names_in_")


def test_refitting_forgets(case, model):
    X, y = data(case.kind)
    again = case.make().fit(X[:120], y[:120])
    again.fit(X, y)
    np.testing.assert_allclose(again.predict_risk(X, horizons(case)), model.predict_risk(X, horizons(case)), rtol=1e-12)
    assert set(vars(again)) - {"_boosters"} == set(vars(model)) - {"_boosters"}


def test_cross_validation_and_grid_search(case):
    X, y = data(case.kind)
    folds = KFold(case.folds)
    search = GridSearchCV(case.make(), case.grid, cv=folds, error_score="raise").fit(X, y)
    if (
        case.saved
    ):  # what `cross_validate` gives of each candidate: one function of scikit-learn fits and scores for both
        scores = np.array([search.cv_results_[f"split{k}_test_score"] for k in range(case.folds)])
        assert np.isfinite(scores).all()
        assert (scores <= 0).all()
    assert search.best_estimator_.predict_risk(X[:3], horizons(case)).shape == (3, len(horizons(case)))


def test_saved_as_json_and_read_without_pickle(case, model):
    X, _ = data(case.kind)
    if not case.saved:
        with pytest.raises(LBPError, match="saved"):
            model.to_dict()
        return
    text = json.dumps(model.to_dict(), allow_nan=False)
    again = RiskEstimator.from_dict(json.loads(text))
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.predict_risk(X, horizons(case)), model.predict_risk(X, horizons(case)))
    copied = pickle.loads(pickle.dumps(model))  # workers of joblib do
    np.testing.assert_array_equal(copied.predict_risk(X, horizons(case)), model.predict_risk(X, horizons(case)))
    unfitted = RiskEstimator.from_dict(json.loads(json.dumps(case.make().to_dict())))
    assert repr(unfitted.get_params()) == repr(case.make().get_params())


def test_other_outcomes_are_refused_by_name(case):
    X, y = data(case.kind)
    for wrong in (Reference.now(np.arange(240) % 2), np.arange(240) % 2):
        with pytest.raises(OutcomeError):
            case.make().fit(X, wrong)
    with pytest.raises(LBPError if case.saved else ValueError, match=r"rows|length"):
        case.make().fit(X[:100], y)


def test_the_unit_of_time_and_the_order_of_rows_do_not_matter(case, model):
    X, y = data(case.kind)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = case.make().fit(X.iloc[order], y[order])
    # folds of the inner cross-validation are dealt to other patients
    tolerance = {
        "BoostedCox": 0.2,
        "BoostedAFT": 0.2,
        "MultimodalNet": 0.2,
        "BoostedHazard": 0.2,
        "BoostedOutcome": 0.2,
        "ElasticNetCox": 0.02,
        "PriorityCox": 0.1,
        "AverageRisk": 0.1,
        "StackedRisk": 0.1,
    }.get(type(model).__name__, 0.05 if getattr(model, "penalty", None) == "cv" else 1e-6)
    np.testing.assert_allclose(
        shuffled.predict_risk(X, horizons(case)), model.predict_risk(X, horizons(case)), atol=tolerance
    )
    if case.kind in ("status", "measured", "repeated"):
        return
    if case.kind == "visits":
        days = Surv.interval(30 * y["lower"], 30 * y["upper"])
    else:
        days = Surv.right(30 * y["time"], y["event"])
    scaled = case.make()
    if isinstance(scaled, M.DiscreteTimeHazard | M.BoostedHazard):
        scaled.set_params(visits=[30 * visit for visit in VISITS])
    if isinstance(scaled, M.DynamicRisk):
        scaled.set_params(landmarks=[0.0, 90.0, 180.0], width=360.0)
    scaled.fit(X, days)
    np.testing.assert_allclose(scaled.predict_risk(X, [180, 360]), model.predict_risk(X, [6, 12]), rtol=1e-6, atol=1e-7)


BAD = {
    "constant column": lambda X, y: (X.assign(m1=1.0), y),
    "collinear columns": lambda X, y: (X.assign(m1=2 * X.c1 - X.c2), y),
    "fewer rows than columns": lambda X, y: (
        pd.DataFrame(np.random.default_rng(0).normal(size=(24, 40))).add_prefix("x"),
        y[:24],
    ),
    "separated": lambda X, y: (X.assign(c1=10.0 * _had_event(y)), y),
    "no event": lambda X, y: (X, _with_event(y, np.zeros(len(y), dtype=int))),
    "one event": lambda X, y: (X, _with_event(y, (np.arange(len(y)) == _first(y)).astype(int))),
    "all events at one time": lambda X, y: (X, _at_one_time(y)),
    "two rows": lambda X, y: (X[:2], y[:2]),
    "one row": lambda X, y: (X[:1], y[:1]),
    "huge and tiny columns": lambda X, y: (X.assign(c1=1e8 * X.c1 + 1e10, c2=1e-8 * X.c2), y),
}


def _had_event(y):
    if "value" in y.dtype.names:
        return (y["value"] <= 5).astype(float)
    if "values" in y.dtype.names:
        return (y["values"][:, -1] <= 5).astype(float)
    return (y["status"] == 1 if "status" in y.dtype.names else y["event"] == 1).astype(float)


def _first(y):
    return int(np.argmax(_had_event(y)))


def _with_event(y, event):
    if "status" in y.dtype.names:
        return Status.at(12, event)
    if "value" in y.dtype.names:
        return Measured.at(12, 10 * event, lower=0, upper=10, at_most=5)
    if "values" in y.dtype.names:
        return Measured.at_visits(dict.fromkeys((3.0, 6.0, 12.0), 10 * event), lower=0, upper=10, at_most=5)
    if "lower" in y.dtype.names:
        return Surv.interval(y["lower"], np.where(event == 1, y["upper"], np.inf))
    return Surv.right(y["time"], event)


def _at_one_time(y):
    if {"status", "value", "values"} & set(y.dtype.names):
        return y
    if "lower" in y.dtype.names:
        found = y["event"] == 1
        return Surv.interval(np.where(found, 6.0, y["lower"]), np.where(found, 12.0, np.inf))
    return Surv.right(np.where(y["event"] == 1, 10.0, y["time"]), y["event"])


@pytest.mark.parametrize("bad", BAD)
def test_bad_data_give_a_clear_error_or_a_sane_fit(case, bad):
    X, y = BAD[bad](*data(case.kind))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, told = case.make(), ""
        try:
            model.fit(X, y)
        except LBPError as error:
            told = str(error)
        except ValueError as error:  # a foreign model has its own words
            told = "" if case.saved else str(error) + " " * 40 + "."
            if case.saved:
                raise
        if told:
            assert len(told) > 40
            assert told.rstrip().endswith((".", ")"))
            return
        inside = [h for h in horizons(case) if h <= getattr(model, "max_time_", 0)]
        if inside:
            risk = model.predict_risk(X, inside)
            assert np.isfinite(risk).all()
            assert ((risk >= 0) & (risk <= 1)).all()


def test_no_event_is_an_error_unless_the_answer_is_zero(case):
    X, y = data(case.kind)
    none = _with_event(y, np.zeros(len(y), dtype=int))
    if case.refuses_events:
        with pytest.raises((LBPError, ValueError)):
            case.make().fit(X, none)
    else:
        np.testing.assert_array_equal(case.make().fit(X, none).predict_risk(X, 6.0), 0)


def test_missing_and_infinite_predictors_are_told_by_column(case):
    X, y = data(case.kind)
    for value, rejected in ((np.nan, case.package != "xgboost"), (np.inf, True)):
        broken = X.copy()
        broken.loc[3, "c2"] = value
        if case.looks_at_x and rejected and case.saved:
            with pytest.raises(LBPError, match=r"c2|clinical"):
                case.make().fit(broken, y)
        elif case.saved:
            case.make().fit(broken, y)
