"""Coverage of the delta intervals of mean risks and their differences: the true mean risk of the same patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lbp_prognosis import Measured, Surv
from lbp_prognosis.models import CauseSpecificCox, FineGray, OrdinalRegression, ParametricAFT, RoystonParmar
from lbp_prognosis.validation import marginal_predictions

pytestmark = pytest.mark.slow
SETS, N, HORIZON = 1000, 300, 6.0
LOWEST, HIGHEST = 0.93, 0.97
X = pd.DataFrame({"g": np.arange(N) % 2, "x": stats.norm.ppf((np.arange(N) * 7919 % N + 0.5) / N)}).astype(float)
SETTINGS = [X.assign(g=value) for value in (0.0, 1.0)]


def linear(x: pd.DataFrame, g: float, slope: float) -> np.ndarray:
    return g * x["g"].to_numpy() + slope * x["x"].to_numpy()


def censored(rng, time, code):
    end = rng.uniform(3, 16, N)
    return Surv.right(np.minimum(time, end), np.where(time <= end, code, 0))


def two_hazards(rng):
    rates = [0.09 * np.exp(linear(X, 0.7, 0.5)), 0.05 * np.exp(linear(X, -0.4, 0.3))]
    times = [rng.exponential(1 / rate) for rate in rates]
    return censored(rng, np.minimum(*times), np.where(times[0] < times[1], 1, 2))


def true_of_hazards(x):
    first, second = 0.09 * np.exp(linear(x, 0.7, 0.5)), 0.05 * np.exp(linear(x, -0.4, 0.3))
    return first / (first + second) * -np.expm1(-HORIZON * (first + second))


def subdistribution(rng):
    """Fine and Gray's own simulation: P(event of cause 1 by t) = 1 − (1 − .5 (1 − e^{−t/5}))^r."""
    r = np.exp(linear(X, 0.7, 0.5))
    ever = 1 - 0.5**r
    first = rng.random(N) < ever
    share = rng.random(N) * ever
    inside = np.clip((1 - (1 - share) ** (1 / r)) / 0.5, 0, 1 - 1e-12)
    return censored(rng, np.where(first, -5 * np.log1p(-inside), rng.exponential(8, N)), np.where(first, 1, 2))


def true_of_subdistribution(x):
    return 1 - (1 - 0.5 * -np.expm1(-HORIZON / 5)) ** np.exp(linear(x, 0.7, 0.5))


def weibull(rng):
    return censored(rng, 9 * np.exp(-linear(X, 0.4, 0.3)) * rng.weibull(1.4, N), np.ones(N, dtype=int))


def true_of_weibull(x):
    return -np.expm1(-((HORIZON / (9 * np.exp(-linear(x, 0.4, 0.3)))) ** 1.4))


def scores(rng):
    latent = 4 + linear(X, 1.0, 0.8) + rng.logistic(size=N)
    return Measured.at(HORIZON, np.clip(np.round(latent), 0, 10), lower=0, upper=10, at_most=3)


def true_of_scores(x):
    return stats.logistic.cdf(3.5 - 4 - linear(x, 1.0, 0.8))


@pytest.mark.parametrize(
    ("model", "draw", "truth"),
    [
        (CauseSpecificCox(), two_hazards, true_of_hazards),
        (FineGray(), subdistribution, true_of_subdistribution),
        (ParametricAFT(), weibull, true_of_weibull),
        (RoystonParmar(df=2), weibull, true_of_weibull),
        (OrdinalRegression(), scores, true_of_scores),
    ],
    ids=lambda part: type(part).__name__ if hasattr(part, "fit") else part.__name__,
)
def test_intervals_of_mean_risks_and_differences_cover(model, draw, truth) -> None:
    rng = np.random.default_rng(20261130)
    wanted = [float(truth(x).mean()) for x in SETTINGS]
    wanted.append(wanted[1] - wanted[0])
    inside = np.zeros(3)
    for _ in range(SETS):
        fitted = model.fit(X, draw(rng))
        table = marginal_predictions(fitted, X, {"g": [0.0, 1.0]}, horizons=HORIZON).to_frame()
        inside += (table["low"].to_numpy() <= wanted) & (table["high"].to_numpy() >= wanted)
    assert (inside / SETS >= LOWEST).all(), inside / SETS
    assert (inside / SETS <= HIGHEST).all(), inside / SETS
