"""Sample size for developing a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import log_expit

from lbp_prognosis._base import Objection, argument_error, check_choice, check_number, norm, objection, student
from lbp_prognosis.validation.planning._sample_size import SampleSize

__all__ = ["r2_cox_snell_from_c", "sample_size_development"]


def r2_cox_snell_from_c(c_statistic: float, *, prevalence: float | None = None, events: float | None = None) -> float:
    """Return the Cox–Snell R² that a reported C statistic implies.

    Parameters
    ----------
    c_statistic : float
        Concordance in (0.5, 1).
    prevalence : float, optional
        Outcome proportion of a binary outcome.
    events : float, optional
        Events per patient of a time-to-event outcome; give exactly one of the two.

    Notes
    -----
    Binary: the linear predictor is N(0, 1) in non-events and N(μ, 1) in events with μ = √2 Φ⁻¹(C); the expected
    log-likelihood of the implied logistic model is integrated by quadrature. Survival: C is carried to Royston's
    D = 5.50 (C − ½) + 10.26 (C − ½)³, to R²_D = (π/8) D² / (1 + (π/8) D²), to O'Quigley's
    R² = (π²/6) R²_D / (1 + (π²/6 − 1) R²_D), and to R²_CS = 1 − (1 − R²)^(events per patient).

    References
    ----------
    Riley, Van Calster, Collins (2021), https://doi.org/10.1002/sim.8806.
    Jinks, Royston, Parmar (2015), https://doi.org/10.1186/s12874-015-0078-y.
    """
    c = check_number("c_statistic", c_statistic, low=0.5, high=1, open_low=True, open_high=True)
    if (prevalence is None) == (events is None):
        raise argument_error("prevalence", "given, or `events` instead, and not both", "both or neither")
    if prevalence is not None:
        phi = check_number("prevalence", prevalence, low=0, high=1, open_low=True, open_high=True)
        mu = np.sqrt(2) * norm.ppf(c)
        z = np.linspace(-10, 10, 40001)
        weight = norm.pdf(z)
        weight /= weight.sum()
        start = np.log(phi / (1 - phi)) - mu**2 / 2
        fitted = phi * np.sum(weight * log_expit(start + mu * (mu + z)))
        fitted += (1 - phi) * np.sum(weight * log_expit(-(start + mu * z)))
        null = phi * np.log(phi) + (1 - phi) * np.log(1 - phi)
        return float(1 - np.exp(-2 * (fitted - null)))
    share = check_number("events", events, low=0, open_low=True)
    d = 5.50 * (c - 0.5) + 10.26 * (c - 0.5) ** 3
    r2_d = (np.pi / 8) * d**2 / (1 + (np.pi / 8) * d**2)
    r2_oq = (np.pi**2 / 6) * r2_d / (1 + (np.pi**2 / 6 - 1) * r2_d)
    return float(1 - (1 - r2_oq) ** share)


def _parameters(parameters: Any) -> dict[str, int]:
    entries = parameters if isinstance(parameters, Mapping) else {"all": parameters}
    counts = {
        str(name): int(check_number(f"parameters[{name!r}]", count, low=0, whole=True))
        for name, count in entries.items()
    }
    if sum(counts.values()) < 1:
        raise argument_error("parameters", "at least one candidate parameter", parameters)
    return counts


def _for_shrinkage(count: int, r2: float, shrinkage: float) -> int:
    if r2 >= shrinkage:
        raise argument_error("shrinkage", f"above the anticipated R² of {r2:.3g}", shrinkage)
    return int(np.ceil(count / ((shrinkage - 1) * np.log(1 - r2 / shrinkage)) - 1e-9))


def sample_size_development(
    outcome: str,
    parameters: int | Mapping[str, int],
    *,
    r2: float | None = None,
    r2_cox_snell: float | None = None,
    r2_nagelkerke: float | None = None,
    c_statistic: float | None = None,
    prevalence: float | None = None,
    rate: float | None = None,
    horizon: float | None = None,
    mean_follow_up: float | None = None,
    intercept: float | None = None,
    sd: float | None = None,
    shrinkage: float = 0.9,
    mean_absolute_error: float | None = None,
    null_likelihood: str = "per_person",
    risk_margin: float | None = None,
) -> SampleSize:
    """Patients needed to develop a model whose optimism stays small.

    Parameters
    ----------
    outcome : {"binary", "survival", "continuous"}
        Kind of outcome.
    parameters : int or mapping of str to int
        Candidate parameters (not only those kept), spline and interaction terms included. A mapping gives them by
        modality; the sum counts.
    r2 : float, optional
        Anticipated R²: Cox–Snell for binary and survival, adjusted R² for continuous.
    r2_cox_snell : float, optional
        ``r2`` by its full name (binary and survival).
    r2_nagelkerke : float, optional
        Anticipated Nagelkerke R² instead of ``r2`` (binary and survival): the share of the largest Cox–Snell R². 0.15
        is the cautious guess where nothing is known.
    c_statistic : float, optional
        Anticipated C statistic instead of ``r2`` (binary and survival).
    prevalence : float, optional
        Outcome proportion (binary).
    rate, horizon, mean_follow_up : float, optional
        Event rate per unit of time, time of the prediction and mean follow-up, all in one unit (survival).
    intercept, sd : float, optional
        Mean and standard deviation of the outcome (continuous).
    shrinkage : float, default 0.9
        Expected uniform shrinkage to aim at.
    mean_absolute_error : float, optional
        Also aim at this mean absolute error of the predicted risks (binary, at most 30 parameters).
    null_likelihood : {"per_person", "person_time"}, default "per_person"
        How the null log-likelihood of a survival outcome is normalised for the largest R²: with the events per person
        (whole events in 10 000 patients, as pmsampsize does) or with the event rate.
    risk_margin : float, optional
        Also require the overall risk at the horizon within ± this (survival). Otherwise its interval at the n reached
        is in ``details``, as pmsampsize has it, and an objection says so if a limit is more than 0.05 away.

    Returns
    -------
    SampleSize
        Criteria ``shrinkage``, ``optimism_r2``, ``overall_risk`` (binary), ``residual_sd`` and ``mean_outcome``
        (continuous), and, if asked for, ``mean_absolute_error`` (binary) and ``risk_at_horizon`` (survival).

    Raises
    ------
    ArgumentError
        If a quantity the outcome needs is missing, or R² exceeds what the outcome allows.

    See Also
    --------
    lbp_prognosis.validation.sample_size_validation : How many patients does validation need?

    Notes
    -----
    Shrinkage S: n = P / ((S − 1) ln(1 − R²/S)). Optimism of the apparent R² at most 0.05 of its maximum: the same with
    S = R² / (R² + 0.05 max R²). Overall risk within ±0.05: n = (1.96/0.05)² φ (1 − φ). Survival reports the interval of
    the overall risk at the horizon, F = 1 − exp(−rate · horizon), at the n reached by the first two.

    References
    ----------
    Riley et al. (2019), https://doi.org/10.1002/sim.7992 and https://doi.org/10.1002/sim.7993.
    van Smeden et al. (2019), https://doi.org/10.1177/0962280218784726.

    Examples
    --------
    >>> from lbp_prognosis.validation import sample_size_development
    >>> plan = sample_size_development("binary", parameters={"clinical": 12, "imaging": 12}, r2=0.288, prevalence=0.174)
    >>> plan.n
    662
    """
    check_choice("outcome", outcome, ("binary", "survival", "continuous"))
    counts = _parameters(parameters)
    goal = check_number("shrinkage", shrinkage, low=0, high=1, open_low=True, open_high=True)
    if outcome == "continuous":
        if any(value is not None for value in (r2_cox_snell, r2_nagelkerke, c_statistic)):
            raise argument_error(
                "r2",
                "the anticipated adjusted R² of a continuous outcome",
                "`r2_cox_snell`, `r2_nagelkerke` or `c_statistic`",
            )
        return _continuous(counts, r2, intercept, sd, goal)
    anticipated = {"r2": r2, "r2_cox_snell": r2_cox_snell, "r2_nagelkerke": r2_nagelkerke, "c_statistic": c_statistic}
    if sum(value is not None for value in anticipated.values()) != 1:
        given = [name for name, value in anticipated.items() if value is not None]
        raise argument_error(
            "r2",
            "given, or `r2_nagelkerke` or `c_statistic` instead, and one of them only",
            " and ".join(given) or "none of them",
        )
    if outcome == "binary":
        return _binary(counts, anticipated, prevalence, goal, mean_absolute_error)
    return _survival(counts, anticipated, rate, horizon, mean_follow_up, goal, null_likelihood, risk_margin)


def _anticipated(given: dict[str, float | None], largest: float, **kind: float) -> float:
    if given["c_statistic"] is not None:
        return r2_cox_snell_from_c(given["c_statistic"], **kind)
    if given["r2_nagelkerke"] is not None:
        share = check_number("r2_nagelkerke", given["r2_nagelkerke"], low=0, high=1, open_low=True, open_high=True)
        return share * largest
    r2 = given["r2"] if given["r2"] is not None else given["r2_cox_snell"]
    value = check_number("r2", r2, low=0, high=1, open_low=True, open_high=True)
    if value >= largest:
        raise argument_error(
            "r2",
            f"below {largest:.4f}, the largest Cox–Snell R² this outcome allows",
            value,
            "Nagelkerke's R² is not Cox–Snell's: give it as `r2_nagelkerke`.",
        )
    return value


def _binary(counts: dict[str, int], anticipated: Any, prevalence: Any, goal: Any, mae: Any) -> SampleSize:
    phi = check_number("prevalence", prevalence, low=0, high=1, open_low=True, open_high=True)
    p = sum(counts.values())
    largest = float(1 - np.exp(2 * (phi * np.log(phi) + (1 - phi) * np.log(1 - phi))))
    value = _anticipated(anticipated, largest, prevalence=phi)
    second = value / (value + 0.05 * largest)
    criteria: list[dict[str, object]] = [
        {"criterion": "shrinkage", "n": _for_shrinkage(p, value, goal), "target": f"expected shrinkage ≥ {goal:g}"},
        {
            "criterion": "optimism_r2",
            "n": _for_shrinkage(p, value, second),
            "target": "optimism of R² ≤ 0.05 of its maximum",
        },
        {
            "criterion": "overall_risk",
            "n": int(np.ceil((1.96 / 0.05) ** 2 * phi * (1 - phi) - 1e-9)),
            "target": "overall risk within ±0.05",
        },
    ]
    if mae is not None:
        error = check_number("mean_absolute_error", mae, low=0, high=0.5, open_low=True)
        if p > 30:
            raise argument_error("mean_absolute_error", "used with at most 30 parameters", f"{p} parameters")
        size = np.exp((-0.508 + 0.259 * np.log(phi) + 0.504 * np.log(p) - np.log(error)) / 0.544)
        target = f"mean error of risks ≤ {error:g}"
        criteria.append({"criterion": "mean_absolute_error", "n": int(np.ceil(size)), "target": target})
    details = {"r2_cox_snell": value, "max_r2": largest, "optimism_shrinkage": second, "events_per_patient": phi}
    return SampleSize("development", "binary", tuple(criteria), details, counts)


def _survival(
    counts: dict[str, int],
    anticipated: Any,
    rate: Any,
    horizon: Any,
    follow_up: Any,
    goal: Any,
    null_likelihood: Any,
    margin: Any,
) -> SampleSize:
    lam = check_number("rate", rate, low=0, open_low=True)
    tau = check_number("horizon", horizon, low=0, open_low=True)
    mean_time = check_number("mean_follow_up", follow_up, low=0, open_low=True)
    check_choice("null_likelihood", null_likelihood, ("per_person", "person_time"))
    p = sum(counts.values())
    share = lam * mean_time
    if share > 1:
        raise argument_error(
            "rate",
            f"at most 1 / mean_follow_up = {1 / mean_time:g}, one event per patient",
            lam,
            "Are the rate and the follow-up in one unit of time?",
        )
    if null_likelihood == "per_person":
        # whole events in 10 000 patients, as pmsampsize counts them
        whole = np.ceil(share * 1e4 - 1e-9) / 1e4
        largest = float(1 - np.exp(2 * whole * (np.log(whole) - 1)))
    else:
        largest = float(1 - np.exp(2 * share * (np.log(lam) - 1)))
    value = _anticipated(anticipated, largest, events=share)
    second = value / (value + 0.05 * largest)
    first, other = _for_shrinkage(p, value, goal), _for_shrinkage(p, value, second)
    reached = max(first, other)
    # person-time to one decimal, as pmsampsize prints it
    half = 1.96 * np.sqrt(lam / np.round(reached * mean_time, 1))
    risk, low, high = (float(1 - np.exp(-(lam + k * half) * tau)) for k in (0, -1, 1))
    wanted = 0.05 if margin is None else check_number("risk_margin", margin, low=0, high=0.5, open_low=True)
    # smallest n whose interval for the overall risk is within the margin
    needed = int(np.ceil(lam / mean_time * (1.96 / max(_rate_margin(lam, tau, wanted), 1e-12)) ** 2 - 1e-9))
    criteria: list[dict[str, object]] = [
        {"criterion": "shrinkage", "n": first, "target": f"expected shrinkage ≥ {goal:g}"},
        {"criterion": "optimism_r2", "n": other, "target": "optimism of R² ≤ 0.05 of its maximum"},
    ]
    doubts: tuple[Objection, ...] = ()
    if margin is not None:
        target = f"overall risk at the horizon within ±{wanted:g}"
        criteria.append({"criterion": "risk_at_horizon", "n": needed, "target": target})
    elif max(risk - low, high - risk) > wanted:
        doubts = (objection("overall-risk-imprecise", reached=reached, low=low, high=high, needed=needed),)
    details = {
        "r2_cox_snell": value,
        "max_r2": largest,
        "optimism_shrinkage": second,
        "events_per_patient": share,
        "risk_at_horizon": risk,
        "risk_low": low,
        "risk_high": high,
    }
    return SampleSize("development", "survival", tuple(criteria), details, counts, doubts)


def _rate_margin(rate: float, horizon: float, margin: float) -> float:
    """Half-width of the rate at which neither limit of 1 − exp(−rate·τ) is further than the margin from its centre."""
    survival = np.exp(-rate * horizon)
    lower = np.log1p(margin / survival) / horizon  # rate − margin gives survival + 0.05
    upper = -np.log1p(-margin / survival) / horizon if survival > margin else np.inf
    return float(min(lower, upper))


def _continuous(counts: dict[str, int], r2: Any, intercept: Any, sd: Any, goal: Any) -> SampleSize:
    value = check_number("r2", r2, low=0, high=1, open_low=True, open_high=True)
    centre = check_number("intercept", intercept)
    spread = check_number("sd", sd, low=0, open_low=True)
    if centre == 0:
        raise argument_error("intercept", "other than zero: its margin of error is judged relative to it", "0")
    p = sum(counts.values())
    if p < 3:
        raise argument_error("parameters", "at least 3 for a continuous outcome", p)

    def expected_shrinkage(n: int) -> float:
        apparent = (value * (n - p - 1) + p) / (n - 1)
        return 1 + (p - 2) / (n * np.log(1 - apparent))

    first = _first(lambda n: expected_shrinkage(n) >= goal, p + 2)
    second = int(np.ceil(1 + p * (1 - value) / 0.05 - 1e-9))
    third = 234 + p
    reached = max(first, second, third)

    def margin(n: int) -> float:
        half = student.ppf(0.975, n - p - 1) * np.sqrt(spread**2 * (1 - value) / n)
        return float(1 + half / abs(centre))

    fourth = _smallest(lambda n: margin(n) <= 1.1, p + 3)
    criteria: tuple[dict[str, object], ...] = (
        {"criterion": "shrinkage", "n": first, "target": f"expected shrinkage ≥ {goal:g}"},
        {"criterion": "optimism_r2", "n": second, "target": "optimism of R² ≤ 0.05"},
        {"criterion": "residual_sd", "n": third, "target": "residual SD within 10 %"},
        {"criterion": "mean_outcome", "n": fourth, "target": "mean outcome within 10 %"},
    )
    details = {"r2_adjusted": value, "margin_at_n": margin(reached)}
    return SampleSize("development", "continuous", criteria, details, counts)


def _first(holds: Any, start: int) -> int:
    """First n ≥ start with ``holds(n)``, for a condition that may hold, fail and hold again.

    Expected shrinkage does: with next to no residual degrees of freedom the apparent R² is near 1 whatever the model.
    The other criteria ask for more than such a size.
    """
    settled = _smallest(holds, start)
    return next(n for n in range(start, settled + 1) if holds(n))


def _smallest(holds: Any, start: int) -> int:
    """Smallest n ≥ start with ``holds(n)``, for a condition that stays true once it is true."""
    low, high = start, start
    while not holds(high):
        low, high = high, high * 2
        if high > 10**9:
            raise argument_error("r2", "large enough for a finite sample size", "no size below 10⁹ suffices")
    if high == start:
        return start
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
