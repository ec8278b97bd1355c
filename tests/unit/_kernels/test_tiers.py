"""Interpreted and compiled kernels give the same bits, and a kernel is compiled once that pays."""

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numba.core.registry import CPUDispatcher
from scipy import stats

import lbp_prognosis._kernels as room
from lbp_prognosis import _base, evaluate
from lbp_prognosis._kernels import _tiers, points
from lbp_prognosis._kernels._tiers import Tiered, natural_log
from lbp_prognosis.evaluation.utility import decision_curve
from lbp_prognosis.models import CauseSpecificCox, CoxPH, FineGray, MultiStateCox, PanelMarkov
from lbp_prognosis.survival import MultiState, Surv, mean_sojourn, state_occupancy

TIERED = {
    value
    for place in (room, points)
    for found in pkgutil.iter_modules(place.__path__)
    for value in vars(importlib.import_module(f"{place.__name__}.{found.name}")).values()
    if isinstance(value, Tiered)
}


def copied(arguments):
    return [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]


def bits(values):
    return [np.asarray(v).tobytes() for v in (values if isinstance(values, tuple) else (values,))]


@pytest.fixture
def both(monkeypatch):
    """Run both tiers of every call, hold their results and what they wrote together, and note who was called."""
    called = set()

    def call(self, *arguments):
        plain, compiled = copied(arguments), copied(arguments)
        one, other = self.interpreted(*plain), self.compiled(*compiled)
        name = self.function.__name__
        assert bits(np.nan if one is None else one) == bits(np.nan if other is None else other), name
        for mine, theirs in zip(plain, compiled):
            assert bits(mine) == bits(theirs), name
        called.add(self)
        return self.compiled(*arguments)

    monkeypatch.setattr(Tiered, "__call__", call)
    return called


def test_both_tiers_give_the_same_bits(both):
    rng, n = np.random.default_rng(4), 120
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=list("abc"))
    time, code = np.ceil(rng.exponential(30, n)), rng.integers(0, 3, n)  # ties in every third row
    early, weights = rng.uniform(0.05, 0.5, n), rng.uniform(0.5, 2.0, n)
    risk = np.column_stack([early, early + 0.1])
    risk[:9] = risk[0]
    for y in (Surv.right(time, code == 1), Surv.right(time, code)):
        evaluate(y, {"model": risk, "half": risk / 2}, [20.0, 40.0], [0.1, 0.2, 0.3], sample_weight=weights)
        decision_curve(y, risk, [20.0, 40.0], [0.1, 0.2], n_resamples=2)
    CoxPH().fit(X, Surv.right(time, code == 1, entry=np.floor(time / 3)))
    CoxPH(ties="exact").fit(X, Surv.right(time, code == 1))
    FineGray().fit(X, Surv.right(time, code))
    for incidence in ("product_limit", "exponential"):
        CauseSpecificCox(incidence=incidence).fit(X, Surv.right(time, code)).predict_risk(X, [20.0, 40.0])
    of_states(X["a"])
    assert {one.function.__name__ for one in TIERED - both} == set()


def of_states(x):
    """Courses with several moves on one day, and visits: what predicts and describes them."""
    rng, n = np.random.default_rng(5), len(x)
    first, second = rng.integers(1, 9, n), rng.integers(1, 9, n)
    ids, zero, moves = np.arange(n).repeat(2), np.zeros(n), np.array([["b", "c"], ["c", None], ["b", "a"]])
    into = moves[rng.integers(0, 3, n)]
    start, stop = np.column_stack([zero, first]).ravel(), np.column_stack([first, first + second]).ravel()
    courses = MultiState.from_long(ids, start, stop, into.ravel().tolist(), initial="a")
    state_occupancy(courses, [2.0, 5.0])
    mean_sojourn(courses, 5.0)
    X = pd.DataFrame({"x": x.to_numpy().repeat(2)})
    for options in (
        {},
        {"incidence": "exponential"},
        {"clock": "reset"},
        {"clock": "reset", "incidence": "exponential"},
    ):
        MultiStateCox(shared=["x"], **options).fit(X, courses).predict_occupancy(X.head(9), [2.0, 5.0])
    seen = ["a", "a", "a", "b"] * 2 + ["b", "b", "b", "a"] * 2
    visits = MultiState.from_visits(np.arange(4).repeat(4), [0, 1, 2, 3] * 4, seen, states=["a", "b"])
    PanelMarkov([("a", "b"), ("b", "a")]).fit(np.empty((12, 0)), visits)


