"""Rounds at a site and at the centre: what they refuse, and why."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Status, Surv
from lbp_prognosis.federation import FederatedCox, FederatedFit, FederatedLogistic, Policy, Round, RoundRequest
from lbp_prognosis.federation._federated_fit import _rounding

COLUMNS = ["c1", "p1"]
D = syn(240, sites=2)
MODEL = FederatedCox(COLUMNS)
MODEL_C = FederatedCox(["a", "b", "c"])
KEY = b"sixteen bytes or more"
PARTS = {str(site): part for site, part in D.groupby("site")}


def right(part: pd.DataFrame) -> np.ndarray:
    return Surv.right(part["time"], part["event"])


def answers(request: RoundRequest, model: FederatedCox = MODEL, key: bytes | None = None) -> list[Round]:
    return [model.round(part, right(part), request, site=site, key=key) for site, part in PARTS.items()]


def test_a_site_below_the_minimum_says_only_that() -> None:
    part = D.iloc[:2]
    answer = MODEL.round(part, right(part), MODEL.start(), site="small")
    assert answer.withheld.startswith("insufficient")
    assert (answer.n, answer.n_events, answer.score, answer.information, answer.loglik) == (0, 0, (), (), 0.0)
    for number in (1, 2, 3):
        asked = replace(MODEL.start(), number=number)
        assert MODEL.round(part, right(part), asked, site="small").withheld


@pytest.mark.parametrize(("events", "withheld"), [(19, True), (20, False), (21, False)])
def test_ten_events_for_each_parameter(events: int, withheld: bool) -> None:
    event = (np.arange(80) % 80 < events).astype(int)
    time = np.random.default_rng(1).permutation(80) + 1.0
    answer = MODEL.round(D.iloc[:80], Surv.right(time, event), MODEL.start(), site="a")
    assert bool(answer.withheld) is withheld


@pytest.mark.parametrize(("ones", "withheld"), [(1, True), (4, True), (5, False), (6, False)])
def test_one_hot_columns_are_refused(ones: int, withheld: bool) -> None:
    """The row of the information that belongs to a dummy of one patient holds that patient's covariates."""
    part = D.iloc[:120].assign(mark=0.0)
    part.iloc[:ones, part.columns.get_loc("mark")] = 1.0
    model = FederatedCox(["c1", "mark"])
    answer = model.round(part, right(part), model.start(), site="a")
    assert bool(answer.withheld) is withheld
    if withheld:
        assert "mark" in answer.withheld


def test_extreme_coefficients_are_refused() -> None:
    """At a huge β the mean over a risk set is the covariates of the patient with the largest product."""
    part = PARTS["1"]
    for coef in ([40.0, 0.0], [0.0, -60.0], [9.0, 9.0]):
        answer = MODEL.round(part, right(part), MODEL.start(coef), site="1")
        assert answer.withheld.startswith("probing"), coef


def test_one_hot_probing_learns_nothing() -> None:
    """A centre that asks for β along each axis, ever further, is stopped before one patient carries the sums."""
    part = PARTS["1"].assign(lone=PARTS["1"]["c1"])
    X = part[COLUMNS].to_numpy()
    kept: list[Round] = []
    for number, size in enumerate(np.geomspace(0.1, 100, 30), start=1):
        asked = RoundRequest(MODEL.agreement, number, (float(size), 0.0))
        answer = MODEL.round(part, right(part), asked, site="1", answered=kept)
        if answer.withheld:
            break
        kept.append(answer)
        weight = np.exp(X @ [size, 0.0])
        assert weight.sum() ** 2 / (weight @ weight) >= 10
    assert answer.withheld
    assert len(kept) <= 8


def test_steps_of_the_fit_itself_are_trusted() -> None:
    fit, request = None, MODEL.start()
    kept: dict[str, list[Round]] = {site: [] for site in PARTS}
    while fit is None or not fit.converged:
        for site, part in PARTS.items():
            kept[site].append(MODEL.round(part, right(part), request, site=site, answered=kept[site]))
        fit = MODEL.step([own[-1] for own in kept.values()], fit)
        request = fit.request
    assert not fit.left_out
    assert fit.number <= 5


