"""Predicted states in patients who came under observation late: intervals against simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import expit, logit

from lbp_prognosis.evaluation import evaluate_state
from lbp_prognosis.survival import MultiState

pytestmark = pytest.mark.slow
SETS, N, TAU, CUT = 1000, 800, 8.0, 0.4
STATES = ("pain", "well", "surgery")


def rates(x: float) -> np.ndarray:
    """Intensities between pain, recovery and surgery: patients of low x are operated on early, and seldom enrolled."""
    out = np.zeros((3, 3))
    out[0, 1], out[0, 2] = 0.12 * np.exp(0.8 * x), 0.04 * np.exp(-0.9 * x)
    out[1, 0], out[1, 2] = 0.06 * np.exp(-0.4 * x), 0.02 * np.exp(-0.5 * x)
    out[np.diag_indices(3)] = -out.sum(axis=1)
    return out


GRID = np.linspace(-6, 6, 1201)
RISKS = np.array([expm(rates(x) * TAU)[0, 0] for x in GRID])


def judged_risk(x: np.ndarray) -> np.ndarray:
    """A model that is wrong in a known way: calibration slope 1 / 0.7."""
    return np.asarray(expit(0.3 + 0.7 * logit(np.interp(x, GRID, RISKS))))


def drawn(rng: np.random.Generator, n: int) -> tuple[np.ndarray, MultiState]:
    """Patients who are enrolled in state pain or well, up to six months after the start."""
    rows: list[tuple[int, float, float, int, int]] = []
    kept: list[float] = []
    while len(kept) < n:
        x, now, state, own = rng.normal(), 0.0, 0, []
        entry = rng.uniform(0, 6) if rng.uniform() < 0.7 else 0.0
        end, q = entry + rng.uniform(3, 20), rates(x)
        while state != 2 and now < end:
            wait, to = min((rng.exponential(1 / q[state, k]), k) for k in range(3) if k != state)
            stop = min(now + wait, end)
            own.append((max(now, entry), stop, state, to if stop < end else -1))
            now, state = stop, to
        own = [row for row in own if row[1] > entry]
        if own:
            rows += [(len(kept), *row) for row in own]
            kept.append(x)
    patient, start, stop, origin, target = (np.array(part) for part in zip(*rows))
    courses = MultiState(
        patient.astype(int), tuple(range(n)), start, stop, origin.astype(int), target.astype(int), STATES
    )
    return np.array(kept), courses


def truth() -> dict[str, float]:
    """Performance in all who start, from 400,000 of them."""
    x = np.random.default_rng(7).normal(size=400_000)
    true, risk = np.interp(x, GRID, RISKS), judged_risk(x)
    order = np.argsort(risk)
    without = np.cumsum(1 - true[order]) - (1 - true[order]) / 2
    treated = risk >= CUT
    return {
        "brier": float(np.mean(true * (1 - risk) ** 2 + (1 - true) * risk**2)),
        "auc": float((true[order] * without).sum() / (true.sum() * (1 - true).sum())),
        "observed_occupancy": float(true.mean()),
        "observed_expected": float(true.mean() / risk.mean()),
        "calibration_slope": 1 / 0.7,
        "net_benefit": float(np.mean(true * treated) - np.mean((1 - true) * treated) * CUT / (1 - CUT)),
    }


def test_intervals_under_late_entry_cover() -> None:
    rng, true = np.random.default_rng(171), truth()
    hits: dict[str, list[bool]] = {name: [] for name in true}
    values: dict[str, list[float]] = {name: [] for name in true}
    for _ in range(SETS):
        x, courses = drawn(rng, N)
        found = evaluate_state(courses, judged_risk(x), TAU, "pain", [CUT], n_resamples=0)
        curve = found.decision
        assert curve is not None
        for name, at in true.items():
            parts = (curve if name == "net_benefit" else found.metric(name),)
            value, low, high = (float(np.ravel(getattr(parts[0], part))[0]) for part in ("value", "low", "high"))
            values[name].append(value)
            hits[name].append(low <= at <= high)
    slack = 2.6 * np.sqrt(0.05 * 0.95 / SETS)
    for name, at in true.items():
        bias, spread = np.mean(values[name]) - at, np.std(values[name])
        print(f"{name}: truth {at:.4f}, bias {bias:+.4f}, sd {spread:.4f}, coverage {np.mean(hits[name]):.3f}")
        assert abs(bias) < 0.1 * spread + 3 * spread / np.sqrt(SETS), name
        assert 0.93 - slack < np.mean(hits[name]) < 0.97 + slack, name
