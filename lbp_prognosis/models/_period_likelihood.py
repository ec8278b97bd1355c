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


def row_loglik(rows: PersonPeriods, hazards: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of person-periods (m,), that of a span at its last row; at least log 1e-8 each.

    ``hazards`` (n, K, causes) are those of all patients. A span is an event in one of its periods.
    """
    own = hazards[rows.person, rows.period]
    none = np.clip(1.0 - own.sum(axis=1), 1e-8, 1.0)
    out = np.where(rows.response == 0, np.log(none), 0.0)
    alone = (rows.response > 0) & (rows.span < 0)
    out[alone] = np.log(np.clip(own[alone, rows.response[alone] - 1], 1e-8, 1.0))
    spans = np.flatnonzero(rows.span >= 0)
    for span in np.unique(rows.span[spans]):
        places = spans[rows.span[spans] == span]
        places = places[np.argsort(rows.period[places])]
        before = np.append(1.0, np.cumprod(none[places])[:-1])
        chance = float(before @ own[places, rows.response[places].max() - 1])
        out[places], out[places[-1]] = 0.0, np.log(max(chance, 1e-8))
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
        else "The likelihood has no finite maximum within reach: a period can't be told from its neighbours, "
        "because its visit was always missed. Leave that visit out of `visits`; a penalty does not reach the "
        "effects of periods."
    )