def test_rounds_are_counted() -> None:
    part, kept = PARTS["1"], []
    for number in range(1, 12):
        asked = RoundRequest(MODEL.agreement, number, (0.01 * number, 0.0))
        answer = MODEL.round(part, right(part), asked, site="1", answered=kept)
        if answer.withheld:
            assert answer.withheld.startswith("budget")
            break
        kept.append(answer)
    assert len(kept) == 8
    # the same request again is answered the same way, and costs nothing
    again = MODEL.round(part, right(part), RoundRequest(MODEL.agreement, 8, (0.08, 0.0)), site="1", answered=kept)
    assert again == kept[-1]


def test_two_answers_of_cohorts_that_differ_by_one_patient() -> None:
    part = PARTS["1"]
    first = MODEL.round(part, right(part), MODEL.start(), site="1")
    fewer = part.iloc[:-1]
    with pytest.raises(LBPError, match="the patients of the earlier answers"):
        MODEL.round(fewer, right(fewer), MODEL.start([0.1, 0.1]), site="1", answered=[first])
    changed = part.assign(c1=part["c1"] + np.r_[np.zeros(len(part) - 1), 2.0])
    with pytest.raises(LBPError, match="the patients of the earlier answers"):
        MODEL.round(changed, right(part), MODEL.start([0.1, 0.1]), site="1", answered=[first])


def test_a_stratum_with_a_few_events() -> None:
    part = PARTS["1"]
    event = part["event"].to_numpy()
    some = np.flatnonzero(event)[:3]
    labels = np.where(np.isin(np.arange(len(part)), some), "rare", "usual")
    assert MODEL.round(part, right(part), MODEL.start(), site="1", strata=labels).withheld


def test_replayed_answers_are_refused() -> None:
    first = answers(MODEL.start())
    fit = MODEL.step(first)
    second = answers(fit.request)
    with pytest.raises(LBPError, match="another one"):
        MODEL.step([second[0], first[1]], fit)
    with pytest.raises(LBPError, match="one answer per site"):
        MODEL.step([second[0], second[0]], fit)
    forged = replace(first[1], number=2, request=second[0].request, coef=second[0].coef, seal="")
    with pytest.raises(LBPError, match="seal"):
        MODEL.step([second[0].sealed(KEY), forged], fit, key=KEY)


def test_changed_answers_are_refused() -> None:
    sent = answers(MODEL.start(), key=KEY)
    assert MODEL.step(sent, key=KEY).n == len(D)
    changed = replace(sent[0], score=(sent[0].score[0] + 1, sent[0].score[1]))
    with pytest.raises(LBPError, match="seal"):
        MODEL.step([changed, sent[1]], key=KEY)
    with pytest.raises(LBPError, match="positive semidefinite"):
        MODEL.step([replace(answers(MODEL.start())[0], information=((-1.0, 0.0), (0.0, 1.0)))])
    with pytest.raises(LBPError, match="16 bytes"):
        answers(MODEL.start(), key=b"short")


def test_another_version_or_model_is_refused() -> None:
    sent = answers(MODEL.start())
    with pytest.raises(LBPError, match="version"):
        MODEL.step([replace(sent[0], version="0.0.1"), sent[1]])
    other = FederatedCox(COLUMNS, ties="breslow")
    with pytest.raises(LBPError, match="another agreement"):
        other.round(PARTS["1"], right(PARTS["1"]), MODEL.start(), site="1")
    with pytest.raises(LBPError, match="of this model and version"):
        other.step(sent)
    text = sent[0].to_json().replace('"withheld":""', '"withheld":"","more":1')
    with pytest.raises(LBPError, match="of this version"):
        Round.from_json(text)


@pytest.mark.parametrize("text", ["", "[1]", '{"a":1,"a":2}', '{"a":NaN}', "{" * 100_000])
def test_broken_files(text: str) -> None:
    for kind in (Round, RoundRequest):
        with pytest.raises(LBPError):
            kind.from_json(text)


@pytest.mark.parametrize(
    "change",
    [
        {"n": "x"},
        {"n_events": 1.5},
        {"number": "z"},
        {"coef": 3},
        {"coef": ["a", "b"]},
        {"score": ["a", "b"]},
        {"information": [1, 2]},
        {"information": [[1, None]]},
        {"loglik": None},
        {"withheld": 3},
        {"site": 3},
    ],
)
def test_answers_whose_fields_are_of_another_kind(change: dict) -> None:
    told = json.loads(answers(MODEL.start())[0].to_json())
    with pytest.raises(LBPError, match=next(iter(change))):
        Round.from_json(json.dumps({**told, **change}))


