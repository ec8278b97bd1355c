"""Among competing events patients are ranked by the cumulative incidence, and not by the hazard of one cause."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv, evaluate
from lbp_prognosis.evaluation import concordance, royston_d
from lbp_prognosis.models import CauseSpecificCox, FineGray
from lbp_prognosis.survival import has_competing
from lbp_prognosis.validation import added_value, bootstrap_validate, cross_validate_risk, external_validate


def test_by_hand() -> None:
    """Five patients: the events of cause 1 are ordered by the incidence, and turned round by the hazard."""
    y = Surv.right([1.0, 2.0, 3.0, 4.0, 5.0], [1, 2, 1, 0, 0])
    incidence, hazard = np.array([0.9, 0.4, 0.8, 0.2, 0.1]), np.array([-2.0, 3.0, -1.0, 1.0, 2.0])
    # patient 0 is compared with all others; patient 2 with 1 (who can have no event any more), 3 and 4
    assert concordance(y, incidence).value == 1.0
    assert concordance(y, hazard).value == pytest.approx(0.0)
    options = {"linear_predictors": hazard, "min_at_risk": 0, "n_resamples": 0}
    found = evaluate(y, incidence, 4.0, **options).metrics["model"]
    assert found["concordance"].value == 1.0
    alone = Surv.right(y["time"], y["event"] == 1)  # the same patients, cause 2 censored: the score ranks
    assert (
        evaluate(alone, incidence, 4.0, **options).metrics["model"]["concordance"].value
        == concordance(alone, hazard).value
    )


@pytest.mark.parametrize(
    ("events", "cause", "found"), [([1, 0], 1, False), ([2, 0], 1, True), ([2, 0], 2, False), ([0, 1, 2], 2, True)]
)
def test_what_competes(events: list[int], cause: int, found: bool) -> None:
    assert has_competing(Surv.right(np.arange(1.0, 1 + len(events)), events), cause) == found


@pytest.fixture(scope="module")
def cohort():
    """One predictor moves both causes, so that a high hazard of cause 1 goes with a low incidence."""
    rng = np.random.default_rng(9)
    n = 600
    a, b = rng.normal(size=n), rng.normal(size=n)
    first, second = rng.exponential(20 * np.exp(-0.3 * a - 0.5 * b)), rng.exponential(12 * np.exp(-1.6 * a))
    leave = rng.uniform(5, 40, n)
    end = np.minimum(np.minimum(first, second), leave)
    event = np.where(leave <= end, 0, np.where(first <= second, 1, 2))
    return pd.DataFrame({"a": a, "b": b}), Surv.right(end, event)


def test_every_door_ranks_by_the_incidence(cohort) -> None:
    X, y = cohort
    model = CauseSpecificCox().fit(X, y)
    risk, hazard = model.predict_risk(X, [6.0, 12.0]), model.linear_predictor(X)
    right, wrong = concordance(y, risk[:, 1]).value, concordance(y, hazard).value
    assert np.corrcoef(risk[:, 1], hazard)[0, 1] < 0.8
    assert right > wrong + 0.02
    own = evaluate(y, risk, [6.0, 12.0], linear_predictors=hazard, n_resamples=0).metrics["model"]
    assert own["concordance"].value == right
    assert own["uno_concordance"].value == concordance(y, risk[:, 1], weighting="uno", tau=12.0).value
    assert own["royston_d"].value == royston_d(y, risk[:, 1]).value
    away = external_validate(model, X, y, [6.0, 12.0], kind="temporal", n_resamples=0)
    row = away.to_frame().query("metric == 'concordance'")
    assert row["value"].tolist() == [right]
    boot = bootstrap_validate(CauseSpecificCox(), X, y, [6.0, 12.0], n_resamples=4, random_state=0)
    assert boot.at("concordance")["apparent"] == pytest.approx(right, rel=1e-12)
    crossed = cross_validate_risk(CauseSpecificCox(), X, y, 12.0, n_splits=3, n_repeats=1, random_state=0)
    out_of_fold = crossed.risks["CauseSpecificCox"][:, 0]
    assert (
        crossed.evaluate(n_resamples=0).metrics["CauseSpecificCox"]["concordance"].value
        == concordance(y, out_of_fold).value
    )
    value = added_value(
        CauseSpecificCox(), X, y, {"clinical": ["a"], "imaging": ["b"]}, 12.0, n_splits=3, n_repeats=1, random_state=0
    )
    shares = value.shares.query("metric == 'concordance' and modality == 'clinical' and share == 'first_in'")
    assert shares["value"].item() == pytest.approx(concordance(y, value.risks["clinical"][:, 0]).value - 0.5)


def test_models_whose_score_orders_the_incidence_rank_as_before(cohort) -> None:
    """Fine and Gray's score, and any score where nothing competes."""
    X, y = cohort
    model = FineGray().fit(X, y)
    risk = model.predict_risk(X, 12.0)[:, 0]
    assert concordance(y, model.linear_predictor(X)).value == pytest.approx(concordance(y, risk).value, abs=1e-12)
    alone = Surv.right(y["time"], y["event"] == 1)
    cox = CoxPH().fit(X, alone)
    found = evaluate(
        alone, cox.predict_risk(X, 12.0)[:, 0], 12.0, linear_predictors=cox.linear_predictor(X), n_resamples=0
    )
    assert found.metrics["model"]["concordance"].value == concordance(alone, cox.linear_predictor(X)).value
