"""Period effects of discrete hazards: which can be estimated, and what risks follow from the hazards of periods."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error
from lbp_prognosis._kernels import discrete_hazard_fit
from lbp_prognosis.models._collinear import undetermined
from lbp_prognosis.models._person_periods import PersonPeriods

__all__ = [
    "certain_periods",
    "check_cells",
    "check_survivors",
    "first_rates",
    "incidence_at",
    "period_effects",
    "vanished_periods",
    "with_effects",
]


_VANISHED = -15.0  # a period effect on its way to −∞: a hazard below 1e-6


def check_cells(cell: np.ndarray, cells: int, weights: np.ndarray, visits: np.ndarray, levels: list) -> None:
    """Refuse a period in which no patient was at risk.

    Parameters
    ----------
    cell : ndarray of int of shape (N,)
        Stratum and period of each person-period, strata first.
    cells : int
        Strata times periods.
    weights : ndarray of shape (N,)
        Row weights.
    visits : ndarray of shape (K,)
        Ends of the periods.
    levels : list
        Labels of the strata, empty without.
    """
    empty = np.flatnonzero(np.bincount(cell, weights=weights, minlength=cells) == 0)
    if empty.size:
        raise EstimationError(
            f"No patient was at risk{_where(int(empty[0]), visits, levels)}: its hazard can't be estimated. Leave that "
            "visit out of `visits`, or fit without strata."
        )


def check_survivors(
    rows: PersonPeriods, cell: np.ndarray, cells: int, causes: int, visits: np.ndarray, levels: list
) -> None:
    """Refuse a period that no patient completes and that several causes end: their odds have no reference."""
    through = np.bincount(cell, weights=(rows.response == 0) | (rows.span >= 0), minlength=cells) > 0
    different = np.zeros(cells, dtype=np.int64)
    for cause in range(1, causes + 1):
        different += np.bincount(cell[rows.response == cause], minlength=cells) > 0
    lost = np.flatnonzero(~through & (different > 1))
    if lost.size:
        raise EstimationError(
            f"All patients at risk{_where(int(lost[0]), visits, levels)} had an event, of more than one cause: odds "
            "against no event can't be estimated there. Leave that visit out of `visits`."
        )


def _where(cell: int, visits: np.ndarray, levels: list) -> str:
    stratum, period = divmod(cell, visits.size)
    label = f" in stratum {levels[stratum]!r}" if levels else ""
    return f"{label} in the period that ends at the visit {visits[period]:g}"


def certain_periods(rows: PersonPeriods, cell: np.ndarray, cells: int, causes: int) -> np.ndarray:
    """Return ``(J, cells)``: 0 where a period effect is to be estimated, else the infinite value that it tends to.

    A cause that no patient had in a period has hazard 0 there. Where all patients at risk had the event, of one cause
    and known to lie in that period, the hazard is 1 whatever the predictors: such a period contains no information
    about them.
    """
    fixed = np.full((causes, cells), -np.inf)
    events = rows.response > 0
    fixed[rows.response[events] - 1, cell[events]] = 0.0
    others = np.bincount(cell, weights=(~events | (rows.span >= 0)), minlength=cells)
    alone = (others == 0) & ((fixed == 0).sum(axis=0) == 1)
    return np.where(alone & (fixed == 0), np.inf, fixed)


def vanished_periods(alpha: np.ndarray, rows: PersonPeriods, cell: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return where ``(J, cells)`` the likelihood puts no event of a cause, although some may lie there.

    Parameters
    ----------
    alpha : ndarray of shape (J, cells)
        Period effects where the climb has stopped.
    rows, cell
        As for `certain_periods`.
    free : ndarray of bool of shape (J, cells)
        Effects that are estimated.
    """
    known = np.zeros(free.shape, dtype=bool)
    alone = (rows.response > 0) & (rows.span < 0)
    known[rows.response[alone] - 1, cell[alone]] = True
    return free & ~known & (alpha < _VANISHED)


def first_rates(
    rows: PersonPeriods, cell: np.ndarray, cells: int, causes: int, weights: np.ndarray, possible: np.ndarray
) -> np.ndarray:
    """Crude log rates of each period as starting values; an event of a span is shared out among its rows."""
    w = weights.astype(float)
    share = w.copy()
    spans = rows.span >= 0
    if spans.any():
        share[spans] /= np.bincount(rows.span[spans])[rows.span[spans]]
    total = np.bincount(cell, weights=w, minlength=cells)
    out = np.zeros((causes, cells))
    for j in range(causes):
        mine = rows.response == j + 1
        events = np.bincount(cell[mine], weights=share[mine], minlength=cells)
        rate = np.clip(events / np.maximum(total, 1e-12), 1e-6, 0.9)
        out[j] = np.where(possible[j], np.log(rate / (1 - rate) if causes > 1 else -np.log1p(-rate)), 0.0)
    return out


