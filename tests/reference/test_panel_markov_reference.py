"""PanelMarkov against R's msm: heart transplants seen at visits, death dated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.models import PanelMarkov
from lbp_prognosis.survival import MultiState

MOVES = [("well", "ill"), ("well", "dead"), ("ill", "well"), ("ill", "dead")]
STATES = ("well", "ill", "dead")
# msm stops when the likelihood changes by 1e-15 of itself: coefficients to 1e-4 of a standard error
SHARE = 3e-4


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "r" / "panel_markov.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def courses(values) -> MultiState:
    seen = [STATES[code - 1] for code in values["state"]]
    return MultiState.from_visits(values["id"], values["years"], seen, absorbing=["dead"], states=STATES)


def agrees(estimates: np.ndarray, covariance: np.ndarray, minus2: float, theirs: dict[str, Any]) -> None:
    error = np.sqrt(np.diag(np.array(theirs["covariance"])))
    assert (np.abs(estimates - np.array(theirs["estimates"])) < SHARE * error).all()
    np.testing.assert_allclose(
        covariance / np.outer(error, error), theirs["covariance"] / np.outer(error, error), atol=1e-3
    )
    assert minus2 == pytest.approx(theirs["minus2loglik"], abs=1e-7)
    assert minus2 <= theirs["minus2loglik"] + 1e-9  # where they differ, ours is the higher maximum


def test_constant_intensities(values, courses) -> None:
    model = PanelMarkov(MOVES).fit(np.empty((len(courses), 0)), courses)
    agrees(model.estimates_, model.covariance_, -2 * model.log_likelihood_, values["plain"])
    found = model.predict_occupancy(np.empty((1, 0)), values["at"], from_state="well")[0]
    np.testing.assert_allclose(found, values["occupancy"], atol=1e-6)


def test_a_predictor_of_every_intensity(values, courses) -> None:
    age = pd.Series(values["dage"], index=values["id"], dtype=float).groupby(level=0).first()
    X = pd.DataFrame({"age": age.loc[[courses.ids[k] for k in courses.patient]].to_numpy()})
    model = PanelMarkov(MOVES).fit(X, courses)
    agrees(model.estimates_, model.covariance_, -2 * model.log_likelihood_, values["age"])


def test_intensities_that_change(values) -> None:
    alive = np.array(values["state"]) < 3
    seen = [STATES[code - 1] for code in np.array(values["state"])[alive]]
    when = np.array(values["years"])[alive]
    living = MultiState.from_visits(np.array(values["id"])[alive], when, seen, states=STATES[:2])
    model = PanelMarkov([MOVES[0], MOVES[2]], breakpoints=[6.5]).fit(np.empty((len(living), 0)), living)
    # msm reports the first piece and the change from it
    turn = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [-1, 1, 0, 0], [0, 0, -1, 1]])
    covariance = turn @ model.covariance_ @ turn.T
    agrees(turn @ model.estimates_, covariance, -2 * model.log_likelihood_, values["pieces"])
