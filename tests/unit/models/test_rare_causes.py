"""A competing cause too rare for effects, or that a training fold lacks: a hazard the same for all, and said."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.fusion import RiskPipeline, Standardise
from lbp_prognosis.models import CauseSpecificCox, DiscreteTimeHazard
from lbp_prognosis.validation import added_value, bootstrap_validate, cross_validate_risk, internal_external

COLUMNS = ["c1", "flag"]
VISITS = [3.0, 6.0, 12.0, 24.0]


def cohort(rare: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Three hundred patients; ``rare`` of those with event 2 have event 3, all of whom carry a flag."""
    d = syn(n=300)
    status = d["status"].to_numpy().copy()
    mine = np.flatnonzero(status == 2)[:rare]
    status[mine] = 3
    flag = np.arange(300) % 2 == 0
    flag[mine] = True
    return d.assign(flag=flag.astype(float)), Surv.right(d["time"], status)


def codes(result: object) -> list[str]:
    return [doubt.code for doubt in result.objections]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rare():
    return cohort(4)


def test_the_hazard_of_a_separated_rare_cause_is_that_of_all(rare) -> None:
    """By hand: cause 1 and 2 by their Cox models, cause 3 by events over patients at risk."""
    X, y = rare
    model = CauseSpecificCox().fit(X[COLUMNS], y)
    assert model.rare_causes_ == {3: 4}
    assert (model.coef_[3] == 0).all()
    assert (model.covariance_[3] == 0).all()
    assert [doubt.code for doubt in model.objections_] == ["rare-cause"]
    assert "4 events for 2 predictors" in model.objections_[0].sentence
    row = X[COLUMNS].iloc[[5]]
    parts = {}
    for cause in (1, 2):
        alone = CoxPH().fit(X[COLUMNS], Surv.right(y["time"], y["event"] == cause))
        np.testing.assert_allclose(model.coef_[cause], alone.coef_)
        eta = float((row.to_numpy(float) - alone.centre_)[0] @ alone.coef_)
        steps = dict(zip(model.models_[cause].baseline_times_[0], model.increments_[cause][0]))
        parts[cause] = {time: 1 - np.exp(-step * np.exp(eta)) for time, step in steps.items()}
    risk = {1: 0.0, 2: 0.0, 3: 0.0}
    free = 1.0
    for time in np.unique(y["time"][(y["event"] > 0) & (y["time"] <= 12)]):
        share = {cause: parts[cause].get(time, 0.0) for cause in (1, 2)}
        share[3] = ((y["time"] == time) & (y["event"] == 3)).sum() / (y["time"] >= time).sum()
        for cause in risk:
            risk[cause] += free * share[cause]
        free *= 1 - sum(share.values())
    for cause, want in risk.items():
        assert model.predict_risk(row, 12.0, cause)[0, 0] == pytest.approx(want, rel=1e-9)
    assert model.predict_survival(row, [12.0])[0, 0] == pytest.approx(free, rel=1e-9)
    again = CauseSpecificCox.from_dict(json.loads(json.dumps(model.to_dict())))
    np.testing.assert_array_equal(again.predict_risk(X[COLUMNS], [6, 12]), model.predict_risk(X[COLUMNS], [6, 12]))
    assert again.objections_ == model.objections_
    assert model.to_frame().query("cause == 3")["coef"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("rare_events", "raises"), [(19, False), (20, True), (21, True)])
def test_ten_events_a_predictor_are_not_rare(rare_events: int, raises: bool) -> None:
    X, y = cohort(rare_events)
    if raises:
        with pytest.raises(EstimationError, match="Cause 3: .*no finite maximum.*'flag'"):
            CauseSpecificCox().fit(X[COLUMNS], y)
    else:
        assert CauseSpecificCox().fit(X[COLUMNS], y).rare_causes_ == {3: rare_events}


def test_a_rare_cause_whose_effects_can_be_estimated_keeps_them(rare) -> None:
    X, y = rare
    found = CauseSpecificCox().fit(X[["c1", "c2"]], y)
    assert found.rare_causes_ == {}
    assert found.objections_ == ()
    assert (found.coef_[3] != 0).all()


def test_errors_remain_where_asked_for_and_for_the_event_of_interest(rare) -> None:
    X, y = rare
    with pytest.raises(EstimationError, match="Cause 3"):
        CauseSpecificCox(rare_causes="error").fit(X[COLUMNS], y)
    with pytest.raises(ArgumentError, match="rare_causes"):
        CauseSpecificCox(rare_causes="drop").fit(X[COLUMNS], y)
    swapped = Surv.right(y["time"], np.select([y["event"] == 3, y["event"] == 1], [1, 3], y["event"]))
    with pytest.raises(EstimationError, match="Cause 1"):
        CauseSpecificCox().fit(X[COLUMNS], swapped)
    with pytest.raises(EstimationError, match="no finite maximum"):
        DiscreteTimeHazard(VISITS, rare_causes="error").fit(X[COLUMNS], y)