def period_effects(
    rows: PersonPeriods,
    periods: int,
    weights: np.ndarray,
    link: str,
    *,
    score: np.ndarray,
    offset: np.ndarray,
    slopes: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit period effects, and slopes (at least 0) of one score per cause, by maximum likelihood.

    Parameters
    ----------
    rows : PersonPeriods
        Without periods whose hazard is certain for several causes.
    periods : int
        K.
    weights : ndarray of shape (N,)
        Of person-periods.
    link : {"cloglog", "logit"}
        As in `discrete_hazard_fit`.
    score, offset : ndarray of shape (N, J)
        Scores with a slope each, and what is added as it is.
    slopes : ndarray of bool of shape (J,)
        Slopes to estimate; the others are 0.

    Returns
    -------
    alpha : ndarray of shape (J, K)
        Period effects, infinite where they are certain.
    slope : ndarray of shape (J,)
        Slopes.
    """
    causes, cell = score.shape[1], rows.period
    fixed = certain_periods(rows, cell, periods, causes)
    told = [np.bincount(cell, weights=np.isfinite(column), minlength=periods) > 0 for column in offset.T]
    fixed = np.where(np.array(told), fixed, -np.inf)
    possible = fixed == 0
    open_rows = np.asarray(~np.isposinf(fixed).any(axis=0))[cell]
    if not (rows.response[open_rows] > 0).any():
        raise EstimationError("In every period all patients at risk had the event: there is nothing to compare.")
    inner, at = rows.where(open_rows), cell[open_rows]
    dummies = np.zeros((at.size, periods))
    dummies[np.arange(at.size), at] = 1.0
    found = discrete_hazard_fit(
        np.hstack([dummies, score[open_rows]]),
        inner.response,
        inner.span,
        categories=causes,
        link=link,
        weights=weights[open_rows],
        offset=offset[open_rows] + fixed.T[at],
        free=np.hstack([possible, np.diag(slopes)]),
        penalty=np.zeros(periods + causes),
        start=np.hstack(
            [first_rates(inner, at, periods, causes, weights[open_rows], possible), np.zeros((causes, causes))]
        ),
    )
    determined = found.converged and not undetermined(found.information)
    empty = vanished_periods(found.coef[:, :periods], inner, at, possible)
    if not determined and empty.any():  # the maximum has no event there
        shift = np.where(empty.T[cell], -np.inf, offset)
        return period_effects(rows, periods, weights, link, score=score, offset=shift, slopes=slopes)
    if not determined:
        raise EstimationError(
            "The likelihood has no finite maximum: a period cannot be distinguished from its neighbours because "
            "its visit was always missed, or events are separated. Merge visits."
        )
    slope = np.diag(found.coef[:, periods:]).copy()
    if (slope < 0).any():
        keep = slopes & (slope >= 0)
        return period_effects(rows, periods, weights, link, score=score, offset=offset, slopes=keep)
    return np.where(possible, found.coef[:, :periods], fixed), slope


def incidence_at(
    hazards: np.ndarray,
    survival: np.ndarray,
    mine: int,
    visits: np.ndarray,
    horizons: np.ndarray,
    between: str,
) -> np.ndarray:
    """Return the incidence of one cause by each horizon, ``(n, k)``.

    Parameters
    ----------
    hazards : ndarray of shape (n, K, J)
        Probability of each cause in each period, of those at risk.
    survival : ndarray of shape (n, K)
        No event by the end of each period.
    mine : int
        Place of the cause.
    visits, horizons : ndarray
        Ends of the periods; where to read.
    between : {"refuse", "interpolate"}
        Treatment of horizons that are no visits.
    """
    place = np.searchsorted(visits, horizons * (1 - 1e-9), side="left")
    ends = visits[place]
    apart = ~np.isclose(ends, horizons, rtol=1e-8, atol=0)
    if apart.any() and between == "refuse":
        raise argument_error(
            "horizons",
            f"among the visits {visits.tolist()}",
            str(horizons[apart].tolist()),
            "Between visits the data do not say when the event happened. Set between='interpolate' for a constant "
            "hazard within periods, or use RoystonParmar.",
        )
    before = np.hstack([np.ones((hazards.shape[0], 1)), survival[:, :-1]])
    own = hazards[:, :, mine]
    out = np.cumsum(before * own, axis=1)[:, place]
    if apart.any():
        starts = np.concatenate([[0.0], visits])[place]
        share = np.where(apart, (horizons - starts) / (ends - starts), 1.0)
        every = hazards.sum(axis=2)[:, place]
        passed = -np.expm1(share * np.log1p(-np.minimum(every, 1.0)))  # P(any event by the horizon | at risk)
        with np.errstate(invalid="ignore"):
            split = np.where(every > 0, own[:, place] / every, 0.0)
        part = before[:, place] * passed * split
        out = np.where(apart, out - before[:, place] * own[:, place] + part, out)
    return np.clip(out, 0.0, 1.0)


def with_effects(alpha: np.ndarray, effect: np.ndarray) -> np.ndarray:
    """Return the sum of period effects and effects of predictors; 500, as good as certain, where the first are ∞.

    Finite period effects have no limit: they belong to predictors at 0, which may be a year of birth.
    """
    return np.where(np.isposinf(alpha), 500.0, alpha + effect)
