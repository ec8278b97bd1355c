"""Likelihood and scores of person-periods, and the error where the likelihood has no finite maximum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lbp_prognosis._base import EstimationError
from lbp_prognosis._kernels import DiscreteHazardFit
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._penalty_remedy import penalty_remedy
from lbp_prognosis.models._person_periods import PersonPeriods

__all__ = ["not_determined", "row_loglik", "score_products"]


def row_loglik(rows: PersonPeriods, own: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of person-periods (m,), that of a span at its last row; at least log 1e-8 each.

    ``own`` (m, causes) are the hazards of the rows. A span is an event in one of its periods.
    """
    none = np.clip(1.0 - own.sum(axis=1), 1e-8, 1.0)
    out = np.where(rows.response == 0, np.log(none), 0.0)
    alone = (rows.response > 0) & (rows.span < 0)
    out[alone] = np.log(np.clip(own[alone, rows.response[alone] - 1], 1e-8, 1.0))
    spans = np.flatnonzero(rows.span >= 0)
    if spans.size:
        spans = spans[np.lexsort((rows.period[spans], rows.span[spans]))]
        first = np.flatnonzero(np.diff(rows.span[spans], prepend=-1))
        free = np.log(none[spans])
        before = np.cumsum(free) - free
        before -= np.repeat(before[first], np.diff(np.append(first, spans.size)))
        chance = np.add.reduceat(np.exp(before) * own[spans, rows.response[spans] - 1], first)
        out[spans] = 0.0
        out[spans[np.append(first[1:], spans.size) - 1]] = np.log(np.maximum(chance, 1e-8))
    return out


def score_products(design: Design, rows: PersonPeriods, inner: np.ndarray, found: DiscreteHazardFit) -> np.ndarray:
    """Return Σ U Uᵀ with U the score of a patient or cluster."""
    score = (found.row_score[:, :, None] * inner[:, None, :]).reshape(inner.shape[0], -1)
    by_person = np.zeros((design.X.shape[0], score.shape[1]))
    np.add.at(by_person, rows.person, score)
    return design.products(by_person)


def not_determined(
    effects: np.ndarray,
    ranges: np.ndarray,
    names: Sequence[str],
    kept: np.ndarray,
    penalty: float,
    factors: np.ndarray,
) -> EstimationError:
    """Return the error that names the columns ``kept`` (p,) with the largest of ``effects`` (n_causes, n_kept).

    ``ranges`` (n_kept,) are those of the columns: a category of few patients has a small standard deviation, so its
    effect per standard deviation is small, and the range tells.
    """
    large = effects.max(axis=0, initial=0.0)
    if large.max(initial=0.0) <= 5:
        large = large * ranges / 2
    guilty = [int(j) for j, size in zip(np.flatnonzero(kept), large) if size > max(5, large.max() / 5)]
    told = ", ".join(repr(str(names[j])) for j in guilty[:3])
    return EstimationError(
        "The likelihood has no finite maximum within reach: a combination of columns separates patients with "
        f"the event from those without. Largest coefficients: {told}. "
        f"{penalty_remedy(penalty, factors, names, guilty)}, merge sparse categories, or drop the column."
        if guilty
        else "The likelihood has no finite maximum within reach: a period cannot be distinguished from its neighbours, "
        "because its visit was always missed. Leave that visit out of `visits`; a penalty does not reach the "
        "effects of periods."
    )
