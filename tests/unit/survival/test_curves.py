"""Shapes, reasons, frames, refusals and pictures of curves."""

from __future__ import annotations

from math import isnan

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from lbp_prognosis._base import METRIC_COLUMNS, ArgumentError, DataError, EstimationError, OutcomeError
from lbp_prognosis.survival import (
    CensoringCox,
    CensoringKaplanMeier,
    Reference,
    Status,
    Surv,
    Weights,
    aalen_johansen,
    gray_test,
    kaplan_meier,
    log_rank,
    median_follow_up,
    nelson_aalen,
    reverse_kaplan_meier,
    rmst,
    turnbull,
)


@pytest.fixture
def y():
    generator = np.random.default_rng(7)
    time = np.ceil(generator.exponential(30, 120))
    return Surv.right(time, generator.integers(0, 3, 120))


@pytest.fixture
def groups():
    return pd.Series(pd.Categorical(["mild", "severe", "mild", "moderate"] * 30, ["mild", "moderate", "severe"]))


CURVES = (kaplan_meier, nelson_aalen, aalen_johansen, reverse_kaplan_meier)


@pytest.mark.parametrize("curve", CURVES)
def test_shapes_follow_the_times_asked(curve, y, groups) -> None:
    one = curve(y)
    assert isinstance(one.at(10).value, float)
    assert one.at(10).reason == ""
    assert one.at([10]).value.shape == (1,)
    assert np.asarray(one.at([5, 10])).shape == (2,)
    assert float(one.at(10)) == one.at([5, 10]).value[1]
    by = curve(y, strata=groups)
    assert by.strata == ("mild", "moderate", "severe")
    assert by.at([5, 10]).value.shape == (3, 2)
    assert by.at(5).value.shape == (3,)
    alone = curve(y[(groups == "mild").to_numpy()])
    assert_allclose(by["mild"].at([5, 10]).value, alone.at([5, 10]).value)
    assert by.n.tolist() == [60, 30, 30]
    assert "in 3 strata" in repr(by)


@pytest.mark.parametrize("curve", CURVES)
def test_frames(curve, y, groups) -> None:
    by = curve(y, strata=groups)
    frame = by.to_frame()
    assert list(frame) == [
        "group",
        "time",
        "value",
        "se",
        "low",
        "high",
        "at_risk",
        "events",
        "competing",
        "censored",
    ]
    every = frame.groupby("group")[["events", "competing", "censored"]].sum().sum(axis=1)
    assert every.to_dict() == {"mild": 60, "moderate": 30, "severe": 30}
    read = by.at([5, 10]).to_frame()
    assert list(read) == [*METRIC_COLUMNS, "at_risk"]
    assert read["group"].tolist() == ["mild", "mild", "moderate", "moderate", "severe", "severe"]
    assert read["horizon"].tolist() == [5, 10] * 3
    assert "<table" in by.at([5, 10])._repr_html_()


def test_beyond_the_follow_up_nothing_is_known(y) -> None:
    last = y["time"].max()
    curve = kaplan_meier(y)
    assert not isnan(curve.at(last).value)
    beyond = curve.at([last, last + 1])
    assert isnan(beyond.value[1])
    assert beyond.reason.tolist() == ["", "fewer than 1 at risk"]
    assert curve.at(last + 1, min_at_risk=0).value == curve.value[-1]
    few = curve.at(last, min_at_risk=5)
    assert isnan(few.value)
    assert few.reason == "fewer than 5 at risk"
    assert isnan(rmst(y, last, min_at_risk=10).value)
    assert "fewer than 10" in rmst(y, [5, last], min_at_risk=10).reason[1]


