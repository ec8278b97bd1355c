"""``trial_effect``: effect of using a model, from a cluster-randomised trial."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    EstimationError,
    Objection,
    RandomState,
    Result,
    argument_error,
    as_numbers,
    check_choice,
    check_clusters,
    check_confidence,
    check_number,
    check_vector,
    generator,
    metric_frame,
    norm,
    objection,
    takes_rows,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TrialEffect", "trial_effect"]

_FEW = 10


@dataclass(frozen=True, repr=False)
class TrialEffect(Result):
    """Effect of using a model on the outcome of the patients.

    Attributes
    ----------
    model : str
        The model whose use was randomised.
    difference, low, high : float
        Mean outcome with the model minus without it (a difference of proportions for 0 and 1), and its interval.
    p : float
        Two-sided permutation p-value of no effect.
    polarity : {"bad", "good"}
        Whether high values of the outcome are bad or good.
    n, n_clusters, n_periods : int
        Patients, clusters, and periods in which clusters with and without the model were seen.
    icc : float
        Correlation of two patients of a cluster in one period, beyond period and use of the model.
    horizon : float or None
        Time at which the outcome was measured.
    confidence : float
        Level of the interval.
    n_permutations : int
        Number of drawn arrangements that compare clusters.
    objections : tuple of Objection
        ``few-clusters``.
    """

    model: str
    difference: float
    low: float
    high: float
    p: float
    polarity: str
    n: int
    n_clusters: int
    n_periods: int
    icc: float
    horizon: float | None
    confidence: float
    n_permutations: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    sample = "external"
    setting = "setting"

    def to_frame(self) -> pd.DataFrame:
        """Return one row, the difference in the direction of benefit, with the evaluation columns."""
        sign = -1.0 if self.polarity == "bad" else 1.0
        limits = sorted((sign * self.low, sign * self.high))
        return metric_frame(
            [
                {
                    "tier": "utility",
                    "metric": "trial_benefit",
                    "model": self.model,
                    "horizon": self.horizon,
                    "value": sign * self.difference,
                    "low": limits[0],
                    "high": limits[1],
                    "se": (limits[1] - limits[0]) / (2 * norm.ppf(0.5 + self.confidence / 2)),
                    "confidence": self.confidence,
                    "n": self.n,
                    "method": f"means of {self.n_clusters} clusters within {self.n_periods} periods, permutation",
                }
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the difference and its interval.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        row = {"label": self.model, "value": self.difference, "low": self.low, "high": self.high}
        axis = f"mean outcome with the model minus without; high values are {self.polarity}"
        return draw_estimates(pd.DataFrame([row]), axis=axis, neutral=0.0, ax=ax)

    def _summary(self) -> str:
        return (
            f"use of {self.model}: difference {self.difference:.3g} ({self.low:.3g} to {self.high:.3g}), "
            f"{self.n_clusters} clusters, {self.n} patients"
        )


@takes_rows(value="numbers", periods="labels", exposed="numbers")
def trial_effect(
    value: Any,
    *,
    clusters: Any,
    exposed: Any,
    periods: Any = None,
    model: str,
    polarity: str = "bad",
    horizon: float | None = None,
    confidence: float = 0.95,
    n_permutations: int = 2000,
    random_state: RandomState = 0,
) -> TrialEffect:
    """Estimate the effect of using a model in a cluster-randomised or stepped-wedge trial.

    Parameters
    ----------
    value : array-like of shape (n,)
        Outcome of each patient: 0 and 1, or a score.
    clusters : array-like of shape (n,)
        Unit of randomisation: practice or hospital.
    exposed : array-like of shape (n,)
        1 if the patient's cluster was randomised to use the model in that period, otherwise 0 (intention to treat).
    periods : array-like of shape (n,), optional
        Period of each patient, in a trial with several; one period by default.
    model : str
        Name of the model, as in other results.
    polarity : {"bad", "good"}, default "bad"
        Whether high values of the outcome are bad or good.
    horizon : float, optional
        When the outcome was measured.
    confidence : float, default 0.95
        Level of the interval.
    n_permutations : int, default 2000
        Number of arrangements to draw.
    random_state : int, SeedSequence, Generator or None, default 0
        Seed of the arrangements.

    Returns
    -------
    TrialEffect
        Add it to evidence with ``Evidence.with_result``; no other result supports ``Claim.improves_outcomes``.

    Raises
    ------
    ArgumentError
        If a cluster is exposed and not exposed in one period, or an outcome is infinite.
    EstimationError
        If no period compares clusters, or there are too few ways to randomise the clusters for the interval.

    Notes
    -----
    In each period the mean of the cluster means with the model is compared with that without it; periods are averaged
    with weights ``n₁ n₀ / (n₁ + n₀)`` of clusters. Only clusters within the same period are compared, so a time trend
    does not bias the effect; periods in which all clusters or none use the model are uninformative. The test permutes
    which clusters follow which sequence, and the interval contains the effects that it does not reject: both are right
    with few clusters of unequal size, and for any correlation within clusters. Patients count equally within a cluster,
    clusters equally within a period. Missing outcomes are excluded; justify their exclusion.

    References
    ----------
    Thompson JA, Davey C, Fielding K, Hargreaves JR, Hayes RJ (2018). Robust analysis of stepped wedge trials using
    cluster-level summaries within periods. Stat Med 37:2487–2500. doi:10.1002/sim.7668
    Gail MH et al. (1996). On design considerations and randomization-based inference for community intervention trials.
    Stat Med 15:1069–1092.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis.validation import trial_effect
    >>> practice = np.repeat(np.arange(12), 20)
    >>> used = (practice % 2).astype(float)
    >>> pain = 5.0 - 1.0 * used + 0.1 * (practice % 5)
    >>> round(trial_effect(pain, clusters=practice, exposed=used, model="recovery").difference, 2)
    -0.98
    """
    outcome = np.asarray(as_numbers("value", value), dtype=float)
    if np.isinf(outcome).any():
        raise argument_error("value", "finite, or missing", f"{int(np.isinf(outcome).sum())} infinite values")
    use = check_vector("exposed", exposed, n=outcome.size, low=0, high=1)
    if not np.isin(use, (0, 1)).all():
        raise argument_error("exposed", "0 or 1", "others")
    if not isinstance(model, str) or not model.strip():
        raise argument_error("model", "the name of the model", model)
    check_choice("polarity", polarity, ("bad", "good"))
    level = check_confidence(confidence)
    draws = int(check_number("n_permutations", n_permutations, low=200, whole=True))
    when = None if horizon is None else check_number("horizon", horizon, low=0, open_low=True)
    seen = np.isfinite(outcome)
    if clusters is None:
        raise argument_error("clusters", "the cluster of each patient", None)
    for name, labels in (("clusters", clusters), ("periods", periods)):
        check_clusters(name, labels, n=outcome.size)
    times = np.zeros(outcome.size) if periods is None else np.asarray(periods)
    names, cluster = np.unique(np.asarray(clusters)[seen], return_inverse=True)
    stages, period = np.unique(times[seen], return_inverse=True)
    outcome, use = outcome[seen], use[seen]
    means, sequence = _cells(outcome, use, cluster, period, names, stages)
    theta, compared = _estimate(means, sequence[None])
    if not np.isfinite(theta[0]):
        raise EstimationError("No period has clusters with and without the model: nothing is compared.")
    ways = _arrangements(sequence)
    needed = 2 / (1 - level)
    if ways < needed:
        told = f"Only {ways:.0f} ways to randomise {names.size} clusters: an interval at {level:g} needs {needed:.0f}."
        raise EstimationError(told)
    rng = generator(random_state)
    order = np.argsort(rng.random((draws, names.size)), axis=1)
    permuted = sequence[order]
    under = _estimate(means, permuted)[0]
    share = _estimate(np.where(np.isfinite(means), sequence, np.nan), permuted)[0]  # what one unit of effect adds
    under, share = under[np.isfinite(under)], share[np.isfinite(under)]  # an arrangement may compare no clusters
    if under.size < needed / 2 - 1:
        told = (
            f"Only {under.size} of {draws} arrangements drawn compare clusters with and without the model: an interval "
            f"at {level:g} needs {int(np.ceil(needed / 2 - 1))}. Raise `n_permutations`, or join periods."
        )
        raise EstimationError(told)
    slack = 1e-12 * max(1.0, float(np.nanmax(np.abs(means))))

    def p_of(effect: float) -> float:
        beyond = np.abs(under - effect * share) >= abs(theta[0] - effect) - slack
        return float((1 + beyond.sum()) / (1 + under.size))

    low, high = (_limit(p_of, float(theta[0]), sign, 1 - level, float(np.ptp(under) or 1.0)) for sign in (-1, 1))
    doubts = (objection("few-clusters", clusters=int(names.size)),) if names.size < _FEW else ()
    return TrialEffect(
        model=model.strip(),
        difference=float(theta[0]),
        low=low,
        high=high,
        p=p_of(0.0),
        polarity=polarity,
        n=int(seen.sum()),
        n_clusters=int(names.size),
        n_periods=int(compared[0]),
        icc=_icc(outcome, use, cluster, period),
        horizon=when,
        confidence=level,
        n_permutations=under.size,
        objections=doubts,
    )


def _cells(
    outcome: np.ndarray, use: np.ndarray, cluster: np.ndarray, period: np.ndarray, names: np.ndarray, stages: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the use of each cluster in each period, NaN (and the use of the nearest) where unseen."""
    place = cluster * stages.size + period
    size = names.size * stages.size
    count = np.bincount(place, minlength=size)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (np.bincount(place, outcome, minlength=size) / count).reshape(names.size, stages.size)
        used = (np.bincount(place, use, minlength=size) / count).reshape(names.size, stages.size)
    both = (used > 0) & (used < 1)
    if both.any():
        k, j = np.argwhere(both)[0]
        raise argument_error(
            "exposed", "the same for a cluster in a period", f"both in cluster {names[k]}, period {stages[j]}"
        )
    filled = pd.DataFrame(used.T).ffill().bfill().to_numpy().T
    return means, filled


