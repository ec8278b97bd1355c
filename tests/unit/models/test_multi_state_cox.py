"""Cox models of transitions: what they reduce to, shared coefficients, and predictions from a state and a time."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import LBPError, Surv
from lbp_prognosis.models import CauseSpecificCox, CoxPH, MultiStateCox
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import MultiState, Weights, state_occupancy

D = syn(300)
X = D[["c1", "c2", "p1"]]


def courses(n: int = 400, seed: int = 4) -> tuple[pd.DataFrame, MultiState]:
    """Pain, recovery and relapse with proportional hazards, surgery from both."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    rates = {0: ((1, 0.10, -0.5), (2, 0.02, 0.7)), 1: ((0, 0.06, 0.4), (2, 0.005, 0.7))}
    names, rows = ("pain", "recovered", "surgery"), []
    for i in range(n):
        now, state, end = 0.0, 0, rng.uniform(6, 30)
        while state != 2:
            wait, to = min((rng.exponential(np.exp(-b * x[i]) / rate), to) for to, rate, b in rates[state])
            stop = round(now + wait + 0.005, 2)
            if stop >= end:
                rows.append((i, now, end, "censored", x[i]))
                break
            rows.append((i, now, stop, names[to], x[i]))
            now, state = stop, to
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "state", "x"])
    return d[["x"]], MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial="pain", states=names)


def test_two_states_are_cox_and_competing_ends_cause_specific_cox() -> None:
    at = [6.0, 12.0]
    y = Surv.right(D["time"], D["event"])
    ours = MultiStateCox(incidence="exponential").fit(X, y)
    cox = CoxPH().fit(X, y)
    np.testing.assert_allclose(ours.coef_[0], cox.coef_, rtol=1e-8)
    np.testing.assert_allclose(ours.predict_risk(X, at), cox.predict_risk(X, at), rtol=1e-9)
    y = Surv.right(D["time"], D["status"])
    both = MultiStateCox().fit(X, y)
    cause = CauseSpecificCox().fit(X, y)
    for code in (1, 2):
        np.testing.assert_allclose(both.coef_[code - 1], cause.coef_[code], rtol=1e-8)
        np.testing.assert_allclose(both.predict_risk(X, at, code), cause.predict_risk(X, at, code), atol=1e-10)


@pytest.mark.parametrize("clock", ["forward", "reset"])
def test_at_the_origin_all_are_where_they_start(clock) -> None:
    model = MultiStateCox(clock=clock, step=0.5 if clock == "reset" else None).fit(X, Surv.right(D["time"], D["event"]))
    found = model.predict_occupancy(X.head(2), [0, 6])
    assert found[:, 0].tolist() == [[1, 0], [1, 0]]
    np.testing.assert_allclose(found[:, 1], model.predict_occupancy(X.head(2), 6)[:, 0], rtol=1e-12)
    with pytest.raises(LBPError, match="`times`"):
        model.predict_occupancy(X.head(2), [6, 6])


def test_without_an_effect_occupancy_is_aalen_johansen() -> None:
    _, ms = courses()
    flat = MultiStateCox(collinear="drop").fit(pd.DataFrame({"x": np.ones(len(ms))}), ms)
    found = flat.predict_occupancy(pd.DataFrame({"x": [1.0]}), [3.0, 9.0])[0]
    np.testing.assert_allclose(found, state_occupancy(ms, [3.0, 9.0]).value, atol=1e-10)


