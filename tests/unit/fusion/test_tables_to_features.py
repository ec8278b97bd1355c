"""From readings to features: two methods on one scale, norms of levels, scanners and errors beside the values."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.fusion import (
    ComBat,
    Conversion,
    RegressionCalibration,
    RiskPipeline,
    convert_methods,
    level_norms,
    norms_of,
    one_row_per_patient,
    pool_levels,
    pooled_errors,
    with_acquisition,
)
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status

LEVELS = ("l3l4", "l4l5", "l5s1")


def heights(n: int = 90, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = [
        {
            "patient_id": f"p{i}",
            "study_id": "s",
            "structure": "disc",
            "measure": "disc_height",
            "level": level,
            "side": "",
            "value": 9.0 + k + rng.normal(),
            "unit": "mm",
            "method_id": "gap" if i % 2 else "chord",
            "sd_error": 0.3 + 0.1 * k,
            "flags": "",
        }
        for i in range(n)
        for k, level in enumerate(LEVELS)
    ]
    return pd.DataFrame(rows)


def test_two_methods_need_a_conversion():
    table = heights()
    with pytest.raises(DataError, match="convert_methods"):
        pool_levels(table, {"disc_height": "mean"})
    line = Conversion("disc_height", "chord", "gap", intercept=-0.4, slope=1.02, sd=0.6, reference="phantom study")
    made = convert_methods(table, [line])
    chord = (table["method_id"] == "chord").to_numpy()
    np.testing.assert_allclose(made["value"][chord], -0.4 + 1.02 * table["value"][chord])
    np.testing.assert_allclose(made["sd_error"][chord], np.hypot(1.02 * table["sd_error"][chord], 0.6))
    assert made["flags"][chord].eq("converted_from:chord|phantom study").all()
    pd.testing.assert_frame_equal(made[~chord], table[~chord])
    assert pool_levels(made, {"disc_height": "mean"}).frame["disc_height__mean"].notna().all()
    assert set(table["method_id"]) == {"gap", "chord"}  # the table given is left alone
    with pytest.raises(ArgumentError, match="at most one"):
        convert_methods(table, [line, line])
    for wrong in ({"slope": 0.0}, {"sd": -1.0}, {"target": "chord"}):
        with pytest.raises(ArgumentError):
            Conversion(**{"measure": "m", "source": "chord", "target": "gap", "intercept": 0.0, "slope": 1.0, **wrong})


def test_the_line_from_places_measured_twice():
    one = heights(40).assign(method_id="chord")
    rng = np.random.default_rng(1)
    other = one.assign(method_id="gap", value=0.5 + 0.9 * one["value"] + 0.2 * rng.normal(size=len(one)))
    both = pd.concat([one, other.iloc[:-10]])
    line = Conversion.from_paired(both, "disc_height", "chord", "gap")
    x, y = one["value"].to_numpy()[:-10], other["value"].to_numpy()[:-10]
    design = np.column_stack([np.ones_like(x), x])
    beta, rss, *_ = np.linalg.lstsq(design, y, rcond=None)
    np.testing.assert_allclose([line.intercept, line.slope], beta)
    assert line.sd == pytest.approx(np.sqrt(rss[0] / (len(x) - 2)))
    with pytest.raises(ArgumentError, match="at least 20 places"):
        Conversion.from_paired(both.iloc[:10], "disc_height", "chord", "gap")


def test_norms_of_levels():
    reference, table = heights(60, seed=5).assign(method_id="gap"), heights(20).assign(method_id="gap")
    norms = norms_of(reference, ["disc_height"])
    by_hand = reference[reference["level"] == "l4l5"]["value"]
    row = norms[norms["level"] == "l4l5"].iloc[0]
    assert [row["n"], row["mean"], row["sd"]] == pytest.approx([60, by_hand.mean(), by_hand.std()])
    made = level_norms(table, norms)
    rows = table["level"] == "l4l5"
    np.testing.assert_allclose(made["value"][rows], (table["value"][rows] - by_hand.mean()) / by_hand.std())
    np.testing.assert_allclose(made["sd_error"][rows], 0.4 / by_hand.std())
    assert set(made["method_id"]) == {"gap_by_level_norm"}
    assert set(made["unit"]) == {"sd"}
    # measures without norms stay as they are
    assert level_norms(table.assign(measure="other"), norms)["value"].equals(table["value"])
    with pytest.raises(DataError, match="no norm for 20 values"):
        level_norms(table, norms[norms["level"] != "l5s1"])
    with pytest.raises(DataError, match="fewer than 100"):
        norms_of(reference, ["disc_height"], min_n=100)
    with pytest.raises(ArgumentError, match="stand twice"):
        level_norms(table, pd.concat([norms, norms]))


def test_errors_of_pooled_values():
    table = heights(6).assign(method_id="gap")
    table.loc[0, "sd_error"] = np.nan
    pooled = pool_levels(table, {"disc_height": ["mean", "sum", "max", "each"]})
    errors = pooled_errors(pooled, table)
    total = np.sqrt(0.3**2 + 0.4**2 + 0.5**2)
    assert list(errors.columns) == ["disc_height__mean", "disc_height__sum", *[f"disc_height__{k}" for k in LEVELS]]
    np.testing.assert_allclose(errors["disc_height__mean"].iloc[1:], total / 3)
    np.testing.assert_allclose(errors["disc_height__sum"].iloc[1:], total)
    np.testing.assert_allclose(errors["disc_height__l5s1"], 0.5)
    assert errors.iloc[0].isna().tolist() == [True, True, True, False, False]


def test_scanners_stand_beside_and_are_no_predictors():
    table = heights(120).assign(method_id="gap")
    studies = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(120)],
            "study_id": "s",
            "vendor": np.where(np.arange(120) % 3 == 0, "A", "B"),
            "field_strength": 1.5,
        }
    )
    pooled = pool_levels(table, {"disc_height": ["mean", "each"]})
    beside = with_acquisition(pooled, table, studies.sample(frac=1, random_state=0))
    assert beside.frame["vendor"].tolist() == studies["vendor"].tolist()
    assert beside.modalities.columns == pooled.modalities.columns
    wide = one_row_per_patient({"imaging": beside})
    y = Status.at(12, np.arange(120) % 2)
    steps = [ComBat("vendor", columns=list(pooled.modalities["imaging"])[1:])]
    pipeline = RiskPipeline(steps, LogisticRisk(collinear="drop"), modalities=wide.modalities).fit(wide.X, y)
    assert "vendor" not in pipeline.models_[0].feature_names_in_
    errors = pooled_errors(pooled, table)["disc_height__l5s1"]
    noisy = wide.X.assign(sd=errors)[["disc_height__l5s1", "disc_height__l4l5", "sd"]]
    corrected = RegressionCalibration({"disc_height__l5s1": "sd"}).fit_transform(noisy)
    assert corrected["disc_height__l5s1"].std() < noisy["disc_height__l5s1"].std()
    with pytest.raises(DataError, match="which scanner"):
        with_acquisition(pooled, table, pd.concat([studies, studies]))
    with pytest.raises(ArgumentError, match="none of which"):
        with_acquisition(pooled, table, studies, ["coil"])
