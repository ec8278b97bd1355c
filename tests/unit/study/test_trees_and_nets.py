"""Boosted trees and the net by name in a study file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import BoostedAFT, BoostedHazard, MultimodalNet
from lbp_prognosis.study import Study, read_study_data
from lbp_prognosis.study._build_models import build_models
from lbp_prognosis.study._model_plan import ModelPlan

MODALITIES = {"clinical": ["nrs", "age", "sex"], "imaging": ["fat__l4l5", "fat__l5s1"]}
OPTIONS = {
    "boosted_aft": {"rounds": 3, "folds": 2, "monotone": {"pain": 1, "fat": 1}, "interactions": [["pain", "age"]]},
    "boosted_hazard": {"rounds": 3, "folds": 2, "visits": [4.0, 8.0, 16.0]},
    "multimodal_net": {"seeds": 1, "max_epochs": 2, "bins": 4},
}


def study(tmp_path, kinds) -> Study:
    rng = np.random.default_rng(0)
    n = 200
    frame = pd.DataFrame({"time": rng.exponential(10, n).round(1) + 0.1, "event": rng.integers(0, 2, n)})
    frame = frame.assign(
        nrs=rng.integers(0, 11, n),
        age=rng.normal(50, 9, n).round(),
        sex=rng.choice(["f", "m"], n),
        fat__l4l5=rng.normal(size=n),
        fat__l5s1=rng.normal(size=n),
    )
    frame.loc[::4, ["fat__l4l5", "fat__l5s1"]] = np.nan
    frame.to_csv(tmp_path / "w.csv", index=False)
    spec = {"name": "e", "definition": "d", "polarity": "bad", "time_zero": "z", "unit": "months", "horizons": [6]}
    table = {
        "title": "t",
        "table": {"wide": "w.csv", "time": "time", "event": "event", "censored": 0},
        "outcome": spec,
        "modalities": MODALITIES,
        "clinical_minimum": {"pain": "nrs", "age": "age", "sex": "sex"},
        "model": [
            {"name": kind, "kind": kind, "modalities": list(MODALITIES), "imputations": 0, "options": OPTIONS[kind]}
            for kind in kinds
        ],
    }
    return Study.from_dict(table, folder=tmp_path)


@pytest.mark.parametrize(
    ("kind", "package", "made"),
    [
        ("boosted_aft", "xgboost", BoostedAFT),
        ("boosted_hazard", "xgboost", BoostedHazard),
        ("multimodal_net", "torch", MultimodalNet),
    ],
)
def test_a_study_builds_and_fits_them(tmp_path, kind, package, made) -> None:
    pytest.importorskip(package)
    protocol = study(tmp_path, [kind])
    data = read_study_data(protocol)
    model = build_models(protocol, data)[kind].fit(data.X, data.y)
    assert isinstance(model.model, made)
    assert np.isfinite(model.predict_risk(data.X, 6.0)).all()  # a quarter without imaging, and nothing imputed
    if kind == "boosted_aft":
        assert model.models_[0].monotone == {"nrs": 1, "fat": 1}
        assert model.models_[0].interactions == [["nrs", "age"]]
    if kind == "multimodal_net":
        assert model.models_[0].columns_["clinical"] == ["age", "nrs", "sex=m"]
        assert model.models_[0].gates(model.seen_by_model(data.X[:4])[1])["imaging"].iloc[0] == 0


def test_constructs_are_the_columns_that_measure_them() -> None:
    plan = ModelPlan(
        "m", "boosted_cox", ("clinical",), {"monotone": {"pain": 1, "nrs": 0}, "interactions": {"a": "sex"}}
    )
    found = plan.by_constructs({"pain": ["vas", "nrs"], "sex": "sex"}, MODALITIES)
    assert found.options == {"monotone": {"nrs": 0}, "interactions": [["sex"]]}
    assert plan.by_constructs({}, MODALITIES).options["monotone"] == {"pain": 1, "nrs": 0}
    with pytest.raises(ArgumentError, match="leg_pain"):
        ModelPlan("m", "boosted_cox", ("clinical",), {"monotone": {"leg_pain": 1}}).by_constructs(
            {"leg_pain": "nrs_leg"}, MODALITIES
        )
    assert plan.at_visits is False
    assert ModelPlan("m", "multimodal_net", ("clinical",)).at_visits
