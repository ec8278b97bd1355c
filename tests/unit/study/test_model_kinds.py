"""Every kind of model, and every preparation, by its name in a study file."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import models as M
from lbp_prognosis._base import ArgumentError, objection
from lbp_prognosis.fusion import ComBat, MultipleImputation, PatternSubmodels, RiskPipeline
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._model_plan import MODEL_KINDS, SCORE_KINDS, ModelPlan
from lbp_prognosis.study._run_study import _doubts
from lbp_prognosis.study._study_association import _unpenalised

MODALITIES = {
    "clinical": ["nrs", "age", "sex"],
    "imaging": ["fat__l4l5", "fat__l5s1"],
    "acquisition": ["scanner"],
}
USED = ["clinical", "imaging"]
INNER = {"clinical": "cause_specific_cox", "clinical+imaging": {"kind": "cause_specific_cox", "imputations": 2}}
OPTIONS: dict[str, dict[str, Any]] = {
    "cause_specific_cox": {"penalty": 5.0},
    "discrete_time_hazard": {"visits": [3.0, 6.0, 12.0], "between": "interpolate"},
    "boosted_cox": {"rounds": 30, "folds": 2},
    "boosted_aft": {"rounds": 30, "folds": 2},
    "boosted_hazard": {"rounds": 30, "folds": 2, "visits": [3.0, 6.0, 12.0]},
    "elastic_net_cox": {"cv": 2},
    "multimodal_net": {"seeds": 1, "max_epochs": 2, "bins": 4, "levels": ["imaging"]},
    "priority_cox": {"unpenalised": ["clinical", "imaging"], "cross_fit": 2, "missing": "impute_offset"},
    "parametric_aft": {"distribution": "lognormal"},
    "average": {"learners": INNER, "cv": 2, "horizons": [6.0]},
    "stacked": {"learners": INNER, "cv": 2, "horizons": [6.0]},
    "patterns": {
        "estimator": {"kind": "cause_specific_cox", "imputations": 2},
        "fallback": {"kind": "cause_specific_cox", "imputations": 2},
        "min_patients": 40,
        "min_events": 10,
    },
    "risk_stratifier": {"model": "cause_specific_cox", "cuts": [0.2, 0.6]},
}
BY_MISSING_CELLS = ("null", "boosted_cox", "boosted_aft", "boosted_hazard", "multimodal_net")
COMPETING = ("null", "cause_specific_cox", "fine_gray", "discrete_time_hazard", "boosted_cox", "boosted_hazard")
COMPETING = (*COMPETING, "multimodal_net", "priority_cox", "average", "stacked", "patterns", "risk_stratifier")
PACKAGES = {"boosted_cox": "xgboost", "boosted_aft": "xgboost", "boosted_hazard": "xgboost", "multimodal_net": "torch"}
KINDS = sorted(set(MODEL_KINDS) - set(SCORE_KINDS) - {"published"})
NO_KIND = {  # estimators that a study file does not name, and why
    "AalenAdditive": "has no hazard that stays above 0",
    "AdaptedModel": "holds an object of another package",
    "DynamicRisk": "needs visits after time zero",
    "LandmarkStack": "needs visits after time zero",
    "MixtureCure": "is for plateaus, which a protocol does not declare",
    "MultiStateCox": "needs a course of states",
    "PanelMarkov": "needs a course of states",
    "PiecewiseExponential": "is for hazards to be read, not risks",
    "RecurrentCox": "needs several events per patient",
}


def table_of(tmp_path: Any, status: bool) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    n = 240
    frame = pd.DataFrame(
        {
            "nrs": rng.integers(0, 11, n),
            "age": rng.normal(50, 9, n).round(),
            "sex": rng.choice(["f", "m"], n),
            "scanner": rng.choice(["a", "b", "c"], n),
            "fat__l4l5": rng.normal(size=n),
            "fat__l5s1": rng.normal(size=n),
        }
    )
    frame.loc[frame["scanner"] == "b", ["fat__l4l5", "fat__l5s1"]] += 3.0
    frame.loc[rng.random(n) < 0.25, ["fat__l4l5", "fat__l5s1"]] = np.nan
    frame.loc[5, "age"] = np.nan
    end = rng.exponential(10 * np.exp(-0.4 * (frame["nrs"] - 5)), n)
    if status:
        frame["state"] = (end < 8).astype(int)
        source: dict[str, Any] = {"status": "state"}
    else:
        leave = rng.uniform(4, 30, n)
        frame["time"] = np.minimum(end, leave).round(1) + 0.1
        frame["event"] = np.where(leave < end, 0, np.where(rng.random(n) < 0.75, 1, 2))
        source = {"time": "time", "event": "event", "censored": 0}
    frame.to_csv(tmp_path / "w.csv", index=False)
    return source


def study(tmp_path: Any, entries: list[dict[str, Any]], *, status: bool = False, one: bool = False) -> Study:
    source = table_of(tmp_path, status)
    if one:
        frame = pd.read_csv(tmp_path / "w.csv")
        frame["event"] = (frame["event"] > 0).astype(int)
        frame.to_csv(tmp_path / "w.csv", index=False)
    spec = {"name": "e", "definition": "d", "polarity": "bad", "time_zero": "z", "unit": "months", "horizons": [6]}
    return Study.from_dict(
        {
            "title": "t",
            "table": {"wide": "w.csv", **source},
            "outcome": spec,
            "modalities": MODALITIES,
            "clinical_minimum": {"pain": "nrs", "age": "age", "sex": "sex"},
            "model": entries,
        },
        folder=tmp_path,
    )


def entry(kind: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": kind, "kind": kind, "options": OPTIONS.get(kind, {})}
    if kind == "null":
        return told
    return {**told, "modalities": USED, "imputations": 0 if kind in BY_MISSING_CELLS else 2, "iterations": 2}


@pytest.mark.parametrize("kind", KINDS)
def test_a_study_builds_fits_and_predicts_every_kind(tmp_path: Any, kind: str) -> None:
    if kind in PACKAGES:
        pytest.importorskip(PACKAGES[kind])
    told = entry(kind)
    if kind == "multimodal_net":  # a single missing age is imputed, whole images stay absent
        told |= {"imputations": 2, "keep_blocks": ["imaging"]}
    protocol = study(tmp_path, [told], status=kind == "logistic", one=kind not in (*COMPETING, "logistic"))
    data = read_study_data(protocol)
    model = build_models(protocol, data)[kind].fit(data.X, data.y)
    assert isinstance(model if kind == "null" else model.model, MODEL_KINDS[kind])
    risk = model.predict_risk(data.X, 6.0)
    assert risk.shape == (240, 1)
    assert ((risk >= 0) & (risk <= 1)).all()
    assert kind == "null" or np.ptp(risk) > 0.01


def test_impute_with_outcome_reaches_the_step_and_the_protocol(tmp_path: Any) -> None:
    told = entry("cox") | {"imputations": 2}
    protocol = study(tmp_path, [told, {**told, "name": "blind", "impute_with_outcome": False}], one=True)
    built = build_models(protocol, read_study_data(protocol))
    assert [built[name].steps[0].use_outcome for name in ("cox", "blind")] == [True, False]
    models = protocol.to_dict()["models"]
    assert "impute_with_outcome" not in models[0]  # a protocol without it keeps its digest
    assert models[1]["impute_with_outcome"] is False
    data = read_study_data(protocol)  # a test of association is of tables imputed with the outcome
    assert _unpenalised(protocol.models[1], protocol, data, 20).steps[0].use_outcome is True
    learner = ModelPlan("s", "stacked", ("clinical",), {"learners": {"clinical": "cox"}}, impute_with_outcome=False)
    assert learner.learners()["clinical"].impute_with_outcome is False
    with pytest.raises(ArgumentError, match="`model 's'.impute_with_outcome` must be true or false; got 'no'"):
        replace(learner, impute_with_outcome="no")


def test_objections_to_the_test_of_association_are_those_of_the_study() -> None:
    said = objection("single-imputation")
    none = SimpleNamespace(objections=())
    found = {"evaluation": none, "treatment": None, "updates": None, "sites": None, "visits": {}, "readings": []}
    spec = SimpleNamespace(objections=(), spec=SimpleNamespace(unit="months"))
    assert _doubts(spec, {**found, "association": SimpleNamespace(objections=(said,))}, []) == (said,)
    assert _doubts(spec, {**found, "association": None}, []) == ()


def test_every_estimator_has_a_kind_or_a_reason() -> None:
    every = {
        name for name in M.__all__ if isinstance(getattr(M, name), type) and issubclass(getattr(M, name), RiskEstimator)
    } | {"PatternSubmodels"}
    named = {made.__name__ for made in MODEL_KINDS.values()} - {"PublishedModel"}
    assert every - set(NO_KIND) <= named
    assert not named & set(NO_KIND)


def test_parts_of_combined_kinds_are_what_they_are_called(tmp_path: Any) -> None:
    protocol = study(tmp_path, [entry("patterns"), entry("risk_stratifier"), entry("priority_cox")])
    data = read_study_data(protocol)
    built = build_models(protocol, data)
    patterns = built["patterns"].fit(data.X, data.y).models_[0]
    assert isinstance(patterns, PatternSubmodels)
    assert patterns.patterns_["pattern"].tolist() == ["clinical", "clinical+imaging"]
    assert patterns.patterns_["model"].tolist() == ["own", "own"]
    assert isinstance(patterns.fallback_, RiskPipeline)
    groups = built["risk_stratifier"].fit(data.X, data.y).models_[0]
    assert groups.horizon_ == 6.0  # that of the study
    assert groups.names_ == ("low", "intermediate", "high")
    priority = built["priority_cox"].fit(data.X, data.y)
    assert list(priority.models_[0].models_) == ["clinical", "imaging"]
    assert priority.models_[0].to_frame()["term"].tolist()[:3] == ["nrs", "age", "sex=m"]
    step = priority.steps[0]
    assert list(step.keep_blocks) == ["imaging"]  # absent images are left to the model


def test_thresholds_of_a_decision_make_groups() -> None:
    low = {"low": 0.2, "high": 0.5, "primary": 0.3, "rationale": "r"}
    plan = ModelPlan("g", "risk_stratifier", ("clinical",), {"model": "cox", "from_utility": low})
    made = plan.pipeline(MODALITIES, incomplete=False, visits=None, nominal=False, random_state=0, horizon=6.0)
    assert (made.model.from_utility.low, made.model.horizon) == (0.2, 6.0)
    inner = {"model": {"kind": "stacked", "options": {"learners": {"clinical": "cox"}}}}
    assert list(ModelPlan("g", "risk_stratifier", ("clinical",), inner).learners()) == ["model"]


def test_harmonisation_by_name(tmp_path: Any) -> None:
    combat = {"batch": "scanner", "covariates": ["age"], "unseen": "none"}
    told = {
        "name": "m",
        "kind": "cause_specific_cox",
        "modalities": USED,
        "imputations": 2,
        "iterations": 2,
        "combat": {**combat, "covariates": ["nrs"]},
    }
    protocol = study(tmp_path, [told])
    data = read_study_data(protocol)
    model = build_models(protocol, data)["m"].fit(data.X, data.y)
    step = model.steps[0]
    assert isinstance(step, ComBat)
    assert isinstance(model.steps[1], MultipleImputation)
    assert (step.batch, list(step.columns), step.unseen) == ("scanner", MODALITIES["imaging"], "none")
    assert "scanner" not in model.models_[0].feature_names_in_
    seen = model.seen_by_model(data.X)[1].groupby(data.X["scanner"].to_numpy())["fat__l4l5"].mean()
    raw = data.X.groupby("scanner")["fat__l4l5"].mean()
    assert np.ptp(raw) > 2.5
    assert np.ptp(seen) < 1.5  # a quarter is imputed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"combat": {"batch": "magnet"}}, "magnet"),
        ({"combat": {"batch": "scanner", "colour": 1}}, "options of ComBat"),
        ({"combat": {"batch": "scanner"}, "modalities": ("clinical",)}, "columns"),
        ({"combat": {"batch": "scanner"}, "kind": "null", "modalities": ()}, "combat"),
        ({"keep_blocks": ("gait",)}, "keep_blocks"),
        ({"keep_blocks": ("imaging",), "kind": "stacked", "options": {"learners": INNER}}, "keep_blocks.*left out"),
        ({"splines": {"age": 3}, "kind": "average", "options": {"learners": INNER}}, "splines.*left out"),
        ({"splines": {"age": 3}, "kind": "patterns", "options": {"estimator": "cox"}}, "splines.*left out"),
        ({"splines": {"age": 3}, "kind": "published", "options": {"name": "verwoerd_2024"}}, "splines.*left out"),
        ({"kind": "patterns", "options": {}}, "estimator"),
        ({"kind": "risk_stratifier", "options": {}}, "model"),
        ({"kind": "risk_stratifier", "options": {"model": {"kind": "risk_stratifier"}}}, "single model"),
        ({"kind": "patterns", "options": {"estimator": "stacked"}}, "single model"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], words: str) -> None:
    told: dict[str, Any] = {"name": "m", "kind": "cox", "modalities": ("clinical", "imaging"), **changes}
    with pytest.raises(ArgumentError, match=words):
        ModelPlan(**told).pipeline(MODALITIES, incomplete=False, visits=None, nominal=False, random_state=0)


def test_lists_among_options_are_lists(tmp_path: Any) -> None:
    """A hint ``Sequence[str]`` takes a list of texts, and no text."""
    told = {"name": "m", "kind": "priority_cox", "modalities": USED, "options": {"unpenalised": "clinical"}}
    with pytest.raises(ArgumentError, match="a list of texts"):
        study(tmp_path, [told])
    told["options"] = {"unpenalised": [1]}
    with pytest.raises(ArgumentError, match="text"):
        study(tmp_path, [told])
