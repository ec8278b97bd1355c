"""Misuse is answered in words: what was expected, what came, what to do instead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, OutcomeError
from lbp_prognosis.evaluation.technical import icc, weighted_kappa
from lbp_prognosis.survival import Reference
from lbp_prognosis.validation import (
    added_value,
    cross_validate_risk,
    external_validate,
    internal_external,
    meta_analysis,
)


@pytest.fixture
def table():
    rng = np.random.default_rng(4)
    return pd.DataFrame(rng.standard_normal((60, 2)), columns=["pain", "modic"])


def test_a_finding_of_today_is_no_outcome_of_prognosis(table):
    today = Reference.now(np.arange(60) % 2)
    modalities = {"clinical": ["pain"], "imaging": ["modic"]}
    for call in (
        lambda: added_value(CoxPH(), table, today, modalities, 1),
        lambda: cross_validate_risk(CoxPH(), table, today, 1),
        lambda: internal_external(CoxPH(), table, today, np.arange(60) % 3, 1),
    ):
        with pytest.raises(OutcomeError, match=r"made by Reference\.now.*evaluation\.diagnostic"):
            call()


def test_external_says_in_what_way(table):
    rng = np.random.default_rng(5)
    y = Surv.right(rng.exponential(size=60), np.ones(60, dtype=int))
    model = CoxPH().fit(table, y)
    with pytest.raises(ArgumentError, match="`kind` must be one of 'temporal'.*got nothing.*seen later, elsewhere"):
        external_validate(model, table, y, 1)


def test_one_modality_has_nothing_to_be_compared_with(table):
    y = Surv.right(np.arange(1.0, 61.0), np.ones(60, dtype=int))
    with pytest.raises(ArgumentError, match="of two modalities at least.*Give the clinical comparator"):
        added_value(CoxPH(), table, y, {"imaging": ["modic"]}, 30)


def test_letters_of_mcgraw_and_wong_are_understood():
    ratings = [[1, 2], [3, 4], [5, 7]]
    assert icc(ratings, form="A,1").value == icc(ratings, form="2,1").value


def test_a_column_belongs_to_one_modality(table):
    X, columns = table, list(table.columns)
    y = Surv.right(np.random.default_rng(0).exponential(5, 60), np.ones(60, dtype=int))
    with pytest.raises(ArgumentError, match="belongs to one modality"):
        added_value(CoxPH(), X, y, {"clinical": columns, "imaging": columns[:1]}, 5)
    with pytest.raises(ArgumentError, match="modality='mri'"):
        added_value(CoxPH(), X, y, {"clinical": columns[:1], "mri": columns[1:]}, 5)


def test_errors_of_another_number_of_sites_are_named():
    with pytest.raises(ArgumentError, match="one per site, 2 as the estimates"):
        meta_analysis([0.7, 0.8], [0.1])


def test_grades_of_two_kinds_are_refused():
    with pytest.raises(ArgumentError, match="numbers beside words"):
        weighted_kappa([1, 2, 3], ["a", "b", "c"])