def test_separate_and_stacked_fits_agree_and_shared_is_one_coefficient() -> None:
    frame, ms = courses()
    model = MultiStateCox().fit(frame, ms)
    assert model.terms_[0] == "x: pain → recovered"
    for t, (j, k) in enumerate(model.transitions_):
        rows = ms.origin == j
        y = Surv.right(ms.stop[rows], ms.target[rows] == k, entry=ms.start[rows])
        alone = CoxPH().fit(frame[rows], y, clusters=ms.patient[rows])
        np.testing.assert_allclose(model.coef_[t], alone.coef_, rtol=1e-8)
        assert model.covariance_[t, t] == pytest.approx(alone.covariance_[0, 0], rel=1e-8)
        assert model.covariance_model_[t, t] == pytest.approx(alone.covariance_model_[0, 0], rel=1e-8)
    assert model.variance_ == "robust"
    truth = {(0, 1): -0.5, (0, 2): 0.7, (1, 0): 0.4, (1, 2): 0.7}
    for (pair, true), row in zip(truth.items(), model.to_frame().itertuples()):
        assert abs(row.coef - true) < 3.5 * row.se, pair
    shared = MultiStateCox(shared=["x"]).fit(frame, ms)
    assert shared.terms_ == ["x"]
    assert (shared.coef_ == shared.coef_[0]).all()
    assert shared.log_likelihood_ < model.log_likelihood_
    assert shared.log_likelihood_null_ == pytest.approx(model.log_likelihood_null_, rel=1e-12)


def test_probabilities_sum_to_one_and_run_from_a_state_and_a_time() -> None:
    frame, ms = courses()
    new = pd.DataFrame({"x": [-1.0, 0.0, 1.0]})
    for incidence in ("product_limit", "exponential"):
        model = MultiStateCox(incidence=incidence).fit(frame, ms)
        found = model.predict_occupancy(new, [3.0, 6.0, 12.0])
        assert found.shape == (3, 3, 3)
        np.testing.assert_allclose(found.sum(axis=2), 1, rtol=1e-12)
        # Chapman and Kolmogorov: from each state at 6, weighted by being there
        steps = [model.predict_occupancy(new, 12.0, from_state=name, start=6.0)[:, 0] for name in model.states_]
        joined = sum(found[:, 1, [j]] * step for j, step in enumerate(steps))
        np.testing.assert_allclose(joined, found[:, 2], rtol=1e-10)
        np.testing.assert_allclose(model.predict_risk(new, 12.0, state="recovered")[:, 0], found[:, 2, 1], rtol=1e-14)
        each = model.predict_occupancy(new, 12.0, from_state=["pain", "recovered", "surgery"])
        assert each[2, 0, 2] == 1.0
        assert np.isnan(model.predict_occupancy(new, [1.0, 1e4], start=2.0)).all()


def test_chained_moves_at_one_time_are_a_matrix_exponential() -> None:
    from scipy.linalg import expm

    from lbp_prognosis._kernels import occupancy_path

    rates = np.array([[0.3, 0.9, 0.2]])
    origin, target = np.array([0, 1, 0]), np.array([1, 2, 2])
    matrix = np.array([[-0.5, 0.3, 0.2], [0, -0.9, 0.9], [0, 0, 0]])
    first = np.array([[0.6, 0.3, 0.1]])
    for factor in (0.1, 1.0, 7.0):
        found = occupancy_path(rates, origin, target, np.full((1, 3), factor), np.array([1]), first, True)
        np.testing.assert_allclose(found[0, 0], first[0] @ expm(factor * matrix), rtol=1e-12)


def test_saved_as_json() -> None:
    frame, ms = courses(120)
    model = MultiStateCox(transitions=[("pain", "recovered"), ("pain", "surgery"), ("recovered", "pain")], shared=["x"])
    kept = ms.take(~np.isin(np.arange(ms.n_patients), ms.patient[(ms.origin == 1) & (ms.target == 2)]))
    rows = np.isin(np.array(ms.ids)[ms.patient], kept.ids)
    model.fit(frame[rows], kept)
    again = RiskEstimator.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    new = frame.head(4)
    np.testing.assert_array_equal(again.predict_occupancy(new, [3.0, 9.0]), model.predict_occupancy(new, [3.0, 9.0]))


