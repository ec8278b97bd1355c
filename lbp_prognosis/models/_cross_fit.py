"""``cross_fit``: margins of rows by trees that never saw them, and the number of trees that is enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import gammainc

from lbp_prognosis._base import EstimationError
from lbp_prognosis.models._xgboost_adapter import BoosterParameters, GrowingTrees

__all__ = ["CrossFit", "Likelihood", "Problem", "TreeTable", "cross_fit", "deal_folds", "grow_trees", "identical_rows"]

_MOST_ALIKE = 2
"""Pairs per row up to which identical rows may be copies; a bootstrap of distinct patients has 0.5."""

_FEW_PATTERNS = 20
"""Different rows below which many rows that are alike are no copies, even where no two outcomes share predictors."""

_MOST_DRAWN = 6
"""Rows of one patient in a bootstrap sample; a seventh occurs in one patient of 12,000."""

_CHANCE = 0.01
"""Probability of as many pairs that are alike in a cell, below which they are copies."""

_CLEAR = 3.0
"""Standard deviations by which cells of one outcome exceed their expected number."""

_MOST = 0.8
"""Share of copies among small cells; outcomes that predictors determine well give half."""

Likelihood = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]
"""Margins ``(n, n_outputs)`` -> log-likelihood, its gradient, and a bound on its curvature, both ``(n, n_outputs)``."""


class Problem(Protocol):
    """Boosted likelihood, of any part of the rows."""

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the likelihood of these rows in their margins."""


class SplitProblem(Problem, Protocol):
    """Boosted likelihood with parameters besides the margins, which held-out rows take from the training rows."""

    def split(self, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Likelihood]:
        """Return the likelihood of the training rows, and the objective to maximise in held-out rows."""


@dataclass(frozen=True)
class TreeTable:
    """Rows as trees take them.

    Attributes
    ----------
    X : ndarray of shape (n, p)
        Predictors, NaN where missing.
    kinds : tuple of str
        ``"q"`` or ``"c"`` for each column.
    parameters : tuple of dict
        xgboost's parameters, one set per output.
    caller : str
        Name of the model.
    """

    X: np.ndarray
    kinds: tuple[str, ...]
    parameters: tuple[BoosterParameters, ...]
    caller: str

    def growing(self, rows: np.ndarray, held_out: np.ndarray | None = None) -> GrowingTrees:
        """Return boosters without trees of some rows."""
        outside = None if held_out is None else self.X[held_out]
        return GrowingTrees(self.X[rows], self.kinds, self.parameters, held_out=outside, caller=self.caller)


@dataclass(frozen=True)
class CrossFit:
    """Results of the folds.

    Attributes
    ----------
    rounds : int
        Trees that were chosen.
    margins : ndarray of shape (n, n_outputs)
        Margin of each row by as many trees of the other folds.
    log_likelihood : ndarray of shape (grown + 1,)
        Log likelihood of the held-out rows, summed over folds, after 0, 1, … trees.
    """

    rounds: int
    margins: np.ndarray
    log_likelihood: np.ndarray


def cross_fit(
    table: TreeTable, problem: Problem, folds: np.ndarray, *, rounds: int, select: bool, patience: int | None
) -> CrossFit:
    """Grow all folds in parallel, one tree at a time, and stop when their held-out likelihood no longer rises.

    Parameters
    ----------
    table : TreeTable
        All rows.
    problem : Problem
        Problem of the booster.
    folds : ndarray of int of shape (n,)
        Fold of each row.
    rounds : int
        Most trees.
    select : bool
        Choose the number of trees; otherwise all are grown and kept.
    patience : int or None
        Trees without a rise after which growing stops; None grows all of them.
    """
    outputs = len(table.parameters)
    margins = np.zeros((folds.size, outputs))
    parts = []
    for fold in range(int(folds.max()) + 1):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        parts.append((outside, table.growing(inside, outside), *_split(problem, inside, outside)))
    likelihood = [sum(test(margins[outside])[0] for outside, _, _, test in parts)]
    best, kept = 0, margins.copy()
    for count in range(1, rounds + 1):
        total = 0.0
        for outside, trees, train, test in parts:
            _, gradient, curvature = train(trees.margins())
            trees.grow(gradient, curvature)
            margins[outside] = trees.held_out_margins()
            total += test(margins[outside])[0]
        likelihood.append(total)
        if not select or total > likelihood[best]:
            best, kept = count, margins.copy()
        if select and patience is not None and count - best >= patience:
            break
    return CrossFit(best, kept, np.array(likelihood))


def _split(problem: Problem | SplitProblem, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Likelihood]:
    split = getattr(problem, "split", None)
    return (problem.part(inside), problem.part(outside)) if split is None else split(inside, outside)


def grow_trees(table: TreeTable, problem: Problem, rounds: int) -> GrowingTrees:
    """Return boosters of all rows with a number of trees."""
    rows = np.arange(table.X.shape[0])
    trees, likelihood = table.growing(rows), problem.part(rows)
    for _ in range(rounds):
        _, gradient, curvature = likelihood(trees.margins())
        trees.grow(gradient, curvature)
    trees.margins()  # a booster without trees learns only now how many columns it has
    return trees


