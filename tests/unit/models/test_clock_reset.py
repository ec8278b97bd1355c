"""Hazards on the time since the entry into a state: hand calculation, all paths enumerated, steps and refusals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import LBPError, Surv
from lbp_prognosis.models import CoxPH, MultiStateCox
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._clock_reset import common_step, time_in_state
from lbp_prognosis.survival import MultiState


def small(scale: float = 1.0) -> MultiState:
    """Five patients; stays in pain 2, 1, 1, 3+, 1 and recovered 1, 2+, 3, 1+, of them one of two rows."""
    return MultiState.from_long(
        [1, 1, 2, 2, 2, 3, 3, 3, 4, 5, 5],
        np.array([0, 2, 0, 1, 2, 0, 1, 4, 0, 0, 1]) * scale,
        np.array([2, 3, 1, 2, 3, 1, 4, 5, 3, 1, 2]) * scale,
        ["recovered", "pain", "recovered", None, None, "recovered", "pain", None, None, "recovered", None],
        initial="pain",
        states=("pain", "recovered"),
    )


def test_clock_starts_at_the_entry_into_a_state() -> None:
    start, stop = time_in_state(small())
    assert start is not None
    assert start.tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert stop.tolist() == [2, 1, 1, 1, 2, 1, 3, 1, 3, 1, 1]


def test_by_hand() -> None:
    """Occupancy with fractions.

    Pain is left at 1 by 3 of 6 (a second stay of patient 3 is censored at 1), at 2 by 1 of 2; recovery at 1 by 1 of 4.
    Entries into recovery: 1/2 at 1, 1/4 at 2; of the first, 1/4 return at 2. In pain at 2: 1/4 + 1/2 · 1/4 = 3/8.
    """
    ms = small()
    X = pd.DataFrame({"x": np.ones(len(ms))})
    model = MultiStateCox(clock="reset", collinear="drop").fit(X, ms)
    assert model.step_ == 1.0
    pain = model.predict_occupancy(X.head(1), [0.5, 1, 2, 2.9, 3])[0, :, 0]
    # at 3: 1/4 still, and returns at 2 who stay (1/2 · 1/4 · 1/2) and at 3 of those who recovered at 2 (1/4 · 1/4)
    np.testing.assert_allclose(pain, [1, 1 / 2, 3 / 8, 3 / 8, 1 / 4 + 1 / 16 + 1 / 16], rtol=1e-14)
    # one who has been in pain for 1 leaves at 2 with 1/2
    later = model.predict_occupancy(X.head(1), [0.5, 1, 2], start=1.0)[0, :, 0]
    np.testing.assert_allclose(later, [np.nan, 1, 1 / 2], rtol=1e-14)
    # the time unit changes nothing, and one tenth is no binary fraction
    tenth = MultiStateCox(clock="reset", collinear="drop").fit(X, small(0.1))
    assert tenth.step_ == pytest.approx(0.1, rel=1e-9)
    again = tenth.predict_occupancy(X.head(1), [0.05, 0.1, 0.2, 0.29, 0.3])[0, :, 0]
    np.testing.assert_allclose(again, pain, rtol=1e-12)


def relapsing(n: int = 60, seed: int = 3) -> tuple[pd.DataFrame, MultiState]:
    """Pain, recovery, relapse and surgery in whole weeks, with hazards that fall in a stay."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).round(2)
    rows: list[tuple[Any, ...]] = []
    for i in range(n):
        now, state, end = 0, 0, int(rng.integers(8, 14))
        while state != 2:
            wait = 1 + int(4 * rng.weibull(0.7) * np.exp(0.3 * x[i] * (1 - 2 * state)))
            to = 2 if rng.random() < 0.15 else 1 - state
            if now + wait >= end:
                rows.append((i, now, end, None, x[i]))
                break
            rows.append((i, now, now + wait, ("pain", "recovered", "surgery")[to], x[i]))
            now, state = now + wait, to
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "state", "x"])
    names = ("pain", "recovered", "surgery")
    return d[["x"]], MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial="pain", states=names)


