"""Splitting a sample of intensities into a lower and an upper mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.special import expit

__all__ = ["Mixture", "fit_mixture", "otsu_threshold", "valley"]


def otsu_threshold(values: np.ndarray, bins: int = 256) -> float:
    """Return the threshold with the largest variance between two classes (Otsu), from a histogram."""
    low, high = np.quantile(values, (0.001, 0.999))
    if not high > low:
        return float(low)
    counts, edges = np.histogram(np.clip(values, low, high), bins=bins, range=(low, high))
    centres = 0.5 * (edges[1:] + edges[:-1])
    weight = np.cumsum(counts)[:-1].astype(float)
    total, mass = counts.sum(), np.cumsum(counts * centres)
    rest = total - weight
    with np.errstate(divide="ignore", invalid="ignore"):
        between = weight * rest * (mass[:-1] / weight - (mass[-1] - mass[:-1]) / rest) ** 2
    between = np.nan_to_num(between, nan=-1.0, posinf=-1.0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1:-1][best].mean())


def valley(values: np.ndarray, threshold: float, bins: int = 64) -> float:
    """Return the density at the lowest point between the two peaks over that of the lower peak; 1 = no valley."""
    low, high = np.quantile(values, (0.002, 0.998))
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    density = ndimage.gaussian_filter1d(counts.astype(float), 2.0)
    centres = 0.5 * (edges[1:] + edges[:-1])
    below, above = np.flatnonzero(centres <= threshold), np.flatnonzero(centres > threshold)
    if below.size == 0 or above.size == 0:
        return 1.0
    first, second = below[np.argmax(density[below])], above[np.argmax(density[above])]
    floor = density[first : second + 1].min()
    return float(floor / max(min(density[first], density[second]), 1e-9))


@dataclass(frozen=True)
class Mixture:
    """Two normal components of log-intensity, the lower first.

    Attributes
    ----------
    weights, means, sds : arrays of shape (2,)
    separation : float
        Distance of the means in pooled SDs.
    """

    weights: np.ndarray
    means: np.ndarray
    sds: np.ndarray

    @property
    def separation(self) -> float:
        """Distance of the two means over the root mean square of the SDs."""
        return float((self.means[1] - self.means[0]) / np.sqrt(np.mean(self.sds**2)))

    def upper_share(self, values: np.ndarray) -> np.ndarray:
        """Return the posterior probability of the upper component, monotone in the intensity.

        With unequal SDs the wider component would dominate again in the far tail of the other. Beyond the two means the
        probability is therefore kept at its value at the mean.
        """
        x = np.clip(np.log(np.maximum(values, 1e-6)), self.means[0], self.means[1])
        z = (x[..., None] - self.means) / self.sds
        log = np.log(self.weights) - np.log(self.sds) - 0.5 * z**2
        return expit(log[..., 1] - log[..., 0])


def fit_mixture(values: np.ndarray, start: tuple[float, float] | None = None, *, rounds: int = 500) -> Mixture | None:
    """Fit two normal components to the logarithm of positive intensities by the EM algorithm on a histogram.

    Parameters
    ----------
    values : array
        Intensities.
    start : (float, float), optional
        First guess of the two modes (muscle, fat), in intensity.
    """
    x = np.log(values[values > 0])
    if x.size < 50 or np.ptp(x) < 1e-6:
        return None
    counts, edges = np.histogram(x, bins=512)
    centres, n = 0.5 * (edges[1:] + edges[:-1]), counts.astype(float)
    spread = max(float(x.std()), 1e-3)
    if start is not None and start[1] > start[0] > 0:
        means = np.log(np.array(start))
    else:
        means = np.quantile(x, (0.25, 0.95))
    sds, weights = np.array([spread, spread]) / 2, np.array([0.5, 0.5])
    floor = 0.02 * spread + (centres[1] - centres[0])
    last = -np.inf
    for _ in range(rounds):
        log = np.log(weights) - np.log(sds) - 0.5 * ((centres[:, None] - means) / sds) ** 2
        top = log.max(axis=1)
        total = top + np.log(np.exp(log - top[:, None]).sum(axis=1))
        share = np.exp(log - total[:, None]) * n[:, None]
        mass = share.sum(axis=0)
        if mass.min() < 5:
            return None
        weights = mass / mass.sum()
        means = (share * centres[:, None]).sum(axis=0) / mass
        sds = np.maximum(np.sqrt((share * (centres[:, None] - means) ** 2).sum(axis=0) / mass), floor)
        likelihood = float((n * total).sum())
        if likelihood - last < 1e-7 * abs(likelihood):
            break
        last = likelihood
    order = np.argsort(means)
    return Mixture(weights[order], means[order], sds[order])
