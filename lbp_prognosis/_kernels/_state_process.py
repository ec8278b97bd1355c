"""Aalen–Johansen estimator of any number of states, and its infinitesimal jackknife.

The influence U of a patient on the state probabilities p(t) follows dU = U dA + p (dN − Y dA) / Y. While the patient
stays in state j the added part is the same for all who are there, −c_j(t); with C_j(t) its sum from the origin, carried
along by the product integral M, the whole influence at τ is a sum over the patient's rows of C_j(start) M(start, τ) −
C_j(stop) M(stop, τ) and the jump at the stop carried to τ. The cost is one backward product for each τ: it does
not grow with patients times event times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._kernels._tiers import tiered

__all__ = ["StateProcess", "state_influence", "state_process", "state_sojourn"]


@dataclass(frozen=True)
class StateProcess:
    """Estimates of one process with s states.

    Attributes
    ----------
    times : ndarray of shape (m,)
        Times at which a patient changes state.
    hazard : ndarray of shape (m, s, s)
        Increments dA(t) at these times; rows sum to 0.
    at_risk : ndarray of shape (m, s)
        Weight in each state just before.
    events : ndarray of shape (m, s, s)
        Weight that moves from a state (row) to another.
    probability : ndarray of shape (m + 1, s)
        At the origin, and from each time on.
    start, stop, origin, target, weights, initial
        The rows: time from and to, state in between, state entered at the stop (−1: none), weight, and for the initial
        distribution the weight with which a row takes part in it (0 for most).
    """

    times: np.ndarray
    hazard: np.ndarray
    at_risk: np.ndarray
    events: np.ndarray
    probability: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    initial: np.ndarray


def state_process(
    start: np.ndarray,
    stop: np.ndarray,
    origin: np.ndarray,
    target: np.ndarray,
    weights: np.ndarray,
    initial: np.ndarray,
    states: int,
) -> StateProcess:
    """Estimate the hazards of all transitions and the state probabilities.

    Parameters
    ----------
    start, stop : ndarray of shape (n,)
        A row is at risk at t if start < t ≤ stop.
    origin, target : ndarray of int of shape (n,)
        State of the row, and state entered at ``stop``; −1 for none.
    weights : ndarray of shape (n,)
        Row weights.
    initial : ndarray of shape (n,)
        Weight of the row in the initial distribution.
    states : int
        Number of states s.
    """
    moves = (target >= 0) & (target != origin) & (weights > 0)
    times, place = np.unique(stop[moves], return_inverse=True)
    events = np.zeros((times.size, states, states))
    np.add.at(events, (place, origin[moves], target[moves]), weights[moves])
    at_risk = np.empty((times.size, states))
    for j in range(states):
        here = origin == j
        at_risk[:, j] = _total_before(start[here], weights[here], times) - _total_before(
            stop[here], weights[here], times
        )
    leaving = events.sum(axis=2)
    used = np.where(leaving > 0, at_risk, 1.0)
    hazard = events / used[:, :, None]
    out = leaving / used
    for j in range(states):
        all_leave = (leaving[:, j] > 0) & (leaving[:, j] >= at_risk[:, j] * (1 - 1e-12))
        hazard[:, j, j] = np.where(all_leave, -1.0, -out[:, j])
    first = np.bincount(origin, weights=initial, minlength=states)[:states] / initial.sum()
    return StateProcess(
        times,
        hazard,
        at_risk,
        events,
        _forward(first, hazard),
        start,
        stop,
        origin,
        target,
        weights,
        initial,
    )


def _total_before(at: np.ndarray, weights: np.ndarray, times: np.ndarray) -> np.ndarray:
    order = np.argsort(at, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(weights[order])])
    return total[np.searchsorted(at[order], times, side="left")]


@tiered(lambda *a: a[1].size)
def _forward(first, hazard):
    m, s = hazard.shape[0], hazard.shape[1]
    out = np.empty((m + 1, s))
    for b in range(s):
        out[0, b] = first[b]
    for k in range(m):
        for b in range(s):
            total = out[k, b]
            for a in range(s):
                total += out[k, a] * hazard[k, a, b]
            out[k + 1, b] = total
    return out


@tiered(lambda *a: a[0].size * (1 + a[0].shape[1]))
def _shared(hazard, at_risk, events, probability):
    """C_j(t): what staying in state j from the origin to t has taken away; (m + 1, s, s)."""
    m, s = hazard.shape[0], hazard.shape[1]
    out = np.zeros((m + 1, s, s))
    for k in range(m):
        for j in range(s):
            leaves = 0.0
            for b in range(s):
                leaves += events[k, j, b]
            share = probability[k, j] / at_risk[k, j] if leaves > 0 else 0.0
            for b in range(s):
                total = out[k, j, b] + share * hazard[k, j, b]
                for a in range(s):
                    total += out[k, j, a] * hazard[k, a, b]
                out[k + 1, j, b] = total
    return out


@tiered(lambda *a: a[1] * a[0].shape[1] ** 3)
def _backward(hazard, last):
    """Product integral to the end from the origin, and from after each of ``last`` times; (last + 1, s, s)."""
    s = hazard.shape[1]
    out = np.zeros((last + 1, s, s))
    for a in range(s):
        out[last, a, a] = 1.0
    for k in range(last - 1, -1, -1):
        for a in range(s):
            for b in range(s):
                total = out[k + 1, a, b]
                for c in range(s):
                    total += hazard[k, a, c] * out[k + 1, c, b]
                out[k, a, b] = total
    return out


@tiered(lambda *a: a[4] * a[0].shape[1] ** 3)
def _backward_sojourn(hazard, times, start, tau, last):
    """∫ M(t, u) du from each of ``start`` and the first ``last`` times to τ; (last + 1, s, s)."""
    s = hazard.shape[1]
    out = np.zeros((last + 1, s, s))
    begin = times[last - 1] if last > 0 else start
    for a in range(s):
        out[last, a, a] = tau - begin
    for k in range(last - 1, -1, -1):
        begin = times[k - 1] if k > 0 else start
        for a in range(s):
            for b in range(s):
                total = out[k + 1, a, b]
                for c in range(s):
                    total += hazard[k, a, c] * out[k + 1, c, b]
                out[k, a, b] = total
            out[k, a, a] += times[k] - begin
    return out


def _rows(process: StateProcess, carried: np.ndarray, ends: np.ndarray, held: np.ndarray, tau: float) -> np.ndarray:
    """Influence of one copy of each row.

    ``carried`` (rows, s) is what comes of the row's start, ``ends`` (rows, s) of its stop, and ``held`` (rows, s) is
    taken away for the time in the state.
    """
    begun = process.start < tau
    out = np.where(begun[:, None], carried - held, 0.0)
    return out + np.where((begun & (process.stop <= tau))[:, None], ends, 0.0)


def state_influence(process: StateProcess, taus: np.ndarray, fixed_start: bool) -> np.ndarray:
    """Return the derivative of each state probability by the weight of each row.

    Parameters
    ----------
    process : StateProcess
        Estimates.
    taus : ndarray of shape (k,)
        Times.
    fixed_start : bool
        Take the initial distribution as known.

    Returns
    -------
    ndarray of shape (n, k, s)
        Multiply by the weights and sum over the rows of a patient.
    """
    common = _shared(process.hazard, process.at_risk, process.events, process.probability)
    begin = np.searchsorted(process.times, process.start, side="right")
    end = np.searchsorted(process.times, process.stop, side="right")
    j, n, s = process.origin, process.start.size, process.hazard.shape[1]
    moves = (process.target >= 0) & (process.target != j) & (process.weights > 0)
    share = np.zeros(n)
    share[moves] = process.probability[end[moves] - 1, j[moves]] / process.at_risk[end[moves] - 1, j[moves]]
    first = process.initial > 0
    out = np.empty((taus.size, n, s))  # a time at once stays together in memory
    for t, tau in enumerate(taus):
        last = int(np.searchsorted(process.times, tau, side="right"))
        product = _backward(process.hazard, last)
        whole = np.matmul(common[: last + 1], product)
        shift = np.zeros((s, s))  # what a row of each state adds to the initial distribution, carried on
        if not fixed_start:
            shift = (product[0] - process.probability[0] @ product[0]) / process.initial.sum()
        _fill(
            out[t],
            whole,
            product,
            common[last],
            shift,
            first,
            begin,
            end,
            j,
            process.target,
            share,
            process.start,
            process.stop,
            tau,
        )
    return np.moveaxis(out, 0, 1)


@tiered(lambda *a: a[0].size)
def _fill(out, whole, product, staying, shift, first, begin, end, origin, target, share, start, stop, tau):
    """Contributions of a row's start and of its move, less that of the time spent in the state; (n, s)."""
    for r in range(out.shape[0]):
        j = origin[r]
        for k in range(out.shape[1]):
            value = 0.0
            if start[r] < tau:
                if stop[r] > tau:
                    value = whole[begin[r], j, k] - staying[j, k]
                else:
                    value = whole[begin[r], j, k] - whole[end[r], j, k]
                    if share[r] > 0.0:
                        value += share[r] * (product[end[r], target[r], k] - product[end[r], j, k])
            out[r, k] = value + shift[j, k] if first[r] else value