def test_compiled_kernels_call_no_tiered_ones():
    compiled = [
        (name, value.py_func)
        for place in (room, points)
        for found in pkgutil.iter_modules(place.__path__)
        for name, value in vars(importlib.import_module(f"{place.__name__}.{found.name}")).items()
        if isinstance(value, CPUDispatcher)
    ]
    compiled += [(one.function.__name__, one.function) for one in TIERED]
    assert len(compiled) > 40
    for name, function in compiled:
        called = [one for one in TIERED if any(function.__globals__.get(o) is one for o in function.__code__.co_names)]
        assert not called, f"{name} cannot be compiled"


def test_the_logarithm_is_that_of_the_c_library():
    values = np.r_[np.random.default_rng(0).uniform(0, 1, 2000), 1.0, 0.0, -0.0, -1.0, np.inf, np.nan, 5e-324]
    plain = [natural_log.py_func(v) for v in values]
    np.testing.assert_array_equal([natural_log(v) for v in values], plain)
    np.testing.assert_allclose(plain[:2001], np.log(values[:2001]), rtol=1e-15)
    assert np.isnan(plain[2003])
    assert plain[2001:2003] == [-np.inf, -np.inf]
    assert plain[2004] == np.inf


class Counted(Tiered):
    """A kernel of three steps a call that says which tier ran."""

    def __init__(self, kept=False):
        super().__init__(lambda: None, lambda: 3)
        self.compiled = lambda: "compiled"
        self.interpreted = lambda: "interpreted"
        self._left = 0.0 if kept else None


def test_a_kernel_is_compiled_once_its_steps_are_spent(monkeypatch):
    monkeypatch.setattr(_tiers, "STEPS", 7)
    monkeypatch.setattr(_tiers, "is_kept", lambda kernel: False)
    kernel = Counted()
    assert [kernel() for _ in range(4)] == ["interpreted", "interpreted", "compiled", "compiled"]
    monkeypatch.setattr(_tiers, "STEPS", 6)
    kernel = Counted()
    assert [kernel() for _ in range(2)] == ["interpreted", "compiled"]


def test_a_kept_compilation_is_used_at_once(monkeypatch):
    monkeypatch.setattr(_tiers, "is_kept", lambda kernel: True)
    assert Counted()() == "compiled"


SCRIPT = """
import sys
import numpy as np
from lbp_prognosis._kernels import _tiers
from lbp_prognosis._kernels._net_benefit import _walk_one_cause as kernel
n = int(sys.argv[1])
ones = np.ones(n)
print(_tiers.is_kept(kernel.compiled))
first = ones.astype(np.int64)
kernel(first, np.arange(n) * 1.0, first, ones, n * ones, ones.copy(), 0 * ones)
print(len(kernel.compiled.signatures))
"""


def test_what_is_kept_on_disk_is_found_by_the_next_process(tmp_path):
    def run(rows):
        surroundings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(rows)], env=surroundings, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert run(_tiers.STEPS) == ["False", "1"]
    assert run(100) == ["True", "1"]
    for index in Path(tmp_path).rglob("*.nbi"):
        os.utime(index, (0, 0))  # older than the source: of an earlier version
    assert run(100) == ["False", "0"]


@pytest.mark.parametrize(
    ("name", "theirs"), [("chi2", stats.chi2), ("fisher", stats.f), ("student", stats.t), ("nct", stats.nct)]
)
def test_rare_distributions_are_those_of_scipy(name, theirs):
    shape = {"chi2": (3,), "fisher": (3, 9), "student": (4,), "nct": (4, 0.5)}[name]
    assert getattr(_base, name).ppf(0.9, *shape) == theirs.ppf(0.9, *shape)


@pytest.mark.parametrize("method", ["ppf", "cdf", "sf", "pdf"])
def test_the_normal_is_that_of_scipy_to_the_last_bit(method):
    values = np.r_[np.random.default_rng(1).uniform(-9, 9, 500), np.linspace(0, 1, 101), np.nan, np.inf, -np.inf]
    ours = getattr(_base.norm, method)(values)
    np.testing.assert_array_equal(ours, getattr(stats.norm, method)(values))
    assert getattr(_base.norm, method)(0.25) == getattr(stats.norm, method)(0.25)