@pytest.mark.parametrize("coef", ["0", "[null, 0]", "[1e999, 0]", '["a", 0]'])
def test_requests_whose_coefficients_are_no_numbers(coef: str) -> None:
    with pytest.raises(LBPError, match="coef"):
        RoundRequest.from_json(f'{{"agreement": "a", "number": 1, "coef": {coef}}}')


@pytest.mark.parametrize("coef", [(0.0,), (0.0, float("nan"))])
def test_requests_with_other_coefficients_than_the_model(coef: tuple[float, ...]) -> None:
    part = PARTS["1"]
    with pytest.raises(LBPError, match="2 finite coefficients"):
        MODEL.round(part, right(part), RoundRequest(MODEL.agreement, 1, coef), site="1")


def test_a_baseline_at_extreme_coefficients_would_be_one_patient() -> None:
    part = PARTS["1"]
    told = MODEL.baseline(part, right(part), [40.0, 0.0], [6, 12], site="1")
    assert told.horizons == ()
    assert all(reason.startswith("probing") for reason in told.withheld.values())
    one = part.assign(c1=np.r_[1.0, np.zeros(len(part) - 1)])
    told = MODEL.baseline(one, right(part), [0.3, 0.2], [6, 12], site="1")
    assert all("few patients behind the columns c1" in reason for reason in told.withheld.values())


def test_sites_that_leave_are_named() -> None:
    first = MODEL.step(answers(MODEL.start()))
    sent = answers(first.request)
    gone = replace(Round.from_json(sent[0].to_json()), n=0, n_events=0, withheld="budget: spent")
    with pytest.raises(LBPError, match="sites of the step before"):
        MODEL.step([gone, sent[1]], first)
    alone = MODEL.step([gone, sent[1]])
    assert alone.left_out == {"1": "budget: spent"}
    assert [doubt.code for doubt in alone.objections] == ["sites-left-out"]


def test_a_step_that_went_too_far_is_halved() -> None:
    model = FederatedCox(["c1"])
    part = PARTS["1"]
    start = model.step([model.round(part, right(part), model.start(), site="1")])
    # an unlucky step: the request is three times as far
    far = RoundRequest(model.agreement, 2, (float(start.coef[0]) + 8 * float(start.se[0]),))
    loose = Policy(trust=50.0)
    back = model.step([model.round(part, right(part), far, site="1", policy=loose)], start)
    assert back.coef[0] == pytest.approx(far.coef[0] / 2)


def test_states_not_observed_take_no_part() -> None:
    y = D["y"].to_numpy().copy()
    y[::7] = -1
    model = FederatedLogistic(COLUMNS)
    answer = model.round(D, Status.at(12, y), model.start(), site="a")
    assert answer.n == int((y >= 0).sum())
    assert answer.n_events == int((y == 1).sum())
    assert answer.numbers == 3 * 6 // 2 + 1


def test_frame_and_picture() -> None:
    pytest.importorskip("matplotlib").use("Agg")
    fit = MODEL.step(answers(MODEL.start()))
    assert fit.to_frame()["parameter"].tolist() == COLUMNS
    assert fit.plot().get_xlabel() == "coefficient"
    assert "round 1" in repr(fit)


def test_at_most_four_horizons_and_none_with_few_events_between() -> None:
    part = PARTS["1"]
    with pytest.raises(LBPError, match="at most 4"):
        MODEL.baseline(part, right(part), [0.3, 0.2], [3, 6, 9, 12, 18], site="1")
    found = MODEL.baseline(part, right(part), [0.3, 0.2], [6, 6.1, 12], site="1")
    assert found.horizons == (6.0, 12.0)
    assert found.withheld == {6.1: "few events since the horizon before"}
    risk = found.predict_risk(part[COLUMNS].to_numpy(), [6, 12])
    assert risk.shape == (len(part), 2)
    assert (np.diff(risk, axis=1) > 0).all()
    with pytest.raises(LBPError, match="among"):
        found.predict_risk(part[COLUMNS].to_numpy(), 7)


@pytest.mark.parametrize(
    "change",
    [{"min_cell": 1}, {"thresholds": [0.1, 0.2, 0.3, 0.4]}, {"release_budget": 0}, {"min_n": 5}, {"thresholds": [1.2]}],
)
def test_policies_that_protect_nobody(change: dict) -> None:
    with pytest.raises(LBPError):
        Policy(**change)


