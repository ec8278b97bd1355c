"""``cross_fit``: margins of rows by trees that never saw them, the number of trees that is enough, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import gammainc

from lbp_prognosis._base import EstimationError
from lbp_prognosis.models._xgboost_adapter import BoosterParameters, GrowingTrees, mean_of_boosters

__all__ = [
    "CrossFit",
    "Growth",
    "Likelihood",
    "Problem",
    "TreeTable",
    "cross_fit",
    "deal_folds",
    "identical_rows",
    "without_trees",
]

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

Objective = Callable[[np.ndarray], tuple[Any, ...]]
"""Margins ``(n, n_outputs)`` -> log-likelihood, and perhaps derivatives."""


class Problem(Protocol):
    """Boosted likelihood, of any part of the rows."""

    def part(self, rows: np.ndarray) -> Likelihood:
        """Return the likelihood of these rows in their margins."""


class SplitProblem(Problem, Protocol):
    """Boosted likelihood whose held-out rows need no derivatives, or take parameters from the training rows."""

    def split(self, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Objective]:
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

    def growing(self, rows: np.ndarray, held_out: np.ndarray | None = None, member: int = 0) -> GrowingTrees:
        """Return boosters without trees of some rows; drawn columns differ between members."""
        outside = None if held_out is None else self.X[held_out]
        own = [{**given, "seed": (int(given.get("seed", 0)) + member) % 2**31} for given in self.parameters]
        return GrowingTrees(self.X[rows], self.kinds, own, held_out=outside, caller=self.caller)


@dataclass(frozen=True)
class Growth:
    """Settings under which trees are grown.

    Attributes
    ----------
    rounds : int
        Most trees.
    select : bool
        Choose the number of trees; otherwise all are grown and kept.
    patience : int or None
        Trees without a rise of the held-out likelihood after which growing stops; None grows all of them.
    average : bool
        The model is the mean of the boosters of all folds; otherwise one booster of all rows.
    share : float
        Share of the patients drawn for each tree.
    """

    rounds: int
    select: bool
    patience: int | None
    average: bool
    share: float


@dataclass(frozen=True)
class CrossFit:
    """Results of the folds.

    Attributes
    ----------
    rounds : int
        Trees that were chosen.
    margins : ndarray of shape (n, n_outputs)
        Mean margin of each row by as many trees of the boosters that did not see it.
    log_likelihood : ndarray of shape (grown + 1,)
        Log likelihood of the held-out rows, summed over folds, after 0, 1, … trees; the mean over the partitions.
    trees : tuple of str
        Final booster of each output, as JSON text.
    fewest_in_leaf : int
        Smallest number of patients from whom a leaf of the final boosters was grown.
    """

    rounds: int
    margins: np.ndarray
    log_likelihood: np.ndarray
    trees: tuple[str, ...]
    fewest_in_leaf: int


@dataclass(frozen=True)
class _Part:
    """One booster of each output, and the rows that it did not see."""

    repeat: int
    inside: np.ndarray
    outside: np.ndarray
    trees: GrowingTrees
    train: Likelihood
    test: Objective


def cross_fit(
    table: TreeTable,
    problem: Problem,
    folds: np.ndarray,
    groups: np.ndarray,
    growth: Growth,
    rng: np.random.Generator,
) -> CrossFit:
    """Grow all folds in parallel, one tree at a time, until their held-out likelihood no longer rises.

    Parameters
    ----------
    table : TreeTable
        All rows.
    problem : Problem
        Problem of the booster.
    folds : ndarray of int of shape (n, n_repeats)
        Fold of each row in each partition.
    groups : ndarray of int of shape (n,)
        Patient of each row: patients are drawn as a whole.
    growth : Growth
        Number of trees, draws, and what the final booster is.
    rng : Generator
        Draws patients.
    """
    n, repeats = folds.shape
    margins = np.zeros((repeats, n, len(table.parameters)))
    parts: list[_Part] = []
    for repeat, fold in ((r, k) for r in range(repeats) for k in range(int(folds[:, r].max()) + 1)):
        inside, outside = (np.flatnonzero((folds[:, repeat] == fold) == held) for held in (False, True))
        trees = table.growing(inside, outside, member=len(parts))
        parts.append(_Part(repeat, inside, outside, trees, *_split(problem, inside, outside)))
    draws = [_Draws(groups[part.inside], growth.share, rng) for part in parts]

    def held_out() -> tuple[float, np.ndarray]:
        mean = margins.mean(axis=0)
        return sum(part.test(mean[part.outside])[0] for part in parts) / repeats, mean

    total, kept = held_out()
    likelihood, best = [total], 0
    for count in range(1, growth.rounds + 1):
        for part, draw in zip(parts, draws):
            _, gradient, curvature = part.train(part.trees.margins())
            part.trees.grow(gradient, curvature, draw())
            margins[part.repeat, part.outside] = part.trees.held_out_margins()
        total, mean = held_out()
        likelihood.append(total)
        if not growth.select or total > likelihood[best]:
            best, kept = count, mean
        if growth.select and growth.patience is not None and count - best >= growth.patience:
            break
    final, fewest = _final_trees(table, problem, parts, groups, best, growth, rng)
    return CrossFit(best, kept, np.array(likelihood), final, fewest)


def _final_trees(
    table: TreeTable,
    problem: Problem,
    parts: Sequence[_Part],
    groups: np.ndarray,
    rounds: int,
    growth: Growth,
    rng: np.random.Generator,
) -> tuple[tuple[str, ...], int]:
    """Return the boosters of the model as text, and the fewest patients behind a leaf."""
    outputs = range(len(table.parameters))
    if growth.average and rounds:
        fewest = min(part.trees.fewest_in_leaf(groups[part.inside], rounds) for part in parts)
        return tuple(mean_of_boosters([part.trees.first(j, rounds) for part in parts]) for j in outputs), fewest
    rows = np.arange(groups.size)
    trees, likelihood, draw = table.growing(rows), problem.part(rows), _Draws(groups, growth.share, rng)
    for _ in range(rounds):
        _, gradient, curvature = likelihood(trees.margins())
        trees.grow(gradient, curvature, draw())
    trees.margins()  # a booster without trees learns only now how many columns it has
    return tuple(trees.first(j, rounds) for j in outputs), trees.fewest_in_leaf(groups, rounds)


def without_trees(table: TreeTable) -> str:
    """Return a booster of the table's first output that has no tree, as JSON text: its margin is 0 for all rows."""
    grown = table.growing(np.arange(table.X.shape[0]))
    grown.margins()  # a booster without trees learns only now how many columns it has
    return grown.first(0, 0)


class _Draws:
    """Draw a share of the patients without replacement, all rows of a patient together."""

    def __init__(self, groups: np.ndarray, share: float, rng: np.random.Generator) -> None:
        codes, self.patient = np.unique(groups, return_inverse=True)
        self.count, self.rng = codes.size, rng
        self.size = max(round(share * codes.size), 1)

    def __call__(self) -> np.ndarray | None:
        """Return which rows are drawn; None if all are."""
        if self.size == self.count:
            return None
        drawn = np.zeros(self.count, dtype=bool)
        drawn[self.rng.permutation(self.count)[: self.size]] = True
        return np.asarray(drawn[self.patient])


def _split(problem: Problem | SplitProblem, inside: np.ndarray, outside: np.ndarray) -> tuple[Likelihood, Objective]:
    split = getattr(problem, "split", None)
    if split is None:
        return problem.part(inside), problem.part(outside)
    found: tuple[Likelihood, Objective] = split(inside, outside)
    return found


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
