"""``RepeatableColumns``: the filter by ICC sees the patients of the training rows only."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError, EstimationError, LeakageError
from lbp_prognosis.deployment import equation, load_model, lock, save_model
from lbp_prognosis.evaluation.technical import icc, reliability_filter
from lbp_prognosis.fusion import RepeatableColumns, RiskPipeline, Standardise
from lbp_prognosis.models import PriorityCox
from lbp_prognosis.validation import cross_validate_risk
from lbp_prognosis.validation.resampling._estimator import describe_estimator

RNG = np.random.default_rng(11)
N, M = 80, 50
PATIENTS = pd.Index([f"p{k:03d}" for k in RNG.permutation(N)], name="patient_id")
X = pd.DataFrame(RNG.normal(size=(N, 3)), columns=["age", "entropy", "contrast"], index=PATIENTS)
IMAGE = ["entropy", "contrast"]
TEST = X.iloc[:M][IMAGE].sample(frac=1, random_state=1)  # in another order than X
RETEST = TEST + RNG.normal(size=(M, 2)) * [0.1, 1.0]
Y = Surv.right(np.ceil(12 * RNG.exponential(size=N)), RNG.random(N) < 0.7)
SHROUT = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


def step(**given):
    return RepeatableColumns([TEST, RETEST], **given)


def pairs(column: str, labels: pd.Index) -> pd.DataFrame:
    """Both readings of the patients with these labels, in the order of the labels."""
    known = [label for label in labels if label in TEST.index]
    return pd.DataFrame({"test": TEST[column], "retest": RETEST[column]}).loc[known]


def test_columns_are_judged_by_the_lower_limit_and_the_rest_passes():
    fitted = step().fit(X)
    told = reliability_filter({column: pairs(column, TEST.index) for column in IMAGE})
    pd.testing.assert_frame_equal(fitted.icc_, told)
    assert fitted.icc_["keep"].tolist() == [True, False]
    assert list(fitted.transform(X)) == ["age", "entropy"] == list(fitted.get_feature_names_out())
    pd.testing.assert_frame_equal(fitted.transform(X), X[["age", "entropy"]])
    as_mapping = RepeatableColumns({column: pairs(column, TEST.index) for column in IMAGE}).fit(X)
    pd.testing.assert_frame_equal(as_mapping.icc_, fitted.icc_)


def test_the_table_of_shrout_and_fleiss_and_the_limit_itself():
    ratings = pd.DataFrame(SHROUT, index=list("abcdef"), dtype=float)
    frame = pd.DataFrame({"a": np.arange(6.0), "b": 1.0}, index=list("abcdef"))
    found = RepeatableColumns({"a": ratings}, minimum=0).fit(frame).icc_.iloc[0]
    assert found["icc"] == pytest.approx(0.2898, abs=5e-5)
    assert found["low"] == pytest.approx(icc(SHROUT).low, rel=1e-12)
    low = float(found["low"])
    for minimum, kept in ((low, True), (np.nextafter(low, 1), False)):
        assert RepeatableColumns({"a": ratings}, minimum=minimum).fit(frame).icc_["keep"].tolist() == [kept]
    agreed = RepeatableColumns({"a": ratings}, form="ICC(3,1)", minimum=0, confidence=0.9).fit(frame).icc_.iloc[0]
    assert agreed["icc"] == pytest.approx(0.7148, abs=5e-5)
    assert agreed["low"] == pytest.approx(icc(SHROUT, form="3,1", confidence=0.9).low, rel=1e-12)


class Remembers(RepeatableColumns):
    """A step that keeps what each fit saw."""

    seen: ClassVar[list[tuple[pd.Index, pd.DataFrame]]] = []

    def fit(self, X, y=None):
        super().fit(X, y)
        self.seen.append((X.index, self.icc_))
        return self


def test_a_fold_uses_the_readings_of_its_training_patients_only():
    Remembers.seen = []
    model = RiskPipeline([Standardise(["age"]), Remembers([TEST, RETEST])], CoxPH(penalty=1.0))
    found = cross_validate_risk({"cox": model}, X, Y, 12, n_splits=4, n_repeats=1, random_state=1)
    folds = [(labels, table) for labels, table in Remembers.seen if len(labels) < N]
    assert len(folds) == 4
    assert not {label for label in X.index if all(label in labels for labels, _ in folds)}
    for labels, table in folds:
        for row in table.itertuples():
            own = icc(pairs(row.feature, labels))
            assert (row.icc, row.low, row.high) == pytest.approx((own.value, own.low, own.high), rel=1e-12)
            assert row.n == own.n < M
    # other readings of the patients held out change nothing in their fold
    held = X.index.difference(folds[0][0])
    wild = RETEST.copy()
    wild.loc[wild.index.isin(held)] = 1e6
    fitted = RepeatableColumns([TEST, wild]).fit(X.loc[folds[0][0]])
    pd.testing.assert_frame_equal(fitted.icc_, folds[0][1])
    codes = {each.code for each in found.evaluate().objections}
    assert "preprocessed-outside-resampling" not in codes


def test_a_patient_drawn_twice_counts_once_and_a_patient_without_all_readings_does_not():
    twice = X.iloc[np.r_[0:30, 0:10]]
    assert step(minimum=0).fit(twice).icc_["n"].tolist() == [30, 30]
    holes = RETEST.copy()
    holes.loc[X.index[:3], "entropy"] = np.nan
    assert RepeatableColumns([TEST, holes], minimum=0).fit(X).icc_["n"].tolist() == [M - 3, M]


def test_readings_of_other_patients_are_declared():
    others = TEST.set_axis([f"q{k}" for k in range(M)], axis=0)
    again = RETEST.set_axis(others.index, axis=0)
    with pytest.raises(EstimationError, match="external=True"):
        RepeatableColumns([others, again]).fit(X)
    fitted = RepeatableColumns([others, again], external=True).fit(X.iloc[:20])
    assert fitted.icc_["n"].tolist() == [M, M]
    with pytest.raises(LeakageError, match="`external` must be False.* 20 of them are"):
        step(external=True).fit(X.iloc[:20])
    unlabelled = RepeatableColumns([others, again], external=True).fit(X.reset_index(drop=True))
    pd.testing.assert_frame_equal(unlabelled.icc_, fitted.icc_)


def test_a_dropped_column_leaves_its_modality():
    modalities = {"clinical": ["age"], "imaging": IMAGE}
    model = RiskPipeline(
        [step(), Standardise()], PriorityCox(modalities, unpenalised=list(modalities)), modalities=modalities
    )
    model.fit(X, Y)
    assert list(model.models_[0].feature_names_in_) == ["age", "entropy"]
    alone = clone(model).fit(X[["age"]], Y)  # the question of added value: without imaging
    assert alone.steps_[0][1].icc_.empty
    assert alone.predict_risk(X[["age"]], 6).shape == (N, 1)


def test_a_saved_model_has_the_table_and_no_readings(tmp_path):
    model = RiskPipeline([step()], CoxPH(penalty=1.0)).fit(X, Y)
    saved = save_model(model, tmp_path / "a.lbpm", reason="check")
    loaded = load_model(tmp_path / "a.lbpm", expect_sha256=saved.sha256)
    np.testing.assert_array_equal(loaded.predict_risk(X, 6.0), lock(model).predict_risk(X, 6.0))
    inside = loaded.unlocked.steps_[0][1]
    assert inside.readings is None
    assert loaded.unlocked.steps[0].readings is None
    pd.testing.assert_frame_equal(inside.icc_, model.steps_[0][1].icc_)
    data = (tmp_path / "a.lbpm").read_bytes()
    assert not any(np.float64(value).tobytes() in data for value in [*RETEST.to_numpy().ravel(), *TEST["entropy"]])
    assert not any(label.encode() in data for label in PATIENTS)
    assert model.steps_[0][1].readings is not None  # the fitted model itself is not changed
    told = equation(model, horizons=[6.0])
    np.testing.assert_allclose(told.predict_risk(X, [6.0]), model.predict_risk(X, [6.0]), atol=1e-6)


def test_checkpoints_tell_readings_apart():
    one, other = RETEST.copy(), RETEST.copy()
    other.iloc[30, 0] += 1e-9
    told = {describe_estimator(RiskPipeline([RepeatableColumns([TEST, each])], CoxPH())) for each in (one, other)}
    told |= {describe_estimator(RepeatableColumns({"entropy": each})) for each in (one, other)}
    assert len(told) == 4


def test_the_code_of_the_page_runs_on_texture_of_two_sessions():
    """Long tables of two sessions, as `extract_radiomics` gives them."""
    page = Path(__file__).resolve().parents[3] / "docs" / "howto" / "radiomics.md"
    (block,) = (part for part in page.read_text(encoding="utf-8").split("```")[1::2] if "RepeatableColumns(" in part)
    keys = pd.DataFrame({"measure": ["noise", "signal"] * 4, "structure": ["disc"] * 4 + ["vertebral_body"] * 4})
    keys["level"] = ["l3l4", "l3l4", "l4l5", "l4l5", "l3", "l3", "l4", "l4"]
    first = pd.concat([keys.assign(patient_id=p, value=RNG.normal(size=8)) for p in PATIENTS]).assign(method_id="m")
    error = RNG.normal(size=len(first)) * np.where(first["measure"] == "noise", 2, 0.1)
    second = first.assign(value=first["value"] + error)[first["patient_id"].isin(PATIENTS[:M])]
    told = {
        "result": SimpleNamespace(to_frame=lambda: first),
        "second_session": SimpleNamespace(to_frame=lambda: second),
    }
    exec(block.removeprefix("python"), told)
    fitted = told["step"].fit(told["test"][told["columns"]])
    assert fitted.dropped_ == ["disc__noise__mean", "vertebral_body__noise__mean"]
    assert fitted.icc_["n"].tolist() == [M] * 4
    assert told["model"].steps[0] is told["step"]


WHOLE = pd.Index(range(10, 10 + M))
EQUAL = TEST.assign(contrast=1.0)


@pytest.mark.parametrize(
    ("readings", "table", "given", "kind", "words"),
    [
        (None, X, {}, ArgumentError, "`readings` must be one table like `X` per occasion"),
        ([TEST], X, {}, ArgumentError, "per occasion.*got 1 tables"),
        ({}, X, {}, ArgumentError, "got 0 tables"),
        ([TEST, RETEST.to_numpy()], X, {}, ArgumentError, r"`readings\[1\]` must be a DataFrame"),
        ([TEST, RETEST[["entropy"]]], X, {}, ArgumentError, "'contrast'.* in one of them only"),
        ({"entropy": TEST[["entropy"]]}, X, {}, ArgumentError, "at least two columns"),
        ([pd.concat([TEST, TEST.iloc[:1]]), RETEST], X, {}, ArgumentError, "one row per patient.*several times"),
        ([TEST, RETEST.assign(entropy="x")], X, {}, ArgumentError, "entropy"),
        ([TEST, RETEST], X[["age", "entropy"]], {}, ArgumentError, "'contrast'.*`X` does not have"),
        ([TEST, RETEST], X, {"columns": ["entropy", "volume"]}, ArgumentError, "`columns`.*'volume'"),
        ([TEST, RETEST], X, {"columns": ["age"]}, ArgumentError, r"`readings\[0\]` must be a table with 'age'"),
        ({"entropy": TEST}, X, {"columns": ["age"]}, ArgumentError, "`columns` must be among those with readings"),
        ([TEST, RETEST], X.reset_index(drop=True), {}, ArgumentError, "labels that are whole numbers, and readings"),
        ([TEST, RETEST], X.to_numpy(), {}, ArgumentError, "`X` does not have"),
        (
            [TEST.set_axis(WHOLE, axis=0), RETEST.set_axis(WHOLE, axis=0)],
            X.reset_index(drop=True),
            {},
            ArgumentError,
            "whole numbers as labels, named None in `X` and None",
        ),
        ([TEST, RETEST], X.iloc[:4], {}, EstimationError, "4 patients of the training rows have all 2 readings"),
        ([EQUAL, EQUAL], X, {}, EstimationError, "'contrast' are all 1 in the 50 patients"),
        ([TEST, RETEST], X[IMAGE], {"minimum": 1.0}, EstimationError, "No column is left"),
        ([TEST, RETEST], X, {"minimum": 1.01}, ArgumentError, "`minimum`"),
        ([TEST, RETEST], X, {"form": "4,1"}, ArgumentError, "`form`"),
        ([TEST, RETEST], X, {"external": "no"}, ArgumentError, "`external` must be True or False"),
    ],
)
def test_refusals(readings, table, given, kind, words):
    with pytest.raises(kind, match=words):
        RepeatableColumns(readings, **given).fit(table)


def test_whole_numbers_are_labels_if_both_indexes_have_one_name():
    own = pd.Index(range(100, 100 + N), name="patient_id")
    places = PATIENTS.get_indexer(TEST.index)
    numbered = [table.set_axis(own[places], axis=0) for table in (TEST, RETEST)]
    found = RepeatableColumns(numbered).fit(X.set_axis(own, axis=0)).icc_
    pd.testing.assert_frame_equal(found, step().fit(X).icc_)
    with pytest.raises(ArgumentError, match="named 'id' in `X` and 'patient_id' in `readings`"):
        RepeatableColumns(numbered).fit(X.set_axis(own.rename("id"), axis=0))


def test_five_patients_are_enough():
    assert step(minimum=0, columns="entropy").fit(X.iloc[:5]).icc_["n"].tolist() == [5]
