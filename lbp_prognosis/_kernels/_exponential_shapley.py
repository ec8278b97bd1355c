"""Shapley values of a smooth function of a sum, in closed form: a sum of exponentials of sums is a sum of products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._compiled import compiled, inner

__all__ = ["ExponentialSum", "exponential_shapley", "gauss_menu", "reachable_sums"]


@dataclass(frozen=True)
class ExponentialSum:
    """F(s) ≈ Σ_h slope_h s + Re Σ_m weights[m, h] exp(i m step (s − centre)), for outputs h.

    Attributes
    ----------
    step : float
        Distance of neighbouring frequencies; they are step, 2 step, … (constants cancel in Shapley values).
    centre : float
        Where phases are zero.
    weights : ndarray of complex of shape (n_frequencies, n_outputs)
        Amplitudes.
    slope : ndarray of shape (n_outputs,)
        Linear part.
    """

    step: float
    centre: float
    weights: np.ndarray
    slope: np.ndarray


def gauss_menu(most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sizes of Gauss rules on (0, 1), and their nodes and weights, a row per rule.

    Parameters
    ----------
    most : int
        Size from which a rule is exact; the largest rule has at least that many nodes. Sizes are
        multiples of four, so that no node is ½, where a factor may be zero.
    """
    last = 4 * ((most + 3) // 4)
    sizes = [*range(4, min(last, 24), 4), *range(24, last, 8), last]
    nodes, weights = np.zeros((len(sizes), last)), np.zeros((len(sizes), last))
    for k, size in enumerate(sizes):
        x, w = np.polynomial.legendre.leggauss(size)
        nodes[k, :size], weights[k, :size] = (x + 1) / 2, w / 2
    return np.array(sizes), nodes, weights


@compiled()
def reachable_sums(own, drawn):  # pragma: no cover - compiled
    """Return the lowest and the highest sum that any coalition of any pair of rows can have."""
    low, high = np.inf, -np.inf
    for i in range(own.shape[0]):
        for b in range(drawn.shape[0]):
            least = 0.0
            most = 0.0
            for k in range(own.shape[1]):
                least += min(own[i, k], drawn[b, k])
                most += max(own[i, k], drawn[b, k])
            low = min(low, least)
            high = max(high, most)
    return low, high


def exponential_shapley(own: np.ndarray, drawn: np.ndarray, function: ExponentialSum, tolerance: float) -> np.ndarray:
    """Return Shapley values of v(S) = mean_b F(Σ_{k∈S} own_k + Σ_{k∉S} drawn_bk), ``(n, k, n_outputs)``.

    Parameters
    ----------
    own : ndarray of shape (n, k)
        Terms of the explained rows.
    drawn : ndarray of shape (b, k)
        Terms of the background rows.
    function : ExponentialSum
        F.
    tolerance : float
        Largest error that quadrature may add to any value.

    Notes
    -----
    With z_k = exp(iω(own_k − drawn_k)) the worth of a coalition is a product, and its Shapley values are
    φ_j = e^{iωΣ drawn} (z_j − 1) ∫₀¹ Π_{k≠j} (1 − t + t z_k) dt (Owen's multilinear extension, 1972,
    doi:10.1287/mnsc.18.5.64). The integrand is a polynomial, and a Gauss rule of half as many nodes as players is
    exact. Smaller rules are taken where their error is bounded: on the ellipse with foci 0 and 1 and ratio ρ each
    factor is at most exp(δ_k / 2) with δ_k = 2(1 − cos θ_k)(|t − ½|² − ¼) − 2 Im(t) sin θ_k, and N nodes err by at most
    32/15 · max|g| ρ^(−2N)/(1 − ρ^(−2)) (Trefethen, Approximation Theory and
    Approximation Practice, 2013, theorem 19.3).
    """
    weights = np.ascontiguousarray(function.weights, dtype=complex)
    sizes, nodes, shares = gauss_menu((own.shape[1] + 1) // 2)
    out = _values(
        np.ascontiguousarray(own),
        np.ascontiguousarray(drawn),
        function.step,
        function.centre,
        weights.real.copy(),
        weights.imag.copy(),
        np.log(np.maximum(np.abs(weights).max(axis=1), 1e-300) * max(len(weights), 1) / tolerance),
        sizes,
        nodes,
        shares,
        _ellipses(),
    )
    out = np.ascontiguousarray(out.transpose(0, 2, 1))
    out += (own - drawn.mean(axis=0))[:, :, None] * function.slope
    return out


@compiled(fastmath={"reassoc", "contract", "nsz"})
def _values(
    own, drawn, step, centre, real, imaginary, wanted, sizes, nodes, shares, ellipses
):  # pragma: no cover - compiled
    n, p = own.shape
    frequencies, outputs = real.shape
    out = np.zeros((n, outputs, p))
    first_r, first_i, z_r, z_i = np.empty(p), np.empty(p), np.empty(p), np.empty(p)
    sum_r, sum_i = np.empty(p), np.empty(p)
    weight = 1.0 / drawn.shape[0]
    for i in range(n):
        for b in range(drawn.shape[0]):
            start = -centre
            for k in range(p):
                angle = step * (own[i, k] - drawn[b, k])
                first_r[k], first_i[k] = np.cos(angle), np.sin(angle)
                z_r[k], z_i[k] = 1.0, 0.0
                start += drawn[b, k]
            for m in range(frequencies):
                loss, tilt = 0.0, 0.0
                for k in range(p):
                    turned = z_r[k] * first_r[k] - z_i[k] * first_i[k]
                    z_i[k] = z_r[k] * first_i[k] + z_i[k] * first_r[k]
                    z_r[k] = turned
                    loss += 1.0 - turned
                    tilt += z_i[k]
                rule = _rule(loss, abs(tilt), wanted[m], sizes, ellipses)
                phase = (m + 1) * step * start
                phase_r, phase_i = weight * np.cos(phase), weight * np.sin(phase)
                for k in range(p):
                    sum_r[k], sum_i[k] = 0.0, 0.0
                # four nodes at a time: their products stay in registers, and the second loop runs along the players
                for q in range(0, sizes[rule], 4):
                    t0, t1, t2, t3 = nodes[rule, q], nodes[rule, q + 1], nodes[rule, q + 2], nodes[rule, q + 3]
                    r0, r1, r2, r3 = shares[rule, q], shares[rule, q + 1], shares[rule, q + 2], shares[rule, q + 3]
                    i0, i1, i2, i3 = r0 * phase_i, r1 * phase_i, r2 * phase_i, r3 * phase_i
                    r0, r1, r2, r3 = r0 * phase_r, r1 * phase_r, r2 * phase_r, r3 * phase_r
                    for k in range(p):
                        c, s = z_r[k] - 1.0, z_i[k]
                        f, g = 1.0 + t0 * c, t0 * s
                        r0, i0 = r0 * f - i0 * g, r0 * g + i0 * f
                        f, g = 1.0 + t1 * c, t1 * s
                        r1, i1 = r1 * f - i1 * g, r1 * g + i1 * f
                        f, g = 1.0 + t2 * c, t2 * s
                        r2, i2 = r2 * f - i2 * g, r2 * g + i2 * f
                        f, g = 1.0 + t3 * c, t3 * s
                        r3, i3 = r3 * f - i3 * g, r3 * g + i3 * f
                    for k in range(p):
                        c, s = z_r[k] - 1.0, z_i[k]
                        f, g = 1.0 + t0 * c, t0 * s
                        inverse = 1.0 / (f * f + g * g)
                        u, v = (r0 * f + i0 * g) * inverse, (i0 * f - r0 * g) * inverse
                        f, g = 1.0 + t1 * c, t1 * s
                        inverse = 1.0 / (f * f + g * g)
                        u, v = u + (r1 * f + i1 * g) * inverse, v + (i1 * f - r1 * g) * inverse
                        f, g = 1.0 + t2 * c, t2 * s
                        inverse = 1.0 / (f * f + g * g)
                        u, v = u + (r2 * f + i2 * g) * inverse, v + (i2 * f - r2 * g) * inverse
                        f, g = 1.0 + t3 * c, t3 * s
                        inverse = 1.0 / (f * f + g * g)
                        u, v = u + (r3 * f + i3 * g) * inverse, v + (i3 * f - r3 * g) * inverse
                        sum_r[k] += u * c - v * s
                        sum_i[k] += u * s + v * c
                for h in range(outputs):
                    for k in range(p):
                        out[i, h, k] += real[m, h] * sum_r[k] - imaginary[m, h] * sum_i[k]
    return out


@inner()
def _rule(loss, tilt, wanted, sizes, ellipses):  # pragma: no cover - compiled
    """Return the smallest rule whose error is bounded; the last one is exact."""
    least = np.inf
    for r in range(ellipses.shape[0]):
        across, beyond, constant, per_node = ellipses[r, 0], ellipses[r, 1], ellipses[r, 2], ellipses[r, 3]
        place = 1.0
        if tilt * across < loss:
            place = tilt * across / loss
        highest = 2.0 * loss * beyond - 0.5 * loss * place * place + tilt * across * place
        least = min(least, (wanted + constant + 0.5 * (1.0 + highest)) * per_node)
    for k in range(sizes.size):
        if sizes[k] >= least:
            return k
    return sizes.size - 1


def _ellipses() -> np.ndarray:
    """Return, an ellipse per row, half its width across the real line, its reach, and the terms of the bound."""
    ratio = np.array([1.4, 1.8, 2.5, 3.5, 5.0, 8.0, 14.0])
    constant = np.log(2 * 32 / 15 / (1 - ratio**-2))  # of the rule, times |z − 1| ≤ 2
    return np.column_stack(
        [(ratio - 1 / ratio) / 2, (ratio + 1 / ratio) ** 2 / 16 - 0.25, constant, 1 / (2 * np.log(ratio))]
    )
