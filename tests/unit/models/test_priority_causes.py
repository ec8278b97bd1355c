"""`PriorityCox` with competing causes: hazards block by block for each cause, joined by the product limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.deployment import lock
from lbp_prognosis.models import CauseSpecificCox, CoxPH, NullModel, PriorityCox
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.survival import Surv, Weights
from lbp_prognosis.validation import added_value

COHORT = syn(n=300)
BLOCKS = {"clinical": ["c1", "c2", "p1"], "imaging": ["m1", "m2"]}
COLUMNS = [*BLOCKS["clinical"], *BLOCKS["imaging"]]
X = COHORT[COLUMNS]
Y = Surv.right(np.ceil(COHORT.time), COHORT.status)  # whole months: many ties
TIMES = [3.0, 6.0, 12.0]
PLAIN = {"unpenalised": list(BLOCKS), "cross_fit": 0}


def alone(code: int) -> np.ndarray:
    return Surv.right(Y["time"], Y["event"] == code)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_one_block_without_penalty_is_the_cause_specific_model(ties):
    rng = np.random.default_rng(1)
    given = {
        "strata": rng.integers(0, 2, 300),
        "offset": 0.3 * rng.normal(size=300),
        "sample_weight": rng.uniform(0.5, 2.0, 300),
    }
    late = Surv.right(Y["time"] + 1, Y["event"], entry=rng.choice([0.0, 0.5], 300))
    mine = PriorityCox({"all": COLUMNS}, unpenalised=["all"], ties=ties).fit(X, late, **given)
    other = CauseSpecificCox(ties=ties).fit(X, late, **given)
    new = {name: given[name] for name in ("strata", "offset")}
    for cause in (1, 2):
        np.testing.assert_allclose(
            mine.predict_risk(X, TIMES, cause, **new), other.predict_risk(X, TIMES, cause, **new), rtol=1e-10
        )
        np.testing.assert_array_equal(
            mine.predict_incidence(X, TIMES, cause, **new), mine.predict_risk(X, TIMES, cause, **new)
        )
    np.testing.assert_allclose(
        mine.predict_survival(X, TIMES, **new), other.predict_survival(X, TIMES, **new), rtol=1e-10
    )


def test_each_cause_has_the_effects_of_a_fit_of_its_own():
    model = PriorityCox(BLOCKS, **PLAIN).fit(X, Y)
    for code in (1, 2):
        single = PriorityCox(BLOCKS, **PLAIN).fit(X, alone(code))
        own = model.to_frame().query("cause == @code")
        np.testing.assert_allclose(own["coef"], single.to_frame()["coef"], rtol=1e-12)
        np.testing.assert_allclose(model.linear_predictor(X, code), single.linear_predictor(X), rtol=1e-12)
        np.testing.assert_allclose(model.block_scores(X, code), single.block_scores(X), rtol=1e-12)
    parts = [model.predict_risk(X, TIMES, code) for code in (1, 2)]
    assert ((parts[0] >= 0) & (parts[1] >= 0)).all()
    np.testing.assert_allclose(sum(parts) + model.predict_survival(X, TIMES), 1.0, atol=1e-12)
    assert np.isnan(model.predict_survival(X, [6.0, 1e4])[:, 1]).all()
    # a cause's own hazard, the others censored, would give too high a risk
    naive = PriorityCox(BLOCKS, **PLAIN).fit(X, alone(1)).predict_risk(X, 12.0)
    assert (parts[0][:, 2] < naive[:, 0]).all()
    with pytest.raises(ArgumentError, match="cause"):
        model.predict_risk(X, TIMES, 3)


def test_without_effects_risks_are_those_of_aalen_and_johansen():
    noise = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 2)), columns=["a", "b"])
    model = PriorityCox({"one": ["a"], "two": ["b"]}, choose="1se", cv=3, cross_fit=0).fit(noise, Y)
    assert (model.to_frame()["coef"] == 0).all()
    null = NullModel().fit(noise, Y)
    for cause in (1, 2):
        np.testing.assert_allclose(
            model.predict_risk(noise, TIMES, cause), null.predict_risk(noise, TIMES, cause), rtol=1e-10
        )


@pytest.mark.parametrize("missing", ["ignore", "impute_offset", "conditional", "mean"])
def test_rows_without_imaging_have_risks_of_all_causes(missing):
    table = X.copy()
    table.loc[::3, BLOCKS["imaging"]] = np.nan
    lacks = table["m1"].isna().to_numpy()
    model = PriorityCox(BLOCKS, missing=missing, **PLAIN).fit(table, Y)
    total = model.predict_survival(table, TIMES)
    for code in (1, 2):
        risk = model.predict_risk(table, TIMES, code)
        assert np.isfinite(risk).all()
        total = total + risk
        scores = model.block_scores(table, code)
        if missing == "ignore":
            assert (scores.loc[lacks, "imaging"] == 0).all()
        elif missing == "impute_offset":  # least squares on the columns of the first block, cause by cause
            design = np.column_stack([np.ones(300), table[BLOCKS["clinical"]]])
            coef = np.linalg.lstsq(design[~lacks], scores.loc[~lacks, "imaging"], rcond=None)[0]
            np.testing.assert_allclose(scores.loc[lacks, "imaging"], design[lacks] @ coef, atol=1e-9)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    # absent at random: rows that lack the block are predicted right on average
    mean = model.predict_risk(table[lacks], 12.0).mean()
    own = NullModel().fit(table[lacks], Y[lacks]).predict_risk(table[lacks], 12.0).mean()
    assert mean == pytest.approx(own, abs=0.06)


def test_frequency_weights_are_copies():
    count = 1 + np.arange(300) % 3
    rows = np.repeat(np.arange(300), count)
    model = PriorityCox(BLOCKS, **PLAIN)
    weighted = model.fit(X, Y, sample_weight=Weights(count, "frequency")).predict_risk(X, TIMES, 2)
    copied = model.fit(X.iloc[rows], Y[rows]).predict_risk(X, TIMES, 2)
    np.testing.assert_allclose(weighted, copied, rtol=1e-8)


def test_a_cause_with_one_event_is_the_same_for_all():
    event = np.where(Y["event"] == 2, 0, Y["event"])
    event[np.flatnonzero((event == 0) & (Y["time"] > 3))[0]] = 2
    y = Surv.right(Y["time"], event)
    model = PriorityCox(BLOCKS, unpenalised=["clinical"], cv=2, cross_fit=0).fit(X, y)
    assert model.rare_causes_ == {2: 1}
    assert [doubt.code for doubt in model.objections_] == ["rare-cause"]
    assert (model.linear_predictor(X, 2) == 0).all()
    assert (model.block_scores(X, 2) == 0).all().all()
    assert (model.to_frame().query("cause == 2")["coef"] == 0).all()
    total = model.predict_risk(X, TIMES) + model.predict_risk(X, TIMES, 2) + model.predict_survival(X, TIMES)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    with pytest.raises(EstimationError, match="Cause 2"):
        PriorityCox(BLOCKS, unpenalised=["clinical"], cv=2, cross_fit=0, rare_causes="error").fit(X, y)
    event[event == 2] = 1
    assert PriorityCox(BLOCKS, **PLAIN).fit(X, Surv.right(Y["time"], event)).objections_ == ()


def test_a_model_is_read_as_it_was_and_locked_as_the_cause_specific_one():
    strata = np.random.default_rng(2).integers(0, 2, 300)
    model = PriorityCox({"all": COLUMNS}, unpenalised=["all"], cross_fit=0).fit(X, Y, strata=strata)
    again = RiskEstimator.from_dict(model.to_dict())
    locked, other = lock(model), lock(CauseSpecificCox().fit(X, Y, strata=strata))
    for cause in (1, 2):
        risk = model.predict_risk(X, TIMES, cause, strata=strata)
        np.testing.assert_array_equal(again.predict_risk(X, TIMES, cause, strata=strata), risk)
        np.testing.assert_allclose(
            locked.predict_risk(X, TIMES, cause, strata=strata),
            other.predict_risk(X, TIMES, cause, strata=strata),
            rtol=1e-9,
        )


def test_only_effects_that_are_not_determined_are_left_out(monkeypatch):
    """A rare cause is the same for all where its effects have no estimate, not where its fit fails otherwise."""
    event = np.where(Y["event"] == 2, 0, Y["event"])
    event[np.flatnonzero((event == 0) & (Y["time"] > 3))[0]] = 2
    y = Surv.right(Y["time"], event)
    crossed = PriorityCox(BLOCKS, unpenalised=list(BLOCKS), cross_fit=2)
    assert crossed.fit(X, y).rare_causes_ == {2: 1}  # half of the patients have no event of it
    fit = CoxPH.fit

    def broken(self, X, y, **given):
        if int((y["event"] == 1).sum()) == 1:
            raise EstimationError("The sums overflow.")
        return fit(self, X, y, **given)

    monkeypatch.setattr(CoxPH, "fit", broken)
    with pytest.raises(EstimationError, match=r"Cause 2: Block 'clinical': The sums overflow"):
        PriorityCox(BLOCKS, **PLAIN).fit(X, y)


def test_blocks_that_a_table_lacks_are_left_out():
    """Validation refits a model without a modality, or to a few columns of one."""
    clinical = BLOCKS["clinical"]
    mine = PriorityCox(BLOCKS, **PLAIN).fit(X[clinical], Y)
    other = PriorityCox({"clinical": clinical}, unpenalised=["clinical"], cross_fit=0).fit(X[clinical], Y)
    np.testing.assert_array_equal(mine.predict_risk(X[clinical], TIMES), other.predict_risk(X[clinical], TIMES))
    assert mine.left_out_ == ("imaging",)
    (doubt,) = [one for one in mine.objections_ if one.code == "modality-left-out"]
    assert "'imaging'" in doubt.sentence
    few = PriorityCox(BLOCKS, **PLAIN).fit(X[[*clinical[:2], *BLOCKS["imaging"]]], Y)
    assert few.left_out_ == (clinical[2],)
    assert list(few.models_) == ["clinical", "imaging"]
    alone = PriorityCox(BLOCKS, **PLAIN).fit(X[BLOCKS["imaging"]], Y)
    assert (alone.left_out_, list(alone.models_)) == (("clinical",), ["imaging"])
    whole = PriorityCox(BLOCKS, **PLAIN).fit(X, Y)
    assert whole.left_out_ == ()
    assert "modality-left-out" not in [one.code for one in whole.objections_]
    with pytest.raises(ArgumentError, match=r"\['m1', 'mm1'\]"):  # a column of no block is a slip
        PriorityCox({"clinical": clinical, "imaging": ["mm1", "m2"]}, **PLAIN).fit(X, Y)


def test_added_value_of_a_block():
    cut = Surv.right(COHORT.time[:120], COHORT.status[:120])
    found = added_value(PriorityCox(BLOCKS, **PLAIN), X.iloc[:120], cut, BLOCKS, 12.0, [0.5], n_splits=3, n_repeats=1)
    assert {"clinical", "imaging", "with", "without"} <= set(found.risks)
    np.testing.assert_array_equal(found.risks["without"], found.risks["clinical"])


def test_frequency_weights_are_copied_rows_also_where_offsets_are_cross_fitted():
    who = np.arange(300)
    copies = 1 + (who % 3 == 0)
    rows = np.repeat(who, copies)
    model = PriorityCox(BLOCKS, unpenalised=list(BLOCKS), cross_fit=2)
    copied = model.fit(X.iloc[rows].reset_index(drop=True), Y[rows], clusters=rows).predict_risk(X, TIMES)
    weighted = model.fit(X, Y, sample_weight=Weights(copies, "frequency"), clusters=who).predict_risk(X, TIMES)
    np.testing.assert_allclose(weighted, copied, rtol=1e-9)
