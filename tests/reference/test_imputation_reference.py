"""Our chained equations against mice on real patients with real holes: the pooled model, within Monte-Carlo error."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from lbp_prognosis.fusion import MultipleImputation, RiskPipeline, pool_coefficients
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.survival import Status

STORED = Path(__file__).parent / "r" / "imputation.json"


def test_pooled_logistic_model_after_imputation(reference_csv) -> None:
    r = json.loads(STORED.read_text(encoding="utf-8"))
    names = [term.removesuffix("1") for term in r["term"][1:]]
    table = reference_csv("lbp_chronic_missing.csv")
    m = 60
    pipeline = RiskPipeline([MultipleImputation(m, iterations=10, random_state=3)], LogisticRisk())
    pooled = pool_coefficients(pipeline.fit(table[names], Status.at(12, table["Chronic"])))
    assert pooled.terms == ("(Intercept)", *names)
    # Monte-Carlo error of a mean of m imputations: sqrt(B/m); four of them, and 5 % for the small prior that keeps our
    # logistic imputation models finite where mice adds pseudo-observations
    noise = 4 * np.sqrt(np.array(r["between"]) * (1 / m + 1 / r["m"]))
    slack = noise + 0.05 * np.array(r["se"])
    assert (np.abs(pooled.estimate - np.array(r["estimate"])) < slack).all()
    np.testing.assert_allclose(pooled.se, r["se"], rtol=0.08)
