"""Ridge paths against a fit at each penalty."""

from __future__ import annotations

import numpy as np
import pytest

from lbp_prognosis._kernels import (
    PersonRows,
    _ridge_path,
    cox_data,
    cox_fit,
    cox_ridge_path,
    discrete_hazard_fit,
    discrete_ridge_path,
)

RIDGES = np.array([[300.0, 30.0], [20.0, 0.5], [1.0, 0.0]])


def _people(causes: int) -> PersonRows:
    """Sixty persons at three visits: certain rows, then the two rows each of ten spans; cause 2 never at the last."""
    rng = np.random.default_rng(causes)
    X = rng.normal(size=(60, 2))
    person = np.concatenate([np.repeat(np.arange(50), 3), np.repeat(np.arange(50, 60), 2)])
    cell = np.concatenate([np.tile(np.arange(3), 50), np.tile([1, 2], 10)])
    response = np.where(rng.random(170) < 0.3, rng.integers(1, causes + 1, 170), 0)
    response[(cell == 2) & (response == 2)] = 1
    response[150:] = 1
    span = np.concatenate([np.full(150, -1), np.repeat(np.arange(10), 2)])
    possible = np.ones((causes, 3), dtype=bool)
    possible[1:, 2] = False
    free = np.hstack([possible, np.ones((causes, 2), dtype=bool)])
    weights = rng.uniform(0.5, 2, 60)[person]
    return PersonRows(X, person, cell, response, span, weights, rng.normal(size=60) / 4, possible, free)


@pytest.mark.parametrize(("causes", "link"), [(1, "cloglog"), (1, "logit"), (2, "logit")])
def test_discrete_hazards(causes, link):
    rows = _people(causes)
    start = np.zeros(rows.free.shape)
    dummies = (rows.cell[:, None] == np.arange(3)).astype(float)
    for ridge, found in zip(RIDGES, discrete_ridge_path(rows, RIDGES, link=link, start=start)):
        fit = discrete_hazard_fit(
            np.hstack([dummies, rows.X[rows.person]]),
            rows.response,
            rows.span,
            categories=causes,
            link=link,
            weights=rows.weights,
            offset=np.where(rows.possible, 0.0, -np.inf).T[rows.cell] + rows.offset[rows.person][:, None],
            free=rows.free,
            penalty=np.concatenate([np.zeros(3), ridge]),
            start=start,
        )
        assert fit.converged
        np.testing.assert_allclose(found, fit.coef, atol=3e-6)  # a decrement of 1e-11


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_cox(ties):
    rng = np.random.default_rng(3)
    X, time = rng.normal(size=(90, 2)) * [1.0, 40.0], rng.integers(1, 20, 90).astype(float)
    event, entry, strata = rng.random(90) < 0.6, rng.integers(0, 2, 90) * 0.5, rng.integers(0, 2, 90)
    weights, offset = rng.integers(0, 3, 90).astype(float), rng.normal(size=90) / 4
    data = cox_data(X, time, event, entry=entry, strata=strata)
    path = cox_ridge_path(data, RIDGES, weights=weights, offset=offset, ties=ties, frequency=True)
    for ridge, found in zip(RIDGES, path):
        fit = cox_fit(
            X,
            time,
            event,
            entry=entry,
            strata=strata,
            weights=weights,
            offset=offset,
            ties=ties,
            penalty=ridge,
            frequency=True,
        )
        assert found is not None
        np.testing.assert_allclose(found[0] * [1, 40], fit.coef * [1, 40], atol=3e-6)
        assert found[1] == pytest.approx(fit.loglik, abs=1e-4)


def test_no_maximum_is_none_and_the_path_goes_on():
    """Column 1 separates: free of a penalty there is no maximum, under one there is."""
    X = np.column_stack([np.random.default_rng(0).normal(size=40), np.repeat([1.0, 0.0], 20)])
    data = cox_data(X, np.arange(40.0) + 1, np.arange(40) < 20)
    first, second, third = cox_ridge_path(data, np.array([[5.0, 5.0], [5.0, 0.0], [1.0, 1.0]]), weights=np.ones(40))
    assert second is None
    for ridge, found in ((5.0, first), (1.0, third)):
        want = cox_fit(X, np.arange(40.0) + 1, np.arange(40) < 20, penalty=np.full(2, ridge))
        np.testing.assert_allclose(found[0], want.coef, atol=3e-6)


def test_a_parameter_that_drifted_off_is_no_maximum(monkeypatch):
    """As in the fit to one penalty, which then goes without the effects on a rare cause."""
    rows, ridges = _people(1), [np.full(_people(1).X.shape[1], 3.0)]
    start = np.zeros(rows.free.shape)
    (found,) = discrete_ridge_path(rows, ridges, link="logit", start=start)
    assert found is not None
    monkeypatch.setattr(_ridge_path, "_LARGEST_SE", 1e-3)
    assert list(discrete_ridge_path(rows, ridges, link="logit", start=start)) == [None]