def test_frequency_weights_count_copies(rare) -> None:
    X, y = rare
    from lbp_prognosis.survival import Weights

    with pytest.raises(EstimationError, match="Cause 3"):  # 4 patients, 20 copies
        CauseSpecificCox().fit(X[COLUMNS], y, sample_weight=Weights(np.full(300, 5), "frequency"))
    assert CauseSpecificCox().fit(X[COLUMNS], y, sample_weight=np.full(300, 5.0)).rare_causes_ == {3: 4}


def test_visits_have_the_same_odds_of_a_rare_cause_for_all(rare) -> None:
    """With effects on cause 3 held at 0 the score of its period effects is events minus fitted probabilities."""
    X, y = rare
    model = DiscreteTimeHazard(VISITS).fit(X[COLUMNS], y)
    seen = int(((y["event"] == 3) & (y["time"] <= 24)).sum())
    assert model.rare_causes_ == {3: seen}
    assert (model.coef_[2] == 0).all()
    assert (model.coef_[:2] != 0).all()
    assert [doubt.code for doubt in model.objections_] == ["rare-cause"]
    first = model.predict_risk(X[COLUMNS], VISITS[0], cause=3)[:, 0]
    at_risk = (y["time"] >= VISITS[0]) | (y["event"] > 0)
    assert first[at_risk].sum() == pytest.approx(((y["event"] == 3) & (y["time"] <= VISITS[0])).sum(), abs=1e-6)


@pytest.mark.parametrize("model", [CauseSpecificCox(), DiscreteTimeHazard(VISITS)], ids=lambda m: type(m).__name__)
def test_a_fold_without_the_cause_does_not_end_the_study(model) -> None:
    X, y = cohort(1)
    found = cross_validate_risk(model, X[["c1", "c2"]], y, 12.0, cause=3, n_splits=3, n_repeats=1, random_state=0)
    only = int(np.flatnonzero(y["event"] == 3)[0])
    without = found.folds[0] == found.folds[0][only]  # predicted by training rows that lack the cause
    risk = found.risks[found.models[0]][:, 0]
    assert (risk[without] == 0).all()
    assert (risk[~without] > 0).all()
    said = [doubt for doubt in found.objections if doubt.code == "rare-cause"]
    assert len(said) == 1
    assert "its risk is 0" in said[0].sentence
    assert "rare-cause" in codes(found.evaluate(n_resamples=0))


def test_the_doubt_reaches_every_door(rare) -> None:
    X, y = rare
    X = X[["c1", "c2", "flag", "site"]]
    part, model = X[COLUMNS], CauseSpecificCox()
    piped = RiskPipeline([Standardise(["c1"])], model)
    assert "rare-cause" in codes(cross_validate_risk(piped, part, y, 12.0, n_splits=3, n_repeats=1, random_state=0))
    assert "rare-cause" in codes(internal_external(model, part, y, X["site"], 12.0, min_events=1, n_resamples=0))
    assert "rare-cause" in codes(bootstrap_validate(model, part, y, 12.0, n_resamples=4, random_state=0))
    value = added_value(
        model, X, y, {"clinical": ["c1", "c2"], "imaging": ["flag"]}, 12.0, n_splits=3, n_repeats=1, random_state=0
    )
    assert "rare-cause" in codes(value)


def test_a_cause_that_nobody_has_is_still_refused(rare) -> None:
    X, y = rare
    with pytest.raises(ArgumentError, match="cause"):
        cross_validate_risk(CauseSpecificCox(), X[["c1"]], y, 12.0, cause=4, n_splits=3, n_repeats=1)


def test_wall_motion_after_infarction(shared) -> None:
    """TRACE: twelve other deaths beside 958; the marker's association is strong and adds no net benefit."""
    path = shared / "data" / "trace" / "TRACE.csv"
    if not path.exists():
        pytest.skip("TRACE is not beside this checkout")
    table = pd.read_csv(path)
    event = table["status"].map(lambda code: 1 if code == 9 else 2 if code in (7, 8) else 0)
    y = Surv.right(table["time"].clip(lower=1e-3), event)
    clinical = ["age", "sex", "diabetes", "chf", "vf"]
    found = added_value(
        CauseSpecificCox(),
        table[[*clinical, "wmi"]],
        y,
        {"clinical": clinical, "imaging": ["wmi"]},
        1.0,
        [0.3],
        n_splits=5,
        n_repeats=2,
        random_state=1,
    )
    assert "rare-cause" in codes(found)
    assert found.likelihood_ratio is not None
    assert found.likelihood_ratio.df == 2
    assert found.likelihood_ratio.p < 1e-18
    gain = found.to_frame().query("metric == 'net_benefit'")
    assert ((gain["low"] < 0) & (gain["high"] > 0)).any()
