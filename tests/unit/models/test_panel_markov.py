"""PanelMarkov: closed forms of two states, derivatives, dated moves, what visits cannot tell."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import expm

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, EstimationError, OutcomeError
from lbp_prognosis._kernels import interval_states
from lbp_prognosis.models import MultiStateCox, PanelMarkov
from lbp_prognosis.survival import MultiState, Weights

BOTH = [("pain", "well"), ("well", "pain")]


def closed(a: float, b: float, gap: float) -> tuple[float, float]:
    """Intensities that make P(pain → well) = a and P(well → pain) = b over a gap: the closed form of two states."""
    both = -np.log(1 - a - b) / gap
    return both * a / (a + b), both * b / (a + b)


def pairs(counts: dict[tuple[str, str], int], gap: float = 2.0, start: float = 0.0) -> MultiState:
    """Patients seen twice."""
    seen = [pair for pair, count in counts.items() for _ in range(count)]
    ids = np.repeat(np.arange(len(seen)), 2)
    when = np.tile([start, start + gap], len(seen))
    return MultiState.from_visits(ids, when, [state for pair in seen for state in pair], states=["pain", "well"])


COUNTS = {("pain", "pain"): 30, ("pain", "well"): 20, ("well", "well"): 40, ("well", "pain"): 10}
OTHER = {("pain", "pain"): 24, ("pain", "well"): 16, ("well", "well"): 12, ("well", "pain"): 8}


def nothing(courses: MultiState) -> np.ndarray:
    return np.empty((len(courses), 0))


@pytest.fixture(scope="module")
def courses() -> MultiState:
    return pairs(COUNTS)


def test_two_states_have_a_closed_form(courses) -> None:
    model = PanelMarkov(BOTH).fit(nothing(courses), courses)
    np.testing.assert_allclose(model.intensity_[:, 0], closed(0.4, 0.2, 2.0), rtol=1e-8)
    after = model.predict_occupancy(np.empty((2, 0)), [1, 2], from_state=["pain", "well"])
    np.testing.assert_allclose(after[:, 1], [[0.6, 0.4], [0.2, 0.8]], atol=1e-9)
    # between the visits as the chain says: (q_wp + q_pw exp(−(q_pw + q_wp) t)) / (q_pw + q_wp)
    pw, wp = closed(0.4, 0.2, 2.0)
    assert after[0, 0, 0] == pytest.approx((wp + pw * np.exp(-pw - wp)) / (pw + wp), abs=1e-10)
    assert model.log_likelihood_ == pytest.approx(
        30 * np.log(0.6) + 20 * np.log(0.4) + 40 * np.log(0.8) + 10 * np.log(0.2), abs=1e-9
    )
    # errors by the delta method: observed shares are binomial
    share = np.array([0.4, 0.2])
    step = 1e-6
    turn = np.array(
        [(np.log(closed(*(share + e), 2.0)) - np.log(closed(*(share - e), 2.0))) / (2 * step) for e in np.eye(2) * step]
    ).T
    spread = turn @ np.diag(share * (1 - share) / [50, 50]) @ turn.T
    np.testing.assert_allclose(model.covariance_, spread, rtol=1e-5)
    assert model.to_frame()["term"].tolist() == ["log intensity: pain → well", "log intensity: well → pain"]


def test_groups_and_pieces_are_closed_forms_too(courses) -> None:
    other, n = pairs(OTHER), len(courses)
    seen = [state for counts in (COUNTS, OTHER) for pair, k in counts.items() for state in pair * k]
    ids = np.repeat(np.arange(n + len(other)), 2)
    both = MultiState.from_visits(ids, np.tile([0.0, 2.0], n + len(other)), seen, states=["pain", "well"])
    X = pd.DataFrame({"group": np.repeat([0.0, 1.0], [n, len(other)])})
    one, two = np.array(closed(0.4, 0.2, 2.0)), np.array(closed(0.4, 0.4, 2.0))
    model = PanelMarkov(BOTH).fit(X, both)
    np.testing.assert_allclose(model.intensity_[:, 0], one, rtol=1e-7)
    np.testing.assert_allclose(model.coef_[:, 0], np.log(two / one), atol=1e-7)
    assert model.terms_[2:] == ["group: pain → well", "group: well → pain"]
    # the same rows as two periods of time
    when = np.where(np.repeat(X["group"], 2) == 0, np.tile([0.0, 2.0], len(both)), np.tile([2.0, 4.0], len(both)))
    late = MultiState.from_visits(ids, when, seen, states=["pain", "well"])
    pieces = PanelMarkov(BOTH, breakpoints=[2.0]).fit(nothing(late), late)
    np.testing.assert_allclose(pieces.intensity_, np.column_stack([one, two]), rtol=1e-7)
    whole = pieces.predict_occupancy(np.empty((1, 0)), [2.0, 4.0], from_state="pain")[0]
    first, second = np.array([[0.6, 0.4], [0.2, 0.8]]), np.array([[0.6, 0.4], [0.4, 0.6]])
    np.testing.assert_allclose(whole, [first[0], first[0] @ second], atol=1e-8)
    later = pieces.predict_occupancy(np.empty((1, 0)), [4.0], from_state="pain", start=2.0)[0, 0]
    np.testing.assert_allclose(later, second[0], atol=1e-8)
    common = PanelMarkov(BOTH, shared=["group"]).fit(X, both)
    assert common.estimates_.size == 3
    assert common.coef_[0, 0] == common.coef_[1, 0]
    assert common.log_likelihood_ < model.log_likelihood_


def test_probabilities_are_matrix_exponentials_and_derivatives_differences() -> None:
    origin, target = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    rng = np.random.default_rng(0)
    rates, length = rng.uniform(0.1, 3.0, (5, 2, 4)), rng.uniform(0, 4.0, (5, 2))
    length[0, 0], length[1, 1] = 0.0, 0.0
    first = np.eye(3)[[0, 1, 2, 0, 1]]

    def generator(row: np.ndarray) -> np.ndarray:
        out = np.zeros((3, 3))
        np.add.at(out, (origin, target), row)
        np.add.at(out, (origin, origin), -row)
        return out

    state, slope = interval_states(rates, length, first, origin, target)
    for i in range(5):
        whole = expm(generator(rates[i, 0]) * length[i, 0]) @ expm(generator(rates[i, 1]) * length[i, 1])
        np.testing.assert_allclose(state[i], first[i] @ whole, atol=1e-12)
    step = 1e-6
    for g in range(2):
        for t in range(4):
            turn = np.zeros_like(rates)
            turn[:, g, t] = step
            ahead, back = (interval_states(rates + s * turn, length, first, origin, target)[0] for s in (1, -1))
            np.testing.assert_allclose(slope[:, g, t], (ahead - back) / (2 * step), atol=1e-8)


def test_a_dated_end_counts_at_its_time() -> None:
    """One way out, dated: the estimate is events over time, as for exact times."""
    ids, when = np.repeat(np.arange(20), 2), np.tile([0.0, 3.0], 20)
    when[1::2] = np.linspace(1, 5, 20)
    state = np.array(["pain"] * 40, dtype=object)
    state[1:17:2] = "surgery"
    state[-1] = "well"
    courses = MultiState.from_visits(ids, when, state, absorbing=["surgery"], states=["pain", "well", "surgery"])
    model = PanelMarkov([("pain", "surgery"), ("pain", "well"), ("well", "pain")], variance="robust")
    with pytest.raises(EstimationError, match="no finite maximum"):  # no patient was seen to come back
        model.fit(nothing(courses), courses)
    # of the two ways out of pain, both without return: rates are events over time for the dated one
    one_way = PanelMarkov([("pain", "surgery"), ("pain", "well")]).fit(nothing(courses), courses)
    a, b = one_way.intensity_[:, 0]
    spent, last = np.linspace(1, 5, 20)[:-1].sum(), 5.0

    def loglik(p: float, q: float) -> float:
        gone = (p + q) * last
        return 8 * np.log(p) - (p + q) * spent + np.log(q / (p + q) * -np.expm1(-gone))

    assert one_way.log_likelihood_ == pytest.approx(loglik(a, b), abs=1e-9)
    for e in ((1e-5, 0), (0, 1e-5)):
        slope = (loglik(a + e[0], b + e[1]) - loglik(a - e[0], b - e[1])) / 2e-5
        assert abs(slope) < 1e-5


def test_weights_are_copies_and_robust_errors_sum_within_patients(courses) -> None:
    weights = np.random.default_rng(0).integers(1, 4, len(courses))
    copied: dict[tuple[str, str], int] = dict.fromkeys(COUNTS, 0)
    names = np.array(courses.states)
    for origin, target, weight in zip(courses.origin, courses.target, weights):
        copied[names[origin], names[target if target >= 0 else origin]] += int(weight)
    one = PanelMarkov(BOTH).fit(nothing(courses), courses, sample_weight=Weights(weights, "frequency"))
    two = PanelMarkov(BOTH).fit(nothing(pairs(copied)), pairs(copied))
    np.testing.assert_allclose(one.estimates_, two.estimates_, atol=1e-8)
    np.testing.assert_allclose(one.covariance_, two.covariance_, rtol=1e-5)
    robust = PanelMarkov(BOTH, variance="robust").fit(nothing(courses), courses)
    model = PanelMarkov(BOTH).fit(nothing(courses), courses)
    np.testing.assert_allclose(robust.covariance_, model.covariance_, rtol=1e-5)  # saturated: the sandwich is the bread


def test_frequency_weights_of_intervals_are_patients_and_a_scale_of_weights_is_none(courses) -> None:
    rng = np.random.default_rng(2)
    x, lower = rng.normal(size=60), rng.integers(0, 3, 60).astype(float)
    y = Surv.interval(lower, np.where(rng.random(60) < 0.6, lower + 1, np.inf))
    weights = rng.integers(0, 4, 60)
    copied = np.repeat(np.arange(60), weights)
    for variance in ("model", "robust"):
        model = PanelMarkov(variance=variance)
        one = model.fit(x[:, None], y, sample_weight=Weights(weights, "frequency")).to_frame()
        two = model.fit(x[copied, None], y[copied]).to_frame()
        np.testing.assert_allclose(one[["coef", "se"]], two[["coef", "se"]], rtol=1e-6)
    plain = PanelMarkov(BOTH, variance="robust").fit(nothing(courses), courses)
    for unit in (1e-9, 1e-3, 1e9):
        scaled = Weights(np.full(len(courses), unit), "sampling")
        other = PanelMarkov(BOTH, variance="robust").fit(nothing(courses), courses, sample_weight=scaled)
        np.testing.assert_allclose(other.estimates_, plain.estimates_, rtol=1e-7)
        np.testing.assert_allclose(other.covariance_, plain.covariance_, rtol=1e-5)


def test_risks_files_and_what_is_refused(courses) -> None:
    X = pd.DataFrame({"age": np.cos(np.arange(len(courses)) * 2.0)})
    model = PanelMarkov(BOTH).fit(X, courses)
    risk = model.predict_risk(X[:5], [1, 2], state="well", from_state="pain")
    np.testing.assert_array_equal(risk, model.predict_occupancy(X[:5], [1, 2], from_state="pain")[:, :, 1])
    assert np.isnan(model.predict_occupancy(X[:1], [2.5], from_state="pain")).all()
    assert np.isnan(model.predict_occupancy(X[:1], [0.5], from_state="pain", start=1.0)).all()
    spread = model.predict_occupancy(X[:2], [1.0])
    np.testing.assert_allclose(spread.sum(axis=2), 1)
    read = PanelMarkov.from_dict(json.loads(json.dumps(model.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(read.predict_risk(X, 2.0), model.predict_risk(X, 2.0))
    assert MultiStateCox().fit(X, courses).objections_[0].code == "panel-observed"
    dated = MultiState.from_long([1, 2], [0, 0], [2, 3], ["well", None], initial="pain")
    with pytest.raises(OutcomeError, match="MultiStateCox"):
        PanelMarkov([("pain", "well")]).fit(np.empty((2, 0)), dated)
    with pytest.raises(OutcomeError, match="from_visits"):
        PanelMarkov(BOTH).fit(X, Surv.right(np.ones(len(courses)), np.ones(len(courses))))
    with pytest.raises(EstimationError, match="well → pain"):
        PanelMarkov([("pain", "well")]).fit(X, courses)
    for wrong in (
        [("pain", "pain")],
        [("pain", "gone")],
        ["pain"],
        [],
        [BOTH[0], BOTH[0]],
        [1, 2],
        5,
        [(["pain"], "well")],
    ):
        with pytest.raises(ArgumentError, match="transitions"):
            PanelMarkov(wrong).fit(X, courses)
    for wrong in ([0.0], [2.0], [1.0, 1.0], [-1.0]):
        with pytest.raises(ArgumentError, match="breakpoints"):
            PanelMarkov(BOTH, breakpoints=wrong).fit(X, courses)
    with pytest.raises(ArgumentError, match="shared"):
        PanelMarkov(BOTH, shared=["sex"]).fit(X, courses)
    for wrong in ("gone", 5, ["pain", "well"]):
        with pytest.raises(ArgumentError, match="from_state"):
            model.predict_occupancy(X[:1], [1.0], from_state=wrong)
    with pytest.raises(EstimationError, match=r"Drop them\.$"):  # there is no `collinear` to be set
        PanelMarkov(BOTH).fit(X.assign(again=1.0), courses)
    with pytest.raises(ArgumentError, match="state"):
        model.predict_risk(X[:1], [1.0], state="gone")


@pytest.mark.parametrize("model", [MultiStateCox(), PanelMarkov(BOTH, variance="robust")], ids=["exact", "panel"])
def test_a_course_with_a_frequency_is_that_many_patients(model) -> None:
    """Robust standard errors of weighted courses are those of the courses written out."""
    rng = np.random.default_rng(8)
    n, visits = 60, 5
    states, copies = np.cumsum(rng.random((n, visits)) < 0.3, axis=1) % 2, rng.integers(1, 4, n)

    def fitted(patients: np.ndarray, **given: Any) -> Any:
        when = np.tile(np.arange(visits, dtype=float), patients.size)
        seen = np.array(["pain", "well"])[states[patients].ravel()]
        courses = MultiState.from_visits(np.repeat(np.arange(patients.size), visits), when, seen)
        own = patients[courses.patient]
        weights = Weights(copies[own], "frequency") if given.pop("weighted", False) else None
        return model.fit(np.sin(own)[:, None], courses, sample_weight=weights, **given)

    two = fitted(np.repeat(np.arange(n), copies))
    want, estimates, patients = two.covariance_.copy(), two.estimates_.copy(), two.n_
    one = fitted(np.arange(n), weighted=True)
    np.testing.assert_allclose(one.estimates_, estimates, atol=1e-7)
    np.testing.assert_allclose(one.covariance_, want, rtol=1e-5, atol=1e-9)
    assert one.n_ == patients == copies.sum()
