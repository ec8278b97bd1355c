"""Two parts of a call in two threads: results, errors, and when a second thread starts."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import numpy as np
import pytest

from lbp_prognosis import Surv, evaluate
from lbp_prognosis._base import _side_by_side as module
from lbp_prognosis._base import side_by_side

PLACE: ContextVar[str] = ContextVar("place", default="nowhere")


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the machine one of two cores."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)


def _threads(rows: int) -> int:
    return len(set(side_by_side(threading.get_ident, threading.get_ident, rows)))


@pytest.mark.parametrize(("rows", "threads"), [(0, 1), (199_999, 1), (200_000, 2), (200_001, 2)])
def test_a_second_thread_from_200000_rows_on(two_cores: None, rows: int, threads: int) -> None:
    """A short table is not worth a thread."""
    assert _threads(rows) == threads


def test_one_core_has_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second thread would only wait."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 1)
    assert _threads(10**6) == 1


def test_a_thread_starts_no_other(two_cores: None) -> None:
    """Its neighbours have the other cores, and so have those of a worker of joblib."""
    import joblib

    assert side_by_side(lambda: _threads(10**6), lambda: _threads(10**6), 10**6)[1] == 1
    assert joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(_threads)(10**6) for _ in range(2)) == [1, 1]
    with joblib.parallel_config(backend="threading"):  # as in a task of `parallel_map`
        assert _threads(10**6) == 1


@pytest.mark.parametrize("rows", [10, 10**6])
def test_results_and_the_first_error_come_in_order(two_cores: None, rows: int) -> None:
    """The caller's context is that of both calls; of two errors the first is raised."""
    token = PLACE.set("here")
    try:
        assert side_by_side(lambda: 1, PLACE.get, rows) == (1, "here")
    finally:
        PLACE.reset(token)

    def fail(what: str) -> None:
        raise ValueError(what)

    for first, second, said in ((fail, fail, "a"), (lambda _: None, fail, "b"), (fail, lambda _: None, "a")):
        with pytest.raises(ValueError, match=said):
            side_by_side(lambda call=first: call("a"), lambda call=second: call("b"), rows)  # type: ignore[misc]


def test_an_evaluation_is_the_same_in_one_thread_and_in_two(two_cores: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every number to the last bit, competing events and paired differences included."""
    rng = np.random.default_rng(3)
    n = 400
    x = rng.normal(size=n)
    y = Surv.right(np.ceil(rng.exponential(10 * np.exp(-x))).clip(1, 30), rng.integers(0, 3, n))
    risks = {
        "a": 1 - np.exp(-np.exp(x)[:, None] * [0.3, 0.6]),
        "b": np.full((n, 2), [0.2, 0.4]) + 0.1 * (x > 0)[:, None],
    }

    def frame() -> object:
        return evaluate(y, risks, [5, 10], [0.2, 0.4], n_resamples=20).to_frame()

    one = frame()
    monkeypatch.setattr(module, "_LONG", 100)
    two = frame()
    assert one.equals(two)  # type: ignore[attr-defined]
