"""Imaging that says nothing must not be said to add value by a net that could have learned it by heart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from lbp_prognosis.evidence import CLINICAL_MINIMUM
from lbp_prognosis.models import MultimodalNet
from lbp_prognosis.survival import Surv
from lbp_prognosis.validation import added_value

pytest.importorskip("torch")
pytestmark = pytest.mark.slow

CLINICAL = list(CLINICAL_MINIMUM)
IMAGING = [f"disc_{k}" for k in range(12)]


def null_study(rng: np.random.Generator, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """The clinical minimum predicts; imaging follows age and nothing else, and a third of the patients lack it."""
    X = pd.DataFrame(rng.normal(size=(n, len(CLINICAL))), columns=CLINICAL)
    effect = np.array([0.5, 0.4, 0.5, 0.3, -0.5, 0.4, 0.2, 0.3, 0.1])
    for name in IMAGING:
        X[name] = 0.5 * X["age"] + rng.normal(size=n)
    X.loc[rng.random(n) < 0.33, IMAGING] = np.nan
    end, leave = rng.exponential(12 * np.exp(-X[CLINICAL].to_numpy() @ effect)), rng.uniform(6, 24, n)
    return X, Surv.right(np.minimum(end, leave), (end <= leave).astype(int))


def claims(studies: int, seed: int) -> int:
    rng, claimed = np.random.default_rng(seed), 0
    modalities = {"clinical": CLINICAL, "imaging": IMAGING}
    for _ in range(studies):
        X, y = null_study(rng)
        found = added_value(
            MultimodalNet(modalities, seeds=3, max_epochs=100, bins=8),
            X,
            y,
            modalities,
            12,
            [0.4, 0.5, 0.6],
            n_splits=5,
            n_repeats=1,
            clinical_minimum={name: name for name in CLINICAL},
            random_state=rng,
        )
        assert not found.missing
        assert "deep-small-sample" in {doubt.code for doubt in found.objections}
        claimed += bool(found.supported)
    return claimed


def test_null_imaging_is_not_said_to_add_value_by_the_net() -> None:
    """Within the Monte-Carlo interval of five per cent."""
    studies = 40
    claimed = claims(studies, 12)
    print(f"null imaging: supported in {claimed} of {studies}")
    assert claimed <= binom.ppf(0.975, studies, 0.05)
