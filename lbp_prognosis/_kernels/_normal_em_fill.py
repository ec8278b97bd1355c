"""Conditional means of the missing cells of a multivariate normal, pattern after pattern, compiled."""

from __future__ import annotations

import numpy as np

from lbp_prognosis._kernels._cholesky import factorise, solve_lower, solve_upper
from lbp_prognosis._kernels._compiled import compiled

__all__ = ["fill_conditional"]


@compiled()
def fill_conditional(filled, patterns, starts, mean, covariance, extra):
    """Overwrite missing cells by their conditional means, and add up their conditional covariances in ``extra``.

    Rows ``starts[k]`` to ``starts[k + 1]`` of ``filled`` have the missing columns ``patterns[k]``.
    """
    width = patterns.shape[1]
    for a in range(width):
        for b in range(width):
            extra[a, b] = 0.0
    for k in range(patterns.shape[0]):
        missing = 0
        for a in range(width):
            missing += patterns[k, a]
        if missing == 0:
            continue
        absent, known = np.empty(missing, np.int64), np.empty(width - missing, np.int64)
        c, d = 0, 0
        for a in range(width):
            if patterns[k, a]:
                absent[c] = a
                c += 1
            else:
                known[d] = a
                d += 1
        root, slope = np.empty((known.size, known.size)), np.empty((absent.size, known.size))
        for a in range(known.size):
            for b in range(a + 1):
                root[a, b] = covariance[known[a], known[b]]
            for c in range(absent.size):
                slope[c, a] = covariance[absent[c], known[a]]
        factorise(root)
        count = starts[k + 1] - starts[k]
        for c in range(absent.size):
            solve_lower(root, slope[c])  # now L⁻¹ Σ_OM: its products are what the observed columns explain
        for c in range(absent.size):
            for d in range(absent.size):
                explained = 0.0
                for a in range(known.size):
                    explained += slope[c, a] * slope[d, a]
                extra[absent[c], absent[d]] += count * (covariance[absent[c], absent[d]] - explained)
        for c in range(absent.size):
            solve_upper(root, slope[c])
            for i in range(starts[k], starts[k + 1]):
                value = mean[absent[c]]
                for a in range(known.size):
                    value += slope[c, a] * (filled[i, known[a]] - mean[known[a]])
                filled[i, absent[c]] = value
