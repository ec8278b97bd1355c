"""Bootstrap intervals of contrasts, mean predictions and strategies: a loop by hand, workers, failures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from lbp_prognosis import CoxPH, Measured, Status, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, spawn
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline
from lbp_prognosis.models import BoostedCox, CauseSpecificCox, FineGray, LinearOutcome, LogisticRisk, ParametricAFT
from lbp_prognosis.survival import Weights
from lbp_prognosis.validation import (
    NeverStart,
    StartBy,
    contrast,
    contrast_strategies,
    marginal_predictions,
    under_strategy,
)
from lbp_prognosis.validation.resampling._bootstrap_replicate import Draw
from lbp_prognosis.validation.resampling._bootstrap_values import Resampling, bootstrap_values

RNG = np.random.default_rng(5)
N, B = 150, 12
X = pd.DataFrame({"x": RNG.normal(size=N), "g": RNG.choice(["a", "b", "c"], N)})
RATE = np.exp(0.6 * X["x"] + 0.5 * (X["g"] == "b")).to_numpy()
TIME = RNG.exponential(8 / RATE)
Y = Surv.right(np.minimum(TIME, 12.0), TIME <= 12)
SITE = np.repeat(np.arange(30), 5)
HOLES = X.assign(x=X["x"].mask(RNG.random(N) < 0.2))
COX = RiskPipeline([OneHot(["g"])], CoxPH()).fit(X, Y)


def samples(groups=None):
    """Rows of each sample: the k-th generator draws as many patients, or whole clusters, as there are."""
    for rng in spawn(3, B):
        if groups is None:
            yield rng.integers(0, N, N)
        else:
            picked = rng.integers(0, 30, 30)
            yield np.concatenate([np.flatnonzero(groups == site) for site in picked])


def summary(values):
    """Standard error and percentiles (3, …) of a list of values."""
    return np.stack([np.std(values, axis=0, ddof=1), *np.quantile(values, [0.025, 0.975], axis=0)])


SHARED = {"interval": "bootstrap", "n_resamples": B, "random_state": 3}


@pytest.mark.parametrize(
    ("model", "table"),
    [
        (COX, X),
        (RiskPipeline([OneHot(["g"])], CoxPH(penalty=2.0)), X),
        (RiskPipeline([MultipleImputation(m=2, iterations=2), OneHot(["g"])], CoxPH()), HOLES),
        (RiskPipeline([OneHot(["g"])], BoostedCox(rounds=10)), X),
    ],
    ids=["cox", "penalised", "imputed", "boosted"],
)
@pytest.mark.parametrize("groups", [None, SITE], ids=["rows", "clusters"])
def test_refits_are_those_of_a_loop_by_hand(model, table, groups) -> None:
    fitted = clone(model).fit(table, Y)
    means, scores = [], []
    ends = pd.DataFrame({"x": [1.0, 1.0, 0.0, -1.0], "g": ["a", "b", "a", "a"]})
    for rows in samples(groups):
        ids = {"clusters": (np.arange(N) if groups is None else groups)[rows]}
        again = clone(model).fit(table.iloc[rows], Y[rows], **(ids if "boosted" in str(model).lower() else {}))
        means.append([float(again.predict_risk(table.assign(x=at), 6.0).mean()) for at in (-1.0, 1.0)])
        eta = again.linear_predictor(ends)
        scores.append([eta[0] - eta[2], eta[1] - eta[3]])
    found = marginal_predictions(fitted, table, {"x": [-1.0, 1.0]}, horizons=6, y=Y, groups=groups, **SHARED)
    wanted = np.column_stack([summary(means), summary(np.diff(means))])
    np.testing.assert_allclose(found.table[["se", "low", "high"]].to_numpy().T, wanted, rtol=1e-6, atol=1e-9)
    at, against = {"x": [1.0, 1.0], "g": ["a", "b"]}, {"x": [0.0, -1.0], "g": "a"}
    table_of = contrast(fitted, table, at, against, y=Y, groups=groups, **SHARED)
    np.testing.assert_allclose(
        table_of.table[["se", "low", "high"]].to_numpy().T, summary(scores), rtol=1e-5, atol=1e-8
    )
    eta = fitted.linear_predictor(ends)
    np.testing.assert_allclose(table_of.table["estimate"], [eta[0] - eta[2], eta[1] - eta[3]], atol=1e-10)
    np.testing.assert_allclose(table_of.table["ratio_low"], np.exp(table_of.table["low"]))
    side = np.minimum((np.array(scores) <= 0).sum(axis=0), (np.array(scores) >= 0).sum(axis=0))
    np.testing.assert_allclose(table_of.table["p"], np.minimum(2 * (1 + side) / (1 + B), 1))
    assert [o.code for o in table_of.objections] == [o.code for o in found.objections] == ["few-resamples"]


def test_numbers_do_not_depend_on_the_number_of_workers() -> None:
    for n_jobs in (1, 2):
        found = contrast(COX, X, {"x": 1.0}, {"x": 0.0}, y=Y, n_jobs=n_jobs, **SHARED).table
        means = marginal_predictions(COX, X, {"x": [0.0, 1.0]}, horizons=6, y=Y, n_jobs=n_jobs, **SHARED).table
        if n_jobs == 1:
            first, first_means = found, means
    pd.testing.assert_frame_equal(found, first, check_exact=True)
    pd.testing.assert_frame_equal(means, first_means, check_exact=True)


def test_estimates_are_those_of_the_coefficients_on_every_scale() -> None:
    scores = Measured.at(12, np.clip(5 + X["x"] + RNG.normal(size=N), 0, 10), lower=0, upper=10, kind="continuous")
    causes = Surv.right(Y["time"], np.where(Y["event"] == 1, 1 + (SITE % 2), 0))
    table = X[["x"]]
    for model, y, cause in (
        (ParametricAFT(), Y, 1),
        (LogisticRisk(), Status.at(6, (TIME <= 6).astype(int)), 1),
        (LinearOutcome(), scores, 1),
        (CauseSpecificCox(), causes, 2),
    ):
        fitted = model.fit(table, y)
        delta = contrast(fitted, table, {"x": 1.0}, {"x": -1.0}, cause=cause).table
        found = contrast(fitted, table, {"x": 1.0}, {"x": -1.0}, cause=cause, y=y, **SHARED).table
        np.testing.assert_allclose(found["estimate"], delta["estimate"], rtol=1e-9)
        assert found["ratio"].isna().equals(delta["ratio"].isna())
        assert found["low"].item() < found["estimate"].item() < found["high"].item()


def test_weights_of_the_fit_are_those_of_the_refits() -> None:
    weights = np.where(X["g"] == "b", 6.0, 1.0)
    table = X[["x"]]
    fitted = CoxPH().fit(table, Y, sample_weight=Weights(weights, "sampling"))
    with pytest.raises(ArgumentError, match="`y` must be the outcome that `fitted` was fitted to"):
        contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, y=Y[::-1], **SHARED)
    kept = contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, y=Y, fit_params={"sample_weight": weights}, **SHARED).table
    assert kept["estimate"].item() == pytest.approx(float(fitted.coef_[0]), rel=1e-9)
    by_hand = [CoxPH().fit(table.iloc[rows], Y[rows], sample_weight=weights[rows]).coef_[0] for rows in samples()]
    assert kept["se"].item() == pytest.approx(np.std(by_hand, ddof=1), rel=1e-6)


def test_a_refit_that_forgets_small_weights_is_refused() -> None:
    weights = RNG.uniform(0.7, 1.3, N)
    table = X[["x"]]
    fitted = CoxPH().fit(table, Y, sample_weight=weights)
    with pytest.raises(ArgumentError, match="`y` must be the outcome that `fitted` was fitted to"):
        contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, y=Y, **SHARED)
    with pytest.raises(ArgumentError, match="`y` must be the outcome that `fitted` was fitted to"):
        marginal_predictions(fitted, table, {"x": [1.0, 0.0]}, horizons=6, y=Y, **SHARED)
    kept = contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, y=Y, fit_params={"sample_weight": weights}, **SHARED)
    assert kept.n_failed == 0


def test_arguments_of_the_fit_are_checked() -> None:
    asked = {"fitted": COX, "X": X, "at": {"x": 1.0}, "against": {"x": 0.0}, "y": Y, **SHARED}
    with pytest.raises(ArgumentError, match=r"`fit_params` must be arguments of RiskPipeline\.fit.*got \['weights'\]"):
        contrast(**asked, fit_params={"weights": np.ones(N)})
    with pytest.raises(ArgumentError, match="`fit_params` must be a mapping"):
        contrast(**asked, fit_params=np.ones(N))


def test_a_cause_of_which_the_model_is_not_is_refused() -> None:
    causes = Surv.right(Y["time"], np.where(Y["event"] == 1, 1 + (SITE % 2), 0))
    table = X[["x"]]
    for model, y, own, other in ((CoxPH(), Y, 1, 2), (FineGray(cause=2), causes, 2, 1)):
        fitted = model.fit(table, y)
        for interval in ("delta", "bootstrap"):
            how = {**SHARED, "interval": interval}
            with pytest.raises(ArgumentError, match=f"`cause` must be {own}, .*got {other}"):
                contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, cause=other, y=y, **how)
        assert contrast(fitted, table, {"x": 1.0}, {"x": 0.0}, cause=own, y=y, **SHARED).cause == own


def test_columns_named_like_numbers_of_the_result_are_refused() -> None:
    for name in ("se", "p", "ratio_low"):
        table = X[["x"]].rename(columns={"x": name})
        fitted = CoxPH().fit(table, Y)
        with pytest.raises(ArgumentError, match=f"not named like those of the result; got \\['{name}'\\]. Rename"):
            contrast(fitted, table, {name: 1.0}, {name: 0.0})


def test_arrays_are_paired_with_a_labelled_outcome_by_position() -> None:
    names = [f"p{k}" for k in range(N)]
    labelled = Surv.right(Y["time"], Y["event"], index=names)
    table = X[["x"]].to_numpy()
    fitted = CoxPH().fit(table, labelled)
    found = contrast(fitted, table, {"x0": 1.0}, {"x0": 0.0}, y=labelled, **SHARED).table
    plain = contrast(fitted, table, {"x0": 1.0}, {"x0": 0.0}, y=Y, **SHARED).table
    assert found[["se", "low", "high"]].equals(plain[["se", "low", "high"]])


def test_a_sample_without_values_is_drawn_again_and_counted() -> None:
    def value(rows):
        if 0 not in rows[:20]:
            return np.array([float(rows.sum())])
        raise EstimationError("the first patient")

    found = bootstrap_values(value, Draw(N, None, None), Resampling(40, 0))
    drawn, failed = [], 0
    for rng in spawn(0, 40):
        rows = rng.integers(0, N, N)
        while 0 in rows[:20]:
            failed, rows = failed + 1, rng.integers(0, N, N)
        drawn.append(float(rows.sum()))
    assert found.n_failed == failed > 0
    np.testing.assert_array_equal(found.values[:, 0], drawn)
    assert [o.code for o in found.objections] == ["failed-fits", "few-resamples"]
    with pytest.raises(EstimationError, match=r"12 refits failed in 2 .*\(division by zero\)"):
        bootstrap_values(lambda rows: 1 / 0 if rows.size else None, Draw(N, None, None), Resampling(2, 0))


def test_refusals() -> None:
    asked = {"fitted": COX, "X": X, "at": {"x": 1.0}, "against": {"x": 0.0}}
    for change, match in (
        ({"interval": "bootstrap"}, "`y` must be the outcome of the rows"),
        ({"groups": SITE}, "`groups` must be left out"),
        ({"interval": "percentile"}, "`interval`"),
        ({"y": Y, **SHARED, "n_resamples": 1}, "`n_resamples`"),
        ({"y": Y[:-1], **SHARED}, "`X` must be of 149 rows"),
    ):
        with pytest.raises(ArgumentError, match=match):
            contrast(**asked, **change)


PAIN = RNG.normal(size=N)
STARTED = RNG.exponential(8 * np.exp(-0.5 * PAIN))
HISTORY = pd.concat(
    [
        pd.DataFrame({"patient_id": np.arange(N), "time": at, "pain": PAIN + at * RNG.normal(size=N) / 4})
        for at in (0.0, 2.0)
    ]
)


@pytest.mark.parametrize("groups", [None, SITE], ids=["patients", "clusters"])
def test_strategies_are_judged_again_in_each_sample(groups) -> None:
    strategies = {"never": NeverStart(), "by 3": StartBy(3.0)}
    names = np.array([f"p{k}" for k in range(N)])
    named = HISTORY.assign(patient_id=names[HISTORY["patient_id"]])
    arms = {
        key: under_strategy(Y, STARTED, named.sample(frac=1, random_state=1), one, ids=names)
        for key, one in strategies.items()
    }
    values = []
    for rows in samples(groups):
        copies = pd.concat([HISTORY[HISTORY["patient_id"] == r].assign(patient_id=k) for k, r in enumerate(rows)])
        known = [under_strategy(Y[rows], STARTED[rows], copies, one).status(6.0) for one in strategies.values()]
        values.append([np.average(one.y["status"] == 1, weights=one.weights.values) for one in known])
    found = contrast_strategies(arms, 6.0, groups=groups, **SHARED)
    wanted = np.column_stack([summary(values), summary(np.diff(values))])
    np.testing.assert_allclose(found.table[["se", "low", "high"]].to_numpy().T, wanted, rtol=1e-9, atol=1e-12)
    delta = contrast_strategies(arms, 6.0)
    np.testing.assert_array_equal(found.table["estimate"], delta.table["estimate"])
    assert (found.interval, delta.interval, found.n_failed) == ("bootstrap", "delta", 0)
    with pytest.raises(ArgumentError, match="`groups` must be left out"):
        contrast_strategies(arms, 6.0, groups=SITE)


def test_risks_of_zero_have_no_interval_without_width() -> None:
    # in the first arm alone patients have the second cause
    event = np.where(TIME <= 12, 1, 0)
    early = np.flatnonzero((TIME < 2) & (STARTED > 6))[:3]
    event[early] = 2
    y = Surv.right(np.minimum(TIME, 12.0), event)
    arms = {str(one): under_strategy(y, STARTED, HISTORY, one) for one in (NeverStart(), StartBy(3.0))}
    risks = contrast_strategies(arms, [0.001, 6.0], cause=2).table["estimate"]
    assert risks.iloc[0] == 0
    for interval in ("delta", "bootstrap"):
        table = contrast_strategies(arms, [0.001, 6.0], cause=2, **{**SHARED, "interval": interval}).table
        unknown = table["low"].isna()
        none = (table["kind"] == "risk") & (table["estimate"] == 0)
        assert none.any()
        assert unknown[none].all()
        assert not unknown[(table["kind"] == "risk") & (table["estimate"] > 0)].any()
        assert table.loc[unknown, ["se", "high"]].isna().all(axis=None)
