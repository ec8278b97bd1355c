"""``pool``: pooled evidence from packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRICS, Objection, argument_error, check_confidence, objection
from lbp_prognosis._kernels import TaylorSums, solve_taylor, solve_taylor_level
from lbp_prognosis.federation._packet import Packet
from lbp_prognosis.federation._pooled_evidence import PooledEvidence, PooledMeasure
from lbp_prognosis.federation._score_sums import SUMS, measures_of_sums
from lbp_prognosis.validation import meta_analysis

__all__ = ["pool"]

_FAR = 0.4
_UNLIKE = 3.0
_USEFUL: Mapping[str, tuple[float | None, float | None]] = {
    "observed_expected": (0.8, 1.25),
    "calibration_slope": (0.8, 1.25),
    "ipa": (0.0, None),
    "net_benefit": (0.0, None),
}

Stratified = Callable[[Sequence[Mapping[str, Any]]], tuple[float, float]]


def pool(
    packets: Iterable[Packet],
    *,
    key: bytes | None = None,
    useful: Mapping[str, tuple[float | None, float | None]] | None = None,
    confidence: float = 0.95,
) -> PooledEvidence:
    """Pool the packets of several hospitals about one frozen model.

    Parameters
    ----------
    packets : iterable of Packet
        One per site.
    key : bytes, optional
        With which they were sealed.
    useful : mapping of str to (float or None, float or None), optional
        Range of each metric in which the model is useful; by default O/E and slope within 0.8 to 1.25, and IPA, net
        benefit and differences above 0. A difference is useful on the better side of 0, whatever the range of its
        metric.
    confidence : float, default 0.95
        Level of all intervals.

    Returns
    -------
    PooledEvidence
        For each measure the random-effects mean with its interval, the prediction interval of a new hospital, τ² and
        I², the probability of being useful there, the value of all patients as one stratified analysis, the median of
        the sites, and the influence of each site on the mean.

    Raises
    ------
    ArgumentError
        If a packet is inconsistent, packets are of different models, horizons or studies, one site sends two packets,
        or two names have the numbers of one site.

    Notes
    -----
    REML with Hartung–Knapp–Sidik–Jonkman intervals, on the logit of C and AUC and the log of O/E. The interval of a new
    hospital, and the probability of being useful there, account for the estimation of τ²
    (`MetaAnalysis.prediction_profile`). The standard error of O/E takes the expected number as fixed. Calibration is
    estimated from the cubic of the sums of scores; if it is further than 0.4 from 0 and 1, request it again at the
    estimate (`FederatedLogistic.start(coef=…)`).

    References
    ----------
    Debray TPA et al. (2019). A framework for meta-analysis of prediction model studies with binary and time-to-event
    outcomes. Stat Methods Med Res 28:2768–2786. doi:10.1177/0962280218785504
    """
    confidence = check_confidence(confidence)
    given = [each.verify(key) for each in packets]
    if not given:
        raise argument_error("packets", "at least one packet", "none")
    full = [each for each in given if not each.insufficient]
    left_out = {each.site: each.insufficient for each in given if each.insufficient}
    _check_together(given, full)
    ranges = dict(_USEFUL if useful is None else useful)
    unknown = sorted(set(ranges) - set(METRICS))
    if unknown:
        raise argument_error("useful", "ranges of registered metrics", f"{unknown}")
    contents = sorted((each.content for each in full), key=lambda content: str(content["site"]))
    left: list[tuple[str, str, str]] = []
    measures = tuple(_measures(contents, ranges, confidence, left))
    withheld = pd.DataFrame(
        [(str(c["site"]), row["item"], row["reason"]) for c in contents for row in c["withheld"]] + left,
        columns=["site", "item", "reason"],
    )
    return PooledEvidence(
        measures=measures,
        sites=tuple(str(c["site"]) for c in contents),
        left_out=left_out,
        withheld=withheld,
        model=dict(contents[0]["model"]),
        n=sum(c["cohort"]["n"] for c in contents),
        n_events=sum(c["cohort"].get("events", 0) for c in contents),
        confidence=confidence,
        objections=tuple(_doubts(measures, contents, left_out)),
    )


def _check_together(given: Sequence[Packet], full: Sequence[Packet]) -> None:
    names = [each.site for each in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise argument_error("packets", "one per site", f"more than one of {twice}", "Remove the earlier packet.")
    if not full:
        raise argument_error(
            "packets", "at least one site with enough patients", {each.site: each.insufficient for each in given}
        )
    prints = [each.fingerprint for each in full]
    same = sorted(each.site for each in full if prints.count(each.fingerprint) > 1)
    if same:
        raise argument_error("packets", "of different patients", f"the same numbers from {same}")
    first = full[0].content
    for each in full[1:]:
        content = each.content
        for part in ("study", "model"):
            mine, theirs = (
                ({k: v for k, v in c[part].items() if k != "calibration"} if part == "model" else c[part])
                for c in (first, content)
            )
            if mine != theirs:
                raise argument_error(
                    "packets",
                    f"of one {part}",
                    f"another at site {each.site!r} than at {full[0].site!r}: {theirs} and {mine}",
                )


# ---- measures ---------------------------------------------------------------------------------------------------


def _measures(
    contents: Sequence[Mapping[str, Any]],
    ranges: Mapping[str, tuple[float | None, float | None]],
    confidence: float,
    left: list[tuple[str, str, str]],
) -> Iterable[PooledMeasure]:
    """Yield all measures; sites that one of them leaves out are added to ``left``."""

    def measure(
        metric: str,
        rows: list[tuple[Mapping[str, Any], float, float]],
        stratified: tuple[float, float] = (np.nan, np.nan),
        threshold: float = np.nan,
        reference: str = "",
        subgroup: str = "",
    ) -> Iterable[PooledMeasure]:
        still = [str(row[0]["site"]) for row in rows if not row[2] > 0]
        item = metric + ("" if np.isnan(threshold) else f"@{threshold:g}") + (f" − {reference}" if reference else "")
        left.extend((site, item, "no standard error: it is the same for every patient of the site") for site in still)
        rows = [row for row in rows if row[2] > 0]
        if not rows:
            return
        values = np.array([row[1] for row in rows])
        errors = np.array([row[2] for row in rows])
        sites = tuple(str(row[0]["site"]) for row in rows)
        scale = METRICS[metric].scale if not reference else "identity"
        scale = scale if scale in ("identity", "logit", "log") else "identity"
        edges = {"logit": (0.0, 1.0), "log": (0.0, np.inf), "identity": (-np.inf, np.inf)}[scale]
        if not ((values > edges[0]) & (values < edges[1])).all():
            scale = "identity"  # a site with C of 1 has no logit
        meta = None
        if len(rows) >= 2:
            meta = meta_analysis(values, errors, labels=sites, scale=scale, metric=metric, confidence=confidence)
        low, high = ranges.get(metric, (None, None))
        if reference:
            low, high = (0.0, None) if METRICS[metric].better != "lower" else (None, 0.0)
        declared = meta is not None and (low, high) != (None, None)
        useful = np.nan
        if declared and meta is not None:
            useful = meta.probability_between(low, high, method="profile")
        yield PooledMeasure(
            metric,
            threshold,
            reference,
            subgroup,
            sites,
            values,
            errors,
            meta,
            *stratified,
            float(np.median(values)),
            useful,
        )

    if contents[0]["model"]["kind"] == "measured":
        yield from _of_scores(contents, measure)
        return
    ranks = "auc" if contents[0]["model"]["kind"] == "status" else "concordance"
    for metric in dict.fromkeys((ranks, "auc", "brier", "ipa")):
        rows = [(c, *c["estimates"][metric]) for c in contents if metric in c["estimates"]]
        if rows:
            yield from measure(metric, rows, _stratified(metric, [row[0] for row in rows], ranks))
    rows = [(c, *_observed_expected(c)) for c in contents if c["sums"] and "observed_se" in c["sums"]]
    if rows:
        yield from measure("observed_expected", rows, _observed_expected_of_all([row[0] for row in rows]))
    yield from _calibrations(contents, measure)
    yield from _decisions(contents, measure)
    names = dict.fromkeys(name for c in contents for name in c["paired"])
    for name in names:
        metric, _, cut = name.partition("@")
        rows = [(c, *c["paired"][name]) for c in contents if name in c["paired"]]
        yield from measure(metric, rows, _by_size(rows), float(cut) if cut else np.nan, "comparator")
    for group, level in dict.fromkeys((g, lv) for c in contents for g in c["subgroups"] for lv in c["subgroups"][g]):
        told = [(c, c["subgroups"][group][level]) for c in contents if level in c["subgroups"].get(group, {})]
        for metric in ("auc", "brier"):
            rows = [(c, part[metric], part[f"{metric}_se"]) for c, part in told if metric in part]
            if rows:
                yield from measure(metric, rows, subgroup=f"{group} = {level}")
        rows = [(c, *_ratio(part["observed"], part["predicted"], part["events"], part["n"])) for c, part in told]
        yield from measure("observed_expected", rows, subgroup=f"{group} = {level}")


def _ratio(observed: float, expected: float, events: int, n: int) -> tuple[float, float]:
    """O/E and its error with the expected number fixed: that of a share of n."""
    value = observed / expected
    return value, value * float(np.sqrt((1 - events / n) / events))


def _observed_expected(c: Mapping[str, Any]) -> tuple[float, float]:
    s = c["sums"]
    value = s["observed"] / s["predicted"]
    return value, value * s["observed_se"] / s["observed"]


def _observed_expected_of_all(contents: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    observed = sum(c["sums"]["observed"] for c in contents)
    value = observed / sum(c["sums"]["predicted"] for c in contents)
    n = sum(c["cohort"]["n"] for c in contents)
    within = sum(c["sums"]["observed_se"] ** 2 for c in contents)
    mean = observed / n
    between = sum(c["cohort"]["n"] * (c["sums"]["observed"] / c["cohort"]["n"] - mean) ** 2 for c in contents)
    return value, value * float(np.sqrt(within + between)) / observed


def _stratified(metric: str, contents: Sequence[Mapping[str, Any]], ranks: str) -> tuple[float, float]:
    """Return the value and error of all patients as one analysis within sites."""
    if metric == ranks:
        pairs = np.array([c["pairs"] for c in contents], dtype=float)
        share = pairs.sum(axis=1) / pairs.sum()
        errors = np.array([c["estimates"][metric][1] for c in contents])
        return float((pairs[:, 0].sum() + pairs[:, 2].sum() / 2) / pairs.sum()), float(np.sqrt(share**2 @ errors**2))
    if metric == "brier":
        return _by_size([(c, *c["estimates"]["brier"]) for c in contents])
    if metric == "ipa":
        n = sum(c["cohort"]["n"] for c in contents)
        loss = sum(c["cohort"]["n"] * c["estimates"]["brier"][0] for c in contents) / n
        mean = sum(c["sums"]["observed"] for c in contents) / n
        return 1 - loss / (mean * (1 - mean)), float("nan")
    return float("nan"), float("nan")


def _by_size(rows: Sequence[tuple[Mapping[str, Any], float, float]]) -> tuple[float, float]:
    """Mean over patients; its error that of all rows: within sites and, as they are drawn together, between them."""
    n = np.array([row[0]["cohort"].get("known", row[0]["cohort"]["n"]) for row in rows], dtype=float)
    values, errors = np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    share = n / n.sum()
    mean = float(share @ values)
    variance = float(share**2 @ errors**2) + float(share @ (values - mean) ** 2) / n.sum()
    return mean, float(np.sqrt(variance))


def _of_scores(contents: Sequence[Mapping[str, Any]], measure: Any) -> Iterable[PooledMeasure]:
    """Yield the measures of packets of scores; of all patients those that follow from sums."""
    nothing = (float("nan"), float("nan"))
    sums = {name: float(sum(c["sums"][name] for c in contents)) for name in SUMS}
    n = sum(c["cohort"]["known"] for c in contents)
    whole = {name: (value, nothing[1]) for name, value in measures_of_sums(sums, n).items()}
    error = whole["mean_error"][0]
    loss = sums["observed_squared"] - 2 * sums["observed_predicted"] + sums["predicted_squared"]
    whole["mean_error"] = (error, float(np.sqrt(max(loss - n * error**2, 0.0))) / n)
    line = ("mean_error", "mean_calibration_intercept", "mean_calibration_slope")
    for metric in ("crps", "mae", "ordinal_concordance", "score_r2", *line):
        rows = [(c, *c["estimates"][metric]) for c in contents if metric in c["estimates"]]
        if rows:
            of_all = _by_size(rows) if metric in ("crps", "mae") else whole.get(metric, nothing)
            yield from measure(metric, rows, of_all)
    for metric in dict.fromkeys(name for c in contents for name in c["paired"]):
        rows = [(c, *c["paired"][metric]) for c in contents if metric in c["paired"]]
        yield from measure(metric, rows, _by_size(rows), reference="comparator")


def _taylor_of(c: Mapping[str, Any]) -> TaylorSums:
    return TaylorSums(*(np.array(c["taylor"][name], dtype=float) for name in ("score", "information", "third")))


def _calibrations(contents: Sequence[Mapping[str, Any]], measure: Any) -> Iterable[PooledMeasure]:
    for way in ("state", "cumulative hazard"):
        given = [c for c in contents if c["taylor"] and c["model"]["calibration"] == way]
        if not given:
            continue
        parts = [_taylor_of(c) for c in given]
        solved = [solve_taylor(part) for part in parts]
        whole = TaylorSums(*(np.sum([part[k] for part in parts], axis=0) for k in range(3)))
        line, covariance = solve_taylor(whole)
        errors = np.sqrt(np.diag(covariance))
        levels = [solve_taylor_level(part) for part in parts]
        rows = [(c, value, variance**0.5) for c, (value, variance) in zip(given, levels) if np.isfinite(value)]
        if rows:
            level, variance = solve_taylor_level(whole)
            yield from measure("citl", rows, (level, variance**0.5))
        known = [k for k, (found, _) in enumerate(solved) if np.isfinite(found).all()]
        for place, metric in ((0, "calibration_intercept"), (1, "calibration_slope")):
            rows = [(given[k], float(solved[k][0][place]), float(np.sqrt(solved[k][1][place, place]))) for k in known]
            if rows:
                yield from measure(metric, rows, (float(line[place]), float(errors[place])))


def _decisions(contents: Sequence[Mapping[str, Any]], measure: Any) -> Iterable[PooledMeasure]:
    for cut in sorted({cut for c in contents for cut in c["decisions"]}, key=float):
        given = [c for c in contents if cut in c["decisions"]]
        rows = [(c, *c["decisions"][cut][1:3]) for c in given]
        yield from measure("net_benefit", rows, _by_size(rows), float(cut))
        odds = float(cut) / (1 - float(cut))
        over = []
        for c in given:
            mean = c["sums"]["observed"] / c["cohort"]["n"]
            over.append((c, c["decisions"][cut][1] - (mean - odds * (1 - mean)), c["decisions"][cut][3]))
        yield from measure("net_benefit", over, _by_size(over), float(cut), "treat all")


def _doubts(
    measures: Sequence[PooledMeasure], contents: Sequence[Mapping[str, Any]], left_out: Mapping[str, str]
) -> Iterable[Objection]:
    if left_out:
        yield objection("sites-left-out", sites=", ".join(sorted(left_out)))
    if len(contents) < 5:
        yield objection("few-sites")
    unlike: dict[str, set[str]] = {}
    for each in measures:
        found = each.influence()
        far = found["residual"].abs().to_numpy(dtype=float) > _UNLIKE
        for site in found["site"][far]:
            unlike.setdefault(str(site), set()).add(each.name)
    for site, names in sorted(unlike.items()):
        yield objection("site-unlike-others", site=site, measures=", ".join(sorted(names)))
    lines = {
        each.metric: each.stratified
        for each in measures
        if each.metric.startswith("calibration_") and not each.reference
    }
    if lines:
        intercept, slope = lines["calibration_intercept"], lines["calibration_slope"]
        if not max(abs(intercept), abs(slope - 1)) <= _FAR:
            yield objection("calibration-far-from-predictions", intercept=intercept, slope=slope)
