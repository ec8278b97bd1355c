"""`anova` and `contrast` against those of rms: splines, categories and interactions, Cox and logistic."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.fusion import from_formula
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.validation import anova, contrast

HERE = Path(__file__).parent / "r"
STORED = json.loads((HERE / "anova.json").read_text())
DATA = pd.DataFrame(json.loads((HERE / "formula.json").read_text())["data"])
KIND = {
    "": "total",
    "All Interactions": "all interactions",
    "Nonlinear": "nonlinear",
    "TOTAL": "total",
    "TOTAL NONLINEAR": "total nonlinear",
    "TOTAL INTERACTION": "total interaction",
    "TOTAL NONLINEAR + INTERACTION": "total nonlinear and interaction",
}


def fitted(formula: str):
    kind = CoxPH(tol=1e-12) if formula.startswith("Surv") else LogisticRisk()
    pipeline, X, y = from_formula(kind, formula, DATA)
    return pipeline.fit(X, y), X


def in_our_words(rows: list[str]) -> list[tuple[str, str]]:
    """Name of the term and of the test in each row that rms prints; rows it prints twice are left out."""
    term, out = "", []
    for row in rows:
        plain = row.strip().replace("(Factor+Higher Order Factors)", "").strip()
        if plain.startswith("Nonlinear Interaction"):
            out.append(("", ""))
        elif plain.startswith("TOTAL"):
            out.append(("", KIND[plain]))
        elif row.startswith(" "):
            out.append((term, "nonlinear interaction" if "*" in term else KIND[plain]))
        else:
            term = plain
            out.append((term, "interaction" if "*" in term else "total"))
    return out


@pytest.mark.parametrize("formula", STORED["anova"])
def test_anova_equals_rms(formula) -> None:
    ref = STORED["anova"][formula]
    model, _ = fitted(formula)
    ours = anova(model).to_frame().set_index(["term", "test"])
    told = in_our_words(ref["row"])
    for name, chisq, df, p in zip(told, ref["chisq"], ref["df"], ref["p"]):
        if name != ("", ""):
            row = ours.loc[name]
            assert row["df"] == df
            assert np.isinf(row["df2"])
            assert row["statistic"] == pytest.approx(chisq, rel=2e-6)
            assert row["p"] == pytest.approx(p, rel=1e-5)
    ours_only = set(ours.index) - set(told)
    assert all(term == "" for term, _ in ours_only)  # rms leaves out totals of one term


@pytest.mark.parametrize(
    ("name", "at", "against"),
    [
        ("spline", {"age": [40, 70]}, {"age": 55}),
        ("product", {"karno": 80, "trt": [1, 2]}, {"karno": 40, "trt": [1, 2]}),
        ("usual", {"age": 70}, {"age": 50}),
        ("odds", {"trt": 2, "karno": [30, 90]}, {"trt": 1, "karno": [30, 90]}),
    ],
)
def test_contrast_equals_rms(name, at, against) -> None:
    ref = STORED["contrast"][name]
    formula = list(STORED["anova"])[list(STORED["contrast"]).index(name)]
    model, X = fitted(formula)
    table = contrast(model, X, at, against).to_frame()
    np.testing.assert_allclose(table["estimate"], ref["contrast"], rtol=1e-6)
    np.testing.assert_allclose(table["se"], ref["se"], rtol=1e-6)
    np.testing.assert_allclose(
        table[["low", "high"]], np.transpose([ref["low"], ref["high"]]).reshape(-1, 2), atol=1e-6
    )
    np.testing.assert_allclose(table["p"], ref["p"], rtol=1e-5)
    np.testing.assert_allclose(table["ratio"], np.exp(table["estimate"]))