def enumerated(model: MultiStateCox, x: float, horizon: int, state: int, spent: int) -> np.ndarray:
    """Occupancy by all paths: at each week of a stay the patient moves or stays."""
    relative = np.exp((np.array([x]) - model.centre_) @ model.coef_.T - model.shift_)

    def moves(now: int, age: int) -> dict[int, float]:
        out: dict[int, float] = {}
        for t, (j, k) in enumerate(model.transitions_):
            at = np.flatnonzero(np.isclose(model.baseline_times_[t], age))
            if j == now and at.size:
                h = model.increments_[t][at[0]] * relative[t]
                out[k] = h if model.incidence == "exponential" else -np.expm1(-h)
        total = sum(out.values())
        leave = -np.expm1(-total) if model.incidence == "exponential" else min(total, 1.0)
        return {k: leave * h / total for k, h in out.items()} if total > 0 else {}

    found = np.zeros(len(model.states_))

    def walk(week: int, now: int, age: int, share: float) -> None:
        if week == horizon:
            found[now] += share
            return
        gone = moves(now, age + 1)
        for k, part in gone.items():
            walk(week + 1, k, 0, share * part)
        walk(week + 1, now, age + 1, share * (1 - sum(gone.values())))

    walk(spent, state, spent, 1.0)
    return found


