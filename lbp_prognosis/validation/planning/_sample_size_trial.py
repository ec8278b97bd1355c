"""Sample size of a trial of using the model: clusters and patients."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_choice, check_number, norm, objection, student
from lbp_prognosis.validation.planning._sample_size import SampleSize

__all__ = ["sample_size_trial"]

_DESIGNS = ("parallel", "parallel with baseline", "stepped wedge")
_MOST = 5000
_FEW = 10


def sample_size_trial(
    design: str,
    *,
    outcome: str,
    control: float,
    intervention: float,
    cluster_size: int,
    icc: float,
    sd: float | None = None,
    cluster_autocorrelation: float = 1.0,
    size_cv: float = 0.0,
    steps: int = 4,
    power: float = 0.9,
    alpha: float = 0.05,
) -> SampleSize:
    """Clusters and patients for a trial that randomises practices or hospitals to using a model.

    Parameters
    ----------
    design : {"parallel", "parallel with baseline", "stepped wedge"}
        Half the clusters use the model; the same, with a period before in which none does; or all begin, one group of
        clusters after another, in randomised order.
    outcome : {"binary", "continuous"}
        Kind of outcome: e.g. not recovered, a score, a cost.
    control, intervention : float
        Proportion or mean without and with the model. What a model can change is bounded by the decisions it changes.
    cluster_size : int
        Patients of a cluster in a period.
    icc : float
        Correlation of two patients of a cluster in the same period.
    sd : float, optional
        Standard deviation of a continuous outcome.
    cluster_autocorrelation : float, default 1.0
        Correlation of a cluster's level in two periods, as a share of ``icc``; below 1 where practice changes.
    size_cv : float, default 0.0
        Coefficient of variation of cluster sizes (parallel only).
    steps : int, default 4
        Stepped wedge: groups of clusters that begin one after another; there are ``steps + 1`` periods.
    power : float, default 0.9
        Power of a two-sided test.
    alpha : float, default 0.05
        Level of the test.

    Returns
    -------
    SampleSize
        ``criterion("trial")`` patients in all; ``details`` has ``clusters``, ``periods``, ``patients``,
        ``design_effect`` (against as many patients randomised one by one), ``standard_error`` and ``power``.

    Raises
    ------
    ArgumentError
        For proportions outside (0, 1), no difference, or values out of range.
    EstimationError
        If no number of clusters up to 5000 gives the power: with large clusters more patients in them do not help.

    Notes
    -----
    Means of clusters and periods by generalised least squares with an effect for each period: their covariance is
    σ²(1 − icc)/m on the diagonal, plus σ² icc, times the autocorrelation between periods. For the stepped wedge with
    autocorrelation 1 that is Hussey and Hughes' formula. The test is a t test with clusters − 2 degrees of freedom.

    References
    ----------
    Hussey MA, Hughes JP (2007). Contemp Clin Trials 28:182–191. doi:10.1016/j.cct.2006.05.007
    Hooper R et al. (2016). Stat Med 35:4718–4728. doi:10.1002/sim.7028
    Eldridge SM, Ashby D, Kerry S (2006). Int J Epidemiol 35:1292–1300. doi:10.1093/ije/dyl129

    Examples
    --------
    >>> from lbp_prognosis.validation import sample_size_trial
    >>> plan = sample_size_trial(
    ...     "parallel", outcome="binary", control=0.40, intervention=0.30, cluster_size=30, icc=0.02
    ... )
    >>> plan.details["clusters"], plan.n
    (52.0, 1560)
    """
    check_choice("design", design, _DESIGNS)
    check_choice("outcome", outcome, ("binary", "continuous"))
    m = check_number("cluster_size", cluster_size, low=1, whole=True)
    rho = check_number("icc", icc, low=0, high=1, open_high=True)
    kept = check_number("cluster_autocorrelation", cluster_autocorrelation, low=0, high=1)
    spread = check_number("size_cv", size_cv, low=0)
    groups = int(check_number("steps", steps, low=1, whole=True))
    check_number("power", power, low=0, high=1, open_low=True, open_high=True)
    check_number("alpha", alpha, low=0, high=1, open_low=True, open_high=True)
    if spread and design != "parallel":
        raise argument_error("size_cv", "0 for this design", spread, "Take the smaller clusters' size instead.")
    bounds: dict[str, Any] = {"low": 0, "high": 1, "open_low": True, "open_high": True} if outcome == "binary" else {}
    before, after = (
        check_number(name, value, **bounds) for name, value in (("control", control), ("intervention", intervention))
    )
    gap = abs(after - before)
    if gap == 0:
        raise argument_error(
            "intervention", "another value than `control`", after, "A trial needs a difference to find."
        )
    if outcome == "binary":
        if sd is not None:
            raise argument_error("sd", "None for a binary outcome", sd)
        variance = (before * (1 - before) + after * (1 - after)) / 2
    else:
        if sd is None:
            raise argument_error("sd", "the standard deviation of a continuous outcome", "None")
        variance = check_number("sd", sd, low=0, open_low=True) ** 2
    pattern = _pattern(design, groups)
    one = _variance(pattern, m, rho, kept, variance)  # of a replicate of the pattern
    if spread:
        one *= (1 + ((1 + spread**2) * m - 1) * rho) / (1 + (m - 1) * rho)
    unit, periods = pattern.shape
    clusters, reached = _clusters(one, unit, gap, power, alpha)
    patients = int(clusters * periods * m)
    single = 4 * variance / patients
    error = float(np.sqrt(one * unit / clusters))
    criterion = {"criterion": "trial", "n": patients, "target": f"{clusters:g} clusters of {m:g} in {periods} periods"}
    return SampleSize(
        purpose="trial",
        outcome=outcome,
        criteria=(criterion,),
        details={
            "clusters": float(clusters),
            "periods": float(periods),
            "patients": float(patients),
            "design_effect": error**2 / single,
            "standard_error": error,
            "power": reached,
            "difference": gap,
        },
        objections=(objection("few-clusters", clusters=clusters),) if clusters < _FEW else (),
    )


def _pattern(design: str, groups: int) -> np.ndarray:
    """Return 1 where the model is used: a row per group of clusters, a column per period."""
    if design == "parallel":
        return np.array([[0.0], [1.0]])
    if design == "parallel with baseline":
        return np.array([[0.0, 0.0], [0.0, 1.0]])
    return (np.arange(groups + 1) > np.arange(groups)[:, None]).astype(float)


def _variance(pattern: np.ndarray, m: float, rho: float, kept: float, variance: float) -> float:
    """Variance of the effect with one cluster a row of the pattern."""
    periods = pattern.shape[1]
    between = variance * rho * (kept + (1 - kept) * np.eye(periods))
    weight = np.linalg.inv(between + np.eye(periods) * variance * (1 - rho) / m)
    rows = pattern @ weight
    own = float(np.einsum("ij,ij->", rows, pattern))
    total = rows.sum(axis=0)
    shared = float(total @ np.linalg.solve(weight * pattern.shape[0], total))
    if own - shared <= 1e-12 * own:
        raise argument_error("steps", "at least 2 for a stepped wedge", pattern.shape[0], "One step has no comparison.")
    return 1 / (own - shared)


def _clusters(one: float, unit: int, gap: float, power: float, alpha: float) -> tuple[int, float]:
    """Return the smallest multiple of ``unit`` clusters with the power, and its power."""
    start = one * unit * ((norm.ppf(1 - alpha / 2) + norm.ppf(power)) / gap) ** 2
    count = max(unit, int(unit * np.floor(start / unit)))
    count += unit * (count <= 2)
    while count <= _MOST:
        shift = gap / np.sqrt(one * unit / count)
        reached = float(student.sf(student.ppf(1 - alpha / 2, count - 2) - shift, count - 2)) if count > 2 else 0.0
        if reached >= power:
            return count, reached
        count += unit
    raise EstimationError(
        f"No number of clusters up to {_MOST} gives a power of {power:g}: the difference of {gap:g} is too small."
    )
