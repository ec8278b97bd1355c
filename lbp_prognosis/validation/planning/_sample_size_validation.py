"""Sample size of an external validation for intervals of a given width."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, log_expit, logit

from lbp_prognosis._base import RandomState, argument_error, check_choice, check_confidence, check_number, norm
from lbp_prognosis.validation.planning._sample_size import SampleSize
from lbp_prognosis.validation.planning._simulated_precision import simulated_precision

__all__ = ["sample_size_validation"]


def sample_size_validation(
    outcome: str,
    *,
    prevalence: float | None = None,
    c_statistic: float | None = None,
    lp_mean: float | None = None,
    lp_sd: float | None = None,
    risk_beta: tuple[float, float] | None = None,
    lp_from_c: bool = False,
    observed_expected: float = 1.0,
    sensitivity: float | None = None,
    specificity: float | None = None,
    threshold: float | None = None,
    risk: float | None = None,
    horizon: float | None = None,
    weibull_shape: float = 1.0,
    follow_up: tuple[float, float] | None = None,
    oe_width: float = 0.2,
    slope_width: float = 0.2,
    c_width: float = 0.1,
    net_benefit_width: float = 0.2,
    confidence: float = 0.95,
    n_simulations: int = 200,
    random_state: RandomState = 0,
) -> SampleSize:
    """Patients needed to validate a model with precise intervals.

    Parameters
    ----------
    outcome : {"binary", "survival"}
        Kind of outcome.
    prevalence : float, optional
        Outcome proportion (binary).
    c_statistic : float, optional
        Anticipated C statistic; adds the criterion ``concordance`` (binary; closed form).
    lp_mean, lp_sd : float, optional
        Normal law of the linear predictor in the validation population. Binary: both, adds ``calibration_slope``.
        Survival: ``lp_sd`` alone (the mean is absorbed by the baseline).
    risk_beta : tuple of float, optional
        Instead, the two parameters of a beta law of the predicted risks (binary).
    lp_from_c : bool, default False
        Instead, the law that ``c_statistic`` and ``prevalence`` imply (binary): linear predictors N(m, σ²) in
        non-events and N(m + σ², σ²) in events with σ² = 2 Φ⁻¹(C)² and m such that the model is calibrated.
    observed_expected : float, default 1.0
        Anticipated O/E, around which ``oe_width`` is taken (binary).
    sensitivity, specificity, threshold : float, optional
        At a declared decision threshold; adds the criterion ``net_benefit`` (binary).
    risk : float, optional
        Average risk of the event by ``horizon`` (survival).
    horizon : float, optional
        Time of the prediction (survival).
    weibull_shape : float, default 1.0
        Shape of the baseline hazard (survival).
    follow_up : tuple of float, optional
        Censoring times are uniform on this range (survival); ``None`` follows all patients to the horizon.
    oe_width, slope_width, c_width, net_benefit_width : float
        Full widths of the intervals aimed at: observed/expected, calibration slope, C, and standardised net benefit.
    confidence : float, default 0.95
        Level of the intervals.
    n_simulations : int, default 200
        Simulated studies (survival).
    random_state : int, Generator or None, default 0
        Seed of the simulation (survival).

    Returns
    -------
    SampleSize
        Criteria ``observed_expected``, ``calibration_slope``, ``concordance``, ``net_benefit`` as far as their inputs
        are given. For survival they come from simulated studies.

    Raises
    ------
    ArgumentError
        If a number that the outcome needs is missing or out of range, or one of ``sensitivity, specificity, threshold``
        is given without the others.

    See Also
    --------
    lbp_prognosis.validation.sample_size_development : How many patients does development need?
    lbp_prognosis.validation.external_validate : How good is the model in other patients?

    Notes
    -----
    Binary. O/E: se(ln O/E) = √((1 − φ)/(φ n)), and the width of exp(±z se) is 2 sinh(z se). Slope: inverse of the
    expected information of the recalibration model, integrated over the law of the linear predictor. C: Newcombe's
    variance. Standardised net benefit: the variance of sensitivity − w (1 − specificity), w = (1−φ)/φ · t/(1−t).
    Survival has no valid closed form: the usual se(slope) ≈ 1/√(events · var(lp)) is too small by 9 to 23 % for lp_sd
    between 0.6 and 1.0, so studies are simulated (Weibull proportional hazards, uniform censoring) and the standard
    errors scaled by 1/√n.

    References
    ----------
    Riley et al. (2021), https://doi.org/10.1002/sim.9025. Riley et al. (2022), https://doi.org/10.1002/sim.9275.

    Examples
    --------
    >>> from lbp_prognosis.validation import sample_size_validation
    >>> sample_size_validation("binary", prevalence=0.3, c_statistic=0.75).criterion("concordance")
    433
    """
    check_choice("outcome", outcome, ("binary", "survival"))
    # the published formulas round the 95 % quantile
    z = 1.96 if check_confidence(confidence) == 0.95 else float(norm.ppf(0.5 + confidence / 2))
    widths = {
        name: check_number(name, value, low=0, open_low=True)
        for name, value in (
            ("oe_width", oe_width),
            ("slope_width", slope_width),
            ("c_width", c_width),
            ("net_benefit_width", net_benefit_width),
        )
    }
    if outcome == "survival":
        return _survival(widths, z, risk, horizon, lp_sd, weibull_shape, follow_up, n_simulations, random_state)
    phi = check_number("prevalence", prevalence, low=0, high=1, open_low=True, open_high=True)
    criteria: list[dict[str, Any]] = []
    ratio = check_number("observed_expected", observed_expected, low=0, open_low=True)
    se_oe = _oe_standard_error(widths["oe_width"] / ratio, z)
    criteria.append(_row("observed_expected", (1 - phi) / (phi * se_oe**2), f"O/E interval {oe_width:g} wide"))
    details = {"events_per_patient": phi, "se_log_oe": se_oe}
    if (lp_mean is None) != (lp_sd is None):
        raise argument_error("lp_sd", "given together with `lp_mean`", "one of them only")
    law = _law(phi, c_statistic, lp_mean, lp_sd, risk_beta, lp_from_c)
    if law is not None:
        size = _slope_size(*law, widths["slope_width"] / (2 * z))
        criteria.append(_row("calibration_slope", size, f"slope interval {slope_width:g} wide"))
    if c_statistic is not None:
        c = check_number("c_statistic", c_statistic, low=0.5, high=1, open_low=True, open_high=True)
        criteria.append(
            _row("concordance", _concordance_size(c, phi, widths["c_width"], z), f"C interval {c_width:g} wide")
        )
    utility = (sensitivity, specificity, threshold)
    if any(part is not None for part in utility):
        if any(part is None for part in utility):
            raise argument_error(
                "threshold", "given together with `sensitivity` and `specificity`", "some of them only"
            )
        size, value = _net_benefit_size(phi, sensitivity, specificity, threshold, widths["net_benefit_width"] / (2 * z))
        target = f"standardised net benefit interval {net_benefit_width:g} wide"
        criteria.append(_row("net_benefit", size, target))
        details["standardised_net_benefit"] = value
    return SampleSize("validation", "binary", tuple(criteria), details)


def _row(criterion: str, size: float, target: str) -> dict[str, Any]:
    return {"criterion": criterion, "n": int(np.ceil(size - 1e-9)), "target": target}


def _oe_standard_error(width: float, z: float) -> float:
    """Standard error of ln(O/E) at which an interval around 1 has this width: exp(z s) − exp(−z s) = width."""
    return float(np.arcsinh(width / 2) / z)


def _law(
    phi: float, c_statistic: Any, lp_mean: Any, lp_sd: Any, risk_beta: Any, from_c: bool
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the linear predictor on a grid and its probabilities, or None where no law was given."""
    if (lp_mean is not None) + (risk_beta is not None) + bool(from_c) > 1:
        raise argument_error("risk_beta", "given, or `lp_mean` and `lp_sd`, or `lp_from_c`", "more than one of them")
    if lp_mean is not None:
        sd = check_number("lp_sd", lp_sd, low=0, open_low=True)
        x = np.linspace(-9, 9, 20001)
        return check_number("lp_mean", lp_mean) + sd * x, norm.pdf(x) / norm.pdf(x).sum()
    if risk_beta is not None:
        if len(risk_beta) != 2:
            raise argument_error("risk_beta", "the two parameters of a beta law", risk_beta)
        a, b = (check_number("risk_beta", v, low=0, open_low=True) for v in risk_beta)
        lp = np.linspace(-60 / min(a, 1), 60 / min(b, 1), 80001)
        # density of the logit of a beta variable, up to its constant
        log_weight = a * log_expit(lp) + b * log_expit(-lp)
        weight = np.exp(log_weight - log_weight.max())
        return lp, weight / weight.sum()
    if not from_c:
        return None
    if c_statistic is None:
        raise argument_error("c_statistic", "given with `lp_from_c`", "None")
    c = check_number("c_statistic", c_statistic, low=0.5, high=1, open_low=True, open_high=True)
    sd = float(np.sqrt(2) * norm.ppf(c))
    centre = float(logit(phi)) - sd**2 / 2  # Bayes' rule for the two laws then gives back the linear predictor
    lp = np.linspace(centre - 9 * sd, centre + sd**2 + 9 * sd, 20001)
    z = (lp - centre) / sd
    weight = (1 - phi) * norm.pdf(z) + phi * norm.pdf(z - sd)
    return lp, weight / weight.sum()


