"""Scores, courses and updated risks against simulated truth: coverage of intervals, bias of courses seen at visits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid
from scipy.linalg import expm
from scipy.special import expit

from lbp_prognosis import Measured, Surv
from lbp_prognosis.evaluation import brier, crps
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import DynamicRisk, OrdinalRegression, PanelMarkov, landmark, proportional_odds_test
from lbp_prognosis.survival import (
    MultiState,
    RecurrentEvents,
    ScoreForecast,
    mean_cumulative,
    mean_sojourn,
    probability_ever,
    state_occupancy,
)

pytestmark = pytest.mark.slow
SETS = 1000
RATES = np.array([[-0.15, 0.13, 0.0, 0.02], [0.0, -0.065, 0.06, 0.005], [0.0, 0.10, -0.13, 0.03], [0.0, 0, 0, 0]])
STATES = ("pain", "recovered", "relapsed", "surgery")
VISITS = (0.0, 1.5, 3.0, 6.0, 12.0)


def covers(hits: np.ndarray, low: float = 0.93, high: float = 0.97) -> None:
    """Coverage within its Monte-Carlo interval of the band."""
    share, slack = hits.mean(axis=0), 2.6 * np.sqrt(0.05 * 0.95 / hits.shape[0])
    assert (share > low - slack).all(), share
    assert (share < high + slack).all(), share


def course(rng: np.random.Generator, end: float) -> list[tuple[float, float, int, int]]:
    """Rows (start, stop, state, next state or −1) of one patient."""
    now, state, rows = 0.0, 0, []
    while True:
        stop = now + rng.exponential(-1 / RATES[state, state]) if RATES[state, state] < 0 else np.inf
        if stop >= end:
            rows.append((now, end, state, -1))
            return rows
        to = int(rng.choice(4, p=np.maximum(RATES[state], 0) / -RATES[state, state]))
        rows.append((now, stop, state, to))
        now, state = stop, to
        if state == 3:
            return rows


def courses(rng: np.random.Generator, n: int) -> MultiState:
    rows = [(i, *row) for i in range(n) for row in course(rng, rng.uniform(8, 24))]
    patient, start, stop, origin, target = (np.array(part) for part in zip(*rows))
    return MultiState(patient.astype(int), tuple(range(n)), start, stop, origin.astype(int), target.astype(int), STATES)


def test_intervals_of_occupancy_and_time_in_states_cover() -> None:
    rng, times = np.random.default_rng(141), np.array([3.0, 6.0, 12.0])
    truth = np.array([expm(RATES * t)[0] for t in times])
    grid = np.linspace(0, 12, 2401)
    lived = trapezoid([expm(RATES * t)[0] for t in grid], grid, axis=0)
    hits, spent = [], []
    for _ in range(SETS):
        ms = courses(rng, 200)
        found = state_occupancy(ms, times)
        hits.append((found.low[:, :3] <= truth[:, :3]) & (truth[:, :3] <= found.high[:, :3]))
        mean = mean_sojourn(ms, 12.0)
        spent.append((mean.low[0] <= lived) & (lived <= mean.high[0]))
    # few have relapsed by month three: there the band is that of rare events
    covers(np.array(hits)[:, 1:].reshape(SETS, -1))
    covers(np.array(spent)[:, :3], low=0.92)


def test_courses_seen_at_visits_are_right_at_visits_and_wrong_between() -> None:
    rng, n = np.random.default_rng(142), 6000
    seen: list[tuple[int, float, str]] = []
    ever = 0
    for i in range(n):
        rows = course(rng, 13.0)
        ever += any(to == 1 and stop <= 12 for _, stop, _, to in rows)
        for at in VISITS:
            state = next((s for start, stop, s, _ in rows if start <= at < stop), 3)
            seen.append((i, at, STATES[state]))
            if state == 3:
                break
    ids, time, state = zip(*seen)
    panel = MultiState.from_visits(ids, time, state, states=STATES)
    found = state_occupancy(panel, [3.0, 6.0, 12.0])
    truth = np.array([expm(RATES * t)[0] for t in (3.0, 6.0, 12.0)])
    np.testing.assert_allclose(found.value, truth, atol=0.02)  # three standard errors
    # between visits it lags by half an interval, and who recovered and relapsed between two of them was not seen
    between = state_occupancy(panel, [9.0])["pain"][0] - expm(RATES * 9.0)[0, 0]
    assert 0.05 < between < 0.2
    missed = ever / n - probability_ever(panel, 12.0, states=["recovered"]).value[0, 0]
    assert 0.03 < missed < 0.15
    # with intensities in place of dates both are right between visits
    moves = [(STATES[j], STATES[k]) for j, k in zip(*np.nonzero(RATES > 0))]
    model = PanelMarkov(moves).fit(np.empty((len(panel), 0)), panel)
    chain = model.predict_occupancy(np.empty((1, 0)), [1.0, 4.5, 9.0], from_state="pain")[0]
    np.testing.assert_allclose(chain, [expm(RATES * t)[0] for t in (1.0, 4.5, 9.0)], atol=0.02)
    assert abs(chain[2, 0] - expm(RATES * 9.0)[0, 0]) < between / 3


def test_intervals_of_a_difference_in_crps_cover() -> None:
    rng, levels = np.random.default_rng(143), np.arange(11.0)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = rng.normal(size=n)
        cuts = np.linspace(-2.5, 2.5, 10)
        score = (cuts < (1.2 * x + rng.logistic(size=n))[:, None]).sum(axis=1)

        def forecast(slope: float) -> np.ndarray:
            below = np.column_stack([np.zeros(n), expit(cuts - slope * x[:, None]), np.ones(n)])
            return np.diff(below, axis=1)

        return score.astype(float), forecast(1.2), forecast(0.4)

    def difference(n: int):
        score, good, poor = drawn(n)
        y = Measured.at(12, score, lower=0, upper=10)
        return crps(y, ScoreForecast(levels, good)).minus(crps(y, ScoreForecast(levels, poor)))

    truth = difference(400_000).value
    for n in (500, 2000):
        found = [difference(n) for _ in range(SETS)]
        covers(np.array([[part.low <= truth <= part.high] for part in found]))


def test_intervals_of_the_expected_number_cover_with_a_terminal_event() -> None:
    rng, tau = np.random.default_rng(144), 10.0

    def drawn(n: int) -> RecurrentEvents:
        rows = []
        for i in range(n):
            own = rng.gamma(1.0, 1.0)
            death, end, now = rng.exponential(25), rng.uniform(8, 16), 0.0
            last = min(death, end)
            while True:
                stop = now + rng.exponential(1 / (0.25 * own))
                if stop >= last:
                    rows.append((i, now, last, 2 if death < end else 0))
                    break
                rows.append((i, now, stop, 1))
                now = stop
        return RecurrentEvents.from_long(*zip(*rows))

    truth = 0.25 * 25 * (1 - np.exp(-tau / 25))  # the rate while alive
    found = [mean_cumulative(drawn(150), tau) for _ in range(SETS)]
    covers(np.array([[part.low[0, 0] <= truth <= part.high[0, 0]] for part in found]), low=0.92)
    assert np.mean([part.value[0, 0] for part in found]) == pytest.approx(truth, rel=0.02)


def test_intervals_of_updated_risks_cover_where_visits_are_missed_and_surgery_competes() -> None:
    rng = np.random.default_rng(145)

    def drawn(n: int) -> tuple[dict[float, pd.DataFrame], np.ndarray]:
        marker = np.cumsum(rng.normal(0, 0.6, (n, 8)), axis=1)
        rate = 0.06 * np.exp(marker)
        time, event = np.full(n, 24.0), np.zeros(n, dtype=int)
        for k in range(8):
            alive = (event == 0) & (time == 24.0)
            wait = rng.exponential(1 / (rate[:, k] + 0.02))
            now = alive & (wait < 3)
            time[now] = 3 * k + wait[now]
            event[now] = np.where(rng.random(int(now.sum())) < (rate[:, k] / (rate[:, k] + 0.02))[now], 1, 2)
        censor = rng.uniform(6, 30, n)
        y = Surv.right(np.minimum(time, censor), np.where(time <= censor, event, 0))
        known = pd.DataFrame(marker).mask(rng.random((n, 8)) < 0.2).ffill(axis=1).fillna(0.0)  # a missed visit
        return {float(3 * k): pd.DataFrame({"marker": known[k]}) for k in range(3)}, y

    frames, y = drawn(3000)
    model = DynamicRisk([0.0, 3.0, 6.0], 3.0).fit(frames, y)

    def found_in(n: int, at: float):
        frames, y = drawn(n)
        kept = landmark(y, frames[at], at, 3.0)
        return brier(kept.y, model.predict_risk(kept.X, at + 3.0, at=at)[:, 0], 3.0)

    for at in (3.0, 6.0):
        truth = found_in(200_000, at).value
        covers(np.array([[part.low <= truth <= part.high] for part in (found_in(500, at) for _ in range(SETS))]))


def test_risks_with_imputed_visits_are_unbiased_where_missing_visits_depend_on_what_was_seen() -> None:
    """Those in pain at time zero miss the visit at month 3: in them the true risk is the mean over what it may show."""
    rng = np.random.default_rng(147)
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)

    def drawn(n: int):
        pain = rng.normal(size=n)
        later = 0.6 * pain + rng.normal(0, 0.9, n)
        need = rng.exponential(size=(n, 2))
        early, late = need[:, 0] / (0.09 * np.exp(-0.7 * pain)), 3 + need[:, 1] / (0.11 * np.exp(-0.9 * later))
        time, lost = np.where(early < 3, early, late), rng.uniform(2, 20, n)
        missed = rng.random(n) < expit(1.2 * pain)
        first = pd.DataFrame({"pain": pain, "nrs": pain + rng.normal(0, 0.5, n)})
        second = first.assign(nrs=np.where(missed, np.nan, later))
        return {0.0: first, 3.0: second}, Surv.right(np.minimum(time, lost), time <= lost), pain, later, missed

    new, y, pain, later, missed = drawn(2000)
    by_node = 1 - np.exp(-0.66 * np.exp(-0.9 * (0.6 * pain[:, None] + 0.9 * nodes)))
    truth = np.where(missed, by_node @ weights / weights.sum(), 1 - np.exp(-0.66 * np.exp(-0.9 * later)))
    there = y["time"] > 3
    bias = []
    for k in range(300):
        frames, own, *_ = drawn(600)
        imputer = MultipleImputation(3, iterations=5, draws=10, random_state=k)
        model = DynamicRisk([0, 3], 6, interactions=["pain", "nrs"], imputer=imputer).fit(frames, own)
        error = model.predict_risk(new[3.0][there], 9, at=3)[:, 0] - truth[there]
        bias.append([error[missed[there]].mean(), error[~missed[there]].mean()])
    mean, se = np.mean(bias, axis=0), np.std(bias, axis=0, ddof=1) / np.sqrt(len(bias))
    assert (np.abs(mean) < 3 * se + 0.003).all(), (mean, se)


def test_the_test_of_common_coefficients_holds_its_level() -> None:
    rng, rejected = np.random.default_rng(146), []
    for _ in range(SETS):
        X = pd.DataFrame({"x": rng.normal(size=300), "z": rng.integers(0, 2, 300).astype(float)})
        score = np.digitize(0.8 * X["x"] + 0.5 * X["z"] + rng.logistic(size=300), [-1.0, 0.5, 2.0])
        y = Measured.at(12, score.astype(float), lower=0, upper=3)
        found = proportional_odds_test(OrdinalRegression().fit(X, y), X, y).set_index("term")["p"]
        rejected.append(found.to_numpy() < 0.05)
    share = np.mean(rejected, axis=0)
    assert (share < 0.05 + 3 * np.sqrt(0.05 * 0.95 / SETS)).all(), share
    assert (share > 0.05 - 3 * np.sqrt(0.05 * 0.95 / SETS)).all(), share
