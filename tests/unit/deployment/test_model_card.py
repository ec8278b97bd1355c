"""The card of a model: what it is for, numbers beside how they came about, and what is doubtful."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.deployment import (
    IntendedUse,
    ModelFileError,
    equation,
    lock,
    model_card,
    published_model,
    published_models,
    read_results,
    save_model,
)
from lbp_prognosis.disclosure import without_numbers
from lbp_prognosis.fusion import OneHot, RiskPipeline
from lbp_prognosis.models import BoostedCox, CoxPH
from lbp_prognosis.validation import (
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    fairness,
    internal_external,
    subgroup_performance,
)

USE = IntendedUse("Talk about expectations", "Adults with back pain", "not recovered", "1.0 of 2026", "a@b.example")
D = syn(n=500)
X = pd.DataFrame({"age": 50 + 12 * D["c2"], "pain": np.clip(np.round(5 + 2 * D["p1"]), 0, 10)})
X["leg"] = np.array(["none", "below knee"])[D["site"] % 2]
Y = Surv.right(D["time"], D["event"])
HALF = np.arange(500) < 250
MODEL = RiskPipeline([OneHot(["leg"])], CoxPH()).fit(X[HALF], Y[HALF])
OUTSIDE = external_validate(
    {"m": MODEL}, X[~HALF], Y[~HALF], [6, 12], [0.3, 0.4], kind="geographic", description="a second clinic"
)
INSIDE = cross_validate_risk(RiskPipeline([OneHot(["leg"])], CoxPH()), X, Y, 12.0, n_splits=3, n_repeats=1)


def rows(card, section):
    frame = card.to_frame()
    return frame[frame["section"] == section]


def test_the_numbers_are_those_of_the_validation() -> None:
    card = model_card(MODEL, use=USE, validation=OUTSIDE, horizons=12, thresholds=[0.4], time_unit="months")
    assert card.validated
    assert card.status == ("Research use, not for care.",)
    auc = OUTSIDE.evaluation.metric("auc")
    told = rows(card, "Performance").query("item == 'AUC'").set_index("field")["value"]
    assert told["value (95 % interval)"] == f"{auc.value[1]:.2f} ({auc.low[1]:.2f} to {auc.high[1]:.2f})"
    assert told["how it came about"] == "external, geographic: a second clinic"
    assert told["time"] == "12 months"
    slope = OUTSIDE.evaluation.metric("calibration_slope")
    assert f"| {slope.value[1]:.2f} ({slope.low[1]:.2f} to {slope.high[1]:.2f}) |" in card.to_markdown()
    gain = OUTSIDE.evaluation.to_frame().query("reference == 'treat all' and horizon == 12 and threshold == 0.4")
    value = f"{gain['value'].iloc[0]:+.3f}".replace("-", "−")
    decisions = rows(card, "Decision thresholds")
    assert decisions["value"].str.startswith(value).any()
    assert set(decisions["item"]) == {"", "0.4"}


def test_predictors_have_units_and_coarse_ranges() -> None:
    card = model_card(MODEL, use=USE, labels={"pain": "pain, 0 to 10"}, units={"age": "years"})
    told = rows(card, "Predictors").pivot(index="item", columns="field", values="value")
    assert list(told.index) == ["age", "leg", "pain, 0 to 10"]
    assert told.loc["age", "unit"] == "years"
    low, high = (float(v) for v in told.loc["age", "values in development"].removeprefix("usually ").split(" to "))
    assert X.loc[HALF, "age"].min() < low < high < X.loc[HALF, "age"].max()  # no patient's own value
    assert told.loc["leg", "values in development"] == "one of below knee, none"
    same = model_card(equation(lock(MODEL), horizons=[12]), use=USE)
    assert set(rows(same, "Predictors")["item"]) == {"age", "pain", "leg"}


def test_without_other_patients_the_card_says_so() -> None:
    assert model_card(MODEL, use=USE).status[-1] == "Not validated in other patients: no validation was given."
    inside = model_card(MODEL, use=USE, validation=INSIDE)
    assert not inside.validated
    assert inside.status[-1] == "Not validated in other patients: internal alone."
    split = external_validate({"m": MODEL}, X[~HALF], Y[~HALF], 12.0, kind="random_split")
    half = model_card(MODEL, use=USE, validation=[INSIDE, split])
    assert half.status[-1] == "Not validated in other patients: internal, random split of one sample alone."
    assert "not validated in other patients" in repr(half)
    later = model_card(MODEL, use=USE, validation=OUTSIDE, horizons=9)
    assert not later.validated
    assert later.status[-1] == "Not validated in other patients: none at these horizons."


def test_external_numbers_come_first() -> None:
    sites = internal_external(CoxPH(), X[["age", "pain"]], Y, D["site"], 12.0, n_resamples=0)
    boot = bootstrap_validate(CoxPH(), X[["age", "pain"]], Y, 12.0, n_resamples=8, random_state=0)
    card = model_card(MODEL, use=USE, validation=(boot, sites, INSIDE, OUTSIDE), horizons=12)
    how = rows(card, "Performance").query("item == 'AUC' and field == 'how it came about'")["value"]
    assert [words.split(":")[0] for words in how] == [
        "external, geographic",
        "internal–external",
        "internal",
        "internal",
    ]
    pooled = sites.pooled("auc", horizon=12.0)
    assert f"{pooled.value:.2f} (" in card.to_markdown()
    assert any(o.code == "few-resamples" for o in card.objections)
    few = next(o for o in card.objections if o.code == "few-resamples")
    assert without_numbers(few.sentence) in rows(card, "Limitations")["value"].tolist()
    assert without_numbers(few.sentence) != few.sentence


def test_groups_without_counts() -> None:
    risk = OUTSIDE.risks["m"][:, 1]
    apart = fairness(Y[~HALF], risk, {"leg": X.loc[~HALF, "leg"]}, 12.0, n_draws=200)
    card = model_card(MODEL, use=USE, validation=OUTSIDE, subgroups=apart)
    row = apart.table.query("metric == 'auc'").iloc[0]
    shown = rows(card, "Groups").query(f"item == 'leg: {row['group']}'")
    assert f"{row['group_value']:.2f}" in shown["value"].tolist()
    assert not set(map(str, apart.groups["n"])) & set(rows(card, "Groups")["value"])
    each = subgroup_performance(Y[~HALF], risk, {"leg": X.loc[~HALF, "leg"]}, [12.0])
    assert "leg: none" in set(rows(model_card(MODEL, use=USE, subgroups=each), "Groups")["item"])
    small = replace(each, groups=each.groups.assign(evaluated=False), table=each.table.iloc[:0])
    assert "too few to evaluate" in model_card(MODEL, use=USE, subgroups=small).to_markdown()


def test_a_file_has_a_digest_and_is_checked(tmp_path) -> None:
    made = save_model(MODEL, tmp_path / "m.lbpm", reason="first version")
    card = model_card(tmp_path / "m.lbpm", use=USE, validation=OUTSIDE, licence="CC BY 4.0")
    assert card.sha256 == made.sha256 == hashlib.sha256((tmp_path / "m.lbpm").read_bytes()).hexdigest()
    told = rows(card, "Model").set_index("item")["value"]
    assert (told["sha256"], told["licence"], told["class"]) == (made.sha256, "CC BY 4.0", "CoxPH")
    assert told["reason of this version"] == "first version"
    assert card.to_html() == model_card(tmp_path / "m.lbpm", use=USE, validation=OUTSIDE, licence="CC BY 4.0").to_html()
    data = bytearray((tmp_path / "m.lbpm").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "n.lbpm").write_bytes(data)
    with pytest.raises(ModelFileError):
        model_card(tmp_path / "n.lbpm", use=USE)


def test_trees_have_a_card_too() -> None:
    model = BoostedCox().fit(X[["age", "pain"]], Y)
    card = model_card(model, use=USE)
    assert card.sha256 == ""
    assert rows(card, "Model").set_index("item")["value"]["sha256"].startswith("none")
    assert any(words.startswith("Locking: ") for words in rows(card, "Limitations")["value"])


def test_every_published_model_has_a_card() -> None:
    for name in published_models()["name"]:
        card = model_card(published_model(name), use=USE)
        told = rows(card, "Model").set_index("item")["value"]
        assert told["name"] == name
        assert told["licence"]
        assert bool(card.sha256) == (published_model(name).status == "complete")


def test_in_care_and_simulated() -> None:
    card = model_card(MODEL, use=USE, validation=OUTSIDE, approved_for_care="Board 7", synthetic=True)
    assert card.status == ("Simulated data: no patient is like this.", "Approved for care: Board 7")


def test_results_of_a_study_folder(tmp_path) -> None:
    frame = INSIDE.evaluate().to_frame().assign(sample="internal", setting="", synthetic=True)
    frame.astype({"threshold": float, "target": str, "reference": str}).to_parquet(tmp_path / "r.parquet")
    found = read_results(tmp_path / "r.parquet")
    assert [(one.sample, one.external, one.synthetic) for one in found] == [("internal", False, True)]
    card = model_card(MODEL, use=USE, validation=found)
    assert "Objections to the numbers are on the page of the study." in rows(card, "Limitations")["value"].tolist()
    assert card.synthetic
    own = str(frame["model"].iloc[0])
    other = model_card(MODEL, use=USE, validation=found, name="recovery").to_markdown()
    assert f"there named {own}" in other  # the only model of the file, by another name
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "s.parquet")
    with pytest.raises(DataError, match="sample"):
        read_results(tmp_path / "s.parquet")
    (tmp_path / "t.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be read"):
        read_results(tmp_path / "t.parquet")


def test_what_is_refused() -> None:
    with pytest.raises(ArgumentError, match="use"):
        model_card(MODEL, use="talk")
    with pytest.raises(ArgumentError, match="validation"):
        model_card(MODEL, use=USE, validation=OUTSIDE.evaluation)
    two = external_validate({"a": MODEL, "b": MODEL}, X[~HALF], Y[~HALF], 12.0, kind="temporal")
    with pytest.raises(ArgumentError, match="name"):
        model_card(MODEL, use=USE, validation=two)
    assert model_card(MODEL, use=USE, validation=two, name="b").validated
    with pytest.raises(ArgumentError, match="subgroups"):
        model_card(MODEL, use=USE, subgroups=OUTSIDE)
