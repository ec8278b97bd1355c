"""Packets: what leaves, what does not, and who is caught."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, LBPError, Measured, Status, Surv
from lbp_prognosis.disclosure import ReleaseLedger
from lbp_prognosis.federation import Packet, Policy, pool, site_packet
from lbp_prognosis.federation._canonical import canonical
from lbp_prognosis.federation._site_numbers import _observed_se
from lbp_prognosis.models import DiscreteTimeHazard, LinearOutcome, LogisticRisk
from lbp_prognosis.survival import aalen_johansen
from lbp_prognosis.validation import MultiplyImputed

pytest.importorskip("matplotlib").use("Agg")

C = ["c1", "c2", "c3", "p1", "p2"]
DEV = syn(400, 11)
D = syn(1500, 5).set_index(pd.Index([f"p{k}" for k in range(1500)]))
LOGIT = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"]))
COX = CoxPH().fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
SMALL = CoxPH(penalty=300).fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
PARTS = {f"s{site}": part for site, part in D.groupby("site")}
KEY = b"a key of the study"


def states(site: str = "s1", rows: pd.DataFrame | None = None, **more: Any) -> Packet:
    part = PARTS[site] if rows is None else rows
    return site_packet(LOGIT, part[C], Status.at(12, part["y"]), site=site, **more)


def times(site: str = "s1", **more: Any) -> Packet:
    part = PARTS[site]
    return site_packet(COX, part[C], Surv.right(part["time"], part["event"]), site=site, horizon=12, **more)


def changed(packet: Packet, **parts: Any) -> Packet:
    """Forge a packet whose digest fits."""
    return Packet.of({**packet.content, **parts})


def everywhere(content: Any) -> list[Any]:
    if isinstance(content, dict):
        return [leaf for value in content.values() for leaf in everywhere(value)]
    if isinstance(content, list):
        return [leaf for value in content for leaf in everywhere(value)]
    return [content]


# ---- what leaves ------------------------------------------------------------------------------------------------


def test_equal_contents_have_equal_bytes_and_come_back() -> None:
    first, second = states(), states()
    assert first.to_json() == second.to_json()
    again = Packet.from_json(first.to_json())
    assert again.to_json() == first.to_json()
    assert again.verify() is again
    assert json.loads(first.to_json()) == first.content


def test_twin_for_people_and_signature(tmp_path: Any) -> None:
    packet = states(key=KEY).signed("Dr A. Reader", KEY)
    packet.save(tmp_path / "s1.json")
    assert Packet.load(tmp_path / "s1.json").verify(KEY).content["signed_by"] == "Dr A. Reader"
    twin = (tmp_path / "s1.txt").read_text(encoding="utf-8")
    assert "Signed by: Dr A. Reader" in twin
    assert packet.content["sha256"] in twin
    with pytest.raises(LBPError, match="person"):
        packet.signed(" ")


def test_names_cannot_break_the_twin() -> None:
    text = states(study="x\nSite s9: forged\u202e").signed("A\u202eB").to_text()
    assert "\u202e" not in text
    assert "\nSite s9" not in text


def test_the_budget_is_a_third_of_the_patients() -> None:
    part = PARTS["s1"].iloc[:120]
    packet = states(rows=part, policy=Policy(thresholds=[0.2, 0.4, 0.6]))
    spent, most = packet.content["budget"].values()
    assert spent <= most == 40
    more = states(rows=part, policy=Policy(thresholds=[0.4], release_budget=0.15))
    dropped = [row["item"] for row in more.content["withheld"] if "budget" in row["reason"]]
    assert dropped
    assert more.content["budget"]["numbers"] <= 18
    more.verify()


def test_a_site_with_two_patients_says_only_that() -> None:
    """And so at every further call."""
    for _ in range(3):
        packet = states(rows=PARTS["s1"].iloc[:2])
        assert packet.insufficient == "insufficient: fewer patients than the site's minimum"
        assert not any(packet.content[part] for part in ("cohort", "sums", "estimates", "pairs", "taylor", "decisions"))
        numbers = [leaf for leaf in everywhere(packet.content) if isinstance(leaf, int | float)]
        assert set(numbers) <= set(everywhere({**packet.content["policy"], "model": packet.content["model"]})) | {0}
        assert "insufficient" in packet.verify().to_text()


@pytest.mark.parametrize(("n", "enough"), [(49, False), (50, True), (51, True)])
def test_fifty_patients(n: int, enough: bool) -> None:
    assert (states(rows=PARTS["s1"].iloc[:n]).insufficient == "") is enough


@pytest.mark.parametrize(("events", "enough"), [(9, False), (10, True), (11, True)])
def test_ten_with_the_event_and_ten_without(events: int, enough: bool) -> None:
    part = PARTS["s1"].iloc[:100]
    for y in (np.arange(100) < events, np.arange(100) >= events):
        packet = site_packet(LOGIT, part[C], Status.at(12, y.astype(int)), site="a")
        assert (packet.insufficient == "") is enough


def test_a_few_unknown_states_would_be_told_apart() -> None:
    part = PARTS["s1"].iloc[:100]
    for unknown, enough in ((0, True), (1, False), (4, False), (5, True)):
        y = part["y"].to_numpy().copy()
        y[:unknown] = -1
        packet = site_packet(LOGIT, part[C], Status.at(12, y), site="a")
        assert (packet.insufficient == "") is enough


def test_neighbouring_thresholds_are_not_sent_together() -> None:
    packet = states(policy=Policy(thresholds=[0.30, 0.31, 0.5]))
    assert set(packet.content["decisions"]) == {"0.3", "0.5"}
    assert any(row["item"] == "threshold 0.31" for row in packet.content["withheld"])


def test_subgroups_and_their_complements() -> None:
    part = PARTS["s1"]
    few = np.where(np.arange(len(part)) < 30, "rare", "usual")
    half = np.where(part["c3"] > 0, "high", "low")
    packet = states(subgroups={"few": few, "half": half})
    assert "few" not in packet.content["subgroups"]
    assert set(packet.content["subgroups"]["half"]) == {"high", "low"}
    levels = packet.content["subgroups"]["half"]
    assert sum(row["n"] for row in levels.values()) == packet.content["cohort"]["n"]


def test_a_level_that_would_follow_by_subtraction() -> None:
    """Two levels could leave, but the total less both is a third one of few patients."""
    part = PARTS["s1"]
    third = np.where(np.arange(len(part)) < 20, "c", np.where(part["c3"] > 0, "a", "b"))
    packet = states(subgroups={"g": third})
    assert len(packet.content["subgroups"].get("g", {})) <= 1
    told = packet.content["subgroups"].get("g", {})
    assert packet.content["cohort"]["n"] - sum(row["n"] for row in told.values()) >= 50


def test_a_horizon_beyond_the_follow_up_of_the_site() -> None:
    part = PARTS["s1"]
    early = Surv.right(np.minimum(part["time"], 8.0), part["event"] * (part["time"] <= 8.0))
    packet = site_packet(COX, part[C], early, site="s1", horizon=12)
    assert "without it" in packet.insufficient  # nobody is known to be free of the event at the horizon


def test_added_value_is_paired() -> None:
    packet = times(comparator=SMALL, policy=Policy(thresholds=[0.4]))
    assert {"brier", "ipa", "auc", "net_benefit@0.4"} == set(packet.content["paired"])
    assert packet.content["paired"]["auc"][0] > 0


@pytest.mark.parametrize(("shift", "told"), [(0.0, True), (0.02, False), (0.05, True), (0.1, False), (1.0, True)])
def test_a_difference_at_a_threshold_counts_who_changes_sides(shift: float, told: bool) -> None:
    """Its value and error are those of the patients whom one model alone treats: none, or enough of them."""
    part, other = PARTS["s1"], deepcopy(LOGIT)
    other.intercept_ += shift
    above = [model.predict_risk(part[C], [12])[:, 0] >= 0.4 for model in (LOGIT, other)]
    cells = [int(((above[0] != above[1]) & (part["y"] == state)).sum()) for state in (0, 1)]
    assert all(count == 0 or count >= 5 for count in cells) is told
    packet = states(comparator=other, policy=Policy(thresholds=[0.4]))
    assert "0.4" in packet.content["decisions"]
    assert ("net_benefit@0.4" in packet.content["paired"]) is told
    withheld = [row["item"] for row in packet.content["withheld"]]
    assert ("difference in net_benefit@0.4" in withheld) is not told


def test_covariance_of_metrics_from_200_patients() -> None:
    assert len(PARTS["s1"]) >= 200
    covariance = states().content["covariance"]
    matrix = np.array(covariance["matrix"])
    for k, name in enumerate(covariance["names"]):
        assert np.sqrt(matrix[k, k]) == pytest.approx(states().content["estimates"][name][1], rel=0.01)
    assert states(rows=PARTS["s1"].iloc[:199]).content["covariance"] == {}


def test_competing_events() -> None:
    part = PARTS["s2"]
    y = Surv.right(part["time"], part["status"], causes={"recovery": 1, "surgery": 2})
    model = CoxPH().fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
    packet = site_packet(model, part[C], y, site="s2", horizon=12).verify()
    assert packet.content["model"]["calibration"] == "state"
    assert packet.content["cohort"]["n"] == len(part)


def test_imputed_tables_are_pooled() -> None:
    part = PARTS["s1"]
    moved = [part[C] + shift for shift in (-0.2, 0.0, 0.2)]
    packet = site_packet(LOGIT, MultiplyImputed(moved), Status.at(12, part["y"]), site="a").verify()
    single = states()
    assert packet.content["estimates"]["brier"][1] > single.content["estimates"]["brier"][1]
    assert packet.content["cohort"] == single.content["cohort"]


@pytest.mark.parametrize("digits", [5, 6, 17])
def test_imputed_tables_that_order_patients_differently_are_accepted(digits: int) -> None:
    """Pairs were rounded after the mean over tables, and the centre found another C than theirs."""
    part, rng, policy = PARTS["s1"].iloc[:120], np.random.default_rng(0), Policy(digits=digits)
    tables = MultiplyImputed([part[C] + rng.normal(0, 0.3, (120, len(C))) for _ in range(3)])
    y = Surv.right(part["time"], part["event"])
    for packet in (
        site_packet(LOGIT, tables, Status.at(12, part["y"]), site="a", policy=policy),
        site_packet(COX, tables, y, site="b", horizon=12, policy=policy),
    ):
        again = Packet.from_json(packet.to_json()).verify()
        concordant, discordant, tied = again.content["pairs"]
        name = "auc" if again.site == "a" else "concordance"
        value = (concordant + tied / 2) / (concordant + discordant + tied)
        assert again.content["estimates"][name][0] == pytest.approx(value, rel=10.0 ** (1 - digits), abs=1e-9)


def test_models_without_a_name_are_refused() -> None:
    part = PARTS["s1"]

    def formula(X: Any, horizons: Any) -> np.ndarray:
        return np.full((len(X), np.size(horizons)), 0.4) + 0.01 * np.asarray(X)[:, :1]

    with pytest.raises(LBPError, match="model_id"):
        site_packet(formula, part[C], Status.at(12, part["y"]), site="a")
    assert site_packet(formula, part[C].clip(-3, 3), Status.at(12, part["y"]), site="a", model_id="formula 1")
    with pytest.raises(LBPError, match="horizon"):
        site_packet(COX, part[C], Surv.right(part["time"], part["event"]), site="a", horizon=[6, 12])
    late = Surv.right(part["time"], part["event"], entry=np.zeros(len(part)) + 0.01)
    with pytest.raises(LBPError, match="entry"):
        site_packet(COX, part[C], late, site="a", horizon=12)


def test_a_model_that_knows_one_horizon_is_judged_by_the_state() -> None:
    part = PARTS["s1"]
    y = Surv.right(part["time"], part["event"])

    def at_twelve(X: Any, horizons: Any) -> np.ndarray:
        times = np.atleast_1d(horizons)
        return np.where(times == 12, np.reshape(COX.predict_risk(X, 12), (-1, 1)), np.nan)

    visits = DiscreteTimeHazard(visits=[6, 12, 24]).fit(DEV[C], Surv.right(DEV["time"], DEV["event"]))
    for model in (at_twelve, LOGIT, visits):
        told = site_packet(model, part[C], y, site="a", horizon=12, model_id="m")
        assert told.content["model"]["calibration"] == "state"
        assert told.verify().content["taylor"]["score"][0] is not None


def test_states_that_have_lost_their_horizon() -> None:
    part = PARTS["s1"]
    y = Status.at(12, part["y"])
    bare = y.view(np.dtype([("status", y.dtype["status"])]))
    with pytest.raises(LBPError, match="horizon"):
        site_packet(LOGIT, part[C], bare, site="a")
    assert site_packet(LOGIT, part[C], bare, site="a", horizon=12).content["model"]["horizon"] == 12


def test_a_budget_that_does_not_hold_the_sums() -> None:
    n = len(PARTS["s1"])
    small = times(policy=Policy(release_budget=6.5 / n))
    assert "release budget" in small.insufficient
    assert small.verify() is small
    enough = times(policy=Policy(release_budget=8.5 / n))
    assert enough.verify().content["sums"]
    assert enough.content["budget"]["numbers"] <= 8


def test_a_site_where_everybody_is_treated_is_left_out_of_that_measure_alone() -> None:
    packets = [times(site, policy=Policy(thresholds=[0.001, 0.4])) for site in list(PARTS)[:4]]
    assert all(packet.content["decisions"]["0.001"][3] == 0 for packet in packets)
    found = pool(packets)
    assert found.measure("net_benefit", threshold=0.001).meta.k == 4
    assert found.measure("net_benefit", threshold=0.4, against="treat all").meta.k == 4
    with pytest.raises(LBPError, match="one of"):
        found.measure("net_benefit", threshold=0.001, against="treat all")
    told = found.withheld[found.withheld["item"] == "net_benefit@0.001 − treat all"]
    assert sorted(told["site"]) == sorted(packet.site for packet in packets)


def test_a_comparator_that_is_the_model_adds_nothing_and_breaks_nothing() -> None:
    packets = [
        site_packet(COX, p[C], Surv.right(p["time"], p["event"]), site=site, horizon=12, comparator=COX)
        for site, p in list(PARTS.items())[:3]
    ]
    found = pool(packets)
    assert not any(each.reference == "comparator" for each in found.measures)
    assert set(found.withheld["item"]) >= {"brier − comparator", "ipa − comparator", "auc − comparator"}


def test_nobody_signs_what_was_changed() -> None:
    packet = states(key=KEY)
    forged = Packet({**packet.content, "study": "other"})
    with pytest.raises(LBPError, match="digest"):
        forged.signed("A. Statistician", KEY)
    with pytest.raises(LBPError, match="seal"):
        packet.signed("A. Statistician")  # the seal would be lost
    assert packet.signed("A. Statistician", KEY).verify(KEY).content["signed_by"] == "A. Statistician"


# ---- attackers --------------------------------------------------------------------------------------------------


def test_differencing_two_releases(tmp_path: Any) -> None:
    ledger = ReleaseLedger(tmp_path / "ledger.json")
    part = PARTS["s1"]
    first = states(rows=part, ledger=ledger)
    assert not any("no ledger" in row["reason"] for row in first.content["withheld"])
    states(rows=part, ledger=ledger)  # the same patients and numbers again
    with pytest.raises(LBPError, match="other numbers"):
        states(rows=part, ledger=ledger, policy=Policy(thresholds=[0.4]))
    for gone in (1, 4, 5, 60):
        with pytest.raises(LBPError):
            states(rows=part.iloc[gone:], ledger=ledger)
    assert any("no ledger" in row["reason"] for row in states().content["withheld"])
    with pytest.raises(LBPError, match="names the patients"):
        states(rows=part.reset_index(drop=True), ledger=ledger)


def test_patients_added_to_an_earlier_packet_are_enough_for_one(tmp_path: Any) -> None:
    """A packet of more patients subtracts to those who were added: they obey the rules of a site, thresholds too."""
    whole, policy = PARTS["s1"], Policy(thresholds=[0.2, 0.3, 0.4])
    assert len(whole) >= 110
    for added, enough in ((49, False), (50, True)):
        ledger = ReleaseLedger(tmp_path / f"{added}.json")
        states(rows=whole.iloc[added:], ledger=ledger, policy=policy)
        if not enough:
            with pytest.raises(LBPError, match="enough for a packet of their own; got fewer patients"):
                states(rows=whole, ledger=ledger, policy=policy)
            continue
        told = states(rows=whole, ledger=ledger, policy=policy).content["decisions"]
        assert (len(states(rows=whole, policy=policy).content["decisions"]), len(told)) == (2, 0)


def test_tampered_packets() -> None:
    packet = states()
    raw = json.loads(packet.to_json())
    raw["estimates"]["auc"][0] = 0.99
    with pytest.raises(LBPError, match="digest"):
        Packet.from_json(canonical(raw)).verify()
    with pytest.raises(LBPError, match="seal"):
        changed(states(key=KEY), study="other").verify(KEY)
    with pytest.raises(LBPError, match="seal"):
        states().verify(KEY)
    with pytest.raises(LBPError, match="seal"):
        states(key=KEY).verify()


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("cohort", {"n": 9000}, "add up"),
        ("cohort", {"events": 3}, "add up"),
        ("estimates", {"brier": [0.05, 0.01]}, "Brier"),
        ("estimates", {"ipa": [0.9, 0.01]}, "IPA"),
        ("estimates", {"auc": [0.99, 0.01]}, "auc"),
        ("sums", {"observed": 3.0}, "sums"),
        ("sums", {"predicted": 1e9}, "sums"),
        ("decisions", {"0.4": [100, 0.9, 0.01, 0.01]}, "net benefit"),
        ("estimates", {"brier": [-0.2, 0.01]}, "Brier"),
        ("sums", {"observed_se": 1.0}, "error of the observed sum"),
        ("taylor", {"score": [50.0, 0.0]}, "score"),
        ("taylor", {"information": [[1.0, 5.0], [5.0, 1.0]]}, "information"),
        ("taylor", {"information": [[900.0, 5.0], [5.0, 900.0]]}, "information"),
        ("taylor", {"third": [1e6, 0.0, 0.0, 0.0]}, "third"),
        ("budget", {"numbers": 9999}, "budget"),
        ("sums", {}, "shape"),
    ],
)
def test_packets_that_contradict_themselves(part: str, change: dict, told: str) -> None:
    packet = states(policy=Policy(thresholds=[0.4]))
    content = {**packet.content[part], **change} if change else {}
    with pytest.raises(LBPError, match=told):
        changed(packet, **{part: content}).verify()


@pytest.mark.parametrize(
    ("part", "change", "told"),
    [
        ("estimates", {"auc": [1.7, 0.02]}, "auc outside"),
        ("estimates", {"auc": [-0.1, 0.02]}, "auc outside"),
        ("sums", {"observed_se": 1e-6}, "error of the observed sum"),
        ("taylor", {"score": [50.0, 0.0]}, "observed less expected"),
        ("taylor", {"third": [1e6, 0.0, 0.0, 0.0]}, "one expected number"),
        ("taylor", {"information": [[900.0, 5.0], [5.0, 900.0]]}, "one expected number"),
    ],
)
def test_packets_of_times_that_contradict_themselves(part: str, change: dict, told: str) -> None:
    packet = times()
    with pytest.raises(LBPError, match=told):
        changed(packet, **{part: {**packet.content[part], **change}}).verify()


def _numbers(content: Any, place: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], float]]:
    """Return every number of a content with its place."""
    if isinstance(content, dict | list):
        parts = content.items() if isinstance(content, dict) else enumerate(content)
        return [found for key, value in parts for found in _numbers(value, (*place, key))]
    return [(place, content)] if isinstance(content, int | float) else []


TREES = {"estimates", "sums", "cohort", "taylor", "covariance", "budget", "pairs"}
FREE = {  # what no other number of the packet says; `pool` compares these with the other sites
    "status": {
        *("taylor.score.1", "taylor.information.1.1", "taylor.third.0", "taylor.third.1", "taylor.third.2"),
        *("taylor.third.3", "budget.numbers"),
    },
    "times": {"sums.predicted", "estimates.auc.0", "taylor.score.1", "taylor.third.3", "budget.numbers"},
}


@pytest.mark.parametrize("kind", ["status", "times"])
def test_every_changed_number_is_noticed_but_those_that_no_other_says(kind: str) -> None:
    rows = D.iloc[:400]
    y = Surv.right(rows["time"], rows["event"])
    packet = states(rows=rows) if kind == "status" else site_packet(COX, rows[C], y, site="s1", horizon=12)
    passed = set()
    for place, value in _numbers({name: packet.content[name] for name in sorted(TREES)}):
        for factor in (-1, 2 / 3, 1.5):
            content = deepcopy(dict(packet.content))
            part: Any = content
            for key in place[:-1]:
                part = part[key]
            part[place[-1]] = round(value * factor) if isinstance(value, int) else value * factor
            if part[place[-1]] == value:
                continue
            try:
                Packet.of(content).verify()
                passed.add(".".join(map(str, place)))
            except LBPError:
                pass
    assert passed == FREE[kind]


@pytest.mark.parametrize("competing", [False, True])
def test_bounds_of_the_error_of_observed_events(competing: bool) -> None:
    """No less than without censoring, which is reached; at most that over the censoring curve at the horizon."""
    rng = np.random.default_rng(4)
    for n in (30, 31, 80):
        time, end = np.ceil(rng.exponential(8, n)), np.ceil(rng.exponential(12, n))
        cause = np.where(rng.random(n) < 0.4, 2, 1) if competing else np.ones(n, dtype=int)
        for free in (False, True):
            y = Surv.right(
                np.minimum(time, np.inf if free else end), np.where(free | (time <= end), cause, 0), censored=0
            )
            f = float(aalen_johansen(y, cause=1).at(5.0).value)
            told, least = _observed_se(y, "right", np.zeros(n), 5.0, 1), np.sqrt(n * f * (1 - f))
            assert told >= least * (1 - 1e-12)
            assert not free or told == pytest.approx(least, rel=1e-12)
            if not competing:
                assert told <= n * (1 - f) * np.sqrt(f / (y["time"] > 5).sum()) * (1 + 1e-12)


def test_the_covariance_of_imputed_tables_has_the_errors_on_its_diagonal() -> None:
    rows = D.iloc[:400]
    rng = np.random.default_rng(0)
    tables = MultiplyImputed([rows[C] + rng.normal(0, 0.3, (400, len(C))) for _ in range(3)])
    content = site_packet(LOGIT, tables, Status.at(12, rows["y"]), site="s1").verify().content
    errors = np.sqrt(np.diag(content["covariance"]["matrix"]))
    told = [content["estimates"][name][1] for name in content["covariance"]["names"]]
    assert errors == pytest.approx(told, rel=1e-5)  # six digits leave


def test_more_pairs_than_patients_make_and_impossible_covariances() -> None:
    """All patients of a site make n (n − 1) / 2 pairs; a correlation is at most 1."""
    packet = times()
    n, pairs = packet.content["cohort"]["n"], packet.content["pairs"]
    most = n * (n - 1) / 2 / sum(pairs)
    changed(packet, pairs=[each * most for each in pairs]).verify()
    with pytest.raises(LBPError, match="more pairs"):
        changed(packet, pairs=[each * most * 1.001 for each in pairs]).verify()
    names, matrix = (packet.content["covariance"][name] for name in ("names", "matrix"))
    matrix = np.array(matrix)
    matrix[0, 1] = matrix[1, 0] = 1.1 * np.sqrt(matrix[0, 0] * matrix[1, 1])
    with pytest.raises(LBPError, match="covariance"):
        changed(packet, covariance={"names": names, "matrix": matrix.tolist()}).verify()


def test_a_site_that_lies_about_n_contradicts_its_pairs() -> None:
    packet = states()
    cohort = {name: 10 * value for name, value in packet.content["cohort"].items()}
    sums = {name: 10 * value for name, value in packet.content["sums"].items()}
    forged = changed(packet, cohort=cohort, sums=sums, budget={"numbers": 10, "most": 10 * len(PARTS["s1"]) // 3})
    with pytest.raises(LBPError, match="pairs"):
        forged.verify()


def test_a_consistent_lie_is_seen_beside_the_others() -> None:
    """A site that makes up a whole packet of better patients, ten times as many: the median hardly moves."""
    honest = [states(site) for site in ("s2", "s3", "s4", "s5", "s6")]
    part = pd.concat([PARTS["s1"]] * 10)
    risk = LOGIT.predict_risk(part[C], 12)
    perfect = ((risk > np.median(risk)).ravel() ^ (np.arange(risk.size) % 40 == 0)).astype(int)
    liar = site_packet(LOGIT, part[C], Status.at(12, perfect), site="s1").verify()
    alone, together = pool(honest), pool([*honest, liar])
    assert "site-unlike-others" in {doubt.code for doubt in together.objections}
    influence = together.influence()
    worst = influence.loc[influence["residual"].abs().idxmax()]
    assert worst["site"] == "s1"
    gap = together.measure("brier").robust - alone.measure("brier").robust
    assert abs(gap) < 0.02
    assert abs(together.measure("brier").stratified - alone.measure("brier").stratified) > 0.04


def test_replayed_packets() -> None:
    first, second = states("s1"), states("s2")
    with pytest.raises(LBPError, match="one per site"):
        pool([first, first])
    with pytest.raises(LBPError, match="same numbers"):
        pool([first, changed(first, site="s9")])
    with pytest.raises(LBPError, match="one study"):
        pool([states("s1", study="2023"), states("s2", study="2024")])
    with pytest.raises(LBPError, match="one model"):
        pool([first, times("s2")])
    assert pool([first, second]).n == len(PARTS["s1"]) + len(PARTS["s2"])


def test_packets_of_another_version() -> None:
    packet = states()
    with pytest.raises(LBPError, match="version"):
        changed(packet, version="0.0.1").verify()
    raw = {**packet.content, "schema": "lbp_prognosis site packet 0"}
    with pytest.raises(LBPError, match="site packet 1"):
        Packet.from_json(canonical(raw))
    with pytest.raises(LBPError, match="whole packet"):
        Packet.from_json(canonical({**packet.content, "patients": [1, 2]}))


@pytest.mark.parametrize(
    "change",
    [{"withheld": [3]}, {"cohort": []}, {"site": 4}, {"policy": {"digits": 1}}, {"policy": {}}, {"taylor": {"a": 1}}],
)
def test_parts_of_another_shape(change: dict) -> None:
    with pytest.raises(LBPError):
        Packet.from_json(changed(states(), **change).to_json()).verify()


@pytest.mark.parametrize("text", ["", "null", "[]", '{"schema": 1}', '{"a":1,"a":1}', "[" * 50_000])
def test_files_that_are_no_packets(text: str, tmp_path: Any) -> None:
    path = tmp_path / "p.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LBPError):
        Packet.load(path)
    with pytest.raises(LBPError):
        Packet.load(tmp_path / "absent.json")
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(LBPError, match="UTF-8"):
        Packet.load(path)


@pytest.mark.parametrize("sites", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_random_sites_never_show_a_small_cell(sites: int) -> None:
    """Counts of a packet, and all differences of two of them, are 0 or at least the cell limit."""
    rng = np.random.default_rng(1)
    released = 0
    for _ in range(sites):
        n = int(rng.integers(40, 160))
        part = D.iloc[rng.choice(1500, n, replace=False)]
        y = np.where(rng.random(n) < rng.choice([0.0, 0.02, 0.2]), -1, part["y"])
        k = int(rng.choice([3, 5, 10]))
        cuts = sorted(rng.choice(np.arange(0.05, 0.95, 0.01), 3, replace=False).round(2))
        policy = Policy(min_cell=k, min_n=max(50, 2 * k), min_events=max(10, k), thresholds=cuts)
        packet = site_packet(LOGIT, part[C], Status.at(12, y), site="r", policy=policy)
        if packet.insufficient:
            continue
        released += 1
        packet.verify()
        c = packet.content
        above = [row[0] for _, row in sorted(c["decisions"].items(), key=lambda item: -float(item[0]))]
        counts = [0, *above, n]
        steps = np.diff(counts)
        assert (steps[steps > 0] >= k).all()
        for name in ("events", "without", "unknown"):
            assert c["cohort"][name] == 0 or c["cohort"][name] >= k
        # true positives follow from net benefit and the number above: they are safe too
        for cut, (treated, benefit, *_rest) in c["decisions"].items():
            odds = float(cut) / (1 - float(cut))
            if c["cohort"]["unknown"] == 0:
                positives = (benefit * n + odds * treated) / (1 + odds)
                for cell in (positives, treated - positives, c["cohort"]["events"] - positives):
                    assert abs(cell) < 0.01 or round(cell, 2) >= k
    assert released >= sites / 2


# ---- pooled -----------------------------------------------------------------------------------------------------


def test_evidence_frame_and_picture() -> None:
    found = pool([states(site, policy=Policy(thresholds=[0.4])) for site in PARTS])
    frame = found.to_frame()
    assert frame["metric"].tolist()[0] == "auc"
    assert {"prediction_low", "probability_useful", "stratified", "robust"} <= set(frame.columns)
    pooled = frame[(frame["group"] == "") & (frame["metric"] == "observed_expected")].iloc[0]
    assert pooled["prediction_low"] < pooled["value"] < pooled["prediction_high"]
    assert 0 <= pooled["probability_useful"] <= 1
    assert found.plot(metric="net_benefit", threshold=0.4).get_xlabel()
    assert "6 sites" in repr(found)
    with pytest.raises(LBPError, match="one of"):
        found.measure("concordance")
    assert set(found.influence()["site"]) == set(PARTS)


def test_sites_left_out_are_named() -> None:
    few = states("s3", rows=PARTS["s3"].iloc[:20])
    found = pool([states("s1"), states("s2"), few])
    assert found.left_out == {"s3": few.insufficient}
    assert {doubt.code for doubt in found.objections} >= {"sites-left-out", "few-sites"}
    with pytest.raises(LBPError, match="enough patients"):
        pool([few])
    with pytest.raises(LBPError, match="at least one"):
        pool([])
    one = pool([states("s1")])
    assert one.to_frame().iloc[0]["reason"] == "one site is not a meta-analysis"


def test_calibration_far_from_the_predictions_is_said() -> None:
    part = {site: rows for site, rows in PARTS.items() if site in ("s1", "s2")}

    class Off:
        def predict_risk(self, X: Any, horizons: Any, cause: int = 1) -> np.ndarray:
            p = LOGIT.predict_risk(X, horizons)
            return 1 / (1 + np.exp(-(1.5 + 0.4 * np.log(p / (1 - p)))))

    found = pool(
        [
            site_packet(Off(), rows[C], Status.at(12, rows["y"]), site=site, model_id="off")
            for site, rows in part.items()
        ]
    )
    assert "calibration-far-from-predictions" in {doubt.code for doubt in found.objections}


# ---- honest packets of odd kinds ------------------------------------------------------------------------------------


def _told(packet: Packet) -> dict[str, str]:
    return {row["item"]: row["reason"] for row in packet.verify().content["withheld"]}


@pytest.mark.parametrize("kind", ["status", "times"])
def test_one_risk_for_all_is_an_honest_packet(kind: str) -> None:
    """It has no slope and no error of its ranks, which are withheld; other numbers leave."""
    rows = D.iloc[:400]
    y = Status.at(12, rows["y"]) if kind == "status" else Surv.right(rows["time"], rows["event"])

    def same(X: Any, horizons: Any) -> np.ndarray:
        return np.full((len(X), np.size(horizons)), 0.97)

    packet = site_packet(same, rows[C], y, site="s1", horizon=12, model_id="0.97")
    told = _told(packet)
    assert "error is 0" in told["auc" if kind == "status" else "concordance"]
    assert "slope" in told["calibration"]
    assert not packet.content["taylor"]
    assert packet.content["estimates"]["brier"][1] > 0


def test_heavy_censoring_has_large_errors() -> None:
    """Few are followed to the horizon, with large weights: the bound of a plain mean refused them."""
    rng, n = np.random.default_rng(1), 400
    time, end = (np.ceil(rng.exponential(20, n) / 3) * 3, np.ceil(rng.uniform(0, 12.6, n) / 3) * 3)
    y = Surv.right(np.minimum(time, end), time <= end)
    X = pd.DataFrame(3 * rng.normal(size=(n, len(C))), columns=C)
    packet = site_packet(COX, X, y, site="s1", horizon=12)
    error = packet.verify().content["estimates"]["brier"][1]
    assert error > 1.05 / np.sqrt(n)
    content = deepcopy(dict(packet.content))
    content["estimates"]["brier"][1] *= 10
    with pytest.raises(LBPError, match="standard error of brier"):
        Packet.of(content).verify()


def test_a_wrong_model_of_rare_events_has_a_large_error_of_its_ipa() -> None:
    rng, n = np.random.default_rng(2), 3000
    time, end = rng.exponential(12 / 0.006, n), rng.uniform(6, 20, n)
    y = Surv.right(np.minimum(time, end), time <= end)
    X = pd.DataFrame(rng.normal(size=(n, len(C))), columns=C)

    def wrong(X: Any, horizons: Any) -> np.ndarray:
        return np.repeat(np.clip(0.9 + 0.05 * X[["c1"]].to_numpy(), 0.01, 0.99), np.size(horizons), axis=1)

    ipa, error = site_packet(wrong, X, y, site="s1", horizon=12, model_id="wrong").verify().content["estimates"]["ipa"]
    assert ipa < -20
    assert error > 10


def test_reasons_tell_no_counts() -> None:
    """That 7 are at risk, fewer than 10, was a count below the site's limit; its thresholds had no net benefit."""
    rng = np.random.default_rng(4)
    time = np.r_[rng.uniform(0, 11, 93), rng.uniform(12.5, 14, 7)]
    y = Surv.right(time, np.r_[rng.permutation(np.arange(93) % 3), np.zeros(7)].astype(int))
    X = pd.DataFrame(rng.normal(size=(100, len(C))), columns=C)

    def risk(X: Any, horizons: Any) -> np.ndarray:
        return np.repeat(np.clip(0.4 + 0.2 * X[["c1"]].to_numpy(), 0.01, 0.99), np.size(horizons), axis=1)

    packet = site_packet(risk, X, y, site="s1", horizon=12, model_id="m", policy=Policy(thresholds=[0.4]))
    assert not packet.insufficient
    told = _told(packet)
    assert told["brier"] == told["auc"] == "too few patients at risk or known"
    assert told["threshold 0.4"] == "not estimable"


def test_nearly_equal_predictions_of_scores_are_an_honest_packet() -> None:
    """Five digits of the sums do not tell the slope of forecasts that hardly differ; those of others still do."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
    score = np.clip(np.round(4 + 2 * X["a"] + 2 * rng.normal(size=400)), 0, 10)
    model = LinearOutcome().fit(X, Measured.at(12, score, lower=0, upper=10))
    y = Measured.at(12, rng.permutation(score), lower=0, upper=10)
    for size in (0.001, 0.01, 1):
        packet = site_packet(model, X * size, y, site="s1", policy=Policy(digits=5)).verify()
        content = deepcopy(dict(packet.content))
        content["estimates"]["mean_calibration_slope"][0] += 0.2
        if size == 1:
            with pytest.raises(LBPError, match="mean_calibration_slope"):
                Packet.of(content).verify()
