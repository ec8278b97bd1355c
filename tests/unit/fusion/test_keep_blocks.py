"""`MultipleImputation(keep_blocks=)`: scattered cells are filled in, absent modalities stay absent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CoxPH, PriorityCox, StackedRisk
from lbp_prognosis.survival import Surv

COHORT = syn(n=240)
BLOCKS = {"clinical": ["c1", "c2", "p1"], "imaging": ["m1", "m2"]}
COLUMNS = [*BLOCKS["clinical"], *BLOCKS["imaging"]]
Y = Surv.right(COHORT.time, COHORT.event)


@pytest.fixture
def holes() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = COHORT[COLUMNS].copy()
    for column in COLUMNS:
        table.loc[rng.random(240) < 0.05, column] = np.nan
    table.loc[rng.random(240) < 0.3, BLOCKS["imaging"]] = np.nan
    return table


def test_training_tables(holes):
    absent = holes[BLOCKS["imaging"]].isna().all(axis=1)
    step = MultipleImputation(m=3, iterations=3, keep_blocks={"imaging": BLOCKS["imaging"]})
    for table in step.complete_training(holes, Y):
        assert table.loc[absent, BLOCKS["imaging"]].isna().all().all()
        assert table.loc[~absent].notna().all().all()
        assert table[BLOCKS["clinical"]].notna().all().all()
        np.testing.assert_array_equal(table[holes.notna()].to_numpy(), holes.to_numpy())
    plain = MultipleImputation(m=3, iterations=3).complete_training(holes, Y)
    kept = step.complete_training(holes, Y)
    # what is filled in is the same: the block takes part in the equations, and is taken out at the end
    np.testing.assert_array_equal(kept[0]["c1"], plain[0]["c1"])
    assert step.incomplete_ == pytest.approx(
        float((holes.isna().any(axis=1) & ~(absent & holes[BLOCKS["clinical"]].notna().all(axis=1))).mean())
    )


def test_new_rows(holes):
    absent = holes[BLOCKS["imaging"]].isna().all(axis=1).to_numpy()
    step = MultipleImputation(m=2, iterations=3, draws=7, keep_blocks={"imaging": BLOCKS["imaging"]})
    step.complete_training(holes, Y)
    done = step.completions(holes)
    np.testing.assert_allclose(np.bincount(done.row, done.weight), 1.0)
    assert done.frame.loc[absent[done.row], BLOCKS["imaging"]].isna().all().all()
    assert done.frame.loc[~absent[done.row]].notna().all().all()
    only = np.flatnonzero(absent & holes[BLOCKS["clinical"]].notna().all(axis=1).to_numpy())
    assert (np.bincount(done.row)[only] == 1).all()
    assert step.transform(holes).loc[absent, BLOCKS["imaging"]].isna().all().all()


@pytest.mark.parametrize("missing", ["conditional", "ignore", "impute_offset"])
def test_priority_cox_takes_what_is_left(holes, missing):
    model = PriorityCox(BLOCKS, unpenalised=["clinical"], cv=3, cross_fit=3, missing=missing)
    pipe = RiskPipeline([MultipleImputation(m=2, iterations=3, draws=5, keep_blocks=BLOCKS)], model)
    risk = pipe.fit(holes, Y).predict_risk(holes, 12)
    assert np.isfinite(risk).all()
    whole = COHORT[COLUMNS].copy()
    whole[BLOCKS["imaging"]] = np.nan
    assert np.isfinite(pipe.predict_risk(whole, 12)).all()


def test_a_stack_takes_what_is_left(holes):
    stack = StackedRisk(CoxPH(), modalities=BLOCKS, horizons=12, cv=3)
    pipe = RiskPipeline([MultipleImputation(m=2, iterations=3, draws=5, keep_blocks=BLOCKS)], stack)
    assert np.isfinite(pipe.fit(holes, Y).predict_risk(holes, 12)).all()


def test_what_a_missing_block_is_worth():
    """ "ignore" leaves the score of the blocks before; "impute_offset" regresses on them by least squares."""
    table = COHORT[COLUMNS].copy()
    table.loc[::3, BLOCKS["imaging"]] = np.nan
    lacks = table["m1"].isna().to_numpy()
    ignored = PriorityCox(BLOCKS, unpenalised=["clinical", "imaging"], cross_fit=0, missing="ignore").fit(table, Y)
    scores = ignored.block_scores(table)
    assert (scores.loc[lacks, "imaging"] == 0).all()
    # the second block was fitted to the rows that have it, with the first as the offset
    first = CoxPH().fit(table[BLOCKS["clinical"]], Y)
    offset = first.linear_predictor(table[BLOCKS["clinical"]]) - first.centre_ @ first.coef_
    second = CoxPH().fit(table.loc[~lacks, BLOCKS["imaging"]], Y[~lacks], offset=offset[~lacks])
    np.testing.assert_allclose(ignored.coef_[3:], second.coef_, rtol=1e-8)
    imputed = PriorityCox(BLOCKS, unpenalised=["clinical", "imaging"], cross_fit=0, missing="impute_offset").fit(
        table, Y
    )
    scores = imputed.block_scores(table)
    design = np.column_stack([np.ones(240), table[BLOCKS["clinical"]]])
    coef = np.linalg.lstsq(design[~lacks], scores.loc[~lacks, "imaging"], rcond=None)[0]
    np.testing.assert_allclose(scores.loc[lacks, "imaging"], design[lacks] @ coef, atol=1e-10)
