"""Units of columns mean nothing: columns whose scales differ by 1e13 and more are fitted as in any other unit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import aliased_columns
from lbp_prognosis.models import (
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    ParametricAFT,
    RoystonParmar,
)

_D = syn(n=200)
_END = np.ceil(_D["time"] / 6) * 6
COLUMNS = ["c1", "p1", "m1"]
OUTCOMES = {
    "single": Surv.right(_D["time"], _D["event"]),
    "late": Surv.right(_D["time"], _D["event"], entry=0.1 * _D["time"]),
    "competing": Surv.right(_D["time"], _D["status"]),
    "status": Status.at(12, _D["y"]),
    "measured": Measured.at(12, np.clip(np.round(10 - _D["time"] / 4), 0, 10), lower=0, upper=10, at_most=5),
    "visits": Surv.interval(_END - 6, np.where(_D["event"] == 1, _END, np.inf)),
}
MODELS = {
    "CoxPH": (CoxPH(), "single"),
    "CoxPH-late": (CoxPH(variance="robust"), "late"),
    "CoxPH-ridge": (CoxPH(penalty=2.0), "single"),
    "FineGray": (FineGray(), "competing"),
    "CauseSpecificCox": (CauseSpecificCox(), "competing"),
    "AFT-weibull": (ParametricAFT(), "single"),
    "AFT-lognormal": (ParametricAFT("lognormal"), "late"),
    "AFT-gamma": (ParametricAFT("generalised_gamma"), "single"),
    "AFT-visits": (ParametricAFT("exponential", variance="robust"), "visits"),
    "RoystonParmar": (RoystonParmar(), "single"),
    "RoystonParmar-odds": (RoystonParmar(2, scale="odds"), "visits"),
    "LogisticRisk": (LogisticRisk(), "status"),
    "LogisticRisk-ridge": (LogisticRisk(penalty=1.0), "status"),
    "DiscreteTimeHazard": (DiscreteTimeHazard(), "visits"),
    "DiscreteTimeHazard-ridge": (DiscreteTimeHazard([6, 12, 24], penalty=1.0), "competing"),
    "OrdinalRegression": (OrdinalRegression(variance="robust"), "measured"),
    "LinearOutcome": (LinearOutcome(), "measured"),
}


def effects(model: Any) -> np.ndarray:
    """Coefficients by cause and column."""
    coef = model.coef_
    return np.vstack(list(coef.values())) if isinstance(coef, dict) else np.atleast_2d(coef)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("factors", [(1.0, 1e13, 1e-13), (1e-20, 1e20, 1.0)], ids=["1e26", "1e40"])
def test_the_unit_of_a_column_means_nothing(name: str, factors: tuple[float, ...]) -> None:
    model, outcome = MODELS[name]
    factor, X = np.array(factors), 3.0 + _D[COLUMNS]
    plain = type(model)(**model.get_params()).fit(X, OUTCOMES[outcome])
    other = type(model)(**model.get_params()).fit(X * factor, OUTCOMES[outcome])
    np.testing.assert_allclose(effects(other) * factor, effects(plain), rtol=1e-8)
    risk, again = plain.predict_risk(X, 12.0), other.predict_risk(X * factor, 12.0)
    np.testing.assert_allclose(again, risk, rtol=1e-8)
    np.testing.assert_allclose(other.to_frame()["z"], plain.to_frame()["z"], rtol=1e-7)


@pytest.mark.parametrize("name", [name for name in MODELS if "ridge" not in name])
def test_true_collinearity_is_found_in_any_unit(name: str) -> None:
    model, outcome = MODELS[name]
    fresh = type(model)(**model.get_params())
    X = _D[["c1", "p1"]].assign(p1=1e13 * _D["p1"])
    y = OUTCOMES[outcome]
    with pytest.raises(EstimationError, match="'both' are not determined"):
        fresh.fit(X.assign(both=1e-13 * (2 * _D["c1"] - _D["p1"])), y)
    with pytest.raises(EstimationError, match="'same' are not determined"):
        fresh.fit(X.assign(same=1e-13), y)
    dropped = fresh.set_params(collinear="drop").fit(X.assign(both=1e-13 * (2 * _D["c1"] - _D["p1"])), y)
    assert (effects(dropped)[:, 2] == 0).all()
    assert (effects(dropped)[:, :2] != 0).all()


@pytest.mark.parametrize("unit", [1e-13, 1.0, 1e13])
@pytest.mark.parametrize(("own", "aliased"), [(2e-6, True), (5e-6, False)])
def test_where_a_column_begins_to_count(unit: float, own: float, aliased: bool) -> None:
    """A share of 1e-11 of its sum of squares that is its own: noise of 3.2e-6 of its standard deviation."""
    rng = np.random.default_rng(0)
    a, noise = rng.normal(size=5000), rng.normal(size=5000)
    found = aliased_columns(np.column_stack([a, unit * (a + own * noise)]))
    assert found.tolist() == [False, aliased]


@pytest.mark.parametrize("level", [0.0, 1e-300, 0.1, 1e13, 1e300])
def test_a_constant_is_one_at_any_level(level: float) -> None:
    X = np.column_stack([np.linspace(0, 1, 7), np.full(7, level)])
    assert aliased_columns(X).tolist() == [False, True]
    assert aliased_columns(X[:, ::-1]).tolist() == [True, False]
    assert aliased_columns(X, intercept=False).tolist() == [False, level == 0]