# ---- columns and sites of every kind --------------------------------------------------------------------------------


def _hospitals(seed: int) -> dict[str, tuple[pd.DataFrame, np.ndarray]]:
    rng = np.random.default_rng(seed)
    found = {}
    for k in range(3):
        X = pd.DataFrame(rng.normal(size=(300 + 100 * k, 3)), columns=["a", "b", "c"])
        time, end = rng.exponential(10 * np.exp(-X @ [0.4, -0.3, 0.2])), rng.uniform(2, 25, len(X))
        found[f"h{k}"] = (X, Surv.right(np.minimum(time, end), time <= end))
    return found


def _fitted(hospitals: dict, **more: object) -> tuple[FederatedFit, int]:
    model, fit = FederatedCox(["a", "b", "c"]), None
    request, kept = model.start(), {name: [] for name in hospitals}
    for number in range(1, 9):
        for name, (X, y) in hospitals.items():
            kept[name].append(model.round(X, y, request, site=name, answered=kept[name], **more))
            assert not kept[name][-1].withheld
        fit = model.step([told[-1] for told in kept.values()], fit)
        if fit.converged:
            return fit, number
        request = fit.request
    raise AssertionError("not converged in eight rounds")


def _pooled(hospitals: dict) -> np.ndarray:
    X = pd.concat([X for X, _ in hospitals.values()], ignore_index=True)
    site = np.repeat(np.arange(3), [len(X) for X, _ in hospitals.values()])
    y = np.concatenate([y for _, y in hospitals.values()])
    return CoxPH().fit(X, y, strata=site).coef_


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("digits", [5, 6])
def test_rounding_of_the_sums_does_not_keep_a_fit_from_converging(seed: int, digits: int) -> None:
    """A fall of the likelihood within its digits is none, and steps within those of the score end the fit."""
    hospitals = _hospitals(seed)
    fit, number = _fitted(hospitals, policy=Policy(digits=digits))
    assert number <= 5
    assert np.abs(fit.coef - _pooled(hospitals)).max() < 10.0 ** (1 - digits) * fit.se.max()


def test_units_of_columns_are_of_no_account() -> None:
    """A column in 1e-4 and one in 1e5, far from zero, give the same fit: trust is counted in standard errors."""
    hospitals, scale = _hospitals(1), np.array([1e-4, 1, 1e5])
    there = {name: (X * scale + [0, 100, 1e6], y) for name, (X, y) in hospitals.items()}
    one, two = (_fitted(each, policy=Policy(digits=17))[0] for each in (hospitals, there))
    assert two.coef * scale == pytest.approx(one.coef, rel=1e-8)
    assert two.se * scale == pytest.approx(one.se, rel=1e-8)


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_a_site_where_a_column_is_constant_answers(value: float) -> None:
    """One scanner at one hospital: the column changes no sum there, and its coefficient may move."""
    hospitals = _hospitals(2)
    hospitals["h1"] = (hospitals["h1"][0].assign(c=value), hospitals["h1"][1])
    fit, _ = _fitted(hospitals, policy=Policy(digits=17))
    assert fit.sites == ("h0", "h1", "h2")
    assert fit.coef == pytest.approx(_pooled(hospitals), abs=1e-8)
    X, y = hospitals["h1"]
    assert MODEL_C.round(X, y, MODEL_C.start([0.0, 0.0, 50.0]), site="h1").withheld == ""
    assert MODEL_C.round(X.assign(c=X["b"]), y, MODEL_C.start([0.0, 0.0, 50.0]), site="h1").withheld


@pytest.mark.parametrize("digits", [5, 6, 17])
def test_columns_that_repeat_each_other_are_singular_with_few_digits_too(digits: int) -> None:
    hospitals = {name: (X.assign(c=X["a"] + X["b"]), y) for name, (X, y) in _hospitals(3).items()}
    with pytest.raises(LBPError, match="singular"):
        _fitted(hospitals, policy=Policy(digits=digits))


@pytest.mark.parametrize(
    ("values", "half"),
    [([123.456, -2.0], [5e-4, 5e-6]), ([0.0, 1.5], [0.0, 0.05]), ([99999.0], [0.5]), ([1e-7, 12.0], [5e-9, 0.5])],
)
def test_half_a_unit_of_the_last_digit(values: list[float], half: list[float]) -> None:
    """Digits are those of the longest number."""
    assert _rounding(np.array(values)) == pytest.approx(half)
