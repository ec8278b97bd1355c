"""The calibration slope of a model that is right is 1 in new patients, whatever the scale of its linear predictor."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.models import CauseSpecificCox, DiscreteTimeHazard, LogisticRisk, ParametricAFT, RoystonParmar
from lbp_prognosis.validation import external_validate

N, TAU = 20_000, 10.0
MODELS = {
    "CoxPH": (CoxPH(), "right"),
    "ParametricAFT": (ParametricAFT(), "right"),
    "RoystonParmar": (RoystonParmar(), "right"),
    "CauseSpecificCox": (CauseSpecificCox(), "competing"),
    "DiscreteTimeHazard": (DiscreteTimeHazard(), "visits"),
    "LogisticRisk": (LogisticRisk(), "state"),
}


def draw(shape: float, seed: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Weibull times with proportional hazards, and a state of a logistic model."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, 2))
    score = x @ [0.5, -0.4]
    time, lost = TAU * (rng.exponential(size=N) / np.exp(score)) ** (1 / shape), rng.uniform(5, 30, N)
    until, event, other = np.minimum(time, lost), (time <= lost).astype(int), rng.exponential(45, N)
    visit = 2 * np.floor(until / 2)
    return pd.DataFrame(x, columns=["a", "b"]), {
        "right": Surv.right(until, event),
        "competing": Surv.right(np.minimum(until, other), np.where(other < until, 2, event)),
        "visits": Surv.interval(visit, np.where(event == 1, visit + 2, np.inf)),
        "state": Status.at(TAU, (rng.random(N) < 1 / (1 + np.exp(-score))).astype(int)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_the_slope_in_new_patients_is_one(name: str, shape: float) -> None:
    model, kind = MODELS[name]
    (X, y), (new, later) = draw(shape, 1), draw(shape, 2)
    at = None if kind == "state" else TAU
    found = external_validate(model.fit(X, y[kind]), new, later[kind], at, kind="temporal").to_frame()
    slope = found[found["metric"] == "calibration_slope"].iloc[0]
    assert slope["se"] < 0.03
    assert abs(slope["value"] - 1) < 3 * slope["se"]
