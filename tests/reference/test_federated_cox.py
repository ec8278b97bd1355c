"""Rounds of a stratified Cox model against `coxph(strata(site))`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis.federation import (
    FederatedCox,
    FederatedDiscreteHazard,
    FederatedLogistic,
    Policy,
    Round,
    RoundRequest,
)
from lbp_prognosis.models import DiscreteTimeHazard, LogisticRisk
from lbp_prognosis.survival import Weights

R = json.loads((Path(__file__).parent / "r" / "federated_cox.json").read_text(encoding="utf-8"))
COLUMNS = ["c1", "c2", "p1", "m1", "g1"]
EXACT = Policy(events_per_parameter=1, digits=17)
D = syn(600)
KEY = b"0123456789abcdef"


def rounds(model: Any, data: pd.DataFrame, outcome: Any, *, policy: Policy = EXACT, **rows: Any) -> Any:
    """Fit over files: everything passes as JSON."""
    fit, request = None, model.start()
    kept: dict[str, list[Round]] = {}
    while fit is None or not fit.converged:
        asked = RoundRequest.from_json(request.to_json())
        for site, part in data.groupby("site"):
            own = kept.setdefault(str(site), [])
            given = {name: of(part) for name, of in rows.items()}
            answer = model.round(
                part, outcome(part), asked, site=str(site), policy=policy, answered=own, key=KEY, **given
            )
            own.append(Round.from_json(answer.to_json()))
        fit = model.step([own[-1] for own in kept.values()], fit, key=KEY)
        request = fit.request
        assert fit.number < 12
    return fit


def right(part: pd.DataFrame) -> np.ndarray:
    return Surv.right(part["time"], part["event"])


@pytest.mark.parametrize("site", range(1, 7))
def test_first_round_of_each_site(site: int) -> None:
    model, part = FederatedCox(COLUMNS), D[D["site"] == site]
    answer = model.round(part, right(part), model.start(), site="s", policy=EXACT)
    wanted = R["sites"][str(site)]
    assert (answer.n, answer.n_events) == (wanted["n"], wanted["events"])
    assert answer.loglik == pytest.approx(wanted["loglik"], rel=1e-10)
    score, information = answer.arrays()
    np.testing.assert_allclose(score, wanted["score"], atol=1e-8)
    # R gives the inverse, so that its inverse has lost digits
    np.testing.assert_allclose(information, wanted["information"], atol=1e-8)


def test_pooled_is_the_fit_of_all_rows() -> None:
    fit = rounds(FederatedCox(COLUMNS, tol=1e-9), D, right)
    np.testing.assert_allclose(fit.coef, R["pooled"]["coef"], atol=1e-8)
    np.testing.assert_allclose(fit.se, R["pooled"]["se"], atol=1e-8)
    assert fit.loglik == pytest.approx(R["pooled"]["loglik"][1], rel=1e-10)
    own = CoxPH(strata="site").fit(D[[*COLUMNS, "site"]], right(D))
    np.testing.assert_allclose(fit.coef, own.coef_, atol=1e-10)
    np.testing.assert_allclose(fit.covariance, own.covariance_, atol=1e-10)
    assert fit.number <= 5


def test_released_digits_cost_less_than_five_in_a_million() -> None:
    fit = rounds(FederatedCox(COLUMNS), D, right, policy=Policy(events_per_parameter=9))
    np.testing.assert_allclose(fit.coef, R["pooled"]["coef"], rtol=5e-6)
    np.testing.assert_allclose(fit.se, R["pooled"]["se"], rtol=5e-6)


def test_ridge() -> None:
    fit = rounds(FederatedCox(COLUMNS, penalty=10, tol=1e-9), D, right)
    np.testing.assert_allclose(fit.coef, R["ridge"], atol=1e-8)


def test_ties_weights_and_entry() -> None:
    u = syn(600)["u15"].to_numpy()
    month = np.ceil(D["time"])
    data = D.assign(month=month, entry=np.floor(np.minimum(month - 1, 6 * u)), w=1.0 + np.arange(1, 601) % 3)
    model = FederatedCox(COLUMNS, tol=1e-9)

    def outcome(part: pd.DataFrame) -> np.ndarray:
        return Surv.right(part["month"], part["event"], entry=part["entry"])

    fit = rounds(model, data, outcome, sample_weight=lambda part: part["w"])
    np.testing.assert_allclose(fit.coef, R["hard"]["coef"], atol=1e-8)
    np.testing.assert_allclose(fit.se, R["hard"]["se"], atol=1e-8)
    assert fit.loglik == pytest.approx(R["hard"]["loglik"][1], rel=1e-10)
    # counts: copies are tied events
    copies = rounds(model, data, outcome, sample_weight=lambda part: Weights(part["w"].to_numpy(), "frequency"))
    rows = data.loc[data.index.repeat(data["w"].astype(int))]
    np.testing.assert_allclose(copies.coef, rounds(model, rows, outcome).coef, atol=1e-10)


def test_baseline_at_three_horizons() -> None:
    model = FederatedCox(COLUMNS)
    loose = Policy(min_cell=2, min_n=10, min_events=5, digits=17)
    for site, part in D.groupby("site"):
        found = model.baseline(part, right(part), R["pooled"]["coef"], [6, 12, 24], site="s", policy=loose)
        np.testing.assert_allclose(found.hazard, R["baseline"][str(site)][: len(found.hazard)], rtol=1e-9)
        assert len(found.hazard) == 3


def test_newton_of_the_stored_values(stored_file: Callable[..., Path]) -> None:
    path = stored_file("reference", "round2", "federated_equation_nomogram.json")
    stored = json.loads(path.read_text(encoding="utf-8"))
    model = FederatedCox(COLUMNS, tol=1e-12)
    fit, request = None, model.start()
    for told in stored["fed_cox"]["newton"][:4]:
        answers = [
            model.round(part, right(part), request, site=str(site), policy=EXACT) for site, part in D.groupby("site")
        ]
        fit = model.step(answers, fit)
        np.testing.assert_allclose(fit.asked, told["beta"], atol=1e-8)
        np.testing.assert_allclose(fit.score, told["score"], atol=1e-8)
        np.testing.assert_allclose(fit.step, told["step"], atol=1e-8)
        assert fit.loglik == pytest.approx(told["loglik"], rel=1e-10)
        request = fit.request
    np.testing.assert_allclose(fit.coef, list(stored["fed_cox"]["pooled"].values()), atol=1e-8)
    meta = model.start(stored["fed_cox"]["fe_meta"])
    once = model.step(
        [model.round(part, right(part), meta, site=str(site), policy=EXACT) for site, part in D.groupby("site")]
    )
    np.testing.assert_allclose(once.coef, stored["fed_cox"]["fe_plus_one"], atol=1e-8)


def test_logistic_is_the_fit_of_all_rows() -> None:
    fit = rounds(FederatedLogistic(COLUMNS, tol=1e-9), D, lambda part: Status.at(12, part["y"]))
    own = LogisticRisk().fit(D[COLUMNS], Status.at(12, D["y"]))
    np.testing.assert_allclose(fit.coef, np.r_[own.intercept_, own.coef_], atol=1e-8)


def test_discrete_hazards_are_the_fit_of_all_rows() -> None:
    visits = [3.0, 6.0, 12.0, 24.0]
    fit = rounds(FederatedDiscreteHazard(COLUMNS, visits=visits, tol=1e-9), D, right)
    own = DiscreteTimeHazard(visits=visits).fit(D[COLUMNS], right(D))
    np.testing.assert_allclose(fit.coef[4:], np.ravel(own.coef_), atol=1e-8)
    assert fit.loglik == pytest.approx(own.log_likelihood_, rel=1e-10)
