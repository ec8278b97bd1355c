"""`under_strategy` and `contrast_strategies`: weights by hand and by brute force, order at one time, refusals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status
from lbp_prognosis.validation import (
    NeverStart,
    StartBy,
    StartWhen,
    contrast_strategies,
    under_strategy,
    without_treatment,
)
from lbp_prognosis.validation.sensitivity._contrast_strategies import _after_projection

N = 160
RNG = np.random.default_rng(21)
PAIN = RNG.normal(size=N)
LATER = PAIN + RNG.normal(size=N)
OPERATED = RNG.exponential(9 * np.exp(-0.5 * PAIN))
HAPPENED, LOST = RNG.exponential(14 * np.exp(-0.5 * PAIN)), RNG.uniform(5, 20, N)
END = np.minimum(HAPPENED, LOST)
Y = Surv.right(END, HAPPENED <= LOST)
TREATED_AT = np.where(OPERATED < END, OPERATED, np.nan)
HISTORY = pd.concat(
    [
        pd.DataFrame({"patient_id": np.arange(N), "time": 0.0, "pain": PAIN}),
        pd.DataFrame({"patient_id": np.arange(N), "time": 2.0, "pain": LATER}),
    ]
)

# six patients, two start at 1, two at 2 and two never; as many with z = 0 as with z = 1, so that the coefficient is 0
# and the probabilities of starting are the shares 2/6 and 2/4: of not having started 2/3, then 1/3
SIX = {
    "y": Surv.right([4.0, 5.0, 5.0, 4.0, 3.0, 5.0], [1, 0, 0, 1, 1, 0]),
    "treated_at": np.array([1.0, 1.0, 2.0, 2.0, np.nan, np.nan]),
    "history": pd.DataFrame({"patient_id": range(6), "time": 0.0, "z": [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]}),
}


def six(strategy, **options):
    return under_strategy(SIX["y"], SIX["treated_at"], SIX["history"], strategy, **options)


@pytest.mark.parametrize(
    ("strategy", "weights"),
    [
        (NeverStart(), [0, 0, 0, 0, 3, 3]),
        # Cain: as in the data until the last interval, then 1 / P(start)
        (StartBy(2.0, last=1.0), [1, 1, 2, 2, 0, 0]),
        (StartBy(2.0), [3 / 2] * 4 + [0, 0]),
        (StartBy(1.0), [3] * 2 + [0] * 4),
        (StartBy(2.0, earliest=2.0), [0, 0] + [3] * 2 + [0, 0]),
        (StartBy(2.0, earliest=1.5), [0, 0] + [3] * 2 + [0, 0]),
        (StartBy(2.0, earliest=1.0), [3 / 2] * 4 + [0, 0]),
        # by 3: none starts after 2, and those who had the event at 3 had to have started before
        (StartBy(3.0), [3 / 2] * 4 + [0, 0]),
        # z = 1 at time zero: start by 2; z = 0: never
        (StartWhen("z", at_least=1, within=2.0), [0, 3 / 2, 0, 3 / 2, 3, 0]),
        (StartWhen("z", at_most=0.5, within=1.0), [3, 0, 0, 0, 0, 3]),
    ],
)
def test_weights_by_hand(strategy, weights) -> None:
    found = six(strategy)
    np.testing.assert_allclose(found.table["coef"], 0.0, atol=1e-12)
    known = found.status(4.5)
    np.testing.assert_allclose(known.weights.values, weights, atol=1e-12)
    event = np.array([1, 0, 0, 1, 1, 0])
    np.testing.assert_array_equal(known.y["status"], np.where(np.array(weights) > 0, event, -1))
    risk = np.average(event, weights=weights)
    other = six(NeverStart())
    assert contrast_strategies({"a": found, "b": other}, 4.5).table["estimate"].iloc[0] == pytest.approx(risk)


def test_who_waits_has_less_weight_in_the_last_interval() -> None:
    y = SIX["y"].copy()
    y["time"][4], y["event"][4] = 1.5, 1  # an event before the start that was due
    found = under_strategy(y, SIX["treated_at"], SIX["history"], StartBy(2.0), ties="breslow")
    beta = found.table["coef"].iloc[0]  # no longer 0: three at risk at time 2, one with z = 0
    r = np.array([1.0, np.exp(beta)])  # of z = 0 and z = 1; one of each starts at 1, and one of each at 2
    at_risk = 3 * r.sum(), r @ [1, 2]
    jumps = [brentq(lambda h, total: (r / -np.expm1(-h * r)).sum() - total, 1e-9, 9, args=(s,)) for s in at_risk]

    def p(z: int, *times: int) -> float:
        return float(-np.expm1(-sum(jumps[k] for k in times) * r[z]))

    weight = found.status(4.5).weights.values
    assert weight[4] == pytest.approx(p(0, 1) / p(0, 0, 1), rel=1e-9)
    assert weight[1] == pytest.approx(1 / p(1, 0, 1), rel=1e-9)
    assert weight[5] == 0


def brute(found, strategy, who: int, tau: float) -> float:
    """Product over the times of starting of P(what the patient did | strategy) / P(the same | data)."""
    beta = found.table["coef"].to_numpy()[0]
    until = np.where(np.isnan(TREATED_AT), END, TREATED_AT)
    times = np.sort(TREATED_AT[~np.isnan(TREATED_AT)])
    value = lambda t, k: np.where(t > 2, LATER[k], PAIN[k])  # noqa: E731
    own = np.array([np.exp(beta * value(t, np.flatnonzero(TREATED_AT == t)[0])) for t in times])
    of_all = np.array([np.exp(beta * value(t, np.flatnonzero(until >= t))).sum() for t in times])
    base = -np.log1p(-own / of_all) / own  # who starts had the probability own / of_all
    stop = END[who] if Y["event"][who] and END[who] <= tau else tau
    start = TREATED_AT[who]
    if isinstance(strategy, StartWhen):
        met = [t for t, v in ((0, PAIN[who]), (2, LATER[who])) if v >= strategy.at_least]
        opens = met[0] if met else np.inf
        due, begin = opens + strategy.within, opens
    else:
        opens, due = strategy.earliest, strategy.by
        begin = due - (strategy.last or due - opens)
    ratio = 1.0
    for t, h in zip(times, base):
        if t > stop or start < t:
            break
        natural = 1 - np.exp(-h * np.exp(beta * value(t, who)))
        if t <= opens:
            planned = 0.0
        elif begin < t <= due:
            rest = base[(times >= t) & (times <= due)].sum() * np.exp(beta * value(t, who))
            planned = natural / (1 - np.exp(-rest))
        else:
            planned = 0.0 if t > due else natural
        if t > due:
            return 0.0 if not start <= due else ratio
        ratio *= planned / natural if start == t else (1 - planned) / (1 - natural)
    return ratio if stop <= due or start <= due else 0.0


@pytest.mark.parametrize(
    "strategy",
    [
        StartBy(4.0),
        StartBy(4.0, last=1.5),
        StartBy(5.0, earliest=1.0, last=2.0),
        StartWhen("pain", at_least=0.5, within=3.0),
    ],
)
def test_weights_are_ratios_of_probabilities_of_the_course_of_treatment(strategy) -> None:
    found = under_strategy(Y, TREATED_AT, HISTORY, strategy, ties="breslow")
    for tau in (3.0, 9.0):
        known = found.status(tau)
        place = np.where((found.y["event"] > 0) & (END <= tau), found._clock.before(END), found._clock.after(tau))
        weight = known.weights.values * found._loss.survival(place)
        own = [brute(found, strategy, k, tau) for k in np.flatnonzero(known.weights.values > 0)]
        np.testing.assert_allclose(weight[weight > 0], own, rtol=1e-9)
        seen = END > tau
        left_out = [brute(found, strategy, k, tau) for k in np.flatnonzero((weight == 0) & (seen | (Y["event"] > 0)))]
        np.testing.assert_allclose(left_out, 0.0, atol=1e-12)


def test_never_start_is_without_treatment() -> None:
    one, other = under_strategy(Y, TREATED_AT, HISTORY, NeverStart()), without_treatment(Y, TREATED_AT, HISTORY)
    for tau in (3.0, 9.0):
        mine, old = one.status(tau), other.status(tau)
        np.testing.assert_array_equal(mine.weights.values, old.weights.values)
        np.testing.assert_array_equal(mine.y, old.y)
    pd.testing.assert_frame_equal(one.table, other.table)
    X = pd.DataFrame({"pain": PAIN})
    first, second = one.fit(CoxPH(), X), other.fit(CoxPH(), X)
    np.testing.assert_array_equal(first.coef_, second.coef_)
    np.testing.assert_array_equal(first.covariance_, second.covariance_)
    risk = 1 - np.exp(-9 / 14 * np.exp(0.5 * PAIN))
    frames = [found.evaluate(risk, 9.0, [0.3], n_resamples=0).to_frame() for found in (one, other)]
    pd.testing.assert_frame_equal(*frames)
    history = [
        f(Y, TREATED_AT, HISTORY, *more, censoring="history")
        for f, more in ((under_strategy, (NeverStart(),)), (without_treatment, ()))
    ]
    np.testing.assert_array_equal(*(found.status(9.0).weights.values for found in history))


def test_starts_at_time_zero_are_those_of_a_logistic_model() -> None:
    zero = RNG.uniform(size=N) < 1 / (1 + np.exp(0.5 - 0.8 * PAIN))
    start = np.where(zero, 0.0, TREATED_AT)
    X = pd.DataFrame({"pain": PAIN})
    share = LogisticRisk().fit(X, Status.at(1.0, zero.astype(int))).predict_risk(X, [1.0])[:, 0]
    at_once = under_strategy(Y, start, HISTORY, StartBy(0.0))
    assert (at_once.n_started, at_once.n_deviated) == (zero.sum(), (~zero).sum())
    known = at_once.status(5.0).weights.values
    free = zero & (END > 5)
    np.testing.assert_allclose(known[free], 1 / share[free] / known_loss(at_once, 5.0)[free], rtol=1e-8)
    assert (known[~zero] == 0).all()
    never = under_strategy(Y, start, HISTORY, NeverStart())
    later = without_treatment(Y[~zero], start[~zero], HISTORY, ids=np.arange(N)[~zero])
    both = never.status(5.0).weights.values[~zero] * (1 - share[~zero])
    loss = known_loss(never, 5.0)[~zero] / known_loss(later, 5.0)
    np.testing.assert_allclose((both * loss)[END[~zero] > 5], later.status(5.0).weights.values[END[~zero] > 5])
    rows, _, _, _, weight = never._stretches
    old_rows, _, _, _, old = later._stretches
    np.testing.assert_array_equal(rows, np.flatnonzero(~zero)[old_rows])
    np.testing.assert_allclose(weight * (1 - share[rows]), old, rtol=1e-9)
    # by 4: at time zero or later, both in one interval
    by = under_strategy(Y, start, HISTORY, StartBy(4.0))
    who = int(np.flatnonzero(zero & (END > 5))[0])
    grid, hazard = by._treatment.grid, by._treatment.hazard
    total = hazard[np.searchsorted(grid, by._clock.after(4.0)) - 1] * np.exp(by._zero.score[who])
    expected = 1 / (1 - (1 - share[who]) * np.exp(-total)) / known_loss(by, 5.0)[who]
    assert by.status(5.0).weights.values[who] == pytest.approx(expected, rel=1e-8)
    assert under_strategy(Y, np.zeros(N), HISTORY, StartBy(0.0)).status(5.0).weights.values.max() < 10


def known_loss(found, tau: float) -> np.ndarray:
    return found._loss.survival(found._clock.after(tau))


@pytest.mark.parametrize(
    ("start", "end", "event", "kept"),
    [
        (4.0, 9.0, 0, True),  # at the latest start
        (4.0 + 1e-13, 9.0, 0, True),  # but for rounding
        (4.001, 9.0, 0, False),
        (1.0, 9.0, 0, True),  # at the earliest start
        (0.999, 9.0, 0, False),
        (0.0, 9.0, 0, False),
        (4.0, 4.0, 1, True),  # the event comes first, and the patient had not started
        (np.nan, 4.0, 1, True),
        (np.nan, 4.001, 1, False),
        (np.nan, 3.0, 0, True),  # lost before the start was due
    ],
)
def test_order_at_one_time(start, end, event, kept) -> None:
    ends, codes, starts = END.copy(), Y["event"].copy(), TREATED_AT.copy()
    ends[0], codes[0], starts[0] = end, event, start
    found = under_strategy(Surv.right(ends, codes), starts, HISTORY, StartBy(4.0, earliest=1.0))
    assert found.deviated[0] == (not kept)
    assert found.started[0] == (kept and start < end)
    if not kept:
        assert found.y["time"][0] == pytest.approx(min(start, 4.0) if start < 4 else 4.0)
        assert found.y["event"][0] == 0


def test_a_value_measured_at_the_start_does_not_call_for_it() -> None:
    history = pd.concat([HISTORY, pd.DataFrame({"patient_id": [0], "time": [3.0], "pain": [9.0]})])
    history.loc[(history["patient_id"] == 0) & (history["time"] < 3), "pain"] = -9.0
    ends, starts = END.copy(), TREATED_AT.copy()
    ends[0] = 10.0
    strategy = StartWhen("pain", at_least=1, within=2.0)
    for start, kept in ((3.0, False), (3.001, True), (5.0, True), (5.001, False), (np.nan, False)):
        starts[0] = start
        found = under_strategy(Surv.right(ends, Y["event"]), starts, history, strategy)
        assert found.started[0] == kept
        assert found.deviated[0] == (not kept)


def test_losses_may_depend_on_treatment_that_was_started() -> None:
    found = under_strategy(Y, TREATED_AT, HISTORY, StartBy(6.0), censoring="history")
    model = found._loss.model
    assert list(model.to_frame()["term"]) == ["pain", "treatment started"]
    rows = []
    for k in range(N):
        start, end = TREATED_AT[k], found.y["time"][k]
        lost = bool(found._lost[k])
        cuts = sorted({0.0, end, *[t for t in (2.0, start) if t < end]})
        for a, b in pairwise(cuts):
            rows.append((a, b, lost and b == end, LATER[k] if a >= 2 else PAIN[k], float(a >= start)))
    d = pd.DataFrame(rows, columns=["a", "b", "lost", "pain", "started"])
    y = Surv.right(d["b"], d["lost"], entry=d["a"])
    np.testing.assert_allclose(model.coef_, CoxPH().fit(d[["pain", "started"]], y).coef_, rtol=1e-7)


def test_a_model_of_the_strategy_is_fitted_to_weighted_stretches() -> None:
    found = under_strategy(Y, TREATED_AT, HISTORY, StartBy(4.0, last=2.0))
    rows, entry, stop, event, weight = found._stretches
    assert (weight > 0).all()
    assert (weight[stop <= 2] == 1).all()
    model = found.fit(CoxPH(), pd.DataFrame({"pain": PAIN}))
    own = CoxPH().fit(
        pd.DataFrame({"pain": PAIN[rows]}), Surv.right(stop, event, entry=entry), sample_weight=weight, clusters=rows
    )
    np.testing.assert_allclose(model.coef_, own.coef_, rtol=1e-12)
    # the weight of a stretch is that of the state at its start
    k = int(np.flatnonzero((stop > 5) & np.isfinite(TREATED_AT[rows]))[0])
    state = found.status(5.0).weights.values[rows[k]] * known_loss(found, 5.0)[rows[k]]
    assert weight[k] == pytest.approx(state)


def test_competing_events_are_none_of_the_cause() -> None:
    code = np.where(Y["event"] == 1, np.where(PAIN > 0, 2, 1), 0)
    found = under_strategy(Surv.right(END, code), TREATED_AT, HISTORY, StartBy(4.0))
    states = [found.status(9.0, cause=cause) for cause in (1, 2)]
    np.testing.assert_array_equal(*(one.weights.values for one in states))
    used = states[0].weights.values > 0
    for cause, one in zip((1, 2), states):
        np.testing.assert_array_equal(one.y["status"][used] == 1, (code == cause)[used] & (END <= 9)[used])


def test_a_history_may_come_from_another_library() -> None:
    polars = pytest.importorskip("polars")
    found = under_strategy(Y, polars.Series(TREATED_AT), polars.from_pandas(HISTORY), StartBy(4.0))
    own = under_strategy(Y, TREATED_AT, HISTORY, StartBy(4.0))
    np.testing.assert_array_equal(found.status(9.0).weights.values, own.status(9.0).weights.values)
    never = without_treatment(Y, TREATED_AT, polars.from_pandas(HISTORY))
    np.testing.assert_array_equal(never.table["coef"], own.table["coef"])


@pytest.mark.parametrize("how", [without_treatment, lambda *a, **k: under_strategy(*a, StartBy(4.0), **k)])
def test_starts_labelled_by_the_names_of_patients_may_stand_in_any_order(how) -> None:
    names = [f"p{k}" for k in range(N)]
    history = HISTORY.assign(patient_id=[names[k] for k in HISTORY["patient_id"]])
    starts = pd.Series(TREATED_AT, index=names)
    own = how(Y, TREATED_AT, history, ids=names)
    for given in (starts, starts[::-1], starts.sample(frac=1, random_state=3)):
        for ids in (names, pd.Series(names), np.array(names)):
            np.testing.assert_array_equal(how(Y, given, history, ids=ids).y, own.y)
    labelled = Surv.right(END, Y["event"], index=names)
    np.testing.assert_array_equal(how(labelled, starts[::-1], history, ids=names).y["time"], own.y["time"])
    numbered = pd.Series(TREATED_AT)  # a counter says nothing
    np.testing.assert_array_equal(how(Y, numbered, history, ids=names).y, own.y)


def test_truncation_is_declared() -> None:
    plain = under_strategy(Y, TREATED_AT, HISTORY, StartBy(4.0, last=1.0))
    cut = under_strategy(Y, TREATED_AT, HISTORY, StartBy(4.0, last=1.0), truncate=0.9)
    w = plain.status(9.0).weights.values
    np.testing.assert_allclose(cut.status(9.0).weights.values, np.minimum(w, np.quantile(w[w > 0], 0.9)))
    assert "treatment-weights-truncated" in {one.code for one in cut.objections}
    assert cut._stretches[4].max() < plain._stretches[4].max()


def test_a_contrast_counts_patients_in_both_strategies() -> None:
    arms = {str(one): under_strategy(Y, TREATED_AT, HISTORY, one) for one in (NeverStart(), StartBy(4.0))}
    found = contrast_strategies(arms, [5.0, 9.0])
    assert list(found.table["kind"]) == ["risk", "risk", "difference"] * 2
    risks = found.table["estimate"].to_numpy()
    assert risks[2] == pytest.approx(risks[1] - risks[0])
    known = arms["start by 4"].status(9.0)
    assert risks[4] == pytest.approx(np.average(known.y["status"] == 1, weights=known.weights.values))
    same = contrast_strategies({"a": arms["never start"], "b": arms["never start"]}, 9.0).table
    assert same["estimate"].iloc[2] == same["se"].iloc[2] == 0.0
    # no larger than with known weights
    each = known.weights.values * ((known.y["status"] == 1) - risks[4]) / known.weights.values.mean()
    assert found.table["se"].iloc[4] < 1.1 * np.sqrt((each**2).sum()) / N
    assert found.plot() is not None
    for wrong in ([], {"a": arms["never start"]}, {"a": 1, "b": 2}):
        with pytest.raises(ArgumentError, match="strategies"):
            contrast_strategies(wrong, 5.0)
    few = under_strategy(
        Y[::-1], TREATED_AT[::-1], HISTORY.assign(patient_id=N - 1 - HISTORY["patient_id"]), StartBy(4.0)
    )
    with pytest.raises(ArgumentError, match="same patients"):
        contrast_strategies({"a": arms["never start"], "b": few}, 5.0)


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match="strategy"):
        under_strategy(Y, TREATED_AT, HISTORY, "never start")
    with pytest.raises(ArgumentError, match="within follow-up"):
        under_strategy(Y, TREATED_AT, HISTORY, StartBy(100.0))
    with pytest.raises(ArgumentError, match="treated_at"):
        under_strategy(Y, np.full(N, np.nan), HISTORY, StartBy(4.0))
    with pytest.raises(ArgumentError, match="before it"):
        under_strategy(Y, np.where(np.isnan(TREATED_AT), -1.0, TREATED_AT), HISTORY, StartBy(4.0))
    with pytest.raises(ArgumentError, match="none followed"):
        under_strategy(Y, np.zeros(N), HISTORY, NeverStart())
    with pytest.raises(ArgumentError, match="some patients follow"):
        under_strategy(Y, TREATED_AT, HISTORY, StartBy(0.0))
    with pytest.raises(EstimationError, match="last interval"):
        under_strategy(Y, TREATED_AT, HISTORY, StartBy(4.0, last=1e-6))
    with pytest.raises(ArgumentError, match="condition"):
        under_strategy(Y, TREATED_AT, HISTORY, StartWhen("pain", at_least=99, within=1.0))
    with pytest.raises(ArgumentError, match="column of `history`"):
        under_strategy(Y, TREATED_AT, HISTORY, StartWhen("odi", at_least=1, within=1.0))
    with pytest.raises(ArgumentError, match="entry"):
        under_strategy(Surv.right(END, Y["event"], entry=END / 2), TREATED_AT, HISTORY, NeverStart())
    with pytest.raises(ArgumentError, match="truncate"):
        under_strategy(Y, TREATED_AT, HISTORY, NeverStart(), truncate=99)
    for wrong in (
        lambda: StartBy(-1.0),
        lambda: StartBy(3.0, earliest=4.0),
        lambda: StartBy(3.0, last=4.0),
        lambda: StartBy(3.0, last=0.0),
        lambda: StartWhen("pain", within=1.0),
        lambda: StartWhen("pain", at_least=2, at_most=1, within=1.0),
        lambda: StartWhen("pain", at_least=2, within=0.0),
    ):
        with pytest.raises(ArgumentError):
            wrong()


def test_the_error_of_a_strategy_does_not_depend_on_the_others() -> None:
    """Residuals of the models of other strategies, projected on, made the error of each too small."""
    history = HISTORY.assign(other=np.sin(np.arange(2 * N)))
    never = under_strategy(Y, TREATED_AT, HISTORY, NeverStart())
    by, late = (under_strategy(Y, TREATED_AT, history, StartBy(5.0, last=last)) for last in (None, 3.0))
    two = contrast_strategies({"never": never, "by": by}, 9.0).table.set_index(["strategy", "kind"])["se"]
    turned = contrast_strategies({"by": by, "late": late, "never": never}, 9.0).table.set_index(["strategy", "kind"])
    for key in (("never", "risk"), ("by", "risk")):
        assert two[key] == pytest.approx(turned["se"][key], rel=1e-12)
    assert two["by", "difference"] == pytest.approx(turned["se"]["never", "difference"], rel=1e-12)


def test_limits_of_risks_and_differences_stay_in_their_range() -> None:
    arms = {str(one): under_strategy(Y, TREATED_AT, HISTORY, one) for one in (NeverStart(), StartBy(4.0))}
    first = float(np.sort(Y["time"][Y["event"] == 1])[2])
    for horizon in (first, 5.0, 9.0):
        for confidence in (0.95, 1 - 1e-12):
            table = contrast_strategies(arms, horizon, confidence=confidence).table
            least = np.where(table["kind"] == "risk", 0.0, -1.0)
            assert (table["low"] > least).all()
            assert (table["high"] < 1).all()
            assert ((table["low"] < table["estimate"]) & (table["estimate"] < table["high"])).all()
    # on the logit of the range where the normal limits leave it: half width / (risk (1 - risk))
    row, z = contrast_strategies(arms, first, confidence=0.99).table.iloc[0], norm.ppf(0.995)
    assert row["estimate"] < z * row["se"]
    at, reach = logit(row["estimate"]), z * row["se"] / (row["estimate"] * (1 - row["estimate"]))
    np.testing.assert_allclose(row[["low", "high"]].astype(float), expit([at - reach, at + reach]))
    inside = contrast_strategies(arms, 9.0).table  # those inside stay as they are
    np.testing.assert_allclose(inside["low"] + inside["high"], 2 * inside["estimate"])


def test_a_strategy_without_an_event_has_no_interval() -> None:
    arms = {"a": six(StartBy(2.0)), "b": six(NeverStart())}
    seen = {name: one.status(3.5).y["status"] for name, one in arms.items()}
    assert not (seen["a"] == 1).any()
    assert (seen["b"] == 1).any()
    found = contrast_strategies(arms, 3.5)
    none, some, apart = (found.table.iloc[k] for k in range(3))
    assert none["estimate"] == 0
    assert none[["se", "low", "high"]].isna().all()
    assert some[["se", "low", "high"]].notna().all()
    assert apart["estimate"] == some["estimate"]
    assert apart[["se", "low", "high"]].isna().all()
    assert "no interval" in repr(found)
    assert found.plot() is not None


def test_a_patient_is_left_out_of_the_projection() -> None:
    rng = np.random.default_rng(0)
    scores = np.column_stack([np.ones(30), rng.normal(size=(30, 2)) * [1e6, 1e-6], np.zeros(30)])
    influence = rng.normal(size=30)
    rest = []
    for k in range(30):
        kept = np.delete(np.arange(30), k)
        coef = np.linalg.lstsq(scores[kept] / [1, 1e6, 1e-6, 1], influence[kept])[0]
        rest.append(influence[k] - scores[k] / [1, 1e6, 1e-6, 1] @ coef)
    np.testing.assert_allclose(_after_projection(influence, scores), rest, rtol=1e-9)
    alone = np.column_stack([np.ones(30), np.arange(30) == 4])  # nobody else tells the effect of a column
    assert _after_projection(influence, alone)[4] == 0


def test_a_latest_start_after_follow_up_is_said_and_an_absent_cause_refused() -> None:
    end = float(END.max())

    def codes(within: float) -> set[str]:
        found = under_strategy(Y, TREATED_AT, HISTORY, StartWhen("pain", at_least=-9, within=within))
        return {one.code for one in found.objections}

    assert "treatment-deadline-unseen" not in codes(end)
    assert "treatment-deadline-unseen" in codes(end + 0.1)
    short = StartWhen("pain", at_least=-9, within=end + 5, last=1.0)  # the last interval begins after follow-up
    assert len(under_strategy(Y, TREATED_AT, HISTORY, short).objections) == 1
    arms = {"a": six(NeverStart()), "b": six(StartBy(2.0))}
    with pytest.raises(ArgumentError, match="`cause` must be the code of an event"):
        contrast_strategies(arms, 4.5, cause=2)


@pytest.mark.parametrize("limit", [0.3, 0.1 + 0.2, 0.3 - 1e-12])
def test_several_starts_that_differ_from_a_limit_by_rounding_are_at_it(limit) -> None:
    starts = np.array([0.3, 0.1 + 0.2, 0.3 - 1e-12, 0.3 - 1e-7, 0.3 + 1e-7])
    treated_at = TREATED_AT.copy()
    treated_at[:5] = starts
    y = Y.copy()
    y["time"][:5] = 9.0
    by = under_strategy(y, treated_at, HISTORY, StartBy(limit))
    assert by.deviated[:5].tolist() == [False, False, False, False, True]
    late = under_strategy(y, treated_at, HISTORY, StartBy(5.0, earliest=limit))
    assert late.deviated[:5].tolist() == [False, False, False, True, False]