def _slope_size(lp: np.ndarray, weight: np.ndarray, se: float) -> float:
    v = weight * expit(lp) * expit(-lp)
    i00, i01, i11 = v.sum(), np.sum(v * lp), np.sum(v * lp**2)
    return float(i00 / (se**2 * (i00 * i11 - i01**2)))


def _concordance_size(c: float, phi: float, width: float, z: float) -> float:
    def excess(n: float) -> float:
        pairs = 1 + (n / 2 - 1) * ((1 - c) / (2 - c) + c / (1 + c))
        return float(2 * z * np.sqrt(c * (1 - c) * pairs / (n**2 * phi * (1 - phi))) - width)

    upper = 10.0
    while excess(upper) > 0:
        upper *= 2
    return float(brentq(excess, 2.0, upper)) if excess(2.0) > 0 else 2.0


def _net_benefit_size(phi: float, sensitivity: Any, specificity: Any, threshold: Any, se: float) -> tuple[float, float]:
    sens = check_number("sensitivity", sensitivity, low=0, high=1)
    spec = check_number("specificity", specificity, low=0, high=1)
    t = check_number("threshold", threshold, low=0, high=1, open_low=True, open_high=True)
    w = (1 - phi) / phi * t / (1 - t)
    variance = (
        sens * (1 - sens) / phi + w**2 * spec * (1 - spec) / (1 - phi) + w**2 * (1 - spec) ** 2 / (phi * (1 - phi))
    )
    return float(variance / se**2), float(sens - w * (1 - spec))


