"""One rule per kind of claim: the rows that count, and the results required of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRICS, Objection, metric, objection
from lbp_prognosis.evidence._claim import Claim
from lbp_prognosis.evidence._clinical_minimum import CLINICAL_MINIMUM, missing_constructs, undeclared_constructs
from lbp_prognosis.evidence._findings import Entry, Findings
from lbp_prognosis.evidence._tier import Strength
from lbp_prognosis.evidence._verdict import Check

__all__ = ["RULES", "Found"]

OUT_OF_SAMPLE = ("internal", "internal-external", "external")
PROPER = ("ipa", "brier", "log_score", "ibs_step", "ibs_trapezoid")  # differences of these judge added value
_LEAST_CLUSTERS = 10
KAPPA = ("kappa", "kappa_linear", "kappa_quadratic")


class Found:
    """Finds rows, and records which entries were used."""

    def __init__(self, evidence: Findings) -> None:
        self.evidence = evidence
        self.used: list[Entry] = []
        self.raised: list[Objection] = []

    def rows(
        self,
        tier: str,
        metrics: tuple[str, ...],
        model: str,
        *,
        reference: str = "",
        horizon: float | None = None,
        samples: tuple[str, ...] | None = None,
        setting: bool = False,
        against: str = "",
    ) -> Iterator[tuple[Entry, Any]]:
        """Yield the rows of whole groups that match; a row without a horizon (concordance) fits any."""
        for entry in self.evidence.entries:
            if samples is not None and entry.sample not in samples:
                continue
            if (setting and not entry.setting) or (against and entry.against != against):
                continue
            frame = entry.frame
            keep = (frame["tier"] == tier) & frame["metric"].isin(metrics) & (frame["model"].fillna("") == model)
            keep &= frame["group"].fillna("").isin(["", "pooled"])
            if "quantity" in frame:  # in a meta-analysis over sites the estimate counts, not its variance
                keep &= frame["quantity"].fillna("estimate") == "estimate"
            compared = frame["reference"].fillna("") if "reference" in frame else pd.Series("", index=frame.index)
            keep &= compared == reference
            if horizon is not None:
                at = frame["horizon"].astype(float)
                keep &= at.isna() | np.isclose(at, horizon)
            if keep.any() and entry not in self.used:
                self.used.append(entry)
            for _, row in frame[keep].iterrows():
                yield entry, row


def _number(value: Any) -> float:
    return float("nan") if value is None or pd.isna(value) else float(value)


def _check(name: str, row: Any, passed: bool | None, required: str) -> Check:
    events = row["n_events"]
    return Check(
        name,
        passed,
        str(row["metric"]),
        _number(row["value"]),
        _number(row["low"]),
        _number(row["high"]),
        None if pd.isna(events) else int(events),
        required,
    )


def _judged(found: Any, name: str, required: str, test: Callable[[Any], bool | None], *, need: str = "") -> Check:
    """Judge all rows; the worst counts. Without rows, or with only missing numbers: not assessed."""
    checks = []
    for _, row in found:
        if np.isnan(_number(row["value"])):
            continue
        checks.append(_check(name, row, test(row), required))
    for outcome in (False, None, True):
        for check in checks:
            if check.passed is outcome:
                return check
    return Check(need or name, None, required=required)


def _interval(row: Any) -> bool:
    return not (np.isnan(_number(row["low"])) or np.isnan(_number(row["high"])))


def _low_above(bound: float) -> Callable[[Any], bool | None]:
    return lambda row: _number(row["low"]) > bound if _interval(row) else None


def _sample(claim: Claim) -> dict[str, Any]:
    if claim.strength is Strength.VALIDATED:
        return {"samples": ("external",), "setting": True}
    return {"samples": OUT_OF_SAMPLE}


def _repeats(found: Found, claim: Claim) -> list[Check]:
    criteria = found.evidence.criteria
    icc = [*found.rows("technical", ("icc",), claim.subject), *_by_group(found, ("icc",), claim.subject)]
    error = ("repeatability_coefficient", "within_sd", "sdc_agreement", "sem_agreement", "loa_lower")
    sizes = [*found.rows("technical", error, claim.subject), *_by_group(found, error, claim.subject)]
    kappa = [] if icc else [*_agreement(found, ("technical",), claim.subject), *_by_group(found, KAPPA, claim.subject)]
    if kappa:  # categories have no error in a unit
        bound = criteria.agreement_low
        return [_judged(kappa, f"lower limit of kappa above {bound:g}", f"low > {bound:g}", _low_above(bound))]
    low = criteria.icc_low
    return [
        _judged(
            icc,
            f"lower limit of the ICC of at least {low:g}",
            f"low ≥ {low:g}",
            lambda row: _number(row["low"]) >= low if _interval(row) else None,
        ),
        _judged(sizes, "error in the unit of the measure", "reported", lambda row: True),
    ]


def _agreement(found: Found, tiers: tuple[str, ...], subject: str) -> list[tuple[Entry, Any]]:
    """Return rows of kappa; the row with the standard error under independence is for a test and has no interval."""
    rows = [row for tier in tiers for row in found.rows(tier, KAPPA, subject)]
    return [(e, row) for e, row in rows if not str(row["method"]).startswith("under independence")]


def _by_group(found: Found, metrics: tuple[str, ...], model: str) -> Iterator[tuple[Entry, Any]]:
    """Technical frames use ``group`` for the form of the ICC or the structure: all of them count."""
    for entry in found.evidence.entries:
        frame = entry.frame
        keep = (frame["tier"] == "technical") & frame["metric"].isin(metrics) & (frame["model"].fillna("") == model)
        keep &= frame["group"].fillna("") != ""
        if keep.any() and entry not in found.used:
            found.used.append(entry)
        for _, row in frame[keep].iterrows():
            yield entry, row


def _detects(found: Found, claim: Claim) -> list[Check]:
    criteria = found.evidence.criteria
    against = "standard" if claim.strength is Strength.STANDARD else ""
    auc = list(found.rows("diagnostic", ("auc",), claim.subject, against=against))
    agreement = [] if against else _agreement(found, ("diagnostic", "technical"), claim.subject)
    if agreement and not auc:
        bound = criteria.agreement_low
        return [_judged(agreement, f"lower limit of kappa above {bound:g}", f"low > {bound:g}", _low_above(bound))]
    bound = criteria.diagnostic_auc_low
    words = "AUC against a reference standard" if against else "AUC or kappa against readers"
    return [_judged(auc, f"lower limit of the {words} above {bound:g}", f"low > {bound:g}", _low_above(bound))]


def _is_associated(found: Found, claim: Claim) -> list[Check]:
    alpha = found.evidence.criteria.alpha

    def excludes_null(row: Any) -> bool | None:
        if "p" in row and not np.isnan(_number(row["p"])):
            return _number(row["p"]) < alpha
        if not _interval(row):
            return None
        null = METRICS[row["metric"]].no_information or 0.0
        return not _number(row["low"]) <= null <= _number(row["high"])

    metrics = (
        "likelihood_ratio",
        "wald",
        "hazard_ratio",
        "odds_ratio",
        "log_hazard_ratio",
        "log_odds_ratio",
    )
    rows = list(found.rows("prognostic", metrics, claim.subject, reference=claim.comparator))
    name = f"test of its association given {claim.comparator}, p below {alpha:g}"
    known = [_number(row["p"]) for _, row in rows if "p" in row and not np.isnan(_number(row["p"]))]
    if known:
        name += " (p < 0.001)" if max(known) < 0.001 else f" (p = {max(known):.3f})"
    return [
        *_outcome_label(found),
        _judged(rows, name, f"p < {alpha:g}", excludes_null),
    ]


def _outcome_label(found: Found) -> list[Check]:
    if found.evidence.label == "outcome":
        return []
    return [Check("trained on an outcome at follow-up, not on what a reader sees", False, required="outcome label")]


def _predicts(found: Found, claim: Claim) -> list[Check]:
    criteria, sample = found.evidence.criteria, _sample(claim)
    validated = claim.strength is Strength.VALIDATED
    where = "external" if validated else "out-of-sample"
    least = criteria.events_validation if validated else criteria.events_development
    c, low, high = criteria.discrimination, criteria.slope_low, criteria.slope_high

    def rows(*metrics: str) -> list[tuple[Entry, Any]]:
        return list(found.rows("prognostic", metrics, claim.subject, horizon=claim.horizon, **sample))

    def discriminates(row: Any) -> bool | None:
        if _number(row["value"]) < c:
            return False
        return _number(row["low"]) > 0.5 if _interval(row) else None

    ranking = rows("concordance", "uno_concordance", "auc")
    checks = [
        *_outcome_label(found),
        _judged(
            ranking,
            f"{where} discrimination of at least {c:g}, interval above 0.5",
            f"≥ {c:g}, low > 0.5",
            discriminates,
            need=f"{where} discrimination with an interval",
        ),
        _judged(
            rows("calibration_slope"),
            f"{where} calibration slope between {low:g} and {high:g}",
            f"{low:g} to {high:g}",
            lambda row: low <= _number(row["value"]) <= high,
        ),
        _judged(
            rows("observed_expected"),
            f"{where} observed over expected between {criteria.ratio_low:g} and {criteria.ratio_high:g}",
            f"{criteria.ratio_low:g} to {criteria.ratio_high:g}",
            lambda row: criteria.ratio_low <= _number(row["value"]) <= criteria.ratio_high,
        ),
        _judged(rows("ipa"), f"{where} prediction error below that of no model", "low > 0", _low_above(0.0)),
        _events(ranking, least, where),
    ]
    if validated:
        checks += _validation(found, claim)
    return checks


def _events(rows: list[tuple[Entry, Any]], least: int, where: str) -> Check:
    counts = [int(row["n_events"]) for _, row in rows if not pd.isna(row["n_events"])]
    if not counts:  # pooled over sites: the sites' events add up
        for entry, row in rows:
            frame = entry.frame
            sites = frame[(frame["metric"] == row["metric"]) & (frame["model"].fillna("") == row["model"])]
            events = sites[~sites["group"].fillna("").isin(["", "pooled"])].groupby("group")["n_events"].max()
            counts += [int(events.sum())] if events.notna().any() else []
    name = f"at least {least} events {'in external data' if where == 'external' else 'out of sample'}"
    if not counts:  # there are no such numbers at all, so that missing events are not the reason
        return Check(f"{where} numbers, from which events are counted", None, required=f"≥ {least}")
    return Check(
        name, min(counts) >= least, "n_events", float(min(counts)), n_events=min(counts), required=f"≥ {least}"
    )


def _validation(found: Found, claim: Claim) -> list[Check]:
    """Requirements of "validated" beyond numbers; detects a random split labelled external."""
    external = [e for e in found.evidence.entries if e.sample == "external"]
    named = [e for e in external if e.setting]
    if external and not named:
        found.raised.append(objection("random-split-external", variant="undeclared"))
    return [
        Check("external data that differ in time, place or setting", bool(named) if external else None),
        Check("analysis declared before the data were seen", found.evidence.prespecified or None),
    ]


def _comparator(found: Found, claim: Claim) -> list[Check]:
    """The comparator must contain the clinical minimum; missing constructs are named."""
    evidence = found.evidence
    if claim.comparator not in evidence.models:
        return [Check(f"the predictors of {claim.comparator}, to see whether it contains the clinical minimum", None)]
    absent = missing_constructs(evidence.clinical_minimum, evidence.models[claim.comparator])
    if not absent:
        return [Check("comparator with the clinical minimum", True, required="all constructs")]
    unsaid = set(undeclared_constructs(evidence.clinical_minimum))
    lacking = ", ".join(CLINICAL_MINIMUM[name] for name in absent if name not in unsaid)
    undeclared = ", ".join(CLINICAL_MINIMUM[name] for name in absent if name in unsaid)
    parts = []
    if lacking:
        found.raised.append(objection("weak-comparator", variant="named", comparator=claim.comparator, lacking=lacking))
        parts.append(f"it lacks {lacking}")
    if undeclared:
        found.raised.append(objection("weak-comparator", variant="undeclared", lacking=undeclared))
        parts.append(f"not declared in `[clinical_minimum]` (Python: `clinical_minimum=`): {undeclared}")
    name = f"comparator with the clinical minimum ({'; '.join(parts)})"
    return [Check(name, False, required="all constructs")]


def _as_gain(row: Any) -> dict[str, Any]:
    """Reverse the sign of a difference in a score for which lower is better, so that a gain is positive."""
    if metric(row["metric"]).better != "lower":
        return dict(row)
    return {**row, "value": -_number(row["value"]), "low": -_number(row["high"]), "high": -_number(row["low"])}


def _adds_value(found: Found, claim: Claim) -> list[Check]:
    sample = _sample(claim)
    where = "external" if claim.strength is Strength.VALIDATED else "out-of-sample"

    def rows(*metrics: str, reference: str = "") -> list[tuple[Entry, Any]]:
        return list(
            found.rows("prognostic", metrics, claim.subject, reference=reference, horizon=claim.horizon, **sample)
        )

    criteria = found.evidence.criteria
    least = criteria.events_validation if claim.strength is Strength.VALIDATED else criteria.events_development
    every = [(entry, _as_gain(row)) for entry, row in rows(*PROPER, reference=claim.comparator)]
    # a claim at a horizon is judged there; an integrated score also judges other times, and counts where it is alone
    gains = [(entry, row) for entry, row in every if np.isfinite(_number(row["horizon"]))] or every
    short = dict.fromkeys(metric(row["metric"]).short for _, row in gains if not _low_above(0.0)(row))
    unmet = f" (not in: {', '.join(short)})" if short else ""
    low, high = criteria.slope_low, criteria.slope_high
    checks = [
        *_outcome_label(found),
        *_comparator(found, claim),
        _judged(
            gains,
            f"{where} gain in every proper score of the event over {claim.comparator}, interval above zero{unmet}",
            "interval above 0",
            _low_above(0.0),
            need=f"{where} difference of a proper score (IPA, Brier, log score) with an interval",
        ),
        _judged(
            rows("calibration_slope"),
            f"{where} calibration slope of {claim.subject} between {low:g} and {high:g}",
            f"{low:g} to {high:g}",
            lambda row: low <= _number(row["value"]) <= high,
        ),
        _events(gains, least, where),
    ]
    if claim.strength is Strength.VALIDATED:
        checks += _validation(found, claim)
    return checks


def _is_useful(found: Found, claim: Claim) -> list[Check]:
    low, primary, high = claim.thresholds

    def rows(reference: str) -> list[tuple[Entry, Any]]:
        every = found.rows(
            "utility",
            ("net_benefit",),
            claim.subject,
            reference=reference,
            horizon=claim.horizon,
            samples=OUT_OF_SAMPLE,
        )
        return [(e, row) for e, row in every if low - 1e-9 <= _number(row.get("threshold")) <= high + 1e-9]

    checks = list(_outcome_label(found))
    _declared_thresholds(found, claim)
    references = {"treating none": "", "treating all": "treat all"}
    if claim.comparator:
        references[claim.comparator] = claim.comparator
    for words, reference in references.items():
        across = rows(reference)
        main = [(e, row) for e, row in across if abs(_number(row.get("threshold")) - primary) < 1e-9]
        checks.append(
            _judged(
                main,
                f"out-of-sample net benefit above {words} at the threshold {primary:g}",
                "low > 0",
                _low_above(0.0),
            )
        )
        # a model whose interval shows harm anywhere in the declared range is not better for that range
        checks.append(
            _judged(
                across,
                f"net benefit not below {words} (interval) at any threshold between {low:g} and {high:g}",
                "no high < 0",
                lambda row: not _number(row["high"]) < 0 if _interval(row) else None,
            )
        )
    if claim.comparator:
        checks += _comparator(found, claim)
    checks.append(Check("thresholds declared before the data were seen", found.evidence.prespecified or None))
    return checks


def _declared_thresholds(found: Found, claim: Claim) -> None:
    """Object if the thresholds of the claim differ from those declared for the curve."""
    for entry in found.evidence.entries:
        curve = entry.result
        for part in ("evaluation", "decision"):
            curve = getattr(curve, part, None) or curve
        declared = getattr(curve, "threshold_range", None)
        if declared is None:
            continue
        of_curve = (declared.low, declared.primary, declared.high)
        if any(abs(a - b) > 1e-9 for a, b in zip(of_curve, claim.thresholds)):
            low, primary, high = claim.thresholds
            found.raised.append(
                objection(
                    "thresholds-after-data",
                    declared=f"{declared.low:g} to {declared.high:g}, mainly {declared.primary:g}",
                    claimed=f"{low:g} to {high:g}, mainly {primary:g}",
                )
            )
            return


def _improves_outcomes(found: Found, claim: Claim) -> list[Check]:
    """Only a trial of using the model is evidence on outcomes (`trial_effect`); accuracy and net benefit are not."""
    need = "a randomised trial of using it (trial_effect)"
    trials = list(found.rows("utility", ("trial_benefit",), claim.subject, samples=("external",)))
    checks = [_judged(trials, "a benefit in a randomised trial of using it", "low > 0", _low_above(0.0), need=need)]
    if trials:
        clusters = min(int(getattr(entry.result, "n_clusters", 0)) for entry, _ in trials)
        enough = clusters >= _LEAST_CLUSTERS
        checks.append(Check(f"at least {_LEAST_CLUSTERS} clusters", enough, required=f"n ≥ {_LEAST_CLUSTERS}"))
    return checks


RULES: dict[str, Callable[[Found, Claim], list[Check]]] = {
    "repeats": _repeats,
    "detects": _detects,
    "is_associated": _is_associated,
    "predicts": _predicts,
    "adds_value": _adds_value,
    "is_useful": _is_useful,
    "improves_outcomes": _improves_outcomes,
}
