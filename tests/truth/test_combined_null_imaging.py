"""Imaging without information must not be said to add value by a stack or by a mean of models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binomtest

from lbp_prognosis.evidence import CLINICAL_MINIMUM
from lbp_prognosis.models import AverageRisk, LogisticRisk, StackedRisk
from lbp_prognosis.survival import Status
from lbp_prognosis.validation import added_value

CLINICAL = list(CLINICAL_MINIMUM)
IMAGING = ["modic", "stenosis", "fat"]
MODALITIES = {"clinical": CLINICAL, "imaging": IMAGING}
EFFECT = np.array([0.5, 0.4, 0.5, 0.3, -0.5, 0.4, 0.2, 0.3, 0.1])
MODELS = {
    "stack": lambda: StackedRisk(LogisticRisk(penalty=1.0), modalities=MODALITIES, cv=3),
    "mean": lambda: AverageRisk(LogisticRisk(penalty=1.0), modalities=MODALITIES, cv=3),
}


def study(rng: np.random.Generator, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """The clinical minimum predicts; imaging follows age and nothing else."""
    X = pd.DataFrame(rng.normal(size=(n, len(CLINICAL))), columns=CLINICAL)
    for name in IMAGING:
        X[name] = 0.5 * X["age"] + rng.normal(size=n)
    event = rng.random(n) < expit(-0.2 + X[CLINICAL].to_numpy() @ EFFECT)
    return X, Status.at(12, event.astype(int))


def claims(name: str, studies: int, seed: int, n_splits: int = 5) -> int:
    rng, claimed = np.random.default_rng(seed), 0
    for _ in range(studies):
        X, y = study(rng)
        found = added_value(
            MODELS[name](),
            X,
            y,
            MODALITIES,
            12,
            [0.4, 0.5, 0.6],
            n_splits=n_splits,
            n_repeats=1,
            clinical_minimum={construct: construct for construct in CLINICAL},
            random_state=rng,
        )
        assert not found.missing
        claimed += bool(found.supported)
    return claimed


@pytest.mark.parametrize("name", MODELS)
def test_one_study_is_judged(name: str) -> None:
    """A stack and a mean are refitted to the columns of any modality, and to a few of one."""
    assert claims(name, 1, 5, n_splits=3) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_null_imaging_is_not_said_to_add_value(name: str) -> None:
    """At most five per cent of 200 studies, judged with the Monte Carlo interval."""
    studies = 200
    claimed = claims(name, studies, 300)
    print(f"null imaging, {name}: supported in {claimed} of {studies}")
    assert binomtest(claimed, studies).proportion_ci(0.95).low <= 0.05
    assert claimed <= 0.05 * studies