@pytest.mark.parametrize("incidence", ["product_limit", "exponential"])
def test_convolution_is_the_sum_over_all_paths(incidence: str) -> None:
    X, ms = relapsing()
    model = MultiStateCox(clock="reset", incidence=incidence).fit(X, ms)
    new = pd.DataFrame({"x": [-1.0, 0.8]})
    found = model.predict_occupancy(new, [1, 4, 7])
    for i, x in enumerate(new["x"]):
        for h, horizon in enumerate((1, 4, 7)):
            np.testing.assert_allclose(found[i, h], enumerated(model, x, horizon, 0, 0), rtol=1e-12, atol=1e-15)
    later = model.predict_occupancy(new, [2, 7], from_state=["recovered", "pain"], start=2)
    np.testing.assert_allclose(later[0, 1], enumerated(model, -1.0, 7, 1, 2), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(later[1, 1], enumerated(model, 0.8, 7, 0, 2), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(later[:, 0], [[0, 1, 0], [1, 0, 0]])
    np.testing.assert_allclose(model.predict_occupancy(new, [3, 9]).sum(axis=2), 1, rtol=1e-12)


def test_each_transition_is_a_cox_model_of_gap_times() -> None:
    X, ms = relapsing(200)
    model = MultiStateCox(clock="reset").fit(X, ms)
    for t, (j, k) in enumerate(model.transitions_):
        rows = ms.origin == j
        y = Surv.right((ms.stop - ms.start)[rows], ms.target[rows] == k)
        alone = CoxPH().fit(X[rows], y, clusters=ms.patient[rows])
        np.testing.assert_allclose(model.coef_[t], alone.coef_, rtol=1e-8)
        # both stop on the likelihood, one on that of all transitions together
        assert model.covariance_[t, t] == pytest.approx(alone.covariance_[0, 0], rel=1e-6)


def test_without_a_second_stay_the_clocks_agree() -> None:
    D = syn(200)
    X, y = D[["c1", "p1"]], Surv.right(D["time"].round(1).clip(lower=0.1), D["status"])
    reset, forward = MultiStateCox(clock="reset").fit(X, y), MultiStateCox().fit(X, y)
    at = [3.0, 6.0, 12.0]
    np.testing.assert_allclose(reset.predict_occupancy(X, at), forward.predict_occupancy(X, at), rtol=1e-10, atol=1e-14)


def test_steps() -> None:
    assert common_step(np.array([6.0, 9.0, 15.0]), 30.0) == pytest.approx(3.0)
    assert common_step(np.array([0.3, 0.7, 6.3 - 2.1]), 24.0) == pytest.approx(0.1, rel=1e-9)
    assert common_step(np.array([61, 92, 183]) / 30.4375, 24.0) == pytest.approx(1 / 30.4375, rel=1e-9)
    assert common_step(np.random.default_rng(0).exponential(size=50), 24.0) is None
    assert common_step(np.array([1.0, 1.0001]), 2.0) == pytest.approx(1e-4, rel=1e-9)  # 20 000 steps, the most
    assert common_step(np.array([1.0, 1.0001]), 2.001) is None


def test_given_step_rounds_and_a_finer_one_less() -> None:
    X, ms = relapsing(150)
    jitter = np.random.default_rng(1).uniform(0, 1e-3, ms.n_patients)[ms.patient]
    odd = MultiState.from_long(
        np.asarray(ms.ids)[ms.patient],
        np.where(ms.start > 0, ms.start + jitter, 0.0),
        ms.stop + jitter,
        [None if k < 0 else ms.states[k] for k in ms.target],
        initial="pain",
        states=ms.states,
    )
    with pytest.raises(LBPError, match="step"):
        MultiStateCox(clock="reset").fit(X, odd).predict_occupancy(X.head(1), 6.0)
    rough = MultiStateCox(clock="reset", step=1.0).fit(X, odd).predict_occupancy(X.head(5), [4.5, 7.5])
    fine = MultiStateCox(clock="reset", step=0.01).fit(X, odd).predict_occupancy(X.head(5), [4.5, 7.5])
    finer = MultiStateCox(clock="reset", step=0.001).fit(X, odd).predict_occupancy(X.head(5), [4.5, 7.5])
    assert np.abs(fine - finer).max() <= np.abs(rough - finer).max() + 1e-12
    np.testing.assert_allclose(fine, finer, atol=1e-9)  # half-way between the weeks nothing moves


def test_saved_and_told() -> None:
    X, ms = relapsing()
    model = MultiStateCox(clock="reset").fit(X, ms)
    again = RiskEstimator.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(
        again.predict_occupancy(X.head(3), [3, 6]), model.predict_occupancy(X.head(3), [3, 6])
    )
    with pytest.raises(LBPError, match="clock"):
        MultiStateCox(clock="backward").fit(X, ms)
    with pytest.raises(LBPError, match="step"):
        MultiStateCox(step=1.0).fit(X, ms)
    with pytest.raises(LBPError, match="step"):
        MultiStateCox(clock="reset", step=1e-9).fit(X, ms)
    with pytest.raises(LBPError, match="start later"):
        MultiStateCox(clock="reset").fit(X[ms.stop > 3], ms.after(3.0))


def test_beyond_the_longest_stay_in_a_state_nothing_is_known() -> None:
    """Patients enter the second state at 2 or later and are followed to 10: a stay of 9 was never seen."""
    rows = [(1, 0, 2, "well"), (1, 2, 10, ""), (2, 0, 3, "well"), (2, 3, 8, "pain"), (2, 8, 10, ""), (3, 0, 4, "well")]
    rows += [(3, 4, 5, "pain"), (3, 5, 9, "")]
    d = pd.DataFrame(rows, columns=["id", "start", "stop", "to"])
    courses = MultiState.from_long(
        d.id, d.start, d.stop, d.to.replace("", None), initial="pain", states=["pain", "well"]
    )
    model = MultiStateCox(clock="reset", collinear="drop").fit(np.ones((len(d), 1)), courses)
    assert model.longest_stay_.tolist() == [4.0, 8.0]  # of pain, the third patient's second stay is open at 4
    found = model.predict_occupancy(np.ones((2, 1)), [4.0, 8.0, 9.0], from_state=["well", "pain"])
    assert np.isnan(found).all(axis=2).tolist() == [[False, False, True], [False, True, True]]
    np.testing.assert_allclose(np.nansum(found, axis=2), [[1, 1, 0], [1, 0, 0]], atol=1e-12)
    closed = MultiState.from_long(
        [1, 1, 2, 2],
        [0, 2, 0, 3],
        [2, 10, 3, 10],
        ["well", None, "well", None],
        initial="pain",
        states=["pain", "well"],
    )
    all_left = MultiStateCox(clock="reset", collinear="drop").fit(np.ones((4, 1)), closed)
    assert np.isinf(all_left.longest_stay_).all()  # by 3 the product limit is 0, and nothing leaves the second state
    assert all_left.predict_occupancy(np.ones((1, 1)), [10.0], from_state="pain").tolist() == [[[0.0, 1.0]]]
    assert MultiStateCox(collinear="drop").fit(np.ones((4, 1)), closed).longest_stay_ is None
