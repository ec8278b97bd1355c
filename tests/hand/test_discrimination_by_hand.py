"""Six patients, by hand.

Patient   1     2          3     4          5     6
time      1     2          3     3          5     6
          event censored   event censored   event censored
risk      .8    .3         .6    .5         .4    .6

Censoring curve, events first: of five at risk at 2 one leaves (4/5); at 3 the event has left and of three one leaves,
G(3) = 4/5 · 2/3 = 8/15. At τ = 4 the weights are 1, 0, 5/4, 0, 15/8, 15/8, sum 6.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lbp_prognosis._kernels import censoring_curve, ipcw_weights
from lbp_prognosis.evaluation import brier, concordance, integrated_brier, time_dependent_auc
from lbp_prognosis.survival import Surv

TIME, EVENT = np.array([1.0, 2, 3, 3, 5, 6]), np.array([1, 0, 1, 0, 1, 0])
RISK = np.array([0.8, 0.3, 0.6, 0.5, 0.4, 0.6])
LOOSE = {"min_at_risk": 0, "min_censoring_survival": 0}


@pytest.fixture
def y():
    return Surv.right(TIME, EVENT)


def exactly(numerator, denominator):
    return pytest.approx(float(Fraction(numerator, denominator)), rel=1e-14)


def test_censoring_curve_and_weights():
    times, left, right = censoring_curve(TIME, EVENT)
    assert times.tolist() == [1, 2, 3, 5, 6]
    np.testing.assert_allclose(left, [1, 1, 4 / 5, 8 / 15, 8 / 15], rtol=1e-14)
    np.testing.assert_allclose(right, [1, 4 / 5, 8 / 15, 8 / 15, 0], rtol=1e-14)
    np.testing.assert_allclose(ipcw_weights(TIME, EVENT, 4.0), [1, 0, 5 / 4, 0, 15 / 8, 15 / 8], rtol=1e-14)


def test_brier(y):
    """(1·.04 + 5/4·.16 + 15/8·.16 + 15/8·.36) / 6; Kaplan–Meier at 4 is 5/6 · 3/4, so F = 3/8."""
    found = brier(y, RISK, 4, **LOOSE)
    assert found.value == exactly(81, 400)
    assert found.null.value == exactly(15, 64)
    assert found.ipa.value == exactly(17, 125)


def test_auc(y):
    """Case 1 beats both controls; case 3 (5/4) beats 5 and ties with 6: (2 + 5/4·3/2) / (9/4 · 2)."""
    assert time_dependent_auc(y, RISK, 4, **LOOSE).value == exactly(31, 36)


def test_harrell(y):
    """1 before five others, all lower; 3 before 4 (censored at its time) and 5, ties 6; 5 before 6, discordant."""
    found = concordance(y, RISK)
    assert (found.concordant, found.discordant, found.tied) == (7, 1, 1)
    assert found.value == exactly(5, 6)


def test_uno(y):
    """Pairs of 3 weigh (5/4)²; those of 5 lie beyond τ."""
    assert concordance(y, RISK, weighting="uno", tau=4).value == exactly(57, 62)


def test_competing_event_is_never_later(y):
    """Were 2 a competing event it would also be after 3: one more pair, concordant."""
    competing = Surv.right(TIME, np.array([1, 2, 1, 0, 1, 0]))
    found = concordance(competing, RISK)
    assert (found.concordant, found.discordant, found.tied) == (9, 1, 1)


def test_late_entry_removes_pairs():
    """5 enters at 2 and 6 at 4: 1 is compared with 2, 3 and 4 only, and 3 no longer with 6."""
    late = Surv.right(TIME, EVENT, entry=[0, 0, 0, 0, 2, 4])
    found = concordance(late, RISK)
    assert (found.concordant, found.discordant, found.tied) == (5, 1, 0)


def test_integrated_brier(y):
    """The score at 2.5 is (.04 + 5/4·(.16 + … )) by the weights 1, 0, 5/4 ×4: steps count 3/8 of it up to 4."""
    at = (0.04 + 5 / 4 * (0.36 + 0.25 + 0.16 + 0.36)) / 6
    matrix = np.column_stack([RISK, RISK])
    assert brier(y, matrix, [2.5, 4], **LOOSE).value[0] == pytest.approx(at, rel=1e-14)
    assert integrated_brier(y, matrix, [2.5, 4], rule="step", **LOOSE).value == pytest.approx(at * 3 / 8, rel=1e-14)
