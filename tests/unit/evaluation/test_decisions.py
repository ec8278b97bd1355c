"""Test trade-off, sequential imaging and value of information: worked cases and guards."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation.utility import (
    expected_value_of_imaging,
    imaging_band,
    imaging_spread,
    sequential_policy,
    test_tradeoff,
    value_of_information,
)

# the worked standard errors divide by n − 1; ours divide by n, as Greenwood's variance does
UNBIASED = np.sqrt(600 / 599)


def cross_fitted(d, columns):
    """Logistic risks, each fold (id mod 5) predicted by a model of the others."""
    fold, X, y = d["id"] % 5, np.column_stack([np.ones(len(d)), d[columns]]), d["y"].to_numpy()
    risk = np.empty(len(d))
    for k in range(5):
        train = (fold != k).to_numpy()

        def loss(b, X=X[train], y=y[train]):
            eta = X @ b
            return np.sum(np.logaddexp(0, eta) - y * eta), X.T @ (1 / (1 + np.exp(-eta)) - y)

        fit = minimize(loss, np.zeros(X.shape[1]), jac=True, method="BFGS", options={"gtol": 1e-9})
        risk[~train] = 1 / (1 + np.exp(-X[~train] @ fit.x))
    return risk


@pytest.fixture(scope="module")
def cohort():
    d = syn()
    return {
        "y": Status.at(12, d["y"]),
        "clinical": cross_fitted(d, ["c1", "c2", "c3"]),
        "with_p": cross_fitted(d, ["c1", "c2", "c3", "p1", "p2"]),
        "with_m": cross_fitted(d, ["c1", "c2", "c3", "p1", "p2", "m1", "m2", "m3"]),
    }


@pytest.mark.parametrize(
    ("threshold", "band", "tested", "up", "down", "gain", "se", "harm", "tests"),
    [
        (0.3, (0.2, 0.4), 212, (10, 19), (8, 31), 0.011905, 0.008683, 0.03369, 29.68),
        (0.3, (0.1, 0.5), 357, (10, 22), (14, 40), 0.006190, 0.009920, 0.01040, 96.12),
        (0.4, (0.3, 0.5), 182, (19, 20), (11, 21), 0.014444, 0.011568, 0.04762, 21.00),
    ],
)
def test_sequential_policy_worked(cohort, threshold, band, tested, up, down, gain, se, harm, tests):
    policy = sequential_policy(cohort["y"], cohort["clinical"], cohort["with_p"], 12, threshold, band=band)
    row = policy.row("band")
    assert row["n_imaged"] == tested
    assert (row["up_events"], row["up_nonevents"]) == up
    assert (row["down_events"], row["down_nonevents"]) == down
    assert row["gain"] == pytest.approx(gain, abs=5e-7)
    assert row["se"] * UNBIASED == pytest.approx(se, abs=5e-7)
    assert row["acceptable_harm"] == pytest.approx(harm, abs=5e-6)
    assert row["images_per_true_positive"] == pytest.approx(tests, abs=5e-3)


def test_imaging_everybody_worked(cohort):
    policy = sequential_policy(cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3, band=(0.2, 0.4))
    row = policy.row("all")
    assert row["gain"] == pytest.approx(0.005238, abs=5e-7)
    assert row["se"] * UNBIASED == pytest.approx(0.010085, abs=5e-7)
    tradeoff = test_tradeoff(cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3)
    assert tradeoff.tests_per_true_positive == pytest.approx(190.91, abs=5e-3)
    assert tradeoff.difference == pytest.approx(row["gain"])
    assert not np.isfinite(tradeoff.tests_high)
    assert "no finite upper limit" in tradeoff.sentence


def test_no_finite_tradeoff_is_said_in_words(cohort):
    """MRI on top of the clinical and psychosocial blocks loses net benefit at 0.4."""
    policy = sequential_policy(cohort["y"], cohort["with_p"], cohort["with_m"], 12, 0.4, band=(0.3, 0.5))
    row = policy.row("band")
    assert row["n_imaged"] == 149
    assert (row["up_events"], row["up_nonevents"]) == (4, 15)
    assert (row["down_events"], row["down_nonevents"]) == (7, 13)
    assert row["gain"] == pytest.approx(-0.007222, abs=5e-7)
    assert row["se"] * UNBIASED == pytest.approx(0.008071, abs=5e-7)
    assert row["reason"] == "no finite trade-off"
    tradeoff = test_tradeoff(cohort["y"], cohort["with_p"], cohort["with_m"], 12, 0.4)
    assert tradeoff.tests_per_true_positive == np.inf
    assert tradeoff.acceptable_harm == 0
    assert tradeoff.sentence.startswith("No finite trade-off")


def test_expected_value_of_imaging_worked(golden):
    case = golden["evi"]
    got = expected_value_of_imaging(case["r1"], case["s"], case["t"])
    assert got == pytest.approx(case["EVI"], abs=5e-7)
    assert expected_value_of_imaging([0.3, 0.4], 1.0, 0.4) == pytest.approx([0.065797, 0.140219], abs=5e-7)


def test_expected_value_is_never_below_minus_harm_and_peaks_at_the_threshold():
    grid = np.linspace(0.01, 0.99, 197)
    worth = expected_value_of_imaging(grid, 0.7, 0.35, harm=0.02)
    assert (worth >= -0.02 - 1e-12).all()
    assert grid[np.argmax(worth)] == pytest.approx(0.35, abs=0.006)


@pytest.mark.parametrize(
    ("harm", "band"), [(0.005, (0.245, 0.585)), (0.01, (0.275, 0.545)), (0.02, (0.310, 0.505)), (0.05, (0.370, 0.435))]
)
def test_imaging_band_worked(harm, band):
    assert imaging_band(0.5, 0.4, harm) == pytest.approx(band, abs=1e-9)


def test_band_is_empty_when_no_image_is_worth_its_harm():
    assert imaging_band(0.2, 0.4, 0.5) == (0.4, 0.4)


def test_optimal_band_is_chosen_on_other_patients(cohort):
    folds = np.arange(600) % 5
    honest = sequential_policy(cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3, harm=0.01, folds=folds)
    assert honest.objections == ()
    chosen = sequential_policy(cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3, harm=0.01)
    assert chosen.objections[0].code == "band-chosen-on-data"
    assert chosen.band == imaging_band(imaging_spread(cohort["clinical"], cohort["with_p"]), 0.3, 0.01)


def test_not_everybody_imaged_needs_probabilities(cohort):
    missing = np.where(np.arange(600) % 3 == 0, np.nan, cohort["with_p"])
    with pytest.raises(ArgumentError, match="imaging_probability"):
        sequential_policy(cohort["y"], cohort["clinical"], missing, 12, 0.3, band=(0.2, 0.4))
    chance = np.full(600, 2 / 3)
    policy = sequential_policy(
        cohort["y"], cohort["clinical"], missing, 12, 0.3, band=(0.2, 0.4), imaging_probability=chance
    )
    whole = sequential_policy(cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3, band=(0.2, 0.4))
    assert abs(policy.gain - whole.gain) < 2 * policy.se
    assert policy.row("band")["n_imaged"] == whole.row("band")["n_imaged"]


def test_weights_repair_imaging_by_indication():
    """Imaging helps only the severe, who are imaged more: without weights the gain would be overstated."""
    rng = np.random.default_rng(11)
    n = 60_000
    severe = rng.random(n) < 0.3
    first = np.full(n, 0.3)
    state = rng.random(n) < 0.3
    second = np.where(severe, np.where(state, 0.6, 0.1), 0.3)
    chance = np.where(severe, 0.8, 0.2)
    seen = rng.random(n) < chance
    y = Status.at(12, state.astype(int))
    truth = sequential_policy(y, first, second, 12, 0.3, band=(0.1, 0.9)).gain
    partial = np.where(seen, second, np.nan)
    weighted = sequential_policy(y, first, partial, 12, 0.3, band=(0.1, 0.9), imaging_probability=chance)
    assert weighted.gain == pytest.approx(truth, abs=3 * weighted.se)
    naive = sequential_policy(y[seen], first[seen], second[seen], 12, 0.3, band=(0.1, 0.9)).gain
    assert naive > truth + 0.03


def test_rare_imaging_carries_an_objection(cohort):
    chance = np.full(600, 0.5)
    inside = np.flatnonzero((cohort["clinical"] > 0.25) & (cohort["clinical"] < 0.35))[0]
    chance[inside] = 0.01
    policy = sequential_policy(
        cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.3, band=(0.2, 0.4), imaging_probability=chance
    )
    assert [o.code for o in policy.objections] == ["imaging-positivity"]


def test_value_of_information_worked(cohort, golden):
    table = value_of_information(
        cohort["y"], cohort["with_p"], 12, [0.10, 0.15, 0.20, 0.25, 0.30], n_future=[100, 300, 600, 1200, 5000]
    )
    got = table.table.set_index("threshold")
    assert got["evpi"].to_numpy()[:4] == pytest.approx(golden["evpi"]["asym"], abs=2e-7)
    assert got["useful"].to_numpy() == pytest.approx([0.5129, 0.7090, 0.8811, 0.9597, 0.9998], abs=0.025)  # Monte Carlo
    assert got.loc[0.10, "net_benefit"] == pytest.approx(0.349630, abs=5e-7)
    assert got.loc[0.10, "net_benefit_all"] == pytest.approx(0.35)
    assert got.loc[0.10, "se"] == pytest.approx(0.022014, abs=5e-7)
    assert got.loc[0.10, "se_all"] == pytest.approx(0.022350, abs=5e-7)
    assert got.loc[0.10, "correlation"] == pytest.approx(0.9845, abs=5e-5)
    evsi = table.evsi.query("threshold == 0.15")["evsi"].to_numpy()
    want = [0.000110706, 0.000418865, 0.000678846, 0.000918643, 0.001216020]
    # the worked values integrate on a coarser grid
    assert evsi == pytest.approx(want, rel=2e-3)


def test_censored_outcome_agrees_with_the_decision_curve():
    from lbp_prognosis.evaluation import decision_curve

    d = syn()
    y = Surv.right(d["time"], d["status"])
    risk = 1 / (1 + np.exp(-(d["c1"] - 0.4)))
    noisy = 1 / (1 + np.exp(-(0.7 * d["c1"] + 0.4 * d["g2"] - 0.4)))
    curve = decision_curve(
        y, {"a": risk, "b": noisy}, 12, [0.3], estimator="ipcw", n_resamples=0, random_state=0
    ).to_frame()
    by_model = curve.loc[curve["metric"] == "net_benefit"].set_index("model")["value"]
    gain = test_tradeoff(y, noisy, risk, 12, 0.3).difference
    assert gain == pytest.approx(by_model["a"] - by_model["b"], abs=1e-12)


def test_no_event_target_is_the_complement(cohort):
    flipped = Status.at(12, 1 - cohort["y"]["status"])
    first = sequential_policy(
        cohort["y"], cohort["clinical"], cohort["with_p"], 12, 0.6, band=(0.5, 0.7), target="no_event"
    )
    second = sequential_policy(flipped, 1 - cohort["clinical"], 1 - cohort["with_p"], 12, 0.6, band=(0.5, 0.7))
    assert first.gain == pytest.approx(second.gain, abs=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"band": (0.4, 0.6)}, "low ≤ threshold"),
        ({"band": "best"}, "'optimal'"),
        ({"harm": -1.0}, "at least 0"),
        ({"threshold": 1.0}, "below 1"),
        ({"risk_first": np.full(600, 1.2)}, "at most 1"),
        ({"horizon": [6, 12]}, "one number"),
    ],
)
def test_refusals(cohort, change, words):
    arguments = {
        "y": cohort["y"],
        "risk_first": cohort["clinical"],
        "risk_second": cohort["with_p"],
        "horizon": 12,
        "threshold": 0.3,
        "band": (0.2, 0.4),
        **change,
    }
    with pytest.raises(ArgumentError, match=words):
        sequential_policy(**arguments)