def test_an_early_risk_set_of_one_does_not_end_the_curve() -> None:
    # the first patient enters alone and has the event alone; twenty follow later
    entry = np.concatenate([[0.0], np.full(20, 5.0)])
    time = np.concatenate([[2.0], 6 + np.arange(20.0)])
    y = Surv.right(time, np.ones(21), entry=entry)
    assert kaplan_meier(y, min_at_risk=0).at(6).value == 0
    curve = kaplan_meier(y)
    assert curve.start.tolist() == [5]
    assert curve.at(6).value == pytest.approx(0.95)
    assert isnan(curve.at(4).value)
    assert "starts at 5" in curve.at(4).reason
    with pytest.raises(ArgumentError, match="no risk set reaches"):
        kaplan_meier(y, min_at_risk=50)
    # enough at risk from the beginning: nothing is left out
    assert kaplan_meier(Surv.right(time[1:], np.ones(20), entry=entry[1:])).start.tolist() == [0]


def test_competing_events_are_not_censored_silently(y) -> None:
    with pytest.raises(OutcomeError, match="aalen_johansen"):
        kaplan_meier(y, cause=1)
    only = y[y["event"] != 2]
    assert_allclose(kaplan_meier(only, cause=1).value, kaplan_meier(only).value)


@pytest.mark.parametrize("function", [*CURVES, median_follow_up, lambda y: rmst(y, 3), lambda y: log_rank(y, [0, 1])])
@pytest.mark.parametrize(
    "wrong", [Surv.interval([0, 1], [2, 3]), Status.at(6, [0, 1]), Reference.now([0, 1]), np.array([0, 1])]
)
def test_other_outcomes_are_refused(function, wrong) -> None:
    with pytest.raises(OutcomeError):
        function(wrong)


def test_arguments_are_checked(y) -> None:
    for wrong in ({"interval": "wald"}, {"confidence": 95}, {"min_at_risk": -1}, {"strata": [1, 2]}):
        with pytest.raises(ArgumentError):
            kaplan_meier(y, **wrong)
    with pytest.raises(ArgumentError, match="missing labels at rows"):
        kaplan_meier(y, strata=[None] + ["a"] * 119)
    curve = kaplan_meier(y)
    for times in (-1, np.nan, "soon", [[1, 2]]):
        with pytest.raises(ArgumentError, match="times"):
            curve.at(times)
    with pytest.raises(ArgumentError, match="strictly between"):
        curve.quantile(1.0)
    with pytest.raises(ArgumentError, match="survival or incidence"):
        nelson_aalen(y).quantile(0.5)
    with pytest.raises(ArgumentError, match="one of the strata"):
        curve["mild"]
    with pytest.raises(ArgumentError, match="greenwood"):
        aalen_johansen(y, variance="aalen", sample_weight=np.ones(120))
    for test in (log_rank, gray_test):
        with pytest.raises(ArgumentError, match="two labels"):
            test(y, np.zeros(120))
    late = Surv.right([2, 3], [1, 0], entry=[0, 1])
    with pytest.raises(OutcomeError, match="log_rank"):
        gray_test(late, [0, 1])


def test_rows_of_weight_zero_are_absent(y, groups) -> None:
    weight = np.tile([1.0, 0.0, 2.0, 1.5], 30)
    kept = weight > 0
    for curve in CURVES:
        whole = curve(y, strata=groups, sample_weight=weight)
        part = curve(y[kept], strata=groups[kept], sample_weight=weight[kept])
        assert whole.strata == part.strata == ("mild", "moderate")
        assert_allclose(whole.value, part.value)
        assert_allclose(whole.se, part.se)
    clusters = np.arange(120) // 4
    one = rmst(y, 20, sample_weight=weight, clusters=clusters)
    two = rmst(y[kept], 20, sample_weight=weight[kept], clusters=clusters[kept])
    assert_allclose([one.value, one.se], [two.value, two.se])


def test_clusters_of_copies_give_the_error_of_the_originals(y) -> None:
    copies, ids = np.repeat(y, 3), np.repeat(np.arange(120), 3)
    found = rmst(copies, 20, clusters=ids)
    # the same information as the originals, but for the factor m/(m − 1)
    assert found.se == pytest.approx(rmst(y, 20).se * np.sqrt(120 / 119), rel=1e-9)


