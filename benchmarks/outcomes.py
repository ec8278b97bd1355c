"""Scores and courses: ordinal regression of a hundred levels, occupancy of states, a mixed model of visits.

python -m benchmarks.outcomes
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks._contest import Contest, frame
from lbp_prognosis import Measured
from lbp_prognosis.models import LongitudinalOutcome, OrdinalRegression
from lbp_prognosis.survival import MultiState, state_occupancy


def main(contest: Contest | None = None) -> pd.DataFrame:
    """Return seconds and ratios by task and contender."""
    contest = contest or Contest()
    rng, rows = np.random.default_rng(0), []
    n = 10_000
    X = rng.normal(size=(n, 20))
    score = np.clip(np.round(50 + 12 * (X[:, 0] + 0.5 * X[:, 1]) + 10 * rng.logistic(size=n)), 0, 100)
    y, data = Measured.at(12, score, lower=0, upper=100), contest.share("ordinal", {"X": X, "score": score})
    rows += contest.race(
        "ordinal regression, 101 levels, 20 columns",
        n,
        lambda: OrdinalRegression().fit(X, y),
        [("rms orm", "R", "orm")],
        data=data,
        target=0.3,
    )

    first, second, end = rng.exponential(20, n), rng.exponential(15, n), rng.uniform(5, 40, n)
    early = np.minimum(first, end)
    late = np.minimum(first + second, end)
    moved = np.flatnonzero(first < end)
    patient = np.concatenate([np.arange(n), moved])
    start = np.concatenate([np.zeros(n), early[moved]])
    stop = np.concatenate([early, late[moved]])
    entered = np.concatenate([np.where(first < end, 1, 0), np.where((first + second)[moved] < end[moved], 2, 0)])
    # a third way, from the start to the end
    straight = np.flatnonzero((entered[:n] == 1) & (rng.random(n) < 0.2))
    kept = ~np.isin(np.arange(patient.size), n + np.flatnonzero(np.isin(moved, straight)))
    entered[straight] = 2
    patient, start, stop, entered = patient[kept], start[kept], stop[kept], entered[kept]
    names = np.array([None, "ill", "gone"], dtype=object)
    courses = MultiState.from_long(patient, start, stop, names[entered], initial="well")
    data = contest.share("courses", {"patient": patient, "start": start, "stop": stop, "entered": entered})
    rows += contest.race(
        "occupancy of three states with standard errors, three transitions",
        n,
        lambda: state_occupancy(courses, [6.0, 12.0, 24.0]),
        [("survival survfit", "R", "survfit_states")],
        data=data,
        target=0.3,
    )

    n = 500
    X = rng.normal(size=(n, 3))
    own = rng.normal(0, 1.5, n)
    seen = {t: np.clip(5 + X[:, 0] + own + rng.normal(size=n), 0, 10) for t in (1.5, 3.0, 6.0)}
    repeated = Measured.at_visits(seen, lower=0, upper=10)
    values = np.column_stack(list(seen.values()))
    data = contest.share("visits", {"X": X, "values": values})
    rows += contest.race(
        "mixed model of three visits, random intercept, visit as a factor",
        n,
        lambda: LongitudinalOutcome(covariance="exchangeable").fit(X, repeated),
        [("statsmodels MixedLM", "python", "mixed_lm"), ("nlme lme", "R", "lme")],
        data=data,
    )
    return frame(rows)


if __name__ == "__main__":
    print(main().to_string(index=False))