def _jumps(process: StateProcess, end: np.ndarray, carry: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Contribution of the move at the stop of each row that has ended, carried on by ``carry`` (last + 1, s, s)."""
    moves = ended & (process.target >= 0) & (process.target != process.origin) & (process.weights > 0)
    out = np.zeros((end.size, carry.shape[1]))
    at, j, k = end[moves], process.origin[moves], process.target[moves]
    share = process.probability[at - 1, j] / process.at_risk[at - 1, j]
    out[moves] = share[:, None] * (carry[at, k] - carry[at, j])
    return out


def _initial(process: StateProcess, carry: np.ndarray) -> np.ndarray:
    """Contribution of a row to the initial distribution."""
    total = process.initial.sum()
    counted = (process.initial > 0).astype(float)
    mean = process.probability[0] @ carry
    return counted[:, None] * (carry[process.origin] - mean) / total


def _from_time(
    common: np.ndarray, spent: np.ndarray, place: np.ndarray, state: np.ndarray, since: np.ndarray
) -> np.ndarray:
    """C M integrated from times within steps, which have begun ``since`` ago."""
    return np.einsum("ri,rij->rj", common[place, state], spent[place]) - since[:, None] * common[place, state]


def state_sojourn(
    process: StateProcess, start: float, taus: np.ndarray, fixed_start: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean time in each state from ``start`` to τ, and its derivative by the weight of each row.

    Returns
    -------
    tuple of ndarray of shape (k, s) and (n, k, s)
        Means and influence.
    """
    common = _shared(process.hazard, process.at_risk, process.events, process.probability)
    begin = np.searchsorted(process.times, process.start, side="right")
    end = np.searchsorted(process.times, process.stop, side="right")
    j, n, s = process.origin, process.start.size, process.hazard.shape[1]
    means, out = np.empty((taus.size, s)), np.empty((n, taus.size, s))
    for t, tau in enumerate(taus):
        last = int(np.searchsorted(process.times, tau, side="right"))
        spent = _backward_sojourn(process.hazard, process.times, start, tau, last)
        knots = np.concatenate([[start], process.times[:last]])
        widths = np.diff(np.append(knots, tau))
        means[t] = widths @ process.probability[: last + 1]
        lived = np.concatenate([np.zeros((1, s, s)), np.cumsum(common[: last + 1] * widths[:, None, None], axis=0)])
        a, b = np.minimum(begin, last), np.minimum(end, last)
        since_a = np.minimum(process.start, tau) - knots[a]
        since_b = np.minimum(process.stop, tau) - knots[b]

        carried = _from_time(common, spent, a, j, since_a)
        stopped = _from_time(common, spent, b, j, since_b)
        jumped = _jumps(process, end, spent, process.stop <= tau)
        held = (lived[b, j] + since_b[:, None] * common[b, j]) - (lived[a, j] + since_a[:, None] * common[a, j])
        ended = (process.stop <= tau)[:, None]
        out[:, t] = _rows(process, carried, jumped, held + np.where(ended, stopped, 0.0), tau)
        if not fixed_start:
            out[:, t] += _initial(process, spent[0])
    return means, out
