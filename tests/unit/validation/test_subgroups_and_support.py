"""Groups, reclassification and its objection, censoring weights, what n supports, usefulness at a new site."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import norm
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.evaluation import evaluate, time_dependent_auc
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import CensoringCox, Weights
from lbp_prognosis.validation import (
    added_value,
    censoring_sensitivity,
    internal_external,
    probability_useful,
    reclassification,
    sample_size_development,
    sample_size_support,
    subgroup_performance,
)

COLUMNS = ["c1", "c2", "p1", "p2"]


@pytest.fixture(scope="module")
def cohort():
    d = syn()
    y = Surv.right(d["time"], d["event"])
    model = CoxPH().fit(d[COLUMNS], y)
    return d, y, model.predict_risk(d[COLUMNS], 12)[:, 0]


# ---- groups ----------------------------------------------------------------------------------------------------------


def test_every_group_has_the_numbers_of_its_own_rows(cohort) -> None:
    d, y, risk = cohort
    sex = np.where(d["c3"] > 0, "f", "m")
    found = subgroup_performance(y, risk, {"sex": sex, "age": 50 + 10 * d["c1"]}, 12.0, [0.3], bands={"age": [45, 55]})
    assert found.groups["group"].tolist() == ["f", "m", "below 45", "45 to below 55", "55 or more"]
    assert found.groups.groupby("variable")["n"].sum().to_dict() == {"age": 600, "sex": 600}
    rows = sex == "f"
    alone = evaluate(y[rows], risk[rows], 12.0, [0.3]).to_frame()
    table = found.table[(found.table["variable"] == "sex") & (found.table["group"] == "f")]
    np.testing.assert_array_equal(table["value"].to_numpy(float), alone["value"].to_numpy(float))
    assert "cause" in found.note
    ages = found.groups[found.groups["variable"] == "age"].set_index("group")["n"]
    assert ages["below 45"] == int((50 + 10 * d["c1"] < 45).sum())


def test_groups_are_listed_as_they_are_read(cohort) -> None:
    """Declared categories in their order, numbers by size, what is not recorded last."""
    _, y, risk = cohort
    school = pd.Series(pd.Categorical(np.resize(["low", "high", "low", "middle"], 600), ["low", "middle", "high"]))
    field = np.resize(np.array([3, 10, 1, None], dtype=object), 600)
    found = subgroup_performance(y, risk, {"school": school, "field": field}, 12.0)
    assert found.groups["group"].tolist() == ["low", "middle", "high", "1", "3", "10", "not recorded"]


def test_small_groups_are_counted_not_evaluated_and_missing_labels_stay(cohort) -> None:
    _, y, risk = cohort
    label = np.array(["large"] * 600, dtype=object)
    label[:12], label[12:200] = "tiny", None
    found = subgroup_performance(y, risk, pd.DataFrame({"insurance": label}), 12.0, min_events=20)
    listed = found.groups.set_index("group")
    assert listed.loc["tiny", "n"] == 12
    assert not listed.loc["tiny", "evaluated"]
    assert listed.loc["not recorded", "n"] == 188
    assert "tiny" not in set(found.table["group"])
    assert "groups-too-small" in {o.code for o in found.objections}


def test_heterogeneity_finds_a_group_that_is_misjudged_and_no_other(cohort) -> None:
    _, y, risk = cohort
    bad = np.arange(600) % 2 == 0
    twisted = np.where(bad, 0.5 * risk, risk)
    found = subgroup_performance(y, twisted, {"half": bad, "third": np.arange(600) % 3}, 12.0)
    test = found.heterogeneity().set_index(["variable", "metric"])
    assert test.loc[("half", "observed_expected"), "p_holm"] < 0.001
    assert test.loc[("third", "observed_expected"), "p"] > 0.05
    assert (test["p_holm"] >= test["p"]).all()
    # Cochran's Q of two groups is the squared difference over its variance
    cell = found.table[(found.table["variable"] == "half") & (found.table["metric"] == "brier")]
    a, b = cell["value"].to_numpy(float)
    assert test.loc[("half", "brier"), "q"] == pytest.approx((a - b) ** 2 / np.sum(cell["se"].to_numpy(float) ** 2))


def test_groups_that_are_refused(cohort) -> None:
    d, y, risk = cohort
    with pytest.raises(ArgumentError, match="bands"):
        subgroup_performance(y, risk, {"age": d["c1"]}, 12.0)
    with pytest.raises(ArgumentError, match="increasing"):
        subgroup_performance(y, risk, {"age": d["c1"]}, 12.0, bands={"age": [1, 1]})
    with pytest.raises(ArgumentError, match="at least one group"):
        subgroup_performance(y, risk, {"row": np.arange(600) % 400 // 50}, 12.0, min_events=60)


def test_groups_are_drawn(cohort) -> None:
    import matplotlib.pyplot as plt

    d, y, risk = cohort
    found = subgroup_performance(y, risk, {"site": d["site"]}, 12.0)
    ax = found.plot(metric="auc", horizon=12.0)
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels[-1] == "all patients"
    assert len(labels) == 7
    plt.close(ax.figure)


# ---- reclassification ------------------------------------------------------------------------------------------------


def test_reclassification_by_hand() -> None:
    y = Status.at(12, [1, 1, 1, 0, 0, 0, 0, -1])
    old = np.array([0.2, 0.6, 0.3, 0.1, 0.5, 0.4, 0.2, 0.9])
    new = np.array([0.4, 0.7, 0.2, 0.3, 0.3, 0.4, 0.1, 0.1])
    found = reclassification(y, old, new, thresholds=[0.35])
    assert (found.nri_events, found.nri_nonevents) == pytest.approx((1 / 3, 1 / 4))
    any_change = reclassification(y, old, new)
    assert (any_change.nri_events, any_change.nri_nonevents) == pytest.approx((1 / 3, 1 / 4))
    assert any_change.idi == pytest.approx((0.2 + 0.1 - 0.1) / 3 - (0.2 - 0.2 + 0 - 0.1) / 4)
    assert [o.code for o in found.objections] == ["net-reclassification"]
    assert found.to_frame()["se"].isna().all()


def test_intervals_of_reclassification_cover_for_held_out_risks_only() -> None:
    rng = np.random.default_rng(5)

    def draw(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        lp, more = rng.normal(-0.5, 0.9, n), rng.normal(0, 0.6, n)
        state = (rng.random(n) < expit(lp + more)).astype(int)
        return Status.at(12, state), expit(0.9 * lp), expit(lp + 0.7 * more), state

    truth = reclassification(*draw(400_000)[:3])
    inside = dict.fromkeys(("nri", "nri_events", "nri_nonevents", "idi"), 0)
    for _ in range(300):
        y, old, new, _ = draw(250)
        frame = reclassification(y, old, new, held_out=True).to_frame().set_index("metric")
        for name in inside:
            inside[name] += bool(frame.loc[name, "low"] <= getattr(truth, name) <= frame.loc[name, "high"])
    assert all(0.915 <= hits / 300 <= 0.98 for hits in inside.values()), inside
    # by the two-sample formula: without censoring the difference of two independent means
    y, old, new, state = draw(250)
    found = reclassification(y, old, new, held_out=True)
    parts = [np.var((new - old)[state == s]) / (state == s).sum() for s in (0, 1)]
    assert found.se["idi"] == pytest.approx(np.sqrt(sum(parts)), rel=1e-9)
    twice = reclassification(
        np.repeat(y, 2), np.repeat(old, 2), np.repeat(new, 2), held_out=True, clusters=np.repeat(np.arange(250), 2)
    )
    assert twice.se["nri"] == pytest.approx(found.se["nri"] * np.sqrt(250 / 249), rel=1e-9)
    assert [o.code for o in found.objections] == ["net-reclassification"]


def test_noise_is_rewarded_by_nri_and_not_by_the_proper_score() -> None:
    """Two hundred markers of pure noise, one at a time, added to a logistic model."""
    d = syn()
    rng = np.random.default_rng(0)
    y = Status.at(12, d["y"])
    base = LogisticRisk().fit(d[COLUMNS], y).predict_risk(d[COLUMNS], 12)[:, 0]
    positive = {"nri": 0, "idi": 0}
    for _ in range(200):
        X = d[COLUMNS].assign(noise=rng.normal(size=600))
        found = reclassification(y, base, LogisticRisk().fit(X, y).predict_risk(X, 12)[:, 0])
        positive["nri"] += found.nri > 0
        positive["idi"] += found.idi > 0
    # in-sample positivity is the rule: 82 % and 92 % in another set of draws
    assert positive["nri"] > 140
    assert positive["idi"] > 160


def test_censored_patients_count_by_their_weights(cohort) -> None:
    d, y, risk = cohort
    found = reclassification(y, risk, risk**0.5, 12.0)
    assert found.nri == pytest.approx(0.0)
    assert found.nri_events == 1.0
    full = Status.at(12, d["y"])
    truth = reclassification(full, risk, np.clip(risk + 0.1 * np.sign(d["c1"]), 0, 1))
    part = reclassification(y, risk, np.clip(risk + 0.1 * np.sign(d["c1"]), 0, 1), 12.0)
    assert part.idi == pytest.approx(truth.idi, abs=0.03)


# ---- censoring -------------------------------------------------------------------------------------------------------


def test_weights_side_by_side(cohort) -> None:
    d, y, risk = cohort
    found = censoring_sensitivity(y, risk, 12.0, d[["c1", "p1"]])
    shifts = found.shifts().set_index("metric")
    assert shifts.loc["auc", "marginal"] == pytest.approx(time_dependent_auc(y, risk, 12.0).value)
    assert shifts.loc["auc", "shift"] == pytest.approx(shifts.loc["auc", "cox"] - shifts.loc["auc", "marginal"])
    assert not found.objections  # the censoring of this cohort is independent of everything
    rng = np.random.default_rng(2)
    x = rng.normal(size=3000)
    t, c = rng.exponential(10 * np.exp(-x)), rng.exponential(8 * np.exp(-1.5 * x))
    lost = Surv.right(np.minimum(t, c), (t <= c).astype(int))
    dependent = censoring_sensitivity(lost, 1 - np.exp(-np.exp(x) * 4 / 10), 4.0, pd.DataFrame({"x": x}))
    assert [o.code for o in dependent.objections] == ["censoring-depends-on-predictors"]
    assert dependent.hazard_ratios["x"] == pytest.approx(np.exp(1.5), rel=0.1)
    with pytest.raises(ValueError, match="attrition_weights"):
        censoring_sensitivity(Status.at(12, d["y"]), risk, 12.0, d[["c1"]])


# ---- what n supports -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["state", "time"])
def test_what_n_supports(cohort, kind) -> None:
    d, y, _ = cohort
    outcome, horizon = (Status.at(12, d["y"]), None) if kind == "state" else (y, 12.0)
    found = sample_size_support(
        outcome, {"clinical": 10, "imaging": 14}, c_statistic=0.72, horizon=horizon, n_simulations=20
    )
    table = found.to_frame()
    development = table[table["purpose"] == "development"]
    assert found.supported == bool(development["met"].all())
    # the largest number of parameters is met, the next is not
    known = {"c_statistic": 0.72}
    if kind == "state":
        known["prevalence"] = d["y"].mean()
    else:
        time = np.minimum(d["time"], 12)
        events = ((d["event"] == 1) & (d["time"] <= 12)).sum()
        known |= {"rate": events / time.sum(), "horizon": 12.0, "mean_follow_up": time.mean()}
    label = "binary" if kind == "state" else "survival"
    for count, enough in ((found.max_parameters, True), (found.max_parameters + 1, False)):
        plan = sample_size_development(label, parameters=count, **known)
        assert (max(plan.criterion("shrinkage"), plan.criterion("optimism_r2")) <= 600) == enough
    # shrinkage solves Riley's equation
    r2, s = found.development.details["r2_cox_snell"], found.expected_shrinkage
    assert 24 / ((s - 1) * np.log(1 - r2 / s)) == pytest.approx(600)
    assert any("24 candidate parameters (10 clinical, 14 imaging)" in sentence for sentence in found.sentences)
    validation = table[table["purpose"] == "validation"].set_index("criterion")
    widths = validation.loc["observed_expected", "expected"]
    assert (widths > 0.2) == (not validation.loc["observed_expected", "met"])


def test_too_many_parameters_carry_an_objection(cohort) -> None:
    d, _, _ = cohort
    found = sample_size_support(Status.at(12, d["y"].head(60)), 40, c_statistic=0.7)
    assert [o.code for o in found.objections] == ["events-per-parameter"]
    assert found.max_parameters < 5
    assert not found.supported


def test_the_spread_that_belongs_to_a_c_statistic() -> None:
    from lbp_prognosis.validation.planning._sample_size_support import _c_of_state, _spread_of_time

    rng = np.random.default_rng(0)
    sd = 1.1
    lp = rng.normal(-0.7, sd, 400_000)
    share = (1 / (1 + np.exp(-lp))).mean()
    event = rng.random(lp.size) < 1 / (1 + np.exp(-lp))
    auc = np.mean(rng.choice(lp[event], 400_000) > rng.choice(lp[~event], 400_000))
    assert _c_of_state(sd, share) == pytest.approx(auc, abs=0.004)  # Monte-Carlo error 0.0008, twice
    spread = _spread_of_time(0.7)
    a, b = rng.normal(0, spread, (2, 400_000))
    assert (1 / (1 + np.exp(-np.abs(a - b)))).mean() == pytest.approx(0.7, abs=0.002)


# ---- usefulness at a new site ----------------------------------------------------------------------------------------


def test_probability_useful() -> None:
    d = syn(1600, seed=77, sites=10)
    y = Status.at(12, d["y"])
    result = internal_external(LogisticRisk(), d[COLUMNS], y, d["site"], 12.0, [0.3], n_resamples=0)
    found = probability_useful(result, 12.0, threshold=0.3)
    auc = result.pooled("auc", horizon=12.0)
    assert found.marginal["auc"] == pytest.approx(auc.probability_between(0.7, None))
    assert found.k == 10
    assert max(0.0, sum(found.marginal.values()) - len(found.marginal) + 1) - 0.02 <= found.joint
    assert found.joint <= min(found.marginal.values()) + 0.02
    one = probability_useful(result, 12.0, conditions={"auc": (0.7, None)})
    assert one.joint == pytest.approx(one.marginal["auc"], abs=4 * np.sqrt(0.25 / 20000))
    few = internal_external(LogisticRisk(), d[COLUMNS], y, d["site"] // 2, 12.0, n_resamples=0)
    short = probability_useful(few, 12.0)
    assert np.isnan(short.joint)
    assert [o.code for o in short.objections] == ["too-few-sites-for-a-joint-probability"]


def test_net_reclassification_blocks_the_claim() -> None:
    from lbp_prognosis.evidence import Claim, Evidence

    y = Status.at(12, np.tile([0, 1], 100))
    old, new = np.full(200, 0.5), np.clip(0.5 + 0.2 * norm.ppf(np.linspace(0.01, 0.99, 200)), 0, 1)
    evidence = Evidence().with_result(reclassification(y, old, new), sample="internal")
    assert evidence.supports(Claim.adds_value("with", "without", 12)).answer != "supported"


def test_added_value_takes_no_reclassification_by_itself() -> None:
    d = syn().head(200)
    modalities = {"clinical": ["c1"], "imaging": ["m1"]}
    found = added_value(
        LogisticRisk(), d[["c1", "m1"]], Status.at(12, d["y"]), modalities, 12, n_splits=3, n_repeats=1, random_state=0
    )
    assert not set(found.to_frame()["metric"]) & {"nri", "idi"}


def test_support_of_rare_states_is_found():
    """One case in forty: the level that goes with a wide linear predictor is far out."""
    found = sample_size_support(Status.at(12, np.r_[1, np.zeros(39, dtype=int)]), 4, c_statistic=0.7)
    assert found.max_parameters == 0
    assert found.validation.criterion("concordance") > 40


def test_events_per_parameter_are_of_the_rarer_outcome(cohort) -> None:
    d, _, _ = cohort
    state = d["y"].to_numpy()
    found, other = (sample_size_support(Status.at(12, v), 12, c_statistic=0.7) for v in (state, 1 - state))
    rarer = min(state.sum(), (1 - state).sum())
    for one in (found, other):
        assert f"{rarer / 12:.1f} " in one.sentences[0]
    assert found.max_parameters == other.max_parameters


# ---- what is row-wise is cut to the group ------------------------------------------------------------------------


def _of_group(frame: pd.DataFrame, group: str) -> np.ndarray:
    return frame[frame["group"] == group][["value", "se"]].to_numpy(float)


@pytest.mark.parametrize("kind", ["sampling", "frequency"])
def test_weights_and_clusters_are_cut_to_each_group(cohort, kind: str) -> None:
    d, y, risk = cohort
    sex, weights = np.where(d["c3"] > 0, "f", "m"), Weights(np.resize([1.0, 2.0, 3.0], 600), kind)
    unit = np.arange(600) // 2
    score = {"model": np.log(-np.log1p(-risk))}
    options = {"n_resamples": 20, "min_at_risk": 5}
    found = subgroup_performance(
        y,
        risk,
        {"sex": sex},
        12.0,
        [0.3],
        sample_weight=weights,
        clusters=unit,
        linear_predictors=score,
        cumulative_hazards=score["model"] * 0 + 0.3,
        **options,
    )
    for group in ("f", "m"):
        rows = np.flatnonzero(sex == group)
        alone = evaluate(
            y[rows],
            risk[rows],
            12.0,
            [0.3],
            sample_weight=weights.take(rows),
            clusters=unit[rows],
            linear_predictors={"model": score["model"][rows]},
            cumulative_hazards={"model": np.full(rows.size, 0.3)},
            **options,
        ).to_frame()
        np.testing.assert_array_equal(_of_group(found.table, group), alone[["value", "se"]].to_numpy(float))
    plain = subgroup_performance(y, risk, {"sex": sex}, 12.0, [0.3], **options)
    assert not np.array_equal(_of_group(plain.table, "f"), _of_group(found.table, "f"))


def test_a_censoring_model_of_all_rows_is_read_for_the_rows_of_a_group(cohort) -> None:
    d, y, risk = cohort
    sex = np.where(d["c3"] > 0, "f", "m")
    model = CensoringCox(["c1"]).fit(y, d)
    found = subgroup_performance(y, risk, {"sex": sex}, 12.0, censoring=model)
    rows = sex == "f"
    value = found.table.query("group == 'f' and metric == 'brier' and reference == ''")["value"].item()
    before, at = model.survival_before(y["time"])[rows], model.survival_at(12.0)[rows]
    event, time = y["event"][rows] == 1, y["time"][rows]
    known = np.where(event & (time <= 12), 1 / before, np.where(time > 12, 1 / at, 0.0))
    by_hand = np.mean(known * ((event & (time <= 12)) - risk[rows]) ** 2)
    assert value == pytest.approx(by_hand, rel=1e-9)


def test_sites_take_weights_too(cohort) -> None:
    d, y, _ = cohort
    weights = np.resize([1.0, 2.0], 600)
    found = internal_external(CoxPH(), d[COLUMNS], y, d["site"], 12.0, sample_weight=weights, min_events=5)
    risk, rows = found.risks[found.models[0]], np.flatnonzero(d["site"] == 2)
    alone = evaluate(y[rows], risk[rows], 12.0, sample_weight=weights[rows])
    np.testing.assert_array_equal(_of_group(found.table, "2"), alone.to_frame()[["value", "se"]].to_numpy(float))


# ---- a cut with a gap --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [0, 1, 60])
def test_bands_of_pandas_keep_their_rows_where_ages_are_missing(missing: int) -> None:
    """pd.cut with a missing age has whole-number categories and float values, which once met nowhere."""
    d = syn(n=300)
    y = Surv.right(d["time"], d["event"])
    risk = CoxPH().fit(d[COLUMNS], y).predict_risk(d[COLUMNS], 12)[:, 0]
    age = np.clip(50 + 10 * d["c1"], 20, 99).round()
    age[:missing] = np.nan
    found = subgroup_performance(y, risk, {"age": pd.cut(age, [0, 40, 60, 120])}, 12.0, min_events=1).groups
    counts = [(age <= 40).sum(), ((age > 40) & (age <= 60)).sum(), (age > 60).sum(), missing]
    names = ["(0, 40]", "(40, 60]", "(60, 120]", "not recorded"]
    assert list(zip(found["group"], found["n"])) == [(name, n) for name, n in zip(names, counts) if n]
