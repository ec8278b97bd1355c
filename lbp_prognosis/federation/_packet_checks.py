"""Checks of a packet: every number that follows from others is recomputed, and the rest is held against bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._score_sums import measures_of_sums

__all__ = ["checks_of"]


def _tolerance(content: Mapping[str, Any]) -> float:
    """Tolerance for released numbers and their differences, from their digits.

    A number of d significant digits is off by at most 5 · 10⁻ᵈ of itself. The longest sum that is recomputed here, the
    Brier score, has three of them with coefficients 1, 2 and 1, none above n, and is compared with a fourth:
    25 · 10⁻ᵈ of n. A covariance and the product of its two standard errors take 15 · 10⁻ᵈ. 40 · 10⁻ᵈ contains all, and
    what the curvature of a square or a quotient adds at five digits, the fewest of a policy, or more.
    """
    return max(1e-6, 40 * 10.0 ** -int(content["policy"]["digits"]))


def _close(told: float, found: float, scale: float, content: Mapping[str, Any]) -> bool:
    return bool(abs(told - found) <= _tolerance(content) * max(abs(scale), 1e-3))


def _counts(c: Mapping[str, Any]) -> str:
    cohort, policy = c["cohort"], Policy(**c["policy"]).to_dict()
    counts = [cohort[name] for name in ("n", "events", "without", "unknown")]
    if not all(isinstance(value, int) and value >= 0 for value in counts) or counts[0] != sum(counts[1:]):
        return "counts that do not add up"
    k = policy["min_cell"]
    if any(0 < value < k for value in counts) or counts[0] < policy["min_n"]:
        return "counts below its own limits"
    return _budget(c, policy["release_budget"])


def _budget(c: Mapping[str, Any], share: float) -> str:
    numbers, most = c["budget"]["numbers"], c["budget"]["most"]
    if not all(isinstance(value, int) for value in (numbers, most)) or most != int(share * c["cohort"]["n"]):
        return "a budget that is not that of its policy"
    return "" if 0 < numbers <= most else "more numbers than its budget"


def _brier(c: Mapping[str, Any]) -> str:
    if "brier" not in c["estimates"]:
        return ""
    n, s = c["cohort"]["n"], c["sums"]
    mean = s["observed"] / n
    found = (s["observed"] - 2 * s["observed_predicted"] + s["predicted_squared"]) / n
    if not _close(c["estimates"]["brier"][0], found, 1.0, c):
        return "a Brier score that is not that of its sums"
    null = mean * (1 - mean)
    if "ipa" in c["estimates"] and not _close(c["estimates"]["ipa"][0], 1 - found / null, 1 / null, c):
        return "an IPA that is not that of its sums"
    return ""


def _sums(c: Mapping[str, Any]) -> str:
    n, s = c["cohort"]["n"], c["sums"]
    if not all(0 <= s[name] <= n * (1 + 1e-6) for name in ("predicted", "observed", "observed_predicted")):
        return "sums that no patients have"
    slack = 1 + _tolerance(c)
    if s["observed_predicted"] > min(s["observed"], s["predicted"] * 1e6) * slack:
        return "sums that no patients have"
    events, without, unknown = (c["cohort"][name] for name in ("events", "without", "unknown"))
    if c["model"]["kind"] == "status":
        if not _close(s["observed"], events * n / (n - unknown), n, c):
            return "an observed sum that is not the number of events"
    elif min(s["observed"] - events, n - s["observed"] - without) < -_tolerance(c) * n:  # weights are 1 or more
        return "an observed sum below the number of events, or too near all patients"
    if c["model"]["kind"] == "status" and unknown == 0:
        if s["predicted"] ** 2 / n > s["predicted_squared"] * slack or s["predicted_squared"] > s["predicted"] * slack:
            return "sums that no risks have"
    return ""


def _error_of_sum(c: Mapping[str, Any]) -> bool:
    """Say whether the observed sum has an error that can be: of a share of those known, or within bounds.

    With events by time, SE² = Σ V / r over the event times, where r is the number at risk and V the variance of one
    draw there (Greenwood's for one cause, its multinomial form for several; the influence values give the same). If
    S is the curve of any event and G that of censoring, r = n S G before each time. With G = 1 the sum telescopes to
    n F (1 − F), F being the observed share: because G ≤ 1, the error is at least that. Because G only falls, it is at
    most n F (1 − F) / G(τ); without competing events G(τ) = w / (n (1 − F)) with w patients followed beyond τ.
    """
    if "observed_se" not in c["sums"]:
        return True
    n, told = c["cohort"]["n"], c["sums"]["observed_se"]
    mean = min(max(c["sums"]["observed"] / n, 0.0), 1.0)
    least = float(np.sqrt(n * mean * (1 - mean)))
    if c["model"]["kind"] == "status":
        known = n - c["cohort"]["unknown"]
        return _close(told, least * float(np.sqrt(n / known)), max(least, 1.0), c)
    slack = _tolerance(c) * max(least, 1.0)
    most = np.inf
    if c["model"]["calibration"] == "cumulative hazard":  # there are no competing events
        most = n * (1 - mean) * float(np.sqrt(mean / c["cohort"]["without"]))
    return bool(least - slack <= told <= most + slack * max(most / max(least, 1e-3), 1.0))


def _ranks(c: Mapping[str, Any]) -> str:
    if not c["pairs"]:
        return ""
    concordant, discordant, tied = c["pairs"]
    total = concordant + discordant + tied
    n = c["cohort"]["n"]
    if min(c["pairs"]) < 0 or total > n * (n - 1) / 2:
        return "more pairs than so many patients make"
    name = "auc" if c["model"]["kind"] == "status" else "concordance"
    if c["model"]["kind"] == "status" and abs(total - c["cohort"]["events"] * c["cohort"]["without"]) > 0.5:
        return "pairs that are not those of its events"
    if name in c["estimates"] and not _close(c["estimates"][name][0], (concordant + tied / 2) / total, 1.0, c):
        return f"a value of {name} that is not that of its pairs"
    return ""


def _benefits(c: Mapping[str, Any]) -> str:
    n, k = c["cohort"]["n"], c["policy"]["min_cell"]
    previous = n
    for cut, (treated, benefit, *_) in sorted(c["decisions"].items(), key=lambda item: float(item[0])):
        odds = float(cut) / (1 - float(cut))
        share = treated / n
        if not -odds * share - 1e-6 <= benefit <= share + 1e-6:
            return f"a net benefit at {cut} that so many treated cannot have"
        if treated > previous or 0 < previous - treated < 2 * k or 0 < treated < 2 * k:
            return f"a count above {cut} that discloses fewer patients than its limit"
        previous = treated
    return ""


def _errors(c: Mapping[str, Any]) -> str:
    """Check standard errors against the bounds for weighted means of n values from 0 to 1.

    Their variance is at most 1 / (4 n G): that of the values is at most ¼, and that of the weights adds ¼ ∫ S dΛ / G ≤
    ¼ (1 / G − 1). G, the share still followed at the horizon, follows from the weight 1 / G of all without the event.
    With competing events, whose weights are smaller, only G ≥ 1 / n is known. Five per cent are added for n − 1 in the
    place of n and for rounding. The IPA is 1 − B / v with v = F (1 − F) and B ≤ 1: if the error of B and of F is at
    most that, its own is at most 1 / v + |1 − 2F| / v² ≤ 2 / v² times as large, as v ≤ ¼. The error of a difference is
    at most the sum of two. Other values lie between 0 and 1, or are ratios released only where they are estimable: 10
    excludes what no rounding explains.
    """
    n, observed = c["cohort"]["n"], c["sums"]["observed"]
    if not _error_of_sum(c):
        return "a standard error of the observed sum that so many patients cannot have"
    alone = c["model"]["kind"] == "status" or c["model"]["calibration"] == "cumulative hazard"
    followed = min(c["cohort"]["without"] / max(n - observed, 1e-9), 1.0) if alone else 0.0
    most = 1.05 / float(np.sqrt(n * max(followed, 1 / n)))
    null = max(observed / n * (1 - observed / n), 1e-12)
    limits = {"ipa": max(10.0, 2 * most / null**2), "brier": most}
    for name, (value, se) in c["paired"].items():
        if not (np.isfinite(value) and 0 <= se < 2 * limits.get(name, 10.0)):
            return f"a difference in {name} that cannot be"
    for name, (value, se) in c["estimates"].items():
        if not (np.isfinite(value) and 0 < se < limits.get(name, 10.0)):
            return f"a standard error of {name} that so many patients cannot have"
        if not (0 <= value <= 1 or (name == "ipa" and value < 0)):
            return f"a value of {name} outside its range"
    return ""


def _covariances(c: Mapping[str, Any]) -> str:
    if not c["covariance"]:
        return ""
    names, matrix = c["covariance"]["names"], np.array(c["covariance"]["matrix"], dtype=float)
    if matrix.shape != (len(names),) * 2 or not np.allclose(matrix, matrix.T, rtol=_tolerance(c)):
        return "a covariance of another shape"
    errors = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    if (np.abs(matrix) > np.outer(errors, errors) * (1 + _tolerance(c))).any():
        return "a covariance that no estimates have"
    for name, error in zip(names, errors):
        if name in c["estimates"] and not _close(error, c["estimates"][name][1], c["estimates"][name][1], c):
            return f"a covariance that is not that of the standard error of {name}"
    return ""


def _symmetry(c: Mapping[str, Any]) -> str:
    if not c["taylor"]:
        return ""
    score, information, third = (np.array(c["taylor"][name], dtype=float) for name in ("score", "information", "third"))
    if score.shape != (2,) or information.shape != (2, 2) or third.shape != (4,):
        return "calibration sums of another shape"
    if not information[0, 1] == information[1, 0] or not np.linalg.eigvalsh(information)[0] > 0:
        return "an information of calibration that is not positive definite"
    n, s = c["cohort"]["n"], c["sums"]
    if c["model"]["calibration"] == "cumulative hazard":  # every derivative is a sum of E xᵏ
        second = [information[0, 0], information[0, 1], information[1, 1]]
        if not all(_close(told, found, max(abs(found), 1.0), c) for told, found in zip(third, second)):
            return "sums of calibration that are not of one expected number"
        if not _close(score[0], c["cohort"]["events"] - third[0], n + third[0], c):
            return "a score of calibration that is not observed less expected"
        return ""
    bound = [information[0, 0], float(np.sqrt(information[0, 0] * information[1, 1])), information[1, 1]]
    if (np.abs(third[:3]) > np.array(bound) * (1 + _tolerance(c))).any():  # |1 − 2q| is at most 1
        return "third derivatives of calibration that no risks have"
    if not _moments(information, third, _tolerance(c)):
        return "third derivatives of calibration that no risks have"
    if c["cohort"]["unknown"] == 0 and c["model"]["kind"] == "status":
        if not _close(information[0, 0], s["predicted"] - s["predicted_squared"], n, c):
            return "an information of calibration that is not that of its sums"
    # Σ w q = Σ w q (1 − q) + Σ w q², with the weights of the observed sum
    if not _close(score[0], s["observed"] - information[0, 0] - s["predicted_squared"], n, c):
        return "a score of calibration that is not observed less predicted"
    return ""


def _moments(information: np.ndarray, third: np.ndarray, tolerance: float) -> bool:
    """Say whether sums Σ v xᵏ (k = 0, 1, 2) and Σ v (1 − 2q) xᵏ (k = 0 … 3) can be those of risks q, x = logit q.

    v (1 ± (1 − 2q)) ≥ 0, and x (1 − 2q) ≤ 0: three measures, whose moments obey Cauchy's inequality.
    """
    plain = np.array([information[0, 0], information[0, 1], information[1, 1]])
    measures = [plain + third[:3], plain - third[:3], -third[1:]]
    scale = float(max(np.abs(plain).max(), np.abs(third).max()))
    slack = 8 * tolerance * scale
    return all(
        low >= -slack and high >= -slack and middle**2 <= low * high + slack * (abs(low) + abs(high) + abs(middle))
        for low, middle, high in measures
    )


_CHECKS: tuple[Callable[[Mapping[str, Any]], str], ...] = (
    _counts,
    _sums,
    _brier,
    _ranks,
    _benefits,
    _errors,
    _covariances,
    _symmetry,
)


def _score_counts(c: Mapping[str, Any]) -> str:
    cohort, policy = c["cohort"], Policy(**c["policy"]).to_dict()
    counts = [cohort[name] for name in ("n", "known", "unknown")]
    if not all(isinstance(value, int) and value >= 0 for value in counts) or counts[0] != sum(counts[1:]):
        return "counts that do not add up"
    if 0 < counts[2] < policy["min_cell"] or counts[1] < policy["min_n"]:
        return "counts below its own limits"
    told = _budget(c, policy["release_budget"])
    if told:
        return told
    if c["pairs"] or c["taylor"] or c["decisions"] or c["subgroups"]:
        return "parts that scores do not have"
    return ""


def _score_sums(c: Mapping[str, Any]) -> str:
    """Check that sums of scores are within their scale, and that the packet contains the values that follow."""
    n, s, estimates = c["cohort"]["known"], c["sums"], c["estimates"]
    low, high = float(c["model"]["lower"]), float(c["model"]["upper"])
    slack = _tolerance(c) * n * max(abs(low), abs(high)) ** 2
    if not all(n * low - slack <= s[name] <= n * high + slack for name in ("observed", "predicted")):
        return "sums of scores outside their scale"
    spread = s["observed_squared"] - s["observed"] ** 2 / n
    ahead = s["predicted_squared"] - s["predicted"] ** 2 / n
    joint = s["observed_predicted"] - s["observed"] * s["predicted"] / n
    if spread < -slack or ahead < -slack or joint**2 > (max(spread, 0) + slack) * (max(ahead, 0) + slack):
        return "sums that no patients have"
    span, told = high - low, measures_of_sums(s, n)
    size = max(abs(low), abs(high))

    def reach(square: float, ratio: float) -> float:
        """Return what rounding by ``slack`` of both parts does to a ratio, in units of the tolerance."""
        left = square - slack  # less than the rounding says nothing about the ratio
        return float(np.inf) if left <= 0 else size**2 * n / left * (1 + abs(ratio))

    slope = reach(ahead, told.get("mean_calibration_slope", 0.0))
    allowed = {
        "mean_error": span,
        "score_r2": reach(spread, 1 - told.get("score_r2", 0.0)),
        "mean_calibration_slope": slope,
        "mean_calibration_intercept": slope * size + size,
    }
    for name, value in told.items():
        if name in estimates and not _close(estimates[name][0], value, allowed[name], c):
            return f"a value of {name} that is not that of its sums"
    for name, most in (("mae", span), ("crps", span), ("ordinal_concordance", 1.0)):
        if name in estimates and not 0 <= estimates[name][0] <= most:
            return f"a value of {name} outside its range"
    return ""


def _score_errors(c: Mapping[str, Any]) -> str:
    n, span = c["cohort"]["known"], float(c["model"]["upper"]) - float(c["model"]["lower"])
    s = c["sums"]
    squares = s["observed_squared"] - 2 * s["observed_predicted"] + s["predicted_squared"]
    spread = squares / n - ((s["predicted"] - s["observed"]) / n) ** 2
    slack = 4 * _tolerance(c) * max(abs(float(c["model"][name])) for name in ("lower", "upper")) ** 2
    # imputed tables only add to the variance of a mean
    if "mean_error" in c["estimates"] and n * c["estimates"]["mean_error"][1] ** 2 < spread - slack:
        return "a standard error of mean_error that is less than that of its sums"
    for name, (value, se) in {**c["estimates"], **c["paired"]}.items():
        if not (np.isfinite(value) and np.isfinite(se) and se >= 0):
            return f"a standard error of {name} that cannot be"
        if name in ("crps", "mae", "mean_error") and se > 1.05 * 2 * span / np.sqrt(n):
            return f"a standard error of {name} that so many patients cannot have"
    return ""


_SCORE_CHECKS: tuple[Callable[[Mapping[str, Any]], str], ...] = (
    _score_counts,
    _score_sums,
    _score_errors,
    _covariances,
)


def checks_of(content: Mapping[str, Any]) -> tuple[Callable[[Mapping[str, Any]], str], ...]:
    """Return the checks of a packet's kind of outcome."""
    return _SCORE_CHECKS if content["model"]["kind"] == "measured" else _CHECKS
