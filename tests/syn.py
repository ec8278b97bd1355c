"""A deterministic cohort, the same in every language: Park–Miller uniforms through fixed formulas.

Columns: ``id, site, c1..c3, p1, p2, m1..m3, g1, g2`` (clinical, patient-reported, imaging, gait),
``time, status, event`` (months; 0 censored, 1 event, 2 competing), ``y`` (event by 12 months, fully observed) and a
spare uniform ``u15``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm


def park_miller(seed: int, count: int) -> np.ndarray:
    """Return ``count`` uniforms of the minimal-standard generator."""
    state, out = seed, np.empty(count)
    for k in range(count):
        state = (16807 * state) % 2147483647
        out[k] = state / 2147483647
    return out


def bootstrap_rows(seed: int, n: int, replicates: int) -> np.ndarray:
    """Return ``(replicates, n)`` zero-based row numbers drawn with the same generator."""
    return np.floor(n * park_miller(seed, n * replicates)).astype(int).reshape(replicates, n)


def syn(n: int = 600, seed: int = 20240501, sites: int = 6) -> pd.DataFrame:
    """Return the cohort."""
    u = park_miller(seed, 15 * n).reshape(n, 15)
    z = norm.ppf(u[:, :10])
    c1, c2, c3 = z[:, 0], z[:, 1], z[:, 2]
    p1 = 0.4 * c1 + np.sqrt(1 - 0.16) * z[:, 3]
    p2 = 0.5 * p1 + np.sqrt(0.75) * z[:, 4]
    m1 = 0.3 * c2 + np.sqrt(1 - 0.09) * z[:, 5]
    m2, m3 = 0.6 * m1 + 0.8 * z[:, 6], z[:, 7]
    g1, g2 = 0.3 * c1 + 0.2 * p1 + 0.9 * z[:, 8], z[:, 9]
    site = 1 + np.floor(sites * u[:, 10]).astype(int)
    score = 0.5 * c1 + 0.3 * c2 + 0.35 * p1 + 0.2 * m1 + 0.15 * g1 + 0.12 * (site - (sites + 1) / 2)
    first = (-np.log(u[:, 11]) / (0.025 * np.exp(score))) ** (1 / 1.2)
    second = -np.log(u[:, 12]) / 0.008
    leave = 6 + 30 * u[:, 13]
    end = np.minimum(first, second)
    time = np.maximum(0.1, np.round(np.minimum(end, leave) * 10) / 10)
    status = np.where(leave <= end, 0, np.where(first <= second, 1, 2))
    return pd.DataFrame(
        {
            "id": np.arange(1, n + 1),
            "site": site,
            "c1": c1,
            "c2": c2,
            "c3": c3,
            "p1": p1,
            "p2": p2,
            "m1": m1,
            "m2": m2,
            "m3": m3,
            "g1": g1,
            "g2": g2,
            "time": time,
            "status": status,
            "event": (status == 1).astype(int),
            "y": (first <= 12).astype(int),
            "u15": u[:, 14],
        }
    )
