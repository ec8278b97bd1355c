"""Likelihood ratios over imputations: what is refused, and complete data as a limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2
from syn import syn

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.fusion import pool_likelihood_ratio
from lbp_prognosis.models import LogisticRisk


@pytest.fixture(scope="module")
def cohort():
    return syn(150)


@pytest.mark.parametrize("kind", ["status", "right"])
@pytest.mark.parametrize("rest", [["c1"], None])
def test_equal_tables_give_the_plain_likelihood_ratio(cohort, kind, rest):
    y = Status.at(12, cohort["y"]) if kind == "status" else Surv.right(cohort["time"], cohort["event"])
    model = LogisticRisk() if kind == "status" else CoxPH()
    tables = [cohort[["c1", "p1", "m1"]]] * 3
    full = [type(model)().fit(table, y) for table in tables]
    null = None if rest is None else [type(model)().fit(table[rest], y) for table in tables]
    below = full[0].log_likelihood_null_ if null is None else null[0].log_likelihood_
    ratio = 2 * (full[0].log_likelihood_ - below)
    k = 3 if rest is None else 2
    found = pool_likelihood_ratio(full, null, tables, y)
    assert (found.statistic, found.df1, found.riv) == pytest.approx((ratio / k, k, 0), abs=1e-9)
    assert found.p == pytest.approx(chi2.sf(ratio, k), rel=1e-6)


def test_refusals(cohort):
    y, tables = Status.at(12, cohort["y"]), [cohort[["c1", "p1"]]] * 2
    full = [LogisticRisk().fit(table, y) for table in tables]
    other = [LogisticRisk().fit(pd.DataFrame({"m1": cohort["m1"]}), y) for _ in tables]
    ridge = [LogisticRisk(penalty=1.0).fit(table, y) for table in tables]
    for words, arguments in (
        ("fewer of the columns", (full, other, tables, y)),
        ("unpenalised", (ridge, None, tables, y)),
        ("one per table", (full[:1], None, tables, y)),
        ("intercept", (full, None, tables, y, "mean")),
    ):
        with pytest.raises(ArgumentError, match=words):
            pool_likelihood_ratio(*arguments[:4], **({"intercept": arguments[4]} if len(arguments) > 4 else {}))
    assert np.isfinite(pool_likelihood_ratio(full, None, tables, y).p)