def _estimate(means: np.ndarray, sequences: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect, shape (r,), under each arrangement of shape (r, clusters, periods), and periods compared."""
    known = np.isfinite(means)
    values = np.where(known, means, 0.0)
    on = sequences * known
    off = (1 - sequences) * known
    n1, n0 = on.sum(axis=1), off.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = (on * values).sum(axis=1) / n1 - (off * values).sum(axis=1) / n0
        weight = np.where((n1 > 0) & (n0 > 0), n1 * n0 / (n1 + n0), 0.0)
        effect = np.where(weight > 0, gap * weight, 0.0).sum(axis=1) / weight.sum(axis=1)
    return effect, (weight > 0).sum(axis=1)


def _arrangements(sequence: np.ndarray) -> float:
    """Return in how many ways the sequences can be given to the clusters."""
    _, counts = np.unique(sequence, axis=0, return_counts=True)
    return float(np.round(np.exp(lgamma(len(sequence) + 1) - sum(lgamma(count + 1) for count in counts))))


def _limit(p_of: Any, centre: float, sign: int, alpha: float, span: float) -> float:
    """Return the effect farthest from the estimate, on one side, that the test does not reject."""
    step = span
    for _ in range(60):
        if p_of(centre + sign * step) <= alpha:
            break
        step *= 2
    else:
        return sign * np.inf
    inside, outside = 0.0, step
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if p_of(centre + sign * middle) > alpha else (inside, middle)
    return float(centre + sign * outside)


def _icc(outcome: np.ndarray, use: np.ndarray, cluster: np.ndarray, period: np.ndarray) -> float:
    """Return the intraclass correlation by analysis of variance over the cells, beyond period and use."""
    table = pd.DataFrame(
        {"y": outcome, "group": 2 * period + use.astype(int), "cell": cluster * (period.max() + 1) + period}
    )
    table["y"] = table["y"] - table.groupby("group")["y"].transform("mean")
    sizes = table.groupby("cell")["y"].size().to_numpy(float)
    means = table.groupby("cell")["y"].mean().to_numpy()
    in_group = table.groupby("cell")["group"].first()
    of_group = table.groupby("group").size().loc[in_group].to_numpy(float)
    n, cells, groups = sizes.sum(), sizes.size, table["group"].nunique()
    if n <= cells or cells <= groups:
        return float("nan")
    between = float((sizes * means**2).sum() / (cells - groups))
    within = float(((table["y"] - table.groupby("cell")["y"].transform("mean")) ** 2).sum() / (n - cells))
    size = (n - (sizes**2 / of_group).sum()) / (cells - groups)  # mean size of Donner and Klar (2000)
    if between + within == 0:
        return float("nan")
    return max(float((between - within) / (between + (size - 1) * within)), 0.0)
