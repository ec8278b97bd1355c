"""One metric with its uncertainty, and the paired difference of two."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from lbp_prognosis._base import (
    METRIC_COLUMNS,
    ArgumentError,
    MetricResult,
    Objection,
    Result,
    influence_se,
    interval,
    metric_frame,
)

PSI = np.array([[1.0, 2], [-1, 0], [3, -2], [-3, 0]])


def metric(psi, value, model, **change):
    se = influence_se(psi, change.get("clusters"))
    low, high = interval(value, se, 0.95)
    scalar = psi.ndim == 1
    fields = {
        "metric": "brier",
        "tier": "prognostic",
        "confidence": 0.95,
        "method": "IPCW",
        "cause": 1,
        "horizon": 6.0 if scalar else np.array([6.0, 12.0]),
        "n": 4,
        "n_events": 2,
        "influence": psi,
        "model": model,
        "value": value,
        "se": float(se) if scalar else se,
        "low": low,
        "high": high,
    }
    return MetricResult(**{**fields, **change})


def test_standard_error_from_influence() -> None:
    assert influence_se(PSI[:, 0]) == pytest.approx(np.sqrt(20) / 4)
    assert_allclose(influence_se(PSI), [np.sqrt(20) / 4, np.sqrt(8) / 4])
    # clusters {0, 1} and {2, 3}: sums 0 and 0, then 2 and −2
    assert_allclose(influence_se(PSI, np.array([0, 0, 1, 1])), [0, np.sqrt(2 * 8) / 4])
    assert np.isnan(influence_se(PSI[:, 0], np.zeros(4, dtype=int)))
    # every row its own cluster: only the factor m/(m − 1) remains
    assert influence_se(PSI[:, 0], np.arange(4)) == pytest.approx(np.sqrt(20 * 4 / 3) / 4)


def test_intervals() -> None:
    assert_allclose(interval(0.5, 0.1, 0.95), [0.5 - 0.1959963985, 0.5 + 0.1959963985], rtol=1e-9)
    assert_allclose(interval(2.0, 0.5, 0.95, "log"), 2 * np.exp(np.array([-1, 1]) * 1.959963985 / 4), rtol=1e-9)
    low, high = interval(0.9, 0.2, 0.95, "logit")
    assert 0 < low < 0.9 < high < 1
    assert interval(0.0, 1.0, 0.95, df=3)[1] == pytest.approx(3.182446305)
    with pytest.raises(ArgumentError, match="'logit'"):
        interval(0.5, 0.1, 0.95, "probit")


def test_difference_is_paired() -> None:
    first, second = metric(PSI[:, 0], 0.20, "a"), metric(PSI[:, 1], 0.25, "b")
    found = first.minus(second)
    assert found.value == pytest.approx(-0.05)
    assert isinstance(found.se, float)
    assert found.se == pytest.approx(np.sqrt(np.sum((PSI[:, 0] - PSI[:, 1]) ** 2)) / 4)
    assert found.reference == "b"
    assert first.minus(first).se == 0
    assert first.minus(second).value == -second.minus(first).value
    assert first.p == pytest.approx(2 * 0.42900, abs=1e-4)  # z = 0.2/1.118, a printed table


def test_difference_carries_what_both_carry() -> None:
    objection = Objection("weak-comparator", "The comparator is weak.")
    first = metric(PSI, np.array([0.2, np.nan]), "a", reason=("", "few at risk"))
    second = metric(PSI, np.array([0.2, 0.3]), "b", objections=(objection,), synthetic=True)
    found = first.minus(second)
    assert found.reason == ("", "few at risk")
    assert found.objections == (objection,)
    assert found.synthetic
    assert found.to_frame()["reference"].tolist() == ["b", "b"]


@pytest.mark.parametrize(
    "change", [{"metric": "auc"}, {"horizon": 7.0}, {"cause": 2}, {"target": "no_event"}, {"influence": None}]
)
def test_difference_of_unlike_things_is_refused(change) -> None:
    with pytest.raises(ArgumentError, match="`other` must be"):
        metric(PSI[:, 0], 0.2, "a").minus(metric(PSI[:, 0], 0.2, "b", **change))
    with pytest.raises(ArgumentError, match="same rows"):
        metric(PSI[:, 0], 0.2, "a").minus(metric(PSI[:3, 0], 0.2, "b"))


def test_a_difference_says_what_it_is_a_difference_from() -> None:
    named = metric(PSI[:, 0], 0.2, "a").minus(metric(PSI[:, 1], 0.15, "b"))
    assert repr(named).startswith("<MetricResult: difference in brier of a − b: 0.05 (")
    # without names it must not pass for a Brier score of 0.05
    unnamed = metric(PSI[:, 0], 0.2, "").minus(metric(PSI[:, 1], 0.15, ""))
    assert repr(unnamed).startswith("<MetricResult: difference in brier from the other: 0.05 (")
    assert unnamed.to_frame()["reference"].tolist() == ["the other"]


def test_frames_keep_their_columns_and_types() -> None:
    frame = metric(PSI, np.array([0.2, 0.3]), "a", target="event").to_frame()
    assert list(frame) == [*METRIC_COLUMNS, "target", "reference"]
    assert frame["horizon"].tolist() == [6, 12]
    assert str(frame["n"].dtype) == "Int64"
    assert frame["reason"].tolist() == ["", ""]
    empty = metric_frame([], extra=("threshold",))
    assert list(empty) == [*METRIC_COLUMNS, "threshold"]
    assert str(empty["value"].dtype) == "float64"
    with pytest.raises(KeyError, match="threshold"):
        metric_frame([{"threshold": 0.2}])


def test_one_line() -> None:
    assert repr(metric(PSI[:, 0], 0.2, "a")).startswith("<MetricResult: brier 0.2 (")
    two = metric(PSI, np.array([0.2, 0.3]), "a")
    first, second = zip(two.low, two.high)
    assert repr(two) == (
        f"<MetricResult: brier 0.2 ({first[0]:.4g} to {first[1]:.4g}) at 6; "
        f"0.3 ({second[0]:.4g} to {second[1]:.4g}) at 12>"
    )
    unknown = metric(PSI, np.array([0.2, np.nan]), "a")
    assert repr(unknown).endswith("at 6; not estimable at 12: no reason is given>")
    reason = ("", "nobody is followed to 12")
    assert repr(unknown.labelled(reason=reason)).endswith("at 6; not estimable at 12: nobody is followed to 12>")
    alone = metric(PSI[:, 0], 0.2, "a").labelled(low=np.nan, high=np.nan, clusters=np.zeros(len(PSI), dtype=int))
    assert repr(alone) == "<MetricResult: brier 0.2 (no interval: all rows are of one cluster)>"
    bare = metric(PSI, np.array([0.2, 0.3]), "a").labelled(low=np.array([0.1, np.nan]))
    assert bare.reasons() == ("", "no interval: its standard error cannot be estimated")
    assert repr(bare).endswith("0.3 (no interval: its standard error cannot be estimated) at 12>")
    many = metric(np.tile(PSI, 2), np.array([0.2, 0.3, 0.4, 0.5]), "a", horizon=np.arange(1, 5))
    assert repr(many).startswith("<MetricResult: brier at 4 horizons, 0.2 (")
    assert repr(many).endswith("at 4>")
    assert "<table" in metric(PSI[:, 0], 0.2, "a")._repr_html_()
    assert isinstance(metric(PSI[:, 0], 0.2, "a"), Result)
    with pytest.raises(AttributeError):
        metric(PSI[:, 0], 0.2, "a").value = 1