def identical_rows(
    predictors: Sequence[np.ndarray], outcome: Sequence[np.ndarray], weights: np.ndarray | None = None
) -> np.ndarray:
    """Return codes of rows that must stay in one fold: copies of a patient, as in a bootstrap sample.

    Where predictors have few values, rows are alike by chance. Held out together, such a group has one outcome, while
    the patients with the same predictors that are left have the other: the fold would teach the opposite of what is
    true. Rows are taken for copies if more pairs are alike than chance explains, by how often any two patients share an
    outcome, and if a row that shares its predictors with other outcomes has few others like it. If predictors determine
    the outcome, only rows of few patterns with many patients each are different patients. Rows that are no copies have
    a code each.

    What is decided so for the table is corrected for each pattern of predictors (a cell), because patients with coarse
    and with fine predictors occur in one table (some without imaging). A bootstrap draws a patient more than six times
    in one of 12,000: in a larger cell rows are copies if its outcomes differ, and pairs that are alike clearly exceed
    chance. Rows of smaller cells are copies, too, if clearly more of these cells than chance explains have one outcome.

    Parameters
    ----------
    predictors, outcome : sequence of ndarray of shape (n,) or (n, k)
        Columns to compare.
    weights : ndarray of shape (n,), optional
        Order rows that are alike, so that folds do not depend on the order of a table.
    """
    left, right = np.column_stack(predictors), np.column_stack(outcome)
    codes, alike = _alike(np.column_stack([left, right]))
    cells, sharing = _alike(left)
    outcomes, same = _alike(right)
    if not alike:
        return codes
    n = codes.size
    together = not _by_chance(n, int(codes.max()) + 1, alike, sharing, same)
    copies = _copies_by_cell(codes, cells, outcomes, same, together)
    order = np.lexsort((codes,) if weights is None else (weights, codes))
    starts = np.ones(n, dtype=bool)
    starts[1:] = (codes[order][1:] != codes[order][:-1]) | ~copies[cells[order][1:]]
    codes[order] = np.cumsum(starts) - 1
    return codes


def _by_chance(n: int, different: int, alike: int, sharing: int, same: int) -> bool:
    """Say whether pairs of rows that are alike are different patients, from pairs that share predictors or outcome."""
    if sharing == alike:  # no two outcomes share their predictors: copies, unless only a few patterns exist
        return different < _FEW_PATTERNS and alike > _MOST_ALIKE * n
    chance = 2 * same / (n * (n - 1))
    copies = (alike - chance * sharing) / (1 - chance)
    return 2 * copies < alike or alike > _MOST_ALIKE * n


def _copies_by_cell(
    codes: np.ndarray, cells: np.ndarray, outcomes: np.ndarray, same: int, together: bool
) -> np.ndarray:
    """Say for each cell of predictors whether its rows that are alike are copies; ``together`` is the table's rule."""
    n, size = codes.size, np.bincount(cells)
    first = np.unique(codes, return_index=True)[1]
    counts = np.bincount(codes)
    alike = np.bincount(cells[first], counts * (counts - 1) // 2, size.size)
    mixed = np.bincount(cells[first], minlength=size.size) > 1
    pairs = size * (size - 1) // 2
    small = size <= _MOST_DRAWN
    # the pairs of a cell of different outcomes
    chance = 2 * same / (n * (n - 1))
    between = 2 * (same - alike.sum()) / max(n * (n - 1) - 2 * pairs.sum(), 1)
    expected = (between if size.size >= _FEW_PATTERNS else chance) * pairs
    clear = gammainc(np.maximum(alike, 1), expected) < _CHANCE  # of as many pairs or more, if Poisson
    clear &= mixed & (alike <= _MOST_ALIKE * size) & (2 * (alike - expected) >= alike)
    if not mixed.any():
        return np.full(size.size, together)
    several = small & (size > 1)
    return clear | (small & (together or _more_uniform_than_chance(size[several], ~mixed[several], outcomes)))


def _more_uniform_than_chance(sizes: np.ndarray, uniform: np.ndarray, outcomes: np.ndarray) -> bool:
    """Say whether cells of one outcome clearly exceed those expected of different patients, and are most of all."""
    shares = np.bincount(outcomes) / outcomes.size
    of_size = np.array([np.sum(shares**size) for size in range(_MOST_DRAWN + 1)])
    chance = of_size[sizes]
    excess, others = float((uniform - chance).sum()), float((1 - chance).sum())
    return excess > _CLEAR * float((chance * (1 - chance)).sum()) ** 0.5 and excess >= _MOST * others


def _alike(table: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a code of each row, and how many pairs of rows are alike."""
    _, codes, counts = np.unique(
        np.nan_to_num(table, nan=np.finfo(float).max), axis=0, return_inverse=True, return_counts=True
    )
    return codes.ravel(), int(counts @ (counts - 1) // 2)


def deal_folds(groups: np.ndarray, event: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Assign groups to folds, those with events and those without in turn, so that folds have similar event numbers."""
    count = int(groups.max()) + 1
    if count < 2:
        raise EstimationError(
            f"All {groups.size} rows are of one cluster, so that no fold can be held out: give `clusters` of more "
            "than one patient, or none."
        )
    has_event = np.zeros(count, dtype=bool)
    has_event[groups[event]] = True
    order = rng.permutation(count)
    order = np.concatenate([order[has_event[order]], order[~has_event[order]]])
    fold = np.empty(count, dtype=np.int64)
    fold[order] = np.arange(count) % folds
    return fold[groups]
