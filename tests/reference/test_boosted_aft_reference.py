"""BoostedAFT against xgboost 3.2: its formulas, its trees, and the score that it gives with the wrong scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._kernels import LocationTimes, location_gradient, transformation_scale
from lbp_prognosis.models import BoostedAFT, NullModel

xgboost = pytest.importorskip("xgboost")

ROUND2 = Path(__file__).resolve().parents[3] / "shared" / "reference" / "round2" / "xgboost_aft.json"
COLUMNS = ["c1", "c2", "c3", "p1", "p2", "m1", "m2", "m3", "g1", "g2"]
SIGMA = {"normal": 1.0, "logistic": 0.8, "extreme": 0.9}
MARGIN = {
    "normal": [2.8827788829803467, 2.5489094257354736, 2.9139294624328613],
    "logistic": [3.1157121658325195, 2.734593152999878, 2.9939048290252686],
    "extreme": [3.3510844707489014, 2.969973087310791, 3.2573177814483643],
}
RISK = {
    "normal": [0.34536218433406474, 0.47448400822770004, 0.33395331155180685],
    "logistic": [0.31248935787999266, 0.42260025206938107, 0.34609523832493155],
    "extreme": [0.31748275269092663, 0.44197585441794185, 0.345517084035611],
}
NAMES = {"normal": "normal", "logistic": "odds", "extreme": "hazard"}


@pytest.mark.parametrize("distribution", SIGMA)
def test_risks_of_given_margins(distribution) -> None:
    model = BoostedAFT(distribution)
    model.intercept_, model.slope_, model.scale_ = 0.0, 1.0, SIGMA[distribution]
    model._margin = lambda X: X[:, 0]
    given = np.array(MARGIN[distribution])[:, None]
    risk = model._risk(given, np.array([12.0]), 1, None, None)[:, 0]
    np.testing.assert_allclose(risk, RISK[distribution], rtol=1e-12)


def test_the_numbers_above_are_those_of_the_file() -> None:
    if not ROUND2.is_file():
        pytest.skip("the reference values are absent")
    values = json.loads(ROUND2.read_text())
    for distribution in SIGMA:
        stored = values[distribution]
        assert stored["sigma"] == SIGMA[distribution]
        assert stored["margin_first3"] == MARGIN[distribution]
        assert stored["risk12_first3"] == RISK[distribution]
    y = syn()
    observed = NullModel().fit(y[["c1"]], Surv.right(y.time, y.event)).predict_risk(y[["c1"]][:1], 12.0)[0, 0]
    assert observed == pytest.approx(values["normal"]["KM_F12"], abs=5e-10)  # nine digits are stored


def native(distribution: str, rounds: int, **settings: float):
    """xgboost's own AFT on the same table; its penalties are in squared units of log time, ours in units of sigma."""
    cohort, sigma = syn(), SIGMA[distribution]
    table = xgboost.DMatrix(cohort[COLUMNS].to_numpy())
    table.set_float_info("label_lower_bound", cohort.time.to_numpy())
    table.set_float_info("label_upper_bound", np.where(cohort.event == 1, cohort.time, np.inf))
    parameters = {
        "objective": "survival:aft",
        "eval_metric": "aft-nloglik",
        "aft_loss_distribution": distribution,
        "aft_loss_distribution_scale": sigma,
        "tree_method": "hist",
        "learning_rate": 0.1,
        "max_depth": 2,
        "reg_lambda": 1 / sigma**2,
        "min_child_weight": 5 / sigma**2,
        "max_delta_step": 2 * sigma,
        "nthread": 1,
        **settings,
    }
    told: dict = {}
    booster = xgboost.train(parameters, table, rounds, evals=[(table, "train")], evals_result=told, verbose_eval=False)
    return booster, table, cohort, told["train"]["aft-nloglik"][-1]


@pytest.mark.parametrize("distribution", SIGMA)
def test_trees_are_those_of_xgboost(distribution) -> None:
    """From the same start the same trees; only xgboost's times are in single precision."""
    cohort, sigma = syn(), SIGMA[distribution]
    y = Surv.right(cohort.time, cohort.event)
    alone: dict[str, Any] = {"average": False, "repeats": 1, "subsample": 1.0, "learning_rate": 0.1}
    model = BoostedAFT(distribution, scale=sigma, rounds=20, select_rounds=False, recalibrate=False, **alone)
    model.fit(cohort[COLUMNS], y)
    booster, table, _, told = native(distribution, 20, base_score=float(np.exp(model.start_)))
    margin = booster.predict(table, output_margin=True)
    np.testing.assert_allclose(model.margin(cohort[COLUMNS]), margin, atol=2e-5)
    assert model.scale_ == sigma
    assert -model.log_likelihood(cohort[COLUMNS], y) / len(y) == pytest.approx(told, abs=1e-5)


def test_a_trained_booster_is_scored_with_another_scale() -> None:
    """``eval`` of a trained xgboost booster takes sigma = 1 whatever it was trained with; the formula does not."""
    booster, table, cohort, told = native("logistic", 50)
    margin = np.asarray(booster.predict(table, output_margin=True), dtype=float)
    np.testing.assert_allclose(booster.predict(table), np.exp(margin), rtol=1e-6)  # a time, and no risk
    scored = float(booster.eval(table).split(":")[-1])

    def by_formula(sigma: float) -> float:
        kind, log_time = cohort.event.to_numpy(), np.log(cohort.time.to_numpy())
        times = LocationTimes(kind, log_time / sigma, np.full(600, -np.inf))
        loglik, _, _ = location_gradient(times, margin / sigma, transformation_scale(NAMES["logistic"]))
        return -float(np.mean(loglik - kind * (np.log(sigma) + log_time)))

    assert by_formula(0.8) == pytest.approx(told, abs=1e-6)
    assert by_formula(1.0) == pytest.approx(scored, abs=1e-6)
    assert scored > told + 0.03
