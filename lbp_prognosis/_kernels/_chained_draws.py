"""Draws of a row's missing cells from regressions fitted before, cell after cell, compiled."""

from __future__ import annotations

from math import exp

import numpy as np

from lbp_prognosis._kernels._compiled import compiled

__all__ = ["chained_draws"]


@compiled()
def chained_draws(D, missing, kinds, places, first, shifts, slopes, sigma, low, high, normals, uniforms, done):
    """Fill ``done``, of shape (n, draws, columns), where ``missing``.

    ``D`` holds the expanded rows from which every draw starts; column j takes its cells ``places[j]`` to
    ``places[j + 1]`` and the equations ``first[j]`` to ``first[j + 1]`` (``shifts + slopes @ row``, slopes zero on the
    column's own cells). ``normals`` (draws, cycles, columns) and ``uniforms`` (with a fourth axis for
    the steps of a nominal column) are the same for every row, and no row sees another.
    """
    n, count, p = done.shape
    row = np.empty(D.shape[1])
    for i in range(n):
        for d in range(count):
            for a in range(row.size):
                row[a] = D[i, a]
            for cycle in range(normals.shape[1]):
                for j in range(p):
                    if not missing[i, j]:
                        continue
                    value = float(first[j + 1] - first[j]) if kinds[j] == 2 else 0.0
                    for k in range(first[j], first[j + 1]):
                        eta = shifts[k]
                        for a in range(row.size):
                            eta += slopes[k, a] * row[a]
                        if kinds[j] == 0:
                            value = min(max(eta + sigma[j] * normals[d, cycle, j], low[j]), high[j])
                        elif uniforms[d, cycle, j, k - first[j]] < 1.0 / (1.0 + exp(-eta)):
                            value = 1.0 if kinds[j] == 1 else float(k - first[j])
                            break
                    done[i, d, j] = value
                    if kinds[j] == 2:
                        for a in range(places[j], places[j + 1]):
                            row[a] = 1.0 if value == a - places[j] + 1 else 0.0
                    else:
                        row[places[j]] = value
