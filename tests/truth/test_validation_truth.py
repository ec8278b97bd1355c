"""What validation says, against a truth that is known: false claims, optimism, usefulness at new sites."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import binom

from lbp_prognosis.evaluation import concordance
from lbp_prognosis.evidence import CLINICAL_MINIMUM
from lbp_prognosis.models import CoxPH, LogisticRisk
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import added_value, bootstrap_validate, meta_analysis

pytestmark = pytest.mark.slow

CLINICAL = list(CLINICAL_MINIMUM)
IMAGING = ["modic", "stenosis", "fat"]


def study(rng: np.random.Generator, n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """The clinical minimum predicts; imaging follows age and nothing else."""
    X = pd.DataFrame(rng.normal(size=(n, len(CLINICAL))), columns=CLINICAL)
    effect = np.array([0.5, 0.4, 0.5, 0.3, -0.5, 0.4, 0.2, 0.3, 0.1])
    for name in IMAGING:
        X[name] = 0.5 * X["age"] + rng.normal(size=n)
    event = rng.random(n) < expit(-0.2 + X[CLINICAL].to_numpy() @ effect)
    return X, Status.at(12, event.astype(int))


def test_null_imaging_is_not_said_to_add_value() -> None:
    rng = np.random.default_rng(300)
    studies, claimed, apparent = 200, 0, 0
    modalities = {"clinical": CLINICAL, "imaging": IMAGING}
    for _ in range(studies):
        X, y = study(rng, 300)
        found = added_value(
            LogisticRisk(penalty=1.0),
            X,
            y,
            modalities,
            12,
            [0.4, 0.5, 0.6],
            n_splits=5,
            n_repeats=2,
            clinical_minimum={name: name for name in CLINICAL},
            random_state=rng,
        )
        assert not found.missing
        claimed += found.supported
        apparent += found.difference("auc", 12.0)["value"] > 0
    print(f"null imaging: supported in {claimed} of {studies}; cross-fitted AUC larger in {apparent}")
    assert claimed <= 0.05 * studies


@pytest.mark.parametrize("n", [300, 500])
def test_a_noise_marker_adds_nothing_and_moves_no_observed_over_expected(n: int) -> None:
    """One marker that is noise: no claim, and the interval of each difference excludes 0 for it in at most 5 %."""
    rng = np.random.default_rng(n)
    columns, effect = ["a", "b", "c", "d"], np.array([0.6, -0.4, 0.3, 0.2])
    studies, claimed = 200, 0
    better = {"observed_expected": 0, "auc": 0, "net_benefit": 0, "brier": 0}
    for _ in range(studies):
        X = pd.DataFrame(rng.normal(size=(n, 4)), columns=columns).assign(noise=rng.normal(size=n))
        y = Status.at(12, (rng.random(n) < expit(-0.2 + X[columns].to_numpy() @ effect)).astype(int))
        modalities = {"clinical": columns, "imaging": ["noise"]}
        found = added_value(LogisticRisk(), X, y, modalities, 12, [0.5], n_splits=5, random_state=rng)
        claimed += found.supported
        for name in better:
            part = found.difference(name, 12.0)
            two_sided = name == "observed_expected"  # its better side depends on the sample
            better[name] += (
                (part["low"] > 0) + (two_sided and part["high"] < 0) if name != "brier" else part["high"] < 0
            )
    print(f"noise marker, n = {n}: claimed in {claimed} of {studies}; intervals that exclude 0: {better}")
    most = binom.ppf(0.975, studies, 0.05)
    assert claimed <= most
    assert max(better.values()) <= most


def test_corrected_performance_is_that_in_new_patients() -> None:
    rng = np.random.default_rng(17)
    effect = np.array([0.6, -0.4, 0.3, 0.2, 0.0, 0.0])
    gaps = {"concordance": [], "calibration_slope": []}
    flattery = {"concordance": [], "calibration_slope": []}

    def draw(n: int) -> tuple[np.ndarray, np.ndarray]:
        X = rng.normal(size=(n, 6))
        t, c = rng.exponential(10 * np.exp(-X @ effect)), rng.uniform(4, 16, n)
        return X, Surv.right(np.minimum(t, c), (t <= c).astype(int))

    for _ in range(150):
        X, y = draw(200)
        result = bootstrap_validate(CoxPH(), X, y, 8, n_resamples=50, random_state=rng, indexes=False)
        new, new_y = draw(3000)
        lp = CoxPH().fit(X, y).linear_predictor(new)
        line = CoxPH().fit(lp[:, None], new_y)
        truth = {"concordance": float(concordance(new_y, lp).value), "calibration_slope": line.coef_[0]}
        for name, value in truth.items():
            gaps[name].append(result.at(name)["corrected"] - value)
            flattery[name].append(result.at(name)["apparent"] - value)
    for name, values in gaps.items():
        error = np.std(values, ddof=1) / np.sqrt(len(values))
        print(
            f"{name}: corrected − truth {np.mean(values):+.4f} (MC error {error:.4f}), "
            f"apparent − truth {np.mean(flattery[name]):+.4f}"
        )
        assert abs(np.mean(values)) < 3 * error
        assert np.mean(flattery[name]) > 4 * error


@pytest.mark.parametrize("sites", [6, 12])
def test_probability_at_a_new_site_is_calibrated(sites: int) -> None:
    """Logit C of sites with τ = 0.25 around any mean: the said probabilities of C above 0.70 come true as often."""
    rng = np.random.default_rng(sites)
    said, came = [], []
    for _ in range(3000):
        middle = rng.uniform(-0.4, 2.1)  # wide: what is said knows nothing of how good models usually are
        error = rng.uniform(0.1, 0.3, sites)
        z = rng.normal(middle, 0.25, sites) + rng.normal(0, error)
        c = expit(z)
        pooled = meta_analysis(c, error * c * (1 - c), scale="logit")
        said.append(pooled.probability_between(0.70, None))
        came.append(expit(rng.normal(middle, 0.25)) > 0.70)
    said, came = np.array(said), np.array(came, dtype=float)
    print(f"{sites} sites: mean said {said.mean():.3f}, came true {came.mean():.3f}")
    assert abs(said.mean() - came.mean()) < 3 * np.sqrt(0.25 / said.size)
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 0.85), (0.85, 1.0)):
        cell = (said >= low) & (said < high)
        error = np.sqrt(0.25 / cell.sum())
        print(
            f"  {low:.2f}–{high:.2f}: said {said[cell].mean():.3f}, came true {came[cell].mean():.3f} (n {cell.sum()})"
        )
        # few sites: τ² is estimated and often zero, so that extremes are said a little too boldly
        assert abs(said[cell].mean() - came[cell].mean()) < 3 * error + 0.04
