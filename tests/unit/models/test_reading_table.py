"""Coefficients as a paper prints them: the numbers of ``to_frame``, as text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.models import (
    BoostedCox,
    CauseSpecificCox,
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LogisticRisk,
    NullModel,
    ParametricAFT,
    PriorityCox,
    RoystonParmar,
)
from lbp_prognosis.survival import Status, Surv

RNG = np.random.default_rng(4)
X = pd.DataFrame({"a": RNG.normal(size=200), "b": RNG.normal(size=200)})
TIME, STOP = RNG.exponential(10 * np.exp(-X["a"])), RNG.uniform(2, 20, 200)
CODE = np.where(TIME <= STOP, 1 + (np.arange(200) % 3 == 0), 0)
ONE, TWO = Surv.right(np.minimum(TIME, STOP), CODE > 0), Surv.right(np.minimum(TIME, STOP), CODE)


def test_a_cox_model_in_text() -> None:
    model = CoxPH().fit(X, ONE)
    table, frame = model.table(), model.to_frame()
    assert list(table) == ["term", "hazard ratio (95% interval)", "p"]
    row = frame.iloc[0]
    assert table.iloc[0].tolist() == ["a", f"{row['hr']:.3f} ({row['low']:.3f} to {row['high']:.3f})", "< 0.001"]
    assert table.iloc[1]["p"] == f"{frame.iloc[1]['p']:.3f}"


@pytest.mark.parametrize(
    ("model", "outcome", "words"),
    [
        (CauseSpecificCox(), TWO, "hazard ratio (95% interval)"),
        (FineGray(), TWO, "hazard ratio (95% interval)"),
        (LogisticRisk(), Status.at(5, (CODE > 0).astype(int)), "odds ratio (95% interval)"),
        (ParametricAFT("weibull"), ONE, "time ratio (95% interval)"),
        (RoystonParmar(2), ONE, "hazard ratio (95% interval)"),
        (ElasticNetCox(cv=3), ONE, "hazard ratio"),
    ],
)
def test_every_model_with_coefficients(model, outcome, words) -> None:
    table = model.fit(X, outcome).table()
    assert words in table
    assert table["term"].str.contains("a").any()
    if isinstance(model, CauseSpecificCox):
        assert table["cause"].tolist() == [1, 1, 2, 2]
    if isinstance(model, LogisticRisk | ParametricAFT):  # of an intercept and a scale there is no ratio
        row = model.to_frame().iloc[0]
        assert table.iloc[0].tolist()[:2] == [
            "(intercept), coefficient",
            f"{row['coef']:.3f} ({row['coef_low']:.3f} to {row['coef_high']:.3f})",
        ]
    if isinstance(model, ParametricAFT):
        assert table.iloc[-1]["term"] == "log(scale), coefficient"


def test_a_model_without_coefficients_says_so() -> None:
    with pytest.raises(NotImplementedError, match="no table of coefficients"):
        BoostedCox().table()
    with pytest.raises(NotImplementedError, match="no table of coefficients"):
        NullModel().fit(X, ONE).table()


def test_periods_of_a_discrete_hazard_and_blocks() -> None:
    at = np.ceil(np.minimum(TIME, 19.9) / 5) * 5
    model = DiscreteTimeHazard([5, 10, 15, 20]).fit(X, Surv.interval(at - 5, at))
    assert len(model.table()) == len(model.to_frame())
    assert "hazard ratio" in PriorityCox(blocks={"one": ["a"], "two": ["b"]}).fit(X, ONE).table()
