"""Not everybody comes back: weights and imputation against a known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Status
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import brier
from lbp_prognosis.validation import attrition_weights, delta_sensitivity


def expit(x):
    return 1 / (1 + np.exp(-x))


@pytest.fixture(scope="module")
def study():
    """Ten thousand patients; the well stay away, and a covariate outside the model tells who they are."""
    rng = np.random.default_rng(1)
    n = 10_000
    x, z = rng.standard_normal((2, n))
    state = (rng.random(n) < expit(-0.3 + 0.8 * x + 0.9 * z)).astype(int)
    seen = rng.random(n) < expit(0.4 + 1.1 * z)
    return {
        "X": pd.DataFrame({"x": x, "z": z}),
        "risk": expit(-0.25 + 0.7 * x),
        "state": state,
        "seen": seen,
        "y": Status.at(12, np.where(seen, state, -1)),
    }


def test_weights_recover_the_average_and_the_brier_score(study):
    result = attrition_weights(study["y"], study["X"])
    weights = result.weights.values
    assert weights.mean() == pytest.approx(1.0, abs=0.02)
    truth = study["state"].mean()
    naive = study["state"][study["seen"]].mean()
    weighted = np.average(study["state"][study["seen"]], weights=weights[study["seen"]])
    assert abs(naive - truth) > 0.05
    assert weighted == pytest.approx(truth, abs=0.01)
    full = brier(Status.at(12, study["state"]), study["risk"], 12).value
    repaired = brier(study["y"], study["risk"], 12, sample_weight=result.weights)
    # five standard errors of the repaired estimate around the truth would be far too wide to show anything else
    assert repaired.value == pytest.approx(full, abs=3 * repaired.se)


def test_imputation_recovers_the_average_and_delta_moves_it(study):
    result = delta_sensitivity(
        study["y"], study["X"], study["risk"], deltas=(-1.0, 0.0, 1.0), imputations=5, random_state=0
    )
    ratio = result.table[result.table["metric"] == "observed_expected"].set_index("delta")["value"]
    truth = study["state"].mean() / study["risk"].mean()
    assert ratio[0.0] == pytest.approx(truth, abs=0.02)
    assert ratio[-1.0] < ratio[0.0] < ratio[1.0]


def test_the_same_seed_gives_the_same_numbers(study):
    rows = slice(0, 500)
    arguments = (study["y"][rows], study["X"].iloc[rows], study["risk"][rows])
    first = delta_sensitivity(*arguments, imputations=3, random_state=4).to_frame()
    second = delta_sensitivity(*arguments, imputations=3, random_state=4).to_frame()
    pd.testing.assert_frame_equal(first, second)


def test_imputed_standard_errors_are_larger_than_of_complete_data(study):
    rows = slice(0, 800)
    table = delta_sensitivity(
        study["y"][rows], study["X"].iloc[rows], study["risk"][rows], deltas=(0.0,), imputations=10
    ).table.set_index("metric")
    complete = brier(Status.at(12, study["state"][rows]), study["risk"][rows], 12)
    assert table.loc["brier", "se"] > complete.se


def test_rare_attendance_is_objected():
    rng = np.random.default_rng(3)
    z = np.r_[np.zeros(950), np.full(50, 8.0)]
    seen = rng.random(1000) < expit(2 - z)
    seen[-1] = True
    y = Status.at(12, np.where(seen, rng.integers(0, 2, 1000), -1))
    assert attrition_weights(y, pd.DataFrame({"z": z})).objections[0].code == "attendance-positivity"


def test_refusals(study):
    with pytest.raises(ArgumentError, match="No weights are needed"):
        attrition_weights(Status.at(12, study["state"]), study["X"])
    with pytest.raises(ArgumentError, match="unobserved states"):
        delta_sensitivity(Status.at(12, study["state"]), study["X"], study["risk"])


def test_assumptions_share_their_draws_with_a_generator_too():
    """A shift that is next to nothing changes next to nobody, whatever the seed is made of."""
    rng = np.random.default_rng(6)
    X = pd.DataFrame({"x": rng.standard_normal(300)})
    state = np.where(rng.random(300) < 0.6, (rng.random(300) < expit(X["x"])).astype(int), -1)
    for seed in (3, np.random.SeedSequence(3), np.random.default_rng(3)):
        table = delta_sensitivity(
            Status.at(12, state), X, expit(X["x"]), deltas=[0.0, 1e-9], imputations=5, random_state=seed
        ).table.set_index(["metric", "delta"])["value"]
        assert table["auc", 0.0] == table["auc", 1e-9]


@pytest.mark.filterwarnings("error")
def test_assumptions_about_perfectly_ranked_patients():
    """Every completed table may have an AUC of one: pooled without a logit."""
    state = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, -1, -1])
    X = pd.DataFrame({"x": np.tile([0.0, 1.0], 6)})
    risk = np.r_[np.linspace(0.1, 0.3, 5), np.linspace(0.6, 0.9, 5), 0.05, 0.95]
    table = delta_sensitivity(Status.at(12, state), X, risk, deltas=[-40.0, 0.0, 40.0], imputations=4).table.set_index(
        ["metric", "delta"]
    )
    # all lost patients without the state, or all with it: one of them stands on the wrong side
    assert table.loc[("auc", -40.0), "value"] == pytest.approx(30 / 35)
    assert table.loc[("auc", 40.0), "value"] == pytest.approx(30 / 35)
    assert np.isfinite(table["value"]).all()
    risk[-1] = 0.04
    ranked = delta_sensitivity(Status.at(12, state), X, risk, deltas=[-40.0], imputations=4).table
    assert ranked.set_index("metric").loc["auc", "value"] == 1