def _survival(
    widths: dict[str, float],
    z: Any,
    risk: Any,
    horizon: Any,
    lp_sd: Any,
    shape: Any,
    follow_up: Any,
    n_simulations: Any,
    random_state: Any,
) -> SampleSize:
    average = check_number("risk", risk, low=0, high=1, open_low=True, open_high=True)
    tau = check_number("horizon", horizon, low=0, open_low=True)
    spread = check_number("lp_sd", lp_sd, low=0, open_low=True)
    check_number("weibull_shape", shape, low=0, open_low=True)
    check_number("n_simulations", n_simulations, low=20, whole=True)
    if follow_up is not None and not (len(follow_up) == 2 and 0 <= follow_up[0] < follow_up[1]):
        raise argument_error("follow_up", "an increasing pair of times", follow_up)
    precision = simulated_precision(
        risk=average,
        horizon=tau,
        lp_sd=spread,
        shape=float(shape),
        follow_up=follow_up,
        n_simulations=int(n_simulations),
        random_state=random_state,
    )
    targets = {
        "observed_expected": (_oe_standard_error(widths["oe_width"], z), f"O/E interval {widths['oe_width']:g} wide"),
        "calibration_slope": (widths["slope_width"] / (2 * z), f"slope interval {widths['slope_width']:g} wide"),
        "concordance": (widths["c_width"] / (2 * z), f"C interval {widths['c_width']:g} wide"),
    }
    criteria = tuple(_row(name, (precision.unit_se[name] / se) ** 2, target) for name, (se, target) in targets.items())
    details = {
        "events_per_patient": precision.events_per_patient,
        "concordance": precision.concordance,
        **{f"unit_se_{name}": value for name, value in precision.unit_se.items()},
    }
    return SampleSize("validation", "survival", criteria, details)
