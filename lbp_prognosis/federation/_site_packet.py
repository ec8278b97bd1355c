"""``site_packet``: a hospital's aggregates about a frozen model, after the disclosure gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    check_horizons,
    check_risk,
    read_frame,
    stated_score,
    takes_rows,
)
from lbp_prognosis._kernels import rubin_pool
from lbp_prognosis.disclosure import (
    Budget,
    Patients,
    ReleaseLedger,
    kept_cuts,
    moves_are_safe,
    told_by_sums,
)
from lbp_prognosis.federation._canonical import significant
from lbp_prognosis.federation._covariance_of_metrics import covariance_of_metrics
from lbp_prognosis.federation._packet import Packet
from lbp_prognosis.federation._packet_call import PacketCall
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._site_numbers import SiteNumbers, site_numbers, state_at
from lbp_prognosis.federation._site_rows import own_columns
from lbp_prognosis.federation._site_scores import packet_of_scores
from lbp_prognosis.models import as_risk_model
from lbp_prognosis.survival import check_cause, check_outcome, status_horizon
from lbp_prognosis.validation import MultiplyImputed

__all__ = ["site_packet"]

_AT_MOST = 10  # metrics with a covariance
_Numbers = Callable[[np.ndarray, tuple[float, ...], bool], SiteNumbers]  # of rows, at thresholds, with the comparator


@takes_rows(subgroups="many labels")
def site_packet(
    model: Any,
    X: Any,
    y: np.ndarray,
    *,
    site: str,
    policy: Policy | None = None,
    horizon: float | None = None,
    cause: int = 1,
    comparator: Any = None,
    subgroups: Any = None,
    model_id: str = "",
    comparator_id: str = "",
    study: str = "",
    ledger: ReleaseLedger | None = None,
    key: bytes | None = None,
) -> Packet:
    """Run a frozen model on a hospital's patients and return the releasable aggregates.

    Parameters
    ----------
    model : fitted model
        With ``predict_risk``, or a function ``f(X, horizons) -> risk``. Nothing is refitted.
    X : DataFrame or ndarray of shape (n, p), or MultiplyImputed
        Predictors. With imputed tables estimates are pooled by Rubin's rules and sums are averaged.
    y : ndarray of shape (n,)
        Made by `Surv.right` or `Surv.interval` (competing events too), `Status.at`, or `Measured.at`. For scores the
        predicted distributions are evaluated (``predict_forecast``); with `measured_to_status`, a cut of the scores.
    site : str
        Pseudonym of the site.
    policy : Policy, optional
        Disclosure rules of the site.
    horizon : float, optional
        Prediction time; a `Status` knows its own.
    cause : int, default 1
        Event code of interest.
    comparator : fitted model, optional
        Model for paired differences: the added value of imaging over the clinical model.
    subgroups : mapping of str to array-like of shape (n,), optional
        Labels; a level is sent if it and its complement are each large enough to be a site.
    model_id, comparator_id : str, default ""
        Which models they are; by default digests of their parameters, where they have ``to_dict``.
    study : str, default ""
        Name of the study: packets of another one are not pooled with these.
    ledger : ReleaseLedger, optional
        Of this site's releases: patients are those of the index of ``X``. Without it the packet warns that differences
        between releases are not protected.
    key : bytes, optional
        At least 16 bytes shared with the centre, to seal the packet.

    Returns
    -------
    Packet
        Canonical JSON with a digest, and the withheld items with reasons. A site below its minimum reports only this
        fact.

    Raises
    ------
    ArgumentError
        If the model has no identity or predicts no risks.
    DisclosureError
        If patients of an earlier release are missing, or those who were not in it are too few for a packet.

    Notes
    -----
    Sums are of (p, w y, w y p, w p²) with the site's own weights w against censoring; ranks are pairs within the site;
    calibration is the score of a recalibration and its first two derivatives at intercept 0 and slope 1: of the state
    by the horizon, or with one cause of the cumulative hazard, from which the centre solves the cubic. Numbers are
    counted against the budget in the order of this list; then come thresholds, the comparator, subgroups and the
    covariance of the metrics (from 200 patients).

    References
    ----------
    Gaye A et al. (2014). DataSHIELD. Int J Epidemiol 43:1929–1944. doi:10.1093/ije/dyu188
    """
    policy = Policy() if policy is None else policy
    kind = check_outcome(
        y,
        ("right", "interval", "status", "measured"),
        caller="site_packet",
    )
    if "entry" in (y.dtype.names or ()):
        raise argument_error("y", "free of delayed entry", "an outcome with entry", "Start the clock at a landmark.")
    call = PacketCall(site, study, policy, model_id, comparator_id, ledger, key)
    if kind == "measured":
        return packet_of_scores(call, model, X, y, horizon=horizon, comparator=comparator, subgroups=subgroups)
    cause = 1 if kind == "status" else check_cause(y, cause)
    tau = _horizon(y, kind, horizon)
    tables = X.tables if isinstance(X, MultiplyImputed) else (read_frame(X),)
    named = {"model": _ready("model", model)}
    if comparator is not None:
        named["comparator"] = _ready("comparator", comparator)
    n = y.shape[0]
    state = state_at(y, kind, tau, cause)
    content = call.begin(named["model"], named.get("comparator"), {"kind": kind, "cause": cause, "horizon": tau})
    budget = Budget(int(policy.release_budget * n))
    reason = _too_small(state, policy) or _too_many(kind, state, budget)
    if reason:
        return call.refused(content, reason)
    risks = {name: [_risk(each, table, tau, cause, n) for table in tables] for name, each in named.items()}
    scores_of = {name: np.mean(each, axis=0) for name, each in risks.items()}
    patients = Patients(state=state, scores=scores_of)
    reason = told_by_sums(patients, policy.min_cell)
    if reason:
        return call.refused(content, f"insufficient: {reason}")

    def insufficient(rows: np.ndarray) -> str:
        return _too_small(state[rows], policy) or told_by_sums(patients, policy.min_cell, rows)

    patients = replace(patients, layers=call.layers(content, tables[0], n, insufficient))
    hazards = _hazards(named["model"], tables, y, tau) if kind == "right" and not (y["event"] > 1).any() else None
    content["model"]["calibration"] = "state" if hazards is None else "cumulative hazard"
    cuts, dropped = kept_cuts(patients, policy.thresholds, policy.min_cell, 3)
    for cut in dropped:
        content["withheld"].append(
            {"item": f"threshold {cut:g}", "reason": "few patients between it and its neighbours"}
        )
    scores = [_score(named["model"], table, kind, cause) for table in tables]
    numbers = _numbers_of(y, kind, tau, cause, risks, scores, hazards)
    found = numbers(np.ones(n, dtype=bool), tuple(cuts), True)
    if not np.isfinite(list(found.sums.values())).all():
        raise argument_error(
            "horizon", "within the follow-up of the site's patients", f"{tau:g}: {found.reasons.get('brier', '')}"
        )
    _fill(content, _safely_paired(found, patients, content, policy), budget, policy)
    if subgroups is not None:
        _subgroups(content, subgroups, patients, numbers, budget, policy)
    _covariance(content, found, budget, policy)
    content["budget"] = {"numbers": budget.spent, "most": budget.most}
    assert patients.layers is not None
    return call.released(content, tables[0], patients.layers)


# ---- what comes in ----------------------------------------------------------------------------------------------


def _horizon(y: np.ndarray, kind: str, horizon: float | None) -> float:
    known = status_horizon(y) if kind == "status" else None
    if horizon is None:
        if known is None:
            raise argument_error("horizon", "given: the outcome does not know one", "None")
        return known
    times, scalar = check_horizons(horizon)
    if not scalar:
        raise argument_error("horizon", "one number", horizon, "Write a packet for each horizon.")
    if known is not None and float(times[0]) != known:
        raise argument_error("horizon", f"{known:g}, that of the states", horizon)
    return float(times[0])


def _ready(name: str, model: Any) -> Any:
    ready = as_risk_model(model)
    if not hasattr(ready, "predict_risk"):
        raise argument_error(name, "a fitted model with predict_risk", model)
    return ready


def _risk(model: Any, table: Any, tau: float, cause: int, n: int) -> np.ndarray:
    found = np.asarray(model.predict_risk(own_columns(model, table), tau, cause=cause), dtype=float)
    risk = check_risk("risk", found.reshape(n, -1), n=n, n_horizons=1)[:, 0]
    if np.isnan(risk).any():
        raise argument_error("horizon", "within the follow-up of the model", f"{tau:g}, where it gives no risk")
    return risk


def _score(model: Any, table: Any, kind: str, cause: int) -> np.ndarray | None:
    found = stated_score(model, own_columns(model, table), kind, cause) if kind != "status" else None
    return None if found is None else np.asarray(found, dtype=float).reshape(-1)


def _hazards(model: Any, tables: Any, y: np.ndarray, tau: float) -> list[np.ndarray] | None:
    """Return the cumulative hazards (n,) by table; None for a model with risks at some horizons only."""
    inside = getattr(model, "models_", None)
    inner = inside[0] if isinstance(inside, list) and inside else model
    if any(getattr(inner, name, None) is not None for name in ("horizons", "horizon_", "visits_")):
        return None
    found = [_expected(model, table, y, tau) for table in tables]
    return None if any(np.isnan(each).any() for each in found) else found


def _numbers_of(
    y: np.ndarray,
    kind: str,
    tau: float,
    cause: int,
    risks: Mapping[str, Sequence[np.ndarray]],
    scores: Sequence[np.ndarray | None],
    hazards: Sequence[np.ndarray] | None,
) -> _Numbers:
    """Return the function that computes the numbers of some rows, over all imputed tables."""
    nothing: list[None] = [None] * len(scores)
    parts = list(zip(risks["model"], scores, hazards or nothing, risks.get("comparator", nothing)))

    def numbers(rows: np.ndarray, thresholds: tuple[float, ...], paired: bool) -> SiteNumbers:
        found = [
            site_numbers(
                y[rows],
                kind,
                risk[rows],
                tau,
                cause,
                score=_of(score, rows),
                expected=_of(hazard, rows),
                thresholds=thresholds,
                comparator=_of(other, rows) if paired else None,
            )
            for risk, score, hazard, other in parts
        ]
        return found[0] if len(found) == 1 else _over_imputations(found)

    return numbers


def _expected(model: Any, table: Any, y: np.ndarray, tau: float) -> np.ndarray:
    """Cumulative hazard (n,) that the model gives each patient up to min(time, horizon)."""
    end, table = np.minimum(y["time"], tau), own_columns(model, table)
    out = np.zeros(y.shape[0])
    for times in _blocks(np.unique(end[end > 0])):
        risk = np.asarray(model.predict_risk(table, times), dtype=float).reshape(y.shape[0], -1)
        rows = np.flatnonzero(np.isin(end, times))
        place = np.searchsorted(times, end[rows])
        out[rows] = -np.log1p(-np.minimum(risk[rows, place], 1 - 1e-12))
    return out


def _blocks(times: np.ndarray, size: int = 200) -> Iterator[np.ndarray]:
    for start in range(0, times.size, size):
        yield times[start : start + size]


def _of(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


# ---- what goes out ----------------------------------------------------------------------------------------------


def _too_small(state: np.ndarray, policy: Policy) -> str:
    unknown = int((state < 0).sum())
    if state.size < policy.min_n:
        return "insufficient: fewer patients than the site's minimum"
    if min((state == 1).sum(), (state == 0).sum()) < policy.min_events:
        return "insufficient: fewer with the event, or without it, than the site's minimum"
    if 0 < unknown < policy.min_cell:
        return "insufficient: the state of a few patients is unknown, and counts would identify them"
    return ""


def _too_many(kind: str, state: np.ndarray, budget: Budget) -> str:
    """Return a reason if the budget is too small for counts and sums, or an empty string."""
    enough = budget.most >= sum(_least_numbers(kind, int((state < 0).sum())))
    return "" if enough else "insufficient: counts and sums are more numbers than the release budget"


def _least_numbers(kind: str, unknown: int) -> tuple[int, int]:
    """Return the numbers of counts and of sums, which every packet needs."""
    return 2 if unknown == 0 else 3, 3 if kind == "status" and unknown == 0 else 5


def _fill(content: dict[str, Any], found: SiteNumbers, budget: Budget, policy: Policy) -> None:
    """Add items to the packet by priority while the budget lasts."""
    d = policy.digits
    withheld: list[dict[str, str]] = content["withheld"]

    def fits(item: str, count: int) -> bool:
        if budget.take(item, count):
            return True
        withheld.append({"item": item, "reason": f"{count} numbers more than the release budget of {budget.most}"})
        return False

    counts = {"n": found.n, "events": found.events, "without": found.without, "unknown": found.unknown}
    for item, count in zip(("counts", "sums"), _least_numbers(content["model"]["kind"], found.unknown)):
        budget.take(item, count)
    content["cohort"], content["sums"] = counts, significant(found.sums, d)
    ranks = "auc" if content["model"]["kind"] == "status" else "concordance"
    if ranks in found.estimates and fits("pairs", 3 if content["model"]["kind"] == "status" else 4):
        # counts; of imputed tables their mean, which is not whole
        content["pairs"] = [int(value) if value == int(value) else round(value, 6) for value in found.pairs]
        content["estimates"][ranks] = significant(found.estimates[ranks], d)
    # values of the Brier score and IPA follow from the sums: their errors are new
    for name, count in (("brier", 1), ("ipa", 1), ("auc", 2)):
        if name in found.estimates and name not in content["estimates"] and fits(name, count):
            content["estimates"][name] = significant(found.estimates[name], d)
    withheld += [{"item": name, "reason": reason} for name, reason in found.reasons.items()]
    state = content["model"]["calibration"] == "state"
    if found.taylor is not None:
        sums = {name: significant(getattr(found.taylor, name), d) for name in ("score", "information", "third")}
        if not np.linalg.eigvalsh(np.array(sums["information"]))[0] > 0:
            withheld.append({"item": "calibration", "reason": "all risks are equal: they have no slope"})
        elif fits("calibration", 8 if state else 6):
            content["taylor"] = sums
    previous, least = found.n, 2 * policy.min_cell
    for cut, row in sorted(found.decisions.items()):
        # thresholds were chosen by mean risks: of imputed tables the mean count may still be that of a few
        if 0 < row[0] < least or 0 < previous - row[0] < least:
            reason = "few patients between it and its neighbours"
            withheld.append({"item": f"threshold {cut:g}", "reason": reason})
        elif not np.isfinite(row[1:]).all():
            withheld.append({"item": f"threshold {cut:g}", "reason": "not estimable"})
        elif fits(f"threshold {cut:g}", 4):
            content["decisions"][f"{cut:g}"] = [row[0], *significant(row[1:], d)]
            previous = row[0]
    for name, pair in found.paired.items():
        cut_of = name.partition("@")[2]
        if cut_of and cut_of not in content["decisions"]:
            continue
        if not np.isfinite(pair).all():
            withheld.append({"item": f"difference in {name}", "reason": "not estimable"})
            continue
        if fits(f"difference in {name}", 2):
            content["paired"][name] = significant(pair, d)


def _safely_paired(found: SiteNumbers, patients: Patients, content: dict[str, Any], policy: Policy) -> SiteNumbers:
    """Withhold paired differences at thresholds that only a few patients pass by one model alone."""
    paired = dict(found.paired)
    for name in found.paired:
        cut = name.partition("@")[2]
        if cut and not moves_are_safe(
            patients, patients.scores["model"], patients.scores["comparator"], float(cut), policy.min_cell
        ):
            del paired[name]
            content["withheld"].append(
                {"item": f"difference in {name}", "reason": "few patients are above it by one of the models alone"}
            )
    return replace(found, paired=paired)


def _subgroups(
    content: dict[str, Any], subgroups: Any, patients: Patients, numbers: _Numbers, budget: Budget, policy: Policy
) -> None:
    """Add levels of subgroups that are, with their complements, large enough to be sites."""
    groups = subgroups if isinstance(subgroups, Mapping) else {"group": subgroups}
    for group, labels in groups.items():
        values = np.asarray(labels).astype(str)
        kept = set.intersection(
            *(set(_separable(values[rows], patients.state[rows], policy)) for rows in patients.each_layer())
        )
        for level in sorted(set(values)):
            inside = values == level
            item = f"subgroup {group} = {level}"
            parts = () if level not in kept else (inside, ~inside)
            if level not in kept or any(told_by_sums(patients, policy.min_cell, rows) for rows in parts if rows.any()):
                reason = "it, or those that would be left, are too few to be a site"
                content["withheld"].append({"item": item, "reason": reason})
                continue
            part = numbers(inside, (), False)
            told = {
                "n": part.n,
                "events": part.events,
                "observed": part.sums["observed"],
                "predicted": part.sums["predicted"],
                **{
                    f"{name}{ending}": value
                    for name in ("auc", "brier")
                    if name in part.estimates
                    for ending, value in zip(("", "_se"), part.estimates[name])
                },
            }
            if not budget.take(item, len(told)):
                reason = f"{len(told)} numbers more than the release budget of {budget.most}"
                content["withheld"].append({"item": item, "reason": reason})
                continue
            content["subgroups"].setdefault(str(group), {})[level] = significant(told, policy.digits)


def _separable(values: np.ndarray, state: np.ndarray, policy: Policy) -> set[str]:
    """Return releasable levels: each, its complement, and the remainder of all levels are large enough."""
    kept = {
        level
        for level in set(values)
        if not _too_small(state[values == level], policy) and not _too_small(state[values != level], policy)
    }
    while kept:
        rest = ~np.isin(values, list(kept))
        if not rest.any() or not _too_small(state[rest], policy):
            break
        kept.remove(min(kept, key=lambda level: (int((values == level).sum()), level)))
    return kept


def _covariance(content: dict[str, Any], found: SiteNumbers, budget: Budget, policy: Policy) -> None:
    """Covariance of the metrics on their own scales, from 200 patients."""
    parts = found.by_table or (found,)
    told = [name for name in found.influence if name in content["estimates"]]
    names = [name for name in told if all(name in part.influence for part in parts)][:_AT_MOST]
    if found.n < 200 or len(names) < 2:
        return
    count = len(names) * (len(names) - 1) // 2  # the diagonal is the standard errors
    if not budget.take("covariance", count):
        reason = f"{count} numbers more than the release budget of {budget.most}"
        content["withheld"].append({"item": "covariance", "reason": reason})
        return
    tables = [np.column_stack([part.influence[name] for name in names]) for part in parts]
    matrix = covariance_of_metrics(tables, [[part.estimates[name][0] for name in names] for part in parts])
    content["covariance"] = {"names": names, "matrix": significant(matrix, policy.digits)}


def _over_imputations(parts: list[SiteNumbers]) -> SiteNumbers:
    """Estimates by Rubin's rules, sums averaged."""

    def pooled(pairs: list[tuple[float, float]]) -> tuple[float, float]:
        values, errors = np.array(pairs).T
        result = rubin_pool(values, errors**2, np.inf)
        return float(values.mean()), float(result.se)

    first = parts[0]
    shared = set.intersection(*(set(part.estimates) for part in parts))
    sums = {name: float(np.mean([part.sums[name] for part in parts])) for name in first.sums}
    taylor = None
    if first.taylor is not None:
        taylor = type(first.taylor)(*(np.mean([part.taylor[k] for part in parts], axis=0) for k in range(3)))  # type: ignore[index]
    return replace(
        first,
        by_table=tuple(parts),
        sums=sums,
        reasons={name: reason for part in reversed(parts) for name, reason in part.reasons.items()},
        estimates={
            name: pooled([part.estimates[name] for part in parts]) for name in first.estimates if name in shared
        },
        influence={
            name: np.mean([p.influence[name] for p in parts], axis=0) for name in first.influence if name in shared
        },
        pairs=tuple(float(np.mean([part.pairs[k] for part in parts])) for k in range(3)),  # type: ignore[arg-type]
        taylor=taylor,
        decisions={
            cut: (
                round(float(np.mean([part.decisions[cut][0] for part in parts]))),
                *pooled([part.decisions[cut][1:3] for part in parts]),
                float(np.sqrt(np.mean([part.decisions[cut][3] ** 2 for part in parts]))),
            )
            for cut in first.decisions
        },
        paired={name: pooled([part.paired[name] for part in parts]) for name in first.paired},
    )