@pytest.mark.parametrize("curve", [kaplan_meier, aalen_johansen])
def test_clusters_of_curves(curve, y, groups) -> None:
    copies, ids = np.repeat(y, 3), np.repeat(np.arange(120), 3)
    plain, clustered = curve(y), curve(copies, clusters=ids)
    assert_allclose(clustered.se, plain.se * np.sqrt(120 / 119), rtol=1e-7, atol=1e-9)  # NaN where S = 0 in both
    assert "robust" in clustered.at(5).method
    by = curve(copies, clusters=ids, strata=groups.repeat(3))
    assert_allclose(by["severe"].at(20).se, curve(y, strata=groups)["severe"].at(20).se * np.sqrt(30 / 29), rtol=1e-7)
    with pytest.raises(ArgumentError, match="`clusters` must be"):
        curve(y, clusters=[1, 2])


def test_log_rank_of_one_cause_and_strata_without_events(y, groups) -> None:
    assert log_rank(y, groups, cause=1).observed.sum() == (y["event"] == 1).sum()
    strata = np.where(y["event"] == 0, "none", "some")
    stratified = log_rank(y, groups, strata=strata)
    assert stratified.observed.sum() == (y["event"] > 0).sum()
    nothing = log_rank(Surv.right([1, 2, 3], [0, 0, 0]), ["a", "b", "a"])
    assert nothing.df == 0
    assert isnan(nothing.p)
    frame = log_rank(y, groups).to_frame()
    assert list(frame) == ["test", "group", "n", "observed", "expected", "statistic", "df", "p"]
    assert repr(log_rank(y, groups)).startswith("<CurveTest: Log-rank χ² = ")


def test_log_rank_has_delayed_entry() -> None:
    y = Surv.right([2, 4, 5, 6], [1, 1, 1, 1], entry=[0, 0, 3, 3])
    found = log_rank(y, ["a", "b", "a", "b"])
    # at risk 2, 3, 2, 1 with one, one, one, none of group a
    assert found.expected[0] == pytest.approx(1 / 2 + 1 / 3 + 1 / 2)


def test_median_follow_up_says_why_it_is_missing() -> None:
    found = median_follow_up(Surv.right([1, 2, 3], [1, 1, 1]))
    assert isnan(found.value)
    assert found.reason
    assert found.to_frame()["metric"].tolist() == ["median_follow_up"]


