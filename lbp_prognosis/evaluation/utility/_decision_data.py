"""Rows prepared once for every curve, influence value and resample of a decision analysis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lbp_prognosis._base import influence_se, spawn
from lbp_prognosis._kernels import (
    BLOCKS,
    DRAWN_SINGLY,
    NetBenefitTerms,
    ThresholdIncidence,
    cell_counts,
    decision_shares,
    incidence_by_threshold,
    incidence_by_threshold_influence,
    ipcw_influence,
    ipcw_weights,
    net_benefit_block_sums,
    net_benefit_squares,
    threshold_bins,
)

__all__ = ["DecisionData", "Point"]

_HELD = 1 << 22  # influence values, by row and threshold, that are held at a time
_UNITS = 1 << 14  # rows or clusters whose counts in all resamples are held as floats at a time


@dataclass(frozen=True)
class Point:
    """Shares of all patients at each threshold: treated, true and false positives, and net benefit with its SE."""

    treated: np.ndarray
    true_positive: np.ndarray
    false_positive: np.ndarray
    net_benefit: np.ndarray
    se: np.ndarray


@dataclass(frozen=True)
class DecisionData:
    """Rows in increasing order of time.

    Attributes
    ----------
    order : ndarray of shape (n,)
        Caller's row of each row here.
    time, code : ndarray of shape (n,)
        Increasing times; 0 censored, 1 cause of interest, 2 other.
    risks : ndarray of shape (n_models, n, n_horizons)
        Risks of the target; the last model is "treat all".
    horizons, thresholds : ndarray
        Kernel's horizons; thresholds in the order asked for.
    weights : ndarray of shape (n,) or None
    scale : ndarray of shape (n,) or None
        Factor of each row's derivative in the variance: the weight, or its root for frequency weights.
    clusters : ndarray of int of shape (n,) or None
    frequency, strict, complement, ipcw : bool
        Weights are counts; treat above (not at) the threshold; the target is the absence of the event; estimator.
    missing : ndarray of bool of shape (n_models, n_horizons)
        No risk predicted: ``risks`` then contain placeholders, which must not be used.
    """

    order: np.ndarray
    time: np.ndarray
    code: np.ndarray
    risks: np.ndarray
    horizons: np.ndarray
    thresholds: np.ndarray
    weights: np.ndarray | None
    scale: np.ndarray | None
    clusters: np.ndarray | None
    frequency: bool
    strict: bool
    complement: bool
    ipcw: bool
    missing: np.ndarray
    _cache: dict = field(default_factory=dict, repr=False, compare=False)

    @property
    def n(self) -> int:
        """Rows."""
        return self.time.size

    @property
    def competing(self) -> bool:
        """Whether another cause occurs."""
        return bool((self.code == 2).any())

    @property
    def odds(self) -> np.ndarray:
        """Harm of a false positive in units of a true positive, t/(1 − t)."""
        return self.thresholds / (1 - self.thresholds)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.n if self.weights is None else self.weights.sum())

    @property
    def rank(self) -> np.ndarray:
        """Place of each threshold among them in increasing order, in which the kernels work."""
        if "rank" not in self._cache:
            self._cache["rank"] = np.searchsorted(np.sort(self.thresholds), self.thresholds)
        return self._cache["rank"]

    def bins(self, model: int, h: int) -> np.ndarray:
        """Return how many thresholds each row's risk reaches."""
        return self._all_bins(h)[model]

    def _all_bins(self, h: int) -> np.ndarray:
        """Return the `bins` of all models at a horizon, of shape (n_models, n)."""
        key = ("bins", h)
        if key not in self._cache:
            increasing, every = np.sort(self.thresholds), np.empty(self.risks.shape[:2], dtype=np.int64)
            # the last row is the strategy that treats all: one risk, the same for every patient
            for row, risk in zip(every, [*self.risks[:-1, :, h], self.risks[-1, :1, h]]):
                row[:] = threshold_bins(risk, increasing, self.strict)
            self._cache[key] = every
        return self._cache[key]

    def longest_follow_up(self, model: int, h: int) -> np.ndarray:
        """Longest follow-up of the rows in each bin, −1 for none: twice the place of its time, and 1 if censored."""
        if "follow-up" not in self._cache:
            # rows lie in order of time: the largest row number is the longest; among ties censorings come last
            key = np.searchsorted(self.time, self.time, side="left") * 2 + (self.code == 0)
            self._cache["follow-up"] = key if self.weights is None else np.where(self.weights > 0, key, -1)
        last = np.full(self.thresholds.size + 1, -1)
        np.maximum.at(last, self.bins(model, h), self._cache["follow-up"])
        return last

    def point(self, model: int, h: int) -> Point:
        """Return the estimates of one model at one horizon, with analytic standard errors."""
        key = ("point", model, h)
        if key not in self._cache:
            self._cache[key] = self._point_ipcw(model, h) if self.ipcw else self._point(model, h)
        return self._cache[key]

    def _point(self, model: int, h: int) -> Point:
        out = self._incidence(model, h)
        shares = decision_shares(out, self.rank, self.total, self.thresholds, complement=self.complement)
        if self.clusters is None and (self.weights is None or self.frequency):
            treated, success = shares.treated, out.incidence[self.rank]
            success = 1 - success if self.complement else success
            value = success - self.odds * (1 - success)
            # variance of an incidence among the treated, and of who is treated; the two are uncorrelated
            spread = treated * (1 - treated) * value**2 / self.total
            variance = ((1 + self.odds) * treated) ** 2 * out.variance[self.rank] + spread
            se = np.sqrt(np.maximum(variance, 0.0))
        else:
            se = self.standard_errors(h, [(model, None)])[0]
        return Point(*shares, se)

    def _incidence(self, model: int, h: int) -> ThresholdIncidence:
        """Return the incidence above each threshold; all thresholds of "treat all" have one group."""
        key = ("incidence", model, h)
        if key not in self._cache:
            k, here = self.thresholds.size, self.bins(model, h)
            flat = model == self.risks.shape[0] - 1
            out = incidence_by_threshold(
                np.minimum(here, 1) if flat else here,
                self.time,
                self.code,
                self.horizons[h],
                1 if flat else k,
                weights=self.weights,
                competing=self.competing,
            )
            self._cache[key] = ThresholdIncidence(*(np.array(np.broadcast_to(part, k)) for part in out))
        return self._cache[key]

    def _point_ipcw(self, model: int, h: int) -> Point:
        bins = self.bins(model, h)
        factor, positive = self._censoring_weights(h)
        row = np.ones(self.n) if self.weights is None else self.weights
        k = self.thresholds.size

        def above(values: np.ndarray) -> np.ndarray:
            sums = np.cumsum(np.bincount(bins, weights=values, minlength=k + 1)[::-1])[::-1][1:]
            return sums[self.rank] / self.total

        tp, fp = above(row * factor * positive), above(row * factor * (1 - positive))
        return Point(above(row), tp, fp, tp - self.odds * fp, self.standard_errors(h, [(model, None)])[0])

    def _censoring_weights(self, h: int) -> tuple[np.ndarray, np.ndarray]:
        key = ("ipcw", h)
        if key not in self._cache:
            tau = self.horizons[h]
            factor = ipcw_weights(self.time, self.code, tau, self.weights)
            happened = (self.code == 1) & (self.time <= tau)
            positive = (~happened if self.complement else happened).astype(float)
            self._cache[key] = (np.where(np.isfinite(factor), factor, 0.0), positive)
        return self._cache[key]

    def influence(self, model: int, h: int) -> np.ndarray:
        """Return influence values of the net benefit, of shape (n, k), in the caller's order of rows.

        ``sqrt(Σ ψ²) / n`` is the standard error for each kind of weights.
        """
        psi = self._influence(model, h, 0, self.thresholds.size)[self.rank]
        result = np.empty(psi.shape)
        result[:, self.order] = psi
        return result.T

    def _influence(self, model: int, h: int, low: int, high: int) -> np.ndarray:
        """Influence values at thresholds of rank ``low`` to ``high`` − 1, of shape (high − low, n), rows by time."""
        if self.missing[model, h]:
            return np.full((high - low, self.n), np.nan)
        tau, k, odds = self.horizons[h], high - low, np.sort(self.odds)[low:high]
        bins = np.clip(self.bins(model, h) - low, 0, k)
        if self.ipcw:
            positive = self._censoring_weights(h)[1]
            gain = (bins[:, None] > np.arange(k)) * (positive[:, None] - odds * (1 - positive[:, None]))
            psi = np.asarray(ipcw_influence(self.time, self.code, tau, gain, self.weights)[1]).T
        else:
            out = incidence_by_threshold(
                bins, self.time, self.code, tau, k, weights=self.weights, competing=self.competing, variance=False
            )
            # a row per threshold, and in place: this is the largest table of the analysis
            psi = incidence_by_threshold_influence(bins, self.time, self.code, tau, k, self.weights)
            weight, incidence = out.weight, out.incidence
            success = 1 - incidence if self.complement else incidence
            value = success - odds * (1 - success)
            psi *= ((-1.0 if self.complement else 1.0) * weight * (1 + odds))[:, None]
            psi -= (weight / self.total * value)[:, None]
            for place, (row, worth) in enumerate(zip(psi, value)):
                row += worth * (bins > place)
        if self.scale is not None:
            psi = psi * (self.scale * self.n / self.total)
        return psi

    def _pieces(self) -> Iterator[tuple[int, int]]:
        """Yield ranges of thresholds whose influence values are held together."""
        k = self.thresholds.size
        step = max(_HELD // max(self.n, 1), 1)
        return ((low, min(low + step, k)) for low in range(0, k, step))

    def _by_unit(self, psi: np.ndarray) -> np.ndarray:
        """Sums (k, units) of influence values (k, n) by cluster; as they are where rows are the units."""
        if self.clusters is None:
            return psi
        units = int(self.clusters.max()) + 1
        return np.stack([np.bincount(self.clusters, weights=row, minlength=units) for row in psi])

    @property
    def long(self) -> bool:
        """Whether influence values are summed as they arise: a number per row and threshold is too much to hold."""
        return self.n > DRAWN_SINGLY and not self.ipcw and self.clusters is None

    def standard_errors(self, h: int, pairs: list[tuple[int, int | None]]) -> np.ndarray:
        """Return standard errors of net benefits, or of differences from a second model, of shape (pairs, k)."""
        models = sorted({m for pair in pairs for m in pair if m is not None})
        if not self.long:
            out = np.empty((len(pairs), self.thresholds.size))
            for low, high in self._pieces():
                psi = {m: self._influence(m, h, low, high) for m in models}
                for row, (i, j) in zip(out, pairs):
                    row[low:high] = self._se(psi[i] if j is None else psi[i] - psi[j])
            return out[:, self.rank]
        wanted = np.array([[models.index(i), -1 if j is None else models.index(j)] for i, j in pairs])
        bins = self._all_bins(h) if models == list(self._models) else self._all_bins(h)[models]
        part = (self.time, self.code, self.horizons[h], self._row_factor(), self._terms(models, h), wanted)
        out = np.sqrt(net_benefit_squares(bins, *part, self.weights))[:, self.rank] / self.n
        gone = [any(m is not None and self.missing[m, h] for m in pair) for pair in pairs]
        out[gone] = np.nan
        return out

    def _row_factor(self) -> np.ndarray:
        """Return the factor of each row's influence value."""
        return np.ones(self.n) if self.scale is None else self.scale * (self.n / self.total)

    def _terms(self, models: list[int], h: int) -> NetBenefitTerms:
        """Return the terms of an influence value, for the walks of long tables."""
        return NetBenefitTerms(*np.stack([self._terms_of(m, h) for m in models], axis=1))

    @property
    def _models(self) -> range:
        return range(self.risks.shape[0])

    def _terms_of(self, model: int, h: int) -> np.ndarray:
        key = ("terms", model, h)
        if key not in self._cache:
            weight, incidence, _ = self._incidence(model, h)
            odds, success = np.sort(self.odds), 1 - incidence if self.complement else incidence
            value = success - odds * (1 - success)
            gain = (-1.0 if self.complement else 1.0) * weight * (1 + odds)
            self._cache[key] = np.stack([incidence, gain, value, -weight / self.total * value])
        return self._cache[key]

    def _se(self, influence: np.ndarray) -> np.ndarray:
        """Return standard errors (k,) from influence values (k, n) of rows by time."""
        return influence_se(influence.T, self.clusters)

    def se(self, influence: np.ndarray) -> np.ndarray:
        """Return the standard error from influence values in the caller's order."""
        if self.clusters is None:
            return influence_se(influence)
        labels = np.empty(self.n, dtype=np.int64)
        labels[self.order] = self.clusters
        return influence_se(influence, labels)

    def incidence(self, h: int) -> float:
        """Return P(target by the horizon) in all rows."""
        ones, tau = np.ones(self.n, dtype=np.int64), self.horizons[h]
        out = incidence_by_threshold(
            ones, self.time, self.code, tau, 1, weights=self.weights, competing=self.competing, variance=False
        )
        return 1 - float(out.incidence[0]) if self.complement else float(out.incidence[0])

    def incidence_influence(self, h: int) -> tuple[float, np.ndarray]:
        """Return P(target by the horizon) in all rows, and its influence values in the caller's order."""
        ones, tau = np.ones(self.n, dtype=np.int64), self.horizons[h]
        psi = incidence_by_threshold_influence(ones, self.time, self.code, tau, 1, self.weights)[0] * self.total
        if self.scale is not None:
            psi = psi * self.scale * self.n / self.total
        result = np.empty(self.n)
        result[self.order] = -psi if self.complement else psi
        return self.incidence(h), result

    def resamples(self, h: int, n_resamples: int, random_state: object) -> np.ndarray:
        """Return net benefits of all models in resamples of the rows (or clusters), of shape (resamples, models, k).

        Rows that agree in time, code, weight and all bins form a cell; a resample is one multinomial over the cells.
        With IPCW, with clusters and in long tables the estimate in a resample is its first-order expansion.
        """
        models, k, tau = self.risks.shape[0], self.thresholds.size, self.horizons[h]
        out = np.empty((n_resamples, models, k))
        generators = spawn(random_state, n_resamples)  # type: ignore[arg-type]
        if self.ipcw or self.clusters is not None:
            return self._resample_linear(h, generators, out)
        if self.long:
            return self._resample_blocks(h, generators, out)
        bins = self._all_bins(h)
        weight = np.ones(self.n) if self.weights is None else self.weights
        kept = np.zeros(self.n) if self.frequency or self.weights is None else self.weights
        cells, sizes = _cells(np.column_stack([self.time, self.code, kept, bins.T]), weight if self.frequency else None)
        if self.weights is not None and not self.frequency:
            cells, sizes = cells[cells[:, 2] > 0], sizes[cells[:, 2] > 0]  # a row of weight zero is no patient
        time, code = np.ascontiguousarray(cells[:, 0]), cells[:, 1].astype(np.int64)
        cell_bins = np.ascontiguousarray(cells[:, 3:].T).astype(np.int64)
        rows, competing, one = int(sizes.sum()), self.competing, np.ones(sizes.size, dtype=np.int64)
        for b, rng in enumerate(generators):
            counts = cell_counts(rng, sizes, rows)
            used = counts if self.frequency or self.weights is None else counts * cells[:, 2]
            total = used.sum()
            for m in range(models):
                # all thresholds of "treat all" have one group: one walk for one group instead of k
                every = m == models - 1
                got = incidence_by_threshold(
                    one if every else cell_bins[m],
                    time,
                    code,
                    tau,
                    1 if every else k,
                    weights=used,
                    competing=competing,
                    variance=False,
                )
                place = slice(None) if every else self.rank
                shares = decision_shares(got, place, total, self.thresholds, complement=self.complement)
                out[b, m] = shares.net_benefit
        return out

    def _resample_blocks(self, h: int, generators: list[np.random.Generator], out: np.ndarray) -> np.ndarray:
        """Normal multiples of sums of influence values over random blocks of rows.

        Rows have random signs: the sums then have the covariance of the rows without bias, even where the values of all
        rows do not add up to zero.
        """
        rng = generators[0]
        block = rng.integers(0, BLOCKS, size=self.n)
        factor = self._row_factor() * (2.0 * rng.integers(0, 2, size=self.n) - 1)
        sums = self._block_sums(h, factor, block)
        draws = np.stack([one.standard_normal(BLOCKS) for one in generators])
        moved = (draws @ sums.reshape(BLOCKS, -1)).reshape(out.shape)[:, :, self.rank] / self.n
        for m in range(out.shape[1]):
            out[:, m] = self.point(m, h).net_benefit + moved[:, m]
        return out

    def _block_sums(self, h: int, factor: np.ndarray, block: np.ndarray) -> np.ndarray:
        """Sums of influence values times a factor of each row, over blocks of rows, of shape (blocks, models, k)."""
        tau, last = self.horizons[h], self._models[-1]
        part = (self.time, self.code, tau, factor, self._terms(list(self._models[:-1]), h), block, BLOCKS, self.weights)
        # treating all: the values of one group, at all thresholds
        of_all = incidence_by_threshold_influence(self.bins(last, h), self.time, self.code, tau, 1, self.weights)[0]
        of_all *= factor
        moved, counted = (np.bincount(block, weights=v, minlength=BLOCKS)[:, None] for v in (of_all, factor))
        _, gain, inside, outside = self._terms_of(last, h)
        every = moved * gain + counted * (inside + outside)
        return np.concatenate([net_benefit_block_sums(self._all_bins(h)[:last], *part), every[:, None]], axis=1)

    def _resample_linear(self, h: int, generators: list[np.random.Generator], out: np.ndarray) -> np.ndarray:
        """First-order expansion in multinomial counts of the rows or clusters, some thresholds at a time."""
        units = self.n if self.clusters is None else int(self.clusters.max()) + 1
        counts = _counts(generators, units)
        place: np.ndarray | slice = slice(None)
        if self.clusters is None:  # the counts are of the caller's rows
            place = self.order
        for m in range(out.shape[1]):
            moved = np.zeros((len(generators), self.thresholds.size))
            for low, high in self._pieces():
                psi = np.empty((high - low, units))
                psi[:, place] = self._by_unit(self._influence(m, h, low, high)) / self.n
                for first in range(0, units, _UNITS):
                    some = slice(first, first + _UNITS)
                    moved[:, low:high] += (counts[:, some] - 1.0) @ psi[:, some].T
            out[:, m] = self.point(m, h).net_benefit + moved[:, self.rank]
        return out


def _counts(generators: list[np.random.Generator], units: int) -> np.ndarray:
    """Draw how often each unit occurs in each resample, (resamples, units), as the smallest whole numbers that fit."""
    even, drawn = np.full(units, 1 / units), []
    for rng in generators:
        one = rng.multinomial(units, even)
        drawn.append(one.astype(np.min_scalar_type(int(one.max()))))
    return np.stack(drawn)


def _cells(table: np.ndarray, copies: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Distinct rows of a table, ordered by its first column, and how many patients each stands for."""
    order = np.lexsort(table.T[::-1])
    table = table[order]
    new = np.concatenate([[True], (table[1:] != table[:-1]).any(axis=1)])
    starts = np.flatnonzero(new)
    if copies is None:
        return table[starts], np.diff(np.append(starts, table.shape[0]))
    return table[starts], np.add.reduceat(copies[order], starts).astype(np.int64)
