"""Transformers of frames: names kept, learned from training rows only, missing values stay missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, DataError, EstimationError
from lbp_prognosis.fusion import (
    MultipleImputation,
    OneHot,
    RegressionCalibration,
    RestrictedCubicSpline,
    RiskPipeline,
    Standardise,
)


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "age": rng.normal(50, 10, 120),
            "pain": rng.integers(0, 11, 120).astype(float),
            "work": rng.choice(["desk", "heavy", "none"], 120),
        }
    )


def test_spline_is_the_one_of_rms(reference_case, reference_csv) -> None:
    case = reference_case("rcs_lung_age")
    ages = reference_csv("lung.csv")[["age"]].astype(float)
    for k in (3, 4, 5, 6):
        spline = RestrictedCubicSpline(["age"], n_knots=k).fit(ages)
        np.testing.assert_allclose(spline.knots_["age"], case["expected"][f"knots_{k}"], rtol=1e-12)
        at = pd.DataFrame({"age": np.array(case["inputs"]["evaluate_at"], dtype=float)})
        np.testing.assert_allclose(spline.transform(at), case["expected"][f"basis_norm2_{k}"], rtol=1e-10, atol=1e-9)


def test_spline_passes_the_rest_and_keeps_holes(table: pd.DataFrame) -> None:
    table.loc[0, "age"] = np.nan
    spline = RestrictedCubicSpline(["age"]).fit(table)
    out = spline.transform(table)
    assert list(out) == ["age", "age'", "age''", "pain", "work"] == list(spline.get_feature_names_out())
    assert out.loc[0, ["age", "age'", "age''"]].isna().all()
    pd.testing.assert_series_equal(out["pain"], table["pain"])


def test_spline_knots_given_and_refused(table: pd.DataFrame) -> None:
    spline = RestrictedCubicSpline(["age"], knots={"age": [30, 50, 70]}).fit(table)
    assert spline.knots_["age"].tolist() == [30, 50, 70]
    with pytest.raises(ArgumentError, match="increasing"):
        RestrictedCubicSpline(["age"], knots={"age": [30, 30, 70]}).fit(table)
    with pytest.raises(ArgumentError, match="n_knots"):
        RestrictedCubicSpline(["age"], n_knots=2).fit(table)
    with pytest.raises(ArgumentError, match="columns"):
        RestrictedCubicSpline(["height"]).fit(table)
    flags = table.assign(flag=(table["pain"] > 5).astype(float))
    with pytest.raises(EstimationError, match="too few distinct"):
        RestrictedCubicSpline(["flag"]).fit(flags)


def test_standardise_learns_from_training_rows(table: pd.DataFrame) -> None:
    scaler = Standardise().fit(table.iloc[:60])
    out = scaler.transform(table.iloc[60:])
    expected = (table["age"].iloc[60:] - table["age"].iloc[:60].mean()) / table["age"].iloc[:60].std(ddof=0)
    np.testing.assert_allclose(out["age"], expected)
    assert out["work"].tolist() == table["work"].iloc[60:].tolist()
    assert list(Standardise(["pain"]).fit(table).get_feature_names_out()) == list(table)


def test_one_hot_against_the_first_category(table: pd.DataFrame) -> None:
    encoder = OneHot().fit(table)
    out = encoder.transform(table)
    assert list(out) == ["age", "pain", "work=heavy", "work=none"] == list(encoder.get_feature_names_out())
    np.testing.assert_array_equal(out["work=heavy"], (table["work"] == "heavy").astype(float))


def test_one_hot_and_what_it_has_not_seen(table: pd.DataFrame) -> None:
    encoder = OneHot().fit(table)
    new = table.iloc[:2].assign(work=["sport", None])
    with pytest.raises(ArgumentError, match="sport"):
        encoder.transform(new)
    lenient = OneHot(unknown="reference").fit(table).transform(new)
    assert lenient.iloc[0][["work=heavy", "work=none"]].tolist() == [0, 0]
    assert lenient.iloc[1][["work=heavy", "work=none"]].isna().all()


def test_numeric_codes_are_nominal_when_named(table: pd.DataFrame) -> None:
    out = OneHot(["modic"]).fit_transform(table.assign(modic=np.tile([0, 1, 2], 40)))
    assert [c for c in out if c.startswith("modic")] == ["modic=1", "modic=2"]
    # one hole makes floats of the codes, and no other names
    holed = table.assign(modic=np.tile([0, 1, 2], 40)).astype({"modic": float})
    holed.loc[0, "modic"] = np.nan
    assert [c for c in OneHot(["modic"]).fit_transform(holed) if "modic" in c] == ["modic=1", "modic=2"]
    assert "modic=2" in OneHot(["modic"]).fit(holed).get_feature_names_out()


@pytest.mark.parametrize("step", [RestrictedCubicSpline(["age"]), Standardise(), OneHot()])
def test_conventions(table: pd.DataFrame, step) -> None:
    fitted = clone(step).fit(table)
    with pytest.raises(ArgumentError, match="without"):
        fitted.transform(table.drop(columns="age"))
    shuffled = table[["work", "age", "pain"]]
    pd.testing.assert_frame_equal(fitted.transform(shuffled), fitted.transform(table))
    assert clone(step).get_params() == step.get_params()


STEPS = {
    "Standardise": Standardise(["age"]),
    "OneHot": OneHot(),
    "RestrictedCubicSpline": RestrictedCubicSpline(["age"]),
    "RegressionCalibration": RegressionCalibration({"pain": 0.5}),
    "MultipleImputation": MultipleImputation(m=2, iterations=1),
}


@pytest.mark.parametrize("name", STEPS)
def test_no_row_has_no_risk_and_infinity_is_refused_by_every_step(table: pd.DataFrame, name: str) -> None:
    numbers = table[["age", "pain"]]
    y = Surv.right(np.arange(1.0, 121.0), np.arange(120) % 2)
    model = RiskPipeline([STEPS[name]], CoxPH()).fit(numbers, y)
    assert model.predict_risk(numbers.iloc[:0], [6.0, 12.0]).shape == (0, 2)
    wild = numbers.assign(age=[np.inf, *numbers["age"].iloc[1:]])
    for refused in (lambda: clone(STEPS[name]).fit(wild, y), lambda: model.predict_risk(wild, 6.0)):
        with pytest.raises(DataError, match=r"'age' \(infinite\)"):
            refused()
    with pytest.raises(ArgumentError, match="at least"):
        clone(STEPS[name]).fit(numbers.iloc[:0], y[:0])


def test_one_row_is_too_few_to_impute_from(table: pd.DataFrame) -> None:
    with pytest.raises(ArgumentError, match="at least 2 rows"):
        MultipleImputation().fit(table[["age", "pain"]].iloc[:1])
