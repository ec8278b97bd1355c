"""E-values by hand, in closed form, and as printed by VanderWeele and Ding (2017) and the R package EValue."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.validation import e_value


@pytest.mark.parametrize(
    ("ratio", "limits", "value", "limit"),
    [
        (3.9, (1.8, 8.7), 7.263, 3.0),  # respiratory deaths and bottle feeding, in the paper
        (0.80, (0.71, 0.91), 1.809, 1.429),  # leukaemia and breast feeding, in the paper
        (10.729780, (8.017457, 14.359688), 20.947, 15.518),  # smoking, examples of EValue
        (1.25, None, 1.809, np.nan),  # 1 / 0.80
        (2.0, (1.0, 4.0), 2 + math.sqrt(2), 1.0),  # the limit on 1
        (2.0, (0.9, 4.0), 2 + math.sqrt(2), 1.0),
        (1.0, (0.9, 1.2), 1.0, 1.0),
        (2.0, (None, 4.0), 2 + math.sqrt(2), np.nan),
        (0.5, (None, 0.8), 2 + math.sqrt(2), 1.25 + math.sqrt(0.3125)),
    ],
)
def test_risk_ratios(ratio, limits, value, limit) -> None:
    found = e_value(ratio, limits, measure="risk_ratio")
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.limit_value == pytest.approx(limit, abs=5e-4, nan_ok=True)


def test_a_limit_just_above_one_has_an_e_value_just_above_one() -> None:
    assert 1 < e_value(2.0, (1.0001, 4.0), measure="risk_ratio").limit_value < 1.02


def test_ratios_of_common_outcomes_are_converted() -> None:
    """With HR = 4: (1 - 0.5 ** 2) / (1 - 0.5 ** 0.5) = 2.5607; with OR = 4: 2."""
    hazard = e_value(4.0, (1.0, 9.0), measure="hazard_ratio", rare=False)
    assert hazard.risk_ratios == pytest.approx((0.75 / (1 - math.sqrt(0.5)), 1.0, 0.875 / (1 - 0.5 ** (1 / 3))))
    odds = e_value(4.0, measure="odds_ratio", rare=False)
    assert odds.value == pytest.approx(2 + math.sqrt(2), rel=1e-12)
    inverse = e_value(0.25, measure="hazard_ratio", rare=False)
    assert inverse.value == pytest.approx(hazard.value, rel=1e-12)
    for measure in ("hazard_ratio", "odds_ratio"):
        assert e_value(4.0, measure=measure, rare=True).value == pytest.approx(4 + math.sqrt(12), rel=1e-12)


def test_the_ratio_that_confounding_would_leave() -> None:
    """From 2 to 1.5: r = 4/3; from 2 to 3, away from 1: r = 1.5. The interval that contains it has 1."""
    toward = e_value(2.0, (1.6, 2.5), measure="risk_ratio", true=1.5)
    assert toward.value == pytest.approx(4 / 3 + math.sqrt(4 / 9), rel=1e-12)
    assert toward.limit_value == pytest.approx(16 / 15 + math.sqrt(16 / 225), rel=1e-12)
    away = e_value(2.0, (1.6, 2.5), measure="risk_ratio", true=3.0)
    assert away.value == pytest.approx(1.5 + math.sqrt(0.75), rel=1e-12)
    assert away.limit_value == pytest.approx(1.2 + math.sqrt(0.24), rel=1e-12)
    assert e_value(2.0, (1.6, 2.5), measure="risk_ratio", true=2.5).limit_value == 1.0
    moved = e_value(4.0, (2.0, 9.0), measure="odds_ratio", rare=False, true=2.25)
    assert moved.value == pytest.approx(4 / 3 + math.sqrt(4 / 9), rel=1e-12)  # 2 to 1.5
    assert moved.limit_value == 1.0


def test_the_farther_limit_has_no_e_value() -> None:
    frame = e_value(0.56, (0.46, 0.69), measure="hazard_ratio", rare=False).to_frame()
    assert frame["quantity"].tolist() == ["estimate", "low", "high"]
    np.testing.assert_allclose(frame["e_value"], [2.3495312573, np.nan, 1.9080039433], rtol=1e-10)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"estimate": 0.0}, "estimate"),
        ({"estimate": -2.0}, "estimate"),
        ({"limits": (2.1, 4.0)}, "limits"),
        ({"limits": (1.0, 1.9)}, "limits"),
        ({"limits": (0.0, 4.0)}, "limits"),
        ({"limits": (1.0,)}, "limits"),
        ({"true": 0.0}, "true"),
        ({"measure": "risk_difference"}, "measure"),
        ({"rare": True}, "rare"),
        ({"measure": "odds_ratio"}, "rare"),
        ({"measure": "hazard_ratio", "rare": 0.1}, "rare"),
    ],
)
def test_what_is_refused(change, name) -> None:
    with pytest.raises(ArgumentError, match=f"`{name}`"):
        e_value(**{"estimate": 2.0, "measure": "risk_ratio", **change})
