"""Density from attenuation: by a declared calibration, for the scans it holds for, and by no other way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError
from lbp_prognosis.biomarkers import ExtractionResult, bone_density
from lbp_prognosis.biomarkers._extraction_result import STUDY_COLUMNS, biomarker_frame


def batch(kvp=120.0, contrast=False, value=140.0, reason="", measure="trabecular_hu") -> ExtractionResult:
    common = {"patient_id": "p", "study_id": "s", "structure": "vertebral_body", "level": "l1", "side": ""}
    row = {**common, "measure": measure, "unit": "HU", "method_id": "median_in_ellipsoid__t_own_label"}
    table = biomarker_frame([{**row, "value": value, "reason": reason, "flags": "", "sd_error": 2.0}])
    study = {"patient_id": "p", "study_id": "s", "kvp": kvp, "contrast": contrast}
    return ExtractionResult(table, pd.DataFrame(), pd.DataFrame([study], columns=list(STUDY_COLUMNS)), {})


def test_density_is_the_declared_line_through_the_attenuation():
    row = bone_density(batch(), slope=0.85, intercept=-4.0, kvp=120, slope_sd=0.01).iloc[0]
    assert row["value"] == pytest.approx(0.85 * 140 - 4)
    assert row["sd_error"] == pytest.approx(np.hypot(0.85 * 2, 0.01 * 140))
    assert row[["measure", "unit", "reason"]].tolist() == ["trabecular_bmd", "mg/cm3", ""]
    assert row["method_id"] == "linear_0.85_minus4_at_120kv__median_in_ellipsoid__t_own_label"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"kvp": None}, "tube voltage of the study is unknown"),
        ({"kvp": np.nan}, "tube voltage of the study is unknown"),
        ({"kvp": 100.0}, "calibrated at 120 kV, acquired at 100 kV"),
        ({"kvp": 120.6}, "calibrated at 120 kV"),
        ({"contrast": True}, "a contrast agent was given"),
        ({"contrast": None}, "it is unknown whether a contrast agent was given"),
        ({"value": np.nan, "reason": "metal in the body"}, "metal in the body"),
    ],
)
def test_a_scan_the_calibration_does_not_hold_for_has_a_reason_and_no_density(changes, word):
    row = bone_density(batch(**changes), slope=0.85, intercept=-4.0, kvp=120).iloc[0]
    assert np.isnan(row["value"])
    assert np.isnan(row["sd_error"])
    assert word in row["reason"]


def test_a_voltage_within_half_a_kilovolt_is_the_same():
    assert bone_density(batch(kvp=120.5), slope=1.0, intercept=0.0, kvp=120)["value"].item() == 140.0


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"slope": 0.0}, "slope"),
        ({"slope": np.nan}, "slope"),
        ({"kvp": 12.0}, "kvp"),
        ({"intercept": np.inf}, "intercept"),
    ],
)
def test_coefficients_that_are_none_are_refused(changes, name):
    with pytest.raises(ArgumentError, match=name):
        bone_density(batch(), **{"slope": 0.85, "intercept": -4.0, "kvp": 120.0, **changes})


def test_without_attenuation_there_is_nothing_to_convert():
    with pytest.raises(ArgumentError, match="trabecular_hu"):
        bone_density(batch(measure="vbq"), slope=1.0, intercept=0.0, kvp=120)
    with pytest.raises(ArgumentError, match="ExtractionResult"):
        bone_density(batch().table, slope=1.0, intercept=0.0, kvp=120)