class TestCensoringModels:
    def test_they_are_censoring_models(self) -> None:
        for model in (CensoringKaplanMeier(), CensoringCox()):
            assert callable(model.fit)
            assert callable(model.survival_before)
            assert callable(model.survival_at)

    def test_strata(self, y, groups) -> None:
        frame = pd.DataFrame({"grade": groups, "sex": ["f", "f", "m", "m"] * 30})
        by_name = CensoringKaplanMeier("grade").fit(y, frame)
        by_label = CensoringKaplanMeier(groups).fit(y)
        assert_allclose(by_name.survival_at(20), by_label.survival_at(20))
        mild = (groups == "mild").to_numpy()
        alone = CensoringKaplanMeier().fit(y[mild])
        assert_allclose(by_name.survival_before(y["time"])[mild], alone.survival_before(y["time"][mild]))
        assert_allclose(by_name.survival_before(y["time"][:5], frame.iloc[:5]), by_name.survival_before(y["time"])[:5])
        both = CensoringKaplanMeier(["grade", "sex"]).fit(y, frame)
        assert len(both.strata_) == 4
        with pytest.raises(ArgumentError, match="unseen strata"):
            by_name.survival_at(20, frame.assign(grade="fatal"))
        with pytest.raises(ArgumentError, match="`X` lacks"):
            CensoringKaplanMeier(["stage"]).fit(y, frame)
        with pytest.raises(ArgumentError, match="`X` must be given"):
            CensoringKaplanMeier("grade").fit(y)
        with pytest.raises(ArgumentError, match="of length 120"):
            by_name.survival_before([1.0, 2.0])

    def test_cox_without_effect_is_close_to_kaplan_meier(self, y) -> None:
        flat = CensoringCox().fit(y, np.tile([0.0, 1.0], 60)[:, None])
        marginal = CensoringKaplanMeier().fit(y)
        # exp(−H) for the product limit, and a fitted effect near zero: alike, not equal
        assert_allclose(flat.survival_at(20), marginal.survival_at(20), atol=0.03)
        assert flat.survival_before(y["time"]).shape == (120,)

    def test_nobody_censored(self) -> None:
        model = CensoringCox().fit(Surv.right([1, 2, 3], [1, 1, 2], censored=0), np.eye(3)[:, :1])
        assert_allclose(model.survival_at(2), 1)
        assert_allclose(CensoringKaplanMeier().fit(Surv.right([1, 2], [1, 1])).survival_at(5), 1)

    def test_refusals(self, y) -> None:
        with pytest.raises(ArgumentError, match="`X` must be given"):
            CensoringCox().fit(y)
        with pytest.raises(DataError) as told:
            CensoringCox().fit(y, np.where(np.arange(120) == 3, np.nan, 1.0)[:, None])
        assert told.value.failures["row"].tolist() == [3]
        with pytest.raises(ArgumentError, match="without \\['b'\\]"):
            CensoringCox(["a", "b"]).fit(y, pd.DataFrame({"a": np.ones(120)}))
        with pytest.raises(ArgumentError, match="DataFrame"):
            CensoringCox(["a"]).fit(y, np.ones((120, 1)))
        separated = (y["event"] == 0).astype(float)[:, None]
        with pytest.raises(EstimationError, match="separating"):
            CensoringCox().fit(y, separated)


class TestTurnbull:
    def test_competing_causes(self) -> None:
        y = Surv.interval([0, 0, 2, 2, 4, 4], [2, 2, 4, 4, np.inf, np.inf], [1, 2, 1, 1, 0, 0])
        first, second, either = (turnbull(y, cause=cause).at([2, 4]).value for cause in (1, 2, None))
        assert_allclose(first, [1 / 6, 1 / 2], rtol=1e-9)
        assert_allclose(second, [1 / 6, 1 / 6], rtol=1e-9)
        assert_allclose(1 - either, first + second, rtol=1e-9)

    def test_reading(self) -> None:
        y = Surv.interval([0, 0, 3, 3, 6], [3, 3, 6, 6, np.inf])
        curve = turnbull(y)
        read = curve.at([0, 3, 6])
        assert read.at_risk.tolist() == [5, 3, 1]
        assert list(read.to_frame())[-1] == "at_risk"
        assert list(curve.to_frame()) == ["left", "right", "cause", "mass", "gradient"]
        assert repr(curve) == "<TurnbullCurve: 5 patients, 4 events, 3 supports>"
        assert isnan(curve.at(7).value)
        psi = turnbull(y, sample_weight=Weights(np.full(5, 20), "frequency")).influence(3)
        assert psi.sum() == pytest.approx(0, abs=1e-9)

    def test_influence_gives_the_standard_error(self) -> None:
        generator = np.random.default_rng(1)
        visit = generator.integers(1, 6, 300)
        seen = generator.random(300) < 0.8
        y = Surv.interval(visit - 1.0 - (visit > 1) * (generator.random(300) < 0.3), np.where(seen, visit, np.inf))
        curve = turnbull(y)
        at = [1, 2, 3, 4]
        psi = curve.influence(at)
        assert_allclose(np.sqrt((psi**2).sum(axis=0)) / 300, curve.at(at).se, rtol=1e-6)
        weighted = turnbull(y, sample_weight=np.full(300, 0.4)).at(at)
        assert_allclose(weighted.se, curve.at(at).se, rtol=1e-6)

    def test_refusals(self) -> None:
        with pytest.raises(OutcomeError, match="kaplan_meier"):
            turnbull(Surv.right([1], [1]))
        with pytest.raises(OutcomeError, match="delayed entry"):
            turnbull(Surv.interval([1], [2], entry=[0]))
        with pytest.raises(ArgumentError):
            turnbull(Surv.interval([1], [2])).at(-1)


