"""score_tenths: counts by hand, change beside its error, responses with a cut of each patient's own."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis import Status
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.evaluation import score_tenths
from lbp_prognosis.survival import Measured, ScoreForecast, Weights

Y = Measured.at(12, [0, 2, 6, 8, None, 4], lower=0, upper=10, at_most=2)
FORECAST = ScoreForecast([0, 4, 8], [[1, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.5], [0, 0, 1], [1, 0, 0], [0, 1, 0]])


def test_two_groups_by_hand() -> None:
    found = score_tenths(Y, FORECAST, baseline=[6, 6, 6, 8, 5, 4], smallest_detectable=2, important=2, n_groups=2)
    # predicted means 0, 2, 6, 8 and 4; the patient who was not seen has no part; the middle of five is 4
    assert found["n"].tolist() == [2, 3]
    np.testing.assert_allclose(found["predicted"], [1, 6])
    np.testing.assert_allclose(found["observed"], [1, 6])
    assert found[["q25", "median", "q75"]].to_numpy().tolist() == [[0, 0, 2], [4, 6, 8]]
    np.testing.assert_allclose(found["predicted_at_cut"], [0.75, 0])
    np.testing.assert_allclose(found["observed_at_cut"], [1, 0])
    np.testing.assert_allclose(found["predicted_change"], [5, 0])
    np.testing.assert_allclose(found["observed_change"], [5, 0])
    np.testing.assert_allclose(found["beyond_error"], [1, 0])  # 6 and 4 are above 2; 0, 0 and 0 are not
    # cuts of their own: 4, 4 and 4, 6, 2
    np.testing.assert_allclose(found["predicted_response"], [1, (0.5 + 0 + 0) / 3])
    np.testing.assert_allclose(found["observed_response"], [1, 0])


def test_a_change_on_the_error_is_within_it_and_a_response_on_the_cut_counts() -> None:
    sure = ScoreForecast([2, 4], np.array([[1.0, 0.0]] * 6))
    seen = Measured.at(12, [2] * 6, lower=0, upper=10)
    on = score_tenths(seen, sure, baseline=[4] * 6, smallest_detectable=2, important=2)
    assert len(on) == 1  # predictions tie
    assert on.loc[0, ["beyond_error", "predicted_response", "observed_response"]].tolist() == [0, 1, 1]
    off = score_tenths(seen, sure, baseline=[4] * 6, smallest_detectable=1.99, important=2.01)
    assert off.loc[0, ["beyond_error", "predicted_response", "observed_response"]].tolist() == [1, 0, 0]


def test_weights_are_copies() -> None:
    weights = np.array([1, 2, 1, 3, 1, 2])
    copies = np.repeat(np.arange(6), weights)
    for groups in (1, 2, 3):
        one = score_tenths(Y, FORECAST, sample_weight=Weights(weights, "frequency"), n_groups=groups)
        two = score_tenths(Y[copies], FORECAST.take(copies), n_groups=groups)
        np.testing.assert_allclose(one, two)


def test_what_is_refused() -> None:
    with pytest.raises(OutcomeError):
        score_tenths(Status.at(12, [0, 1]), FORECAST)
    with pytest.raises(ArgumentError, match="baseline"):
        score_tenths(Y, FORECAST, important=2)
    with pytest.raises(ArgumentError, match="baseline"):
        score_tenths(Y, FORECAST, baseline=[11] * 6)
    with pytest.raises(ArgumentError, match="forecast"):
        score_tenths(Y, FORECAST.take(np.arange(3)))
    with pytest.raises(ArgumentError, match="important"):
        score_tenths(Y, FORECAST, baseline=[4] * 6, important=0)
