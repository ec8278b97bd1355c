"""Cholesky roots of small matrices inside compiled loops, where a call of LAPACK would cost more than the work."""

from __future__ import annotations

from math import sqrt

import numpy as np

from lbp_prognosis._kernels._compiled import inner

__all__ = ["factorise", "solve_lower", "solve_upper"]


@inner()
def factorise(S):
    """Overwrite the lower triangle of a positive definite matrix by its Cholesky root."""
    for a in range(S.shape[0]):
        for b in range(a + 1):
            total = S[a, b]
            for k in range(b):
                total -= S[a, k] * S[b, k]
            if a == b:
                if not total > 0:
                    raise np.linalg.LinAlgError("Matrix is not positive definite")  # as numpy says
                S[a, a] = sqrt(total)
            else:
                S[a, b] = total / S[b, b]


@inner()
def solve_lower(L, x):
    """Overwrite ``x`` by the solution of L z = x."""
    for a in range(x.size):
        for k in range(a):
            x[a] -= L[a, k] * x[k]
        x[a] /= L[a, a]


@inner()
def solve_upper(L, x):
    """Overwrite ``x`` by the solution of L' z = x."""
    for a in range(x.size - 1, -1, -1):
        for k in range(a + 1, x.size):
            x[a] -= L[k, a] * x[k]
        x[a] /= L[a, a]
