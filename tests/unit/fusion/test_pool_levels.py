"""Pooling levels: the rule is in the name, the number of levels read stands beside, nominal numbers are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import one_row_a_patient, one_row_per_patient, pool_levels


@pytest.fixture
def long() -> pd.DataFrame:
    rows = [
        ("a", "pfirrmann", "l3l4", 2.0),
        ("a", "pfirrmann", "l4l5", 4.0),
        ("a", "pfirrmann", "l5s1", 5.0),
        ("b", "pfirrmann", "l4l5", 3.0),
        ("b", "pfirrmann", "l5s1", np.nan),
        ("a", "modic", "l4l5", 1.0),
        ("a", "modic", "l5s1", 2.0),
        ("b", "modic", "l4l5", 0.0),
        ("a", "vertebral_fracture", None, 1.0),
        ("b", "vertebral_fracture", None, 0.0),
    ]
    table = pd.DataFrame(rows, columns=["patient_id", "measure", "level", "value"])
    return table.assign(method_id="reader", unit="grade", structure="disc", side=None, study_id="s")


def test_every_rule_by_hand(long: pd.DataFrame) -> None:
    rules = ["max", "min", "mean", "sum", "worst", "count>=4", "count==5", "any>=5", "count<=2"]
    frame = pool_levels(long, {"pfirrmann": rules}).frame
    assert frame.loc["a"].tolist() == [5, 2, 11 / 3, 11, 5, 2, 1, 1, 1, 3]
    assert frame.loc["b"].tolist() == [3, 3, 3, 3, 3, 0, 0, 0, 0, 1]
    assert list(frame.columns) == [
        "pfirrmann__max",
        "pfirrmann__min",
        "pfirrmann__mean",
        "pfirrmann__sum",
        "pfirrmann__worst",
        "pfirrmann__count_ge_4",
        "pfirrmann__count_eq_5",
        "pfirrmann__any_ge_5",
        "pfirrmann__count_le_2",
        "pfirrmann__n_levels",
    ]


def test_each_level_and_the_single_value(long: pd.DataFrame) -> None:
    pooled = pool_levels(long, {"pfirrmann": "each", "vertebral_fracture": "only"})
    assert pooled.frame.loc["a", "pfirrmann__l5s1"] == 5
    assert np.isnan(pooled.frame.loc["b", "pfirrmann__l5s1"])
    assert pooled.frame["vertebral_fracture"].tolist() == [1, 0]
    assert pooled.modalities.provenance["pfirrmann__l5s1"]["level"] == "l5s1"
    assert pooled.modalities.provenance["pfirrmann__l5s1"]["n_levels_column"] == "pfirrmann__n_levels"
    with pytest.raises(ArgumentError, match="levels"):
        pool_levels(long, {"pfirrmann": "only"})


@pytest.mark.parametrize("rule", ["max", "mean", "sum", "worst", "count>=1", "any>=1", "each", "only"])
def test_a_nominal_measure_is_no_number(long: pd.DataFrame, rule: str) -> None:
    with pytest.raises(ArgumentError, match="names"):
        pool_levels(long, {"modic": rule})


def test_a_nominal_measure_is_counted_by_type(long: pd.DataFrame) -> None:
    frame = pool_levels(long, {"modic": ["count==1", "any==2"]}).frame
    assert frame["modic__count_eq_1"].tolist() == [1, 0]
    assert frame["modic__any_eq_2"].tolist() == [1, 0]
    with pytest.raises(ArgumentError, match="names"):
        pool_levels(long, {"pfirrmann": "max"}, nominal=["pfirrmann"])


def test_a_measure_without_a_worse_end_has_no_worst(long: pd.DataFrame) -> None:
    table = long.assign(measure=long["measure"].replace("pfirrmann", "disc_height"))
    with pytest.raises(ArgumentError, match="no end is declared worse"):
        pool_levels(table, {"disc_height": "worst"})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"method_id": ["x"] + ["reader"] * 9}, "mixed_method"),
        ({"unit": ["mm"] + ["grade"] * 9}, "mixed_unit"),
        ({"structure": ["endplate"] + ["disc"] * 9}, "mixed_structure"),
        ({"study_id": ["t"] + ["s"] * 9}, "several_studies"),
        ({"level": ["l4l5", "l4l5", "l5s1", *["l4l5"] * 7]}, "duplicate_key"),
        ({"method_id": [None] + ["reader"] * 9}, "missing"),
    ],
)
def test_what_is_not_one_variable_is_refused_with_a_frame(long: pd.DataFrame, change: dict, reason: str) -> None:
    with pytest.raises(DataError) as error:
        pool_levels(long.assign(**change), {"pfirrmann": "max"})
    assert set(error.value.failures["reason"]) == {reason}


def test_without_a_method_the_table_is_refused(long: pd.DataFrame) -> None:
    with pytest.raises(ArgumentError, match="method_id"):
        pool_levels(long.drop(columns="method_id"), {"pfirrmann": "max"})


@pytest.mark.parametrize(("key", "rule"), [("pfirrmann", "median"), ("nothing", "max"), ("pfirrmann", "count>=x")])
def test_unknown_rules_and_measures_are_refused(long: pd.DataFrame, key: str, rule: str) -> None:
    with pytest.raises(ArgumentError):
        pool_levels(long, {key: rule})


def test_chosen_levels_and_patients(long: pd.DataFrame) -> None:
    frame = pool_levels(long, {"pfirrmann": "max"}, levels=["l3l4", "l4l5"], patients=["c", "a"]).frame
    assert frame.index.tolist() == ["c", "a"]
    assert frame.loc["a", "pfirrmann__max"] == 4
    assert np.isnan(frame.loc["c", "pfirrmann__max"])
    assert frame["pfirrmann__n_levels"].tolist() == [0, 2]
    with pytest.raises(ArgumentError):
        pool_levels(long, {"pfirrmann": "max"}, patients=["a", "a"])


def test_structures_are_kept_apart_by_name(long: pd.DataFrame) -> None:
    muscles = pd.DataFrame(
        {
            "patient_id": ["a", "a"],
            "structure": ["multifidus", "psoas"],
            "measure": "fat_fraction",
            "level": "l4l5",
            "value": [30.0, 10.0],
            "method_id": "dixon",
        }
    )
    frame = pool_levels(muscles, {"multifidus__fat_fraction": "mean", "psoas__fat_fraction": "mean"}).frame
    assert frame.loc["a", ["multifidus__fat_fraction__mean", "psoas__fat_fraction__mean"]].tolist() == [30, 10]


def test_one_row_per_patient(long: pd.DataFrame) -> None:
    pooled = pool_levels(long, {"pfirrmann": ["max", "mean"]})
    clinical = pd.DataFrame({"patient_id": ["b", "a", "c"], "age": [50.0, 40.0, 60.0]})
    X, modalities = one_row_per_patient({"clinical": clinical, "imaging": pooled})
    assert X.index.tolist() == ["b", "a", "c"]
    assert dict(modalities) == {"clinical": ("age",), "imaging": ("pfirrmann__max", "pfirrmann__mean")}
    assert "pfirrmann__n_levels" in X
    assert np.isnan(X.loc["c", "pfirrmann__max"])
    twice = pd.concat([clinical, clinical.iloc[:1]])
    with pytest.raises(DataError, match="several rows"):
        one_row_per_patient({"clinical": twice})
    with pytest.raises(ArgumentError, match="patient_id"):
        one_row_per_patient({"clinical": clinical.drop(columns="patient_id")})
    with pytest.raises(ArgumentError, match="once"):
        one_row_per_patient({"clinical": clinical, "other": clinical})
    with pytest.raises(ArgumentError):
        one_row_per_patient({})


def test_the_old_name_gives_the_same_and_says_the_new_one() -> None:
    tables = {"clinical": pd.DataFrame({"patient_id": ["03", "1"], "age": [50.0, 40.0]})}
    with pytest.warns(DeprecationWarning, match=r"fusion\.one_row_per_patient"):
        old = one_row_a_patient(tables, patients=["1", "3"], match="number")
    new = one_row_per_patient(tables, patients=["1", "3"], match="number")
    pd.testing.assert_frame_equal(old.X, new.X)
    assert old.X["age"].tolist() == [40.0, 50.0]
    assert dict(old.modalities) == dict(new.modalities)
    pd.testing.assert_frame_equal(old.joined, new.joined)


def test_the_simulated_cohort_pools_to_its_wide_view() -> None:
    from lbp_prognosis.datasets import simulate_cohort

    cohort = simulate_cohort(80, 3, imaging="all", missingness=0)
    X, _, _ = cohort.wide()
    pooled = pool_levels(
        cohort.tables["biomarker"],
        {
            "pfirrmann": "mean",
            "fat_fraction": "mean",
            "modic": ["count==1", "count==2"],
            "central_stenosis": "max",
            "vertebral_fracture": "only",
        },
        patients=X.index,
    )
    for column in (
        "pfirrmann__mean",
        "fat_fraction__mean",
        "modic__count_eq_1",
        "modic__count_eq_2",
        "central_stenosis__max",
        "vertebral_fracture",
    ):
        np.testing.assert_allclose(pooled.frame[column], X[column], atol=1e-12, err_msg=column)
    assert (pooled.frame["pfirrmann__n_levels"] == 5).all()
