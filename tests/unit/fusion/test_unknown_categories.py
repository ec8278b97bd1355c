"""A category that a training fold lacks counts as the reference where that was said, with imputation too."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from syn import syn

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline
from lbp_prognosis.validation import added_value, bootstrap_validate, cross_validate_risk, internal_external

N = 160


def table(kind: str) -> pd.DataFrame:
    """One patient of 160 has a grade that nobody else has; some values are missing."""
    d, rng = syn(n=N), np.random.default_rng(0)
    X = d[["c1", "c2"]].copy()
    grade = rng.choice(["a", "b", "c"], N).astype(object)
    grade[0] = "rare"
    grade[rng.random(N) < 0.1] = None
    grade[0] = "rare"
    X.loc[rng.random(N) < 0.15, "c1"] = np.nan
    X["grade"] = grade
    if kind == "categorical":
        X["grade"] = pd.Categorical(grade, categories=["a", "b", "c", "rare"])
    if kind == "codes":
        X["grade"] = X["grade"].map({"a": 0, "b": 1, "c": 2, "rare": 9}).astype(float)
    return X


@pytest.fixture(scope="module")
def y():
    d = syn(n=N)
    return Surv.right(d["time"], d["event"])


def pipeline(unknown: str = "reference", columns: list[str] | None = None) -> RiskPipeline:
    steps = [MultipleImputation(m=2, iterations=3, draws=10, random_state=0), OneHot(columns, unknown=unknown)]
    return RiskPipeline(steps, CoxPH(penalty=1.0))


@pytest.mark.parametrize("kind", ["text", "categorical", "codes"])
def test_no_study_ends(kind: str, y) -> None:
    X, model = table(kind), pipeline(columns=["grade"] if kind == "codes" else None)
    site = np.where(np.arange(N) == 0, 1, np.arange(N) % 2)
    crossed = cross_validate_risk(model, X, y, 12.0, n_splits=3, n_repeats=1, random_state=0)
    assert np.isfinite(crossed.risks["RiskPipeline"]).all()
    left_out = internal_external(model, X, y, site, 12.0, min_events=1, n_resamples=0)
    assert np.isfinite(left_out.risks["RiskPipeline"]).all()
    assert bootstrap_validate(model, X, y, 12.0, n_resamples=4, random_state=0).n_failed == 0
    if kind != "codes":  # a comparator without the column can't be told to encode it
        modalities = {"clinical": ["c1", "c2"], "imaging": ["grade"]}
        value = added_value(model, X, y, modalities, 12.0, n_splits=3, n_repeats=1, random_state=0)
        assert np.isfinite(value.risks["imaging"]).all()


@pytest.mark.parametrize("kind", ["text", "categorical", "codes"])
def test_a_new_category_is_the_reference(kind: str, y) -> None:
    """Also where another cell of the row is imputed from it."""
    X = table(kind)
    model = pipeline(columns=["grade"] if kind == "codes" else None).fit(X.iloc[1:], y[1:])
    first = {"text": "a", "categorical": "a", "codes": 0.0}[kind]
    for c1 in (0.5, np.nan):
        new, reference = X.iloc[[0]].assign(c1=c1), X.iloc[[0]].assign(c1=c1, grade=first)
        if kind == "categorical":
            reference["grade"] = pd.Categorical(reference["grade"], categories=["a", "b", "c", "rare"])
        np.testing.assert_array_equal(model.predict_risk(new, 12.0), model.predict_risk(reference, 12.0))


def test_it_is_refused_where_nothing_was_said(y) -> None:
    X = table("text")
    with pytest.raises(ArgumentError, match=r"categories of the fit in 'grade'.*unknown=\"reference\""):
        pipeline("error").fit(X.iloc[1:], y[1:]).predict_risk(X.iloc[[0]], 12.0)
    step = MultipleImputation(m=1, unknown="reference", random_state=0).fit(X.iloc[1:])
    assert step.transform(X.iloc[[0]])["grade"].tolist() == ["rare"]  # its own cell stays what it is
    with pytest.raises(ArgumentError, match="categories of the fit in 'grade'"):
        MultipleImputation(m=1, random_state=0).fit(X.iloc[1:]).transform(X.iloc[[0]])
    with pytest.raises(ArgumentError, match="unknown"):
        MultipleImputation(unknown="first").fit(X)
