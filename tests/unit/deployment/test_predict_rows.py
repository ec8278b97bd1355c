"""New rows at the door of a locked model: what is filled in, what lies outside, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import lock, predict_rows
from lbp_prognosis.fusion import ComBat, MultipleImputation, OneHot, RiskPipeline
from lbp_prognosis.models import CauseSpecificCox, CoxPH

D = syn(n=300)
X = pd.DataFrame({"age": 50 + 12 * D["c1"], "pain": 5 + 2 * D["p1"], "height": 9 + D["m1"], "fat": 20 + 5 * D["m2"]})
X["leg"] = np.array(["none", "above", "below"])[D["site"] % 3]
Y = Surv.right(D.time, D.event)
GROUPS = {"clinical": ["age", "pain", "leg"], "imaging": ["height", "fat"]}
HOLES = X.assign(height=X["height"].where(D["u15"] > 0.3), fat=X["fat"].where(D["u15"] > 0.3))
FILLS = lock(RiskPipeline([MultipleImputation(2, draws=20), OneHot(["leg"])], CoxPH(), modalities=GROUPS).fit(HOLES, Y))
PLAIN = lock(RiskPipeline([OneHot(["leg"])], CoxPH()).fit(X, Y))


def test_risks_and_bands_and_what_was_filled_in():
    new = X.head(20).copy()
    new.loc[new.index[3], "height"] = np.nan
    new.loc[new.index[5], "age"] = 140.0
    made = predict_rows(FILLS, new, [6, 12])
    frame = made.to_frame()
    np.testing.assert_array_equal(frame["risk_12"], FILLS.predict_risk(new, [6, 12])[:, 1])
    assert frame.loc[3, "imputed"] == "height"
    assert frame.loc[3, "low_12"] < frame.loc[3, "risk_12"] < frame.loc[3, "high_12"]
    assert frame.loc[4, "low_12"] == frame.loc[4, "high_12"]
    assert "age" in frame.loc[5, "outside"]
    assert any(note.startswith("height: filled in from the other values in 1 of 20") for note in made.notes)
    assert any(note.startswith("age: outside the training range") for note in made.notes)


def test_a_modality_that_is_absent():
    made = predict_rows(FILLS, X[GROUPS["clinical"]].head(8), [12])
    assert made.to_frame()["imputed"].tolist() == ["height, fat"] * 8
    assert made.notes[0].startswith("imaging is absent")
    with pytest.raises(ArgumentError, match="pain"):
        predict_rows(FILLS, X.drop(columns="pain").head(8), [12])
    with pytest.raises(ArgumentError, match="height"):
        predict_rows(PLAIN, X.drop(columns="height").head(8), [12])
    with pytest.raises(ArgumentError, match="complete"):
        predict_rows(PLAIN, HOLES, [12])


def test_another_unit_and_unknown_categories():
    centimetres = X.head(30).assign(height=X["height"] / 10)
    with pytest.raises(ArgumentError, match="height"):
        predict_rows(PLAIN, centimetres, [12])
    made = predict_rows(PLAIN, centimetres, [12], any_unit=True)
    assert (made.to_frame()["outside"].str.contains("height")).all()
    assert len(predict_rows(PLAIN, centimetres.head(4), [12]).to_frame()) == 4  # too few to tell
    with pytest.raises(ArgumentError, match="leg"):
        predict_rows(PLAIN, X.head(5).assign(leg="both"), [12])


def test_a_scanner_that_was_not_calibrated():
    table = X[["age", "height", "fat"]].assign(scanner=np.where(D["site"] % 2, "old", "new"))
    model = lock(RiskPipeline([ComBat("scanner", columns=["height", "fat"])], CoxPH()).fit(table, Y))
    with pytest.raises(ArgumentError, match=r"scanner.*calibrated for.*third.*ComBat\.calibrate"):
        predict_rows(model, table.head(30).assign(scanner="third"), [12])


def test_what_a_table_may_lack_is_named():
    words = X.head(6).astype({"age": object})
    words.loc[words.index[[1, 4]], "age"] = ["fifty", "?"]
    with pytest.raises(ArgumentError, match=r"numbers in 'age'; got words in rows 2, 5\. Correct them"):
        predict_rows(PLAIN, words, [12])
    with pytest.raises(ArgumentError, match=r"missing values in \['height'\], row 3\. Complete them"):
        predict_rows(PLAIN, X.head(5).assign(height=[9.0, 9, np.nan, 9, 9]), [12])
    with pytest.raises(ArgumentError, match="Did you mean 'Pain'"):
        predict_rows(PLAIN, X.head(5).rename(columns={"pain": "Pain"}), [12])
    with pytest.raises(ArgumentError, match="one row or more"):
        predict_rows(PLAIN, X.head(0), [12])


def test_competing_causes_are_named():
    model = lock(CauseSpecificCox().fit(X[["age", "pain"]], Surv.right(D.time, D.status)))
    assert any("risks are of event 1, in competition with 2" in n for n in predict_rows(model, X.head(5), [12]).notes)


def test_times_that_are_not_known():
    made = predict_rows(PLAIN, X.head(6), [12, 1e4])
    assert made.to_frame()["risk_10000"].isna().all()
    assert any("no risk is known at 10000" in note for note in made.notes)
    assert len(predict_rows(PLAIN, X.head(6)).to_frame().filter(like="risk_").columns) == 3
