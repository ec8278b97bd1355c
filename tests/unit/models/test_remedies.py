"""Where a fit has no finite maximum the remedy is one that helps: no penalty is asked for that is there already."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Measured, Status, Surv
from lbp_prognosis._base import EstimationError
from lbp_prognosis.models import CauseSpecificCox, CoxPH, DiscreteTimeHazard, FineGray, LogisticRisk, OrdinalRegression

_D = syn(n=200)
_EARLY = (_D["time"] < _D["time"].quantile(0.2)) & (_D["event"] == 1)
_SCORE = np.clip(np.round(10 - _D["time"] / 4), 0, 10)
_END = np.ceil(_D["time"] / 6) * 6
OUTCOMES = {
    "time": Surv.right(_D["time"], _D["event"]),
    "competing": Surv.right(_D["time"], _D["status"]),
    "status": Status.at(12, _D["y"]),
    "measured": Measured.at(12, _SCORE, lower=0, upper=10, at_most=5),
    "visits": Surv.interval(_END - 6, np.where(_D["event"] == 1, _END, np.inf)),
}
SEPARATES = {
    "time": _EARLY,
    "competing": _EARLY,
    "status": _D["y"] == 1,
    "measured": _SCORE > 5,
    "visits": _D["event"] == 1,
}
MODELS = [
    (CoxPH, "time"),
    (FineGray, "competing"),
    (CauseSpecificCox, "competing"),
    (LogisticRisk, "status"),
    (OrdinalRegression, "measured"),
    (DiscreteTimeHazard, "visits"),
]


def told(kind: str, model: Any) -> str:
    X = _D[["c1"]].assign(sep=SEPARATES[kind].astype(float))
    with pytest.raises(EstimationError, match=r"no finite maximum.*'sep'") as found:
        model.fit(X, OUTCOMES[kind])
    return str(found.value)


@pytest.mark.parametrize(("kind", "outcome"), MODELS, ids=lambda part: getattr(part, "__name__", part))
def test_a_penalty_is_asked_for_where_it_helps(kind: Any, outcome: str) -> None:
    assert "Give a `penalty` (a ridge" in told(outcome, kind())
    tiny = told(outcome, kind(penalty=1e-12))
    assert "Give a `penalty` larger than 1e-12" in tiny
    unreached = told(outcome, kind(penalty=1.0, penalty_factors={"sep": 0}))
    assert "Give 'sep' a factor above 0 in `penalty_factors`" in unreached
    assert "Give a `penalty`" not in unreached
    X = _D[["c1"]].assign(sep=SEPARATES[outcome].astype(float))
    assert np.isfinite(np.hstack(list(_values(kind(penalty=1.0).fit(X, OUTCOMES[outcome]).coef_)))).all()


def _values(coef: Any) -> Any:
    return coef.values() if isinstance(coef, dict) else [np.ravel(coef)]


def test_iterations_that_ran_out_ask_for_more() -> None:
    with pytest.raises(EstimationError, match="after 2 iterations.*Raise `max_iter`"):
        CoxPH(penalty=1.0, max_iter=2).fit(_D[["c1", "p1"]], OUTCOMES["time"])
    assert CoxPH(penalty=1.0, max_iter=10).fit(_D[["c1", "p1"]], OUTCOMES["time"]).n_iter_ < 10


def test_collinear_columns_that_no_penalty_reaches() -> None:
    X = _D[["c1"]].assign(double=2 * _D["c1"])
    with pytest.raises(EstimationError, match="Give a `penalty` \\(a ridge.*if all of them are to stay"):
        CoxPH().fit(X, OUTCOMES["time"])
    with pytest.raises(EstimationError, match="Give 'double' a factor above 0"):
        CoxPH(penalty=1.0, penalty_factors={"c1": 0, "double": 0}).fit(X, OUTCOMES["time"])
    assert CoxPH(penalty=1.0).fit(X, OUTCOMES["time"]).coef_[1] != 0


@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_visit_that_was_always_missed_needs_no_penalty(penalty: float) -> None:
    lower, upper = np.where(_END <= 12, 0, _END - 6), np.where(_END <= 12, 12, _END)
    y = Surv.interval(lower, np.where(_D["event"] == 1, upper, np.inf))
    with pytest.raises(EstimationError, match="Leave that visit out of `visits`") as found:
        DiscreteTimeHazard([6, 12, 18, 24, 30, 36], penalty=penalty).fit(_D[["c1"]], y)
    assert "Give a `penalty`" not in str(found.value)


def test_a_separated_score_is_an_error_and_no_number() -> None:
    """Its coefficient once stopped at 59 with a standard error of 400,000."""
    told("measured", OrdinalRegression(link="probit"))
    told("measured", OrdinalRegression())
