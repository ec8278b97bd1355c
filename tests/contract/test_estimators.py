"""Every public estimator keeps the same promises; a new one has to be given a recipe here."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from syn import syn

import lbp_prognosis.models as models
from lbp_prognosis._base import LBPError, OutcomeError
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Status, Surv

COLUMNS = ["c1", "c2", "p1", "m1"]
HORIZONS = [6.0, 12.0]
VISITS = [3.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0]


def right(frame: pd.DataFrame) -> np.ndarray:
    return Surv.right(frame["time"], frame["event"])


def competing(frame: pd.DataFrame) -> np.ndarray:
    return Surv.right(frame["time"], frame["status"])


def status(frame: pd.DataFrame) -> np.ndarray:
    return Status.at(12.0, frame["y"] if "y" in frame else frame["event"])


@dataclass(frozen=True)
class Recipe:
    """How to build an estimator that is quick, the outcome it takes, and a parameter to search over."""

    build: Callable[[], RiskEstimator]
    outcome: Callable[[pd.DataFrame], np.ndarray] = right
    grid: dict = field(default_factory=dict)
    horizons: tuple[float, ...] = tuple(HORIZONS)


RECIPES: dict[str, Recipe] = {
    "CoxPH": Recipe(models.CoxPH, grid={"penalty": [0.0, 5.0]}),
    "ElasticNetCox": Recipe(lambda: models.ElasticNetCox(n_lambdas=20, cv=3), grid={"l1_ratio": [0.5, 1.0]}),
    "PriorityCox": Recipe(
        lambda: models.PriorityCox(
            {"clinical": ["c1", "c2"], "rest": ["p1", "m1"]}, unpenalised=["clinical"], cv=3, cross_fit=3
        ),
        grid={"l1_ratio": [0.5, 1.0]},
    ),
    "CauseSpecificCox": Recipe(models.CauseSpecificCox, competing, {"ties": ["efron", "breslow"]}),
    "FineGray": Recipe(models.FineGray, competing, {"ties": ["efron", "breslow"]}),
    "BoostedCox": Recipe(lambda: models.BoostedCox(rounds=20, folds=3), grid={"max_depth": [1, 2]}),
    "LogisticRisk": Recipe(models.LogisticRisk, status, {"penalty": [0.0, 5.0]}, (12.0,)),
    "DiscreteTimeHazard": Recipe(
        lambda: models.DiscreteTimeHazard(visits=VISITS, between="interpolate"), grid={"penalty": [0.0, 5.0]}
    ),
    "ParametricAFT": Recipe(models.ParametricAFT, grid={"distribution": ["weibull", "lognormal"]}),
    "RoystonParmar": Recipe(models.RoystonParmar, grid={"df": [1, 2]}),
    "NullModel": Recipe(models.NullModel),
}
# wraps somebody else's fitted object: nothing of its own to clone, tune or save
NO_RECIPE = {"AdaptedModel"}


def public() -> list[str]:
    found = [getattr(models, name) for name in models.__all__]
    return [cls.__name__ for cls in found if inspect.isclass(cls) and issubclass(cls, RiskEstimator)]


@pytest.fixture(scope="module")
def cohort() -> pd.DataFrame:
    return syn(n=160)


@pytest.fixture(scope="module", params=sorted(RECIPES))
def recipe(request) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture(scope="module")
def fitted(recipe, cohort):
    return recipe.build().fit(cohort[COLUMNS], recipe.outcome(cohort))


def test_every_public_estimator_has_a_recipe():
    assert set(public()) - NO_RECIPE == set(RECIPES)


def test_constructor_only_stores(recipe):
    model = recipe.build()
    for name, value in model.get_params(deep=False).items():
        assert getattr(model, name) is value
    assert not [name for name in vars(model) if name.endswith("_")]


def test_clone_and_set_params(recipe):
    model = recipe.build()
    twin = clone(model)
    assert twin is not model
    assert repr(twin.get_params(deep=False)) == repr(model.get_params(deep=False))
    for name, choices in recipe.grid.items():
        assert twin.set_params(**{name: choices[-1]}).get_params()[name] == choices[-1]


def test_fit_returns_self_and_leaves_the_data_alone(recipe, cohort):
    X, y = cohort[COLUMNS].copy(), recipe.outcome(cohort)
    kept = y.copy()
    model = recipe.build()
    assert model.fit(X, y) is model
    pd.testing.assert_frame_equal(X, cohort[COLUMNS])
    np.testing.assert_array_equal(y, kept)


def test_risks_have_shape_range_and_order(recipe, fitted, cohort):
    risk = fitted.predict_risk(cohort[COLUMNS], list(recipe.horizons))
    assert risk.shape == (len(cohort), len(recipe.horizons))
    assert np.isfinite(risk).all()
    assert (risk >= 0).all()
    assert (risk <= 1).all()
    assert (np.diff(risk, axis=1) >= 0).all()
    one = fitted.predict_risk(cohort[COLUMNS], recipe.horizons[0])
    np.testing.assert_allclose(one, risk[:, :1], rtol=1e-12)


def test_beyond_follow_up_is_missing(recipe, fitted, cohort):
    if recipe.outcome is status:
        pytest.skip("a state at one visit has no follow-up to run out of")
    risk = fitted.predict_risk(cohort[COLUMNS], [recipe.horizons[0], 1e6])
    assert np.isfinite(risk[:, 0]).all()
    assert np.isnan(risk[:, 1]).all()


def test_names_are_kept_and_matched(recipe, fitted, cohort):
    assert fitted.feature_names_in_.tolist() == COLUMNS
    assert fitted.n_features_in_ == len(COLUMNS)
    shuffled = fitted.predict_risk(cohort[COLUMNS[::-1]], list(recipe.horizons))
    np.testing.assert_array_equal(shuffled, fitted.predict_risk(cohort[COLUMNS], list(recipe.horizons)))
    with pytest.raises(LBPError, match="X"):
        fitted.predict_risk(cohort[COLUMNS[:-1]], list(recipe.horizons))


def test_refit_forgets_and_repeats(recipe, cohort):
    model = recipe.build().fit(cohort[COLUMNS][:90], recipe.outcome(cohort[:90]))
    model.fit(cohort[COLUMNS], recipe.outcome(cohort))
    other = recipe.build().fit(cohort[COLUMNS], recipe.outcome(cohort))
    horizons = list(recipe.horizons)
    np.testing.assert_array_equal(
        model.predict_risk(cohort[COLUMNS], horizons), other.predict_risk(cohort[COLUMNS], horizons)
    )


def test_unfitted_says_so(recipe, cohort):
    with pytest.raises(NotFittedError):
        recipe.build().predict_risk(cohort[COLUMNS], list(recipe.horizons))


def test_dictionary_round_trip(recipe, fitted, cohort):
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    back = type(fitted).from_dict(json.loads(text))
    horizons = list(recipe.horizons)
    np.testing.assert_array_equal(
        back.predict_risk(cohort[COLUMNS], horizons), fitted.predict_risk(cohort[COLUMNS], horizons)
    )
    assert repr(back.get_params(deep=False)) == repr(fitted.get_params(deep=False))
    assert json.dumps(back.to_dict(), allow_nan=False) == text


def test_cross_validate_and_pipeline(recipe, cohort):
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), recipe.build())
    result = cross_validate(
        model, cohort[COLUMNS], recipe.outcome(cohort), cv=KFold(3, shuffle=True, random_state=0), error_score="raise"
    )
    assert np.isfinite(result["test_score"]).all()


def test_grid_search(recipe, cohort):
    search = GridSearchCV(
        recipe.build(), recipe.grid, cv=KFold(2, shuffle=True, random_state=0), error_score="raise"
    ).fit(cohort[COLUMNS], recipe.outcome(cohort))
    assert np.isfinite(search.best_score_)
    assert search.best_estimator_.predict_risk(cohort[COLUMNS], recipe.horizons[0]).shape == (len(cohort), 1)


def test_bare_vector_is_refused(recipe, cohort):
    with pytest.raises(OutcomeError):
        recipe.build().fit(cohort[COLUMNS], cohort["event"].to_numpy())


def test_text_and_infinite_cells_are_told(recipe, cohort):
    if recipe is RECIPES["NullModel"]:
        pytest.skip("it does not look at predictors")
    bad = cohort[COLUMNS].copy()
    bad.loc[3, "c2"] = np.inf
    with pytest.raises(LBPError, match="c2"):
        recipe.build().fit(bad, recipe.outcome(cohort))
    with pytest.raises(LBPError, match="c2"):
        recipe.build().fit(cohort[COLUMNS].assign(c2="high"), recipe.outcome(cohort))


def edge(name: str, cohort: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return predictors and the outcome's columns of one kind of difficult data."""
    frame = cohort.copy()
    if name == "constant":
        frame["c2"] = 1.0
    elif name == "collinear":
        frame["m1"] = frame["c1"] + frame["p1"]
    elif name == "separated":
        frame["c1"] = frame["event"] * 10.0 + np.arange(len(frame)) * 1e-3
        frame["time"] = np.where(frame["event"] == 1, 5.0, 20.0) + np.arange(len(frame)) * 1e-3
        frame["y"] = frame["status"] = frame["event"]
    elif name == "no event":
        frame["event"] = frame["status"] = frame["y"] = 0
    elif name == "one event":
        frame["event"] = frame["status"] = frame["y"] = (np.arange(len(frame)) == 7).astype(int)
    elif name == "one time":
        frame.loc[frame["status"] > 0, "time"] = 6.0
    elif name == "few rows":
        frame = frame.iloc[:3].assign(event=[1, 0, 1], status=[1, 0, 1], y=[1, 0, 1])
    return frame[COLUMNS], frame


@pytest.mark.parametrize(
    "name", ["constant", "collinear", "separated", "no event", "one event", "one time", "few rows"]
)
def test_difficult_data_fit_sanely_or_say_why(recipe, name, cohort):
    X, frame = edge(name, cohort)
    try:
        model = recipe.build().fit(X, recipe.outcome(frame))
    except LBPError as error:
        told = str(error)
    else:
        told = ""
    if told:
        assert len(told.split()) > 8, told
        return
    risk = model.predict_risk(X, list(recipe.horizons))
    seen = risk[np.isfinite(risk)]
    assert ((seen >= 0) & (seen <= 1)).all()
    assert (np.isnan(risk).all(axis=0) | np.isfinite(risk).all(axis=0)).all()