class TestPictures:
    @pytest.fixture(autouse=True)
    def _no_window(self):
        matplotlib = pytest.importorskip("matplotlib")
        matplotlib.use("Agg")
        yield
        import matplotlib.pyplot as plt

        plt.close("all")

    def test_curves_and_numbers_at_risk(self, y, groups) -> None:
        curve = kaplan_meier(y, strata=groups)
        ax = curve.plot(unit="days")
        assert ax.get_xlabel() == "Time (days)"
        line = ax.lines[0]
        assert_allclose(line.get_ydata()[1:], curve["mild"].value)
        texts = [text.get_text() for text in ax.texts]
        assert texts[0] == "At risk"
        assert "60" in texts
        assert {"mild", "moderate", "severe"} <= set(texts)  # rows of numbers are named, not only coloured
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["mild", "moderate", "severe"]

    @pytest.mark.parametrize("curve", CURVES)
    def test_into_given_axes(self, curve, y) -> None:
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1]
        assert curve(y).plot(ax, risk_table=False, band=False) is ax
        assert not ax.texts

    def test_interval_curve(self) -> None:
        ax = turnbull(Surv.interval([0, 0, 3, 3, 6], [3, 3, 6, 6, np.inf])).plot(unit="months")
        assert_allclose(ax.lines[0].get_ydata(), [1, 0.6, 0.2])
        assert ax.get_ylabel() == "Free of the event"


def test_a_curve_in_one_line(y) -> None:
    middle = kaplan_meier(y).quantile(0.5).iloc[0]
    assert f"median {middle['time']:.4g} ({middle['low']:.4g} to " in repr(kaplan_meier(y))
    assert repr(kaplan_meier(Surv.right([1, 2, 3, 4], [1, 0, 0, 0]))).endswith("median not reached>")
    assert repr(kaplan_meier(y).at([1, 2])).endswith("at 2>")
    assert "not estimable" in repr(kaplan_meier(y).at(1e6))


def test_a_long_curve_is_short_in_a_notebook() -> None:
    long = kaplan_meier(Surv.right(np.arange(1, 501), np.ones(500)))
    html = long._repr_html_()
    assert html.count("<tr>") <= 61 + 1
    assert "60 of 500 rows" in html


def test_groups_that_came_as_floats_are_named_as_numbers(y) -> None:
    half = np.arange(len(y)) % 2 + 1.0
    curve = kaplan_meier(y, strata=half)
    assert curve.to_frame()["group"].unique().tolist() == ["1", "2"]
    assert log_rank(y, half).to_frame()["group"].tolist() == ["1", "2"]


@pytest.mark.parametrize("clusters", [None, np.arange(12) // 2])
@pytest.mark.parametrize("unit", [1e-300, 1e300])
def test_the_interval_of_a_restricted_mean_is_in_any_unit(unit, clusters):
    time, event = np.arange(1.0, 13.0), np.arange(12) % 3 > 0
    plain = rmst(Surv.right(time, event), 6.0, clusters=clusters)
    scaled = rmst(Surv.right(time * unit, event), 6.0 * unit, clusters=clusters)
    found = np.array([scaled.value, scaled.se, scaled.low, scaled.high]) / unit
    np.testing.assert_allclose(found, [plain.value, plain.se, plain.low, plain.high], rtol=1e-12)
    assert plain.se > 0.1