def test_wrong_calls_are_told() -> None:
    frame, ms = courses()
    with pytest.raises(LBPError, match="never seen"):
        MultiStateCox(transitions=[("surgery", "pain")]).fit(frame, ms)
    with pytest.raises(LBPError, match="seen and not named"):
        MultiStateCox(transitions=[("pain", "recovered")]).fit(frame, ms)
    with pytest.raises(LBPError, match="shared"):
        MultiStateCox(shared=["age"]).fit(frame, ms)
    still = MultiState.from_long([1, 2], [0, 0], [3, 4], [None, None], initial="pain")
    with pytest.raises(LBPError, match="No patient changes state"):
        MultiStateCox().fit(pd.DataFrame({"x": [0.0, 1.0]}), still)
    model = MultiStateCox().fit(frame, ms)
    with pytest.raises(LBPError, match="from_state"):
        model.predict_occupancy(frame.head(2), 3.0, from_state="paradise")
    with pytest.raises(LBPError, match="state"):
        model.predict_risk(frame.head(2), 3.0, state="paradise")
    with pytest.raises(LBPError, match="rows"):
        MultiStateCox().fit(frame.head(3), ms)


def test_robust_errors_of_competing_ends_are_by_patient() -> None:
    """A patient at risk of two transitions is one unit: with a shared coefficient the two scores add up."""
    y, copies = Surv.right(D["time"], D["status"]), np.random.default_rng(3).integers(0, 4, len(D))
    model = MultiStateCox(shared=["c1"], variance="robust")
    alone = model.fit(X, y).covariance_.copy()
    np.testing.assert_allclose(alone, model.fit(X, y, clusters=np.arange(len(D))).covariance_, rtol=1e-10, atol=1e-15)
    weighted = model.fit(X, y, sample_weight=Weights(copies, "frequency")).covariance_.copy()
    rows = np.repeat(np.arange(len(D)), copies)
    written = model.fit(X.iloc[rows].reset_index(drop=True), y[rows]).covariance_
    np.testing.assert_allclose(weighted, written, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("clock", ["forward", "reset"])
def test_rows_of_weight_0_take_no_part(clock: str) -> None:
    """A transition, a start and a stay seen in rows of weight 0 alone are not seen."""
    frame, ms = courses(60)
    d = pd.DataFrame({"id": ms.patient, "start": ms.start, "stop": ms.stop, "x": frame["x"]})
    d["state"] = [None if t < 0 else ms.states[t] for t in np.where(ms.target == ms.origin, -1, ms.target)]
    extra = pd.DataFrame({"id": [900, 900], "start": [0.0, 77.005], "stop": [77.005, 99.0], "x": 5.0, "state": None})
    extra.loc[0, "state"] = "cured"
    both = pd.concat([d, extra], ignore_index=True)
    model = MultiStateCox(clock=clock)

    def course(table: pd.DataFrame) -> MultiState:
        columns = (table[name] for name in ("id", "start", "stop", "state"))
        return MultiState.from_long(*columns, initial="pain", states=(*ms.states, "cured"))

    plain = model.fit(d[["x"]], course(d)).to_dict()
    weighted = model.fit(both[["x"]], course(both), sample_weight=np.r_[np.ones(len(d)), 0.0, 0.0])
    assert weighted.transitions_ == [(0, 1), (0, 2), (1, 0), (1, 2)]
    assert weighted.n_transitions_ == int(d["state"].notna().sum())
    assert weighted.step_ == (0.01 if clock == "reset" else None)
    other = RiskEstimator.from_dict(plain)
    new = pd.DataFrame({"x": [-1.0, 0.5]})
    np.testing.assert_allclose(weighted.initial_, other.initial_)
    np.testing.assert_allclose(
        weighted.predict_occupancy(new, [2.0, 6.0]), other.predict_occupancy(new, [2.0, 6.0]), atol=1e-9
    )
    with pytest.raises(LBPError, match="No patient changes state"):
        model.fit(both[["x"]], course(both), sample_weight=both["state"].isna().to_numpy(float))
