"""What the first call of each compiled kernel costs on a machine that has never run it.

python -m benchmarks.compile_times
python -m benchmarks.compile_times --as-called

A process with an empty cache calls all of the library in small. First as a user does: what is asked for less than the
interpreter is given is not compiled. Then, unless ``--as-called`` is given, with every kernel compiled. Seconds are
processor seconds of the compilation that a call from Python sets off, everything it needs included that was not
compiled before it. On a busy machine they are about twice what they are on a free one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pandas as pd

LIMIT = 2.0


def main(contest: Any = None) -> pd.DataFrame:
    """Return one row per kernel that was compiled: ``kernel, seconds``, longest first, and print it."""
    del contest
    print("As called:")
    table = _of_process("--as-called")
    if "--as-called" in sys.argv:
        return table
    print("\nWith every kernel compiled:")
    return _of_process()


def _of_process(*options: str) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.compile_times", "--in-this-process", *options],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": empty},
        )
    lines = [line.split("\t") for line in done.stdout.splitlines() if line.startswith("KERNEL\t")]
    table = pd.DataFrame([(name, float(seconds)) for _, name, seconds in lines], columns=["kernel", "seconds"])
    table = table.sort_values("seconds", ascending=False, ignore_index=True)
    print(table.to_string(index=False, float_format="{:.2f}".format))
    (whole,) = (float(line.split("\t")[1]) for line in done.stdout.splitlines() if line.startswith("ALL\t"))
    missed = [line.split("\t")[1] for line in done.stdout.splitlines() if line.startswith("NEVER\t")]
    without = "interpreted" if options else "never called"
    twice = [line.split("\t")[1] for line in done.stdout.splitlines() if line.startswith("LITERAL\t")]
    print(
        f"{(table['seconds'] > LIMIT).sum()} of {len(table)} over {LIMIT:g} s; {without}: {', '.join(missed) or 'none'}"
    )
    print(f"compiled once more for a literal number among the arguments: {twice or 'none'}")
    print(f"all calls, imports included: {whole:.1f} s, of which compilation {table['seconds'].sum():.1f} s")
    return table


def measure() -> None:
    """Compile everything in this process, and print what each call from Python cost."""
    import importlib
    import pkgutil

    import numba
    from numba.core import event
    from numba.core.registry import CPUDispatcher

    class Clock(event.Listener):
        """Time of the outermost compilations."""

        def __init__(self) -> None:
            self.depth, self.start, self.spent = 0, 0.0, {}

        def on_start(self, happening: event.Event) -> None:
            if self.depth == 0:
                self.start = time.process_time()
            self.depth += 1

        def on_end(self, happening: event.Event) -> None:
            self.depth -= 1
            if self.depth == 0:
                name = happening.data["dispatcher"].py_func
                key = f"{name.__module__.rsplit('.', 1)[1].lstrip('_')}.{name.__name__}"
                self.spent[key] = max(self.spent.get(key, 0.0), time.process_time() - self.start)

    numba.njit(lambda x: x + 1.0)(np.ones(3))  # what the first compilation of all costs is numba's own
    from lbp_prognosis._kernels import _tiers

    if "--as-called" not in sys.argv:
        _tiers.STEPS = 0  # nothing is interpreted
    clock = Clock()
    event.register("numba:compile", clock)
    start = time.process_time()
    call_everything()
    print(f"ALL\t{time.process_time() - start}")
    for name, seconds in clock.spent.items():
        print(f"KERNEL\t{name}\t{seconds}")
    import lbp_prognosis._kernels as room

    for found in pkgutil.iter_modules(room.__path__):
        module = importlib.import_module(f"{room.__name__}.{found.name}")
        for name, value in vars(module).items():
            kernel = value.compiled if isinstance(value, _tiers.Tiered) else value
            own = isinstance(kernel, CPUDispatcher) and kernel.py_func.__module__ == module.__name__
            if own and not kernel.signatures:
                print(f"NEVER\t{found.name.lstrip('_')}.{name}")
            if own and any("Literal" in str(signature) for signature in kernel.signatures):
                print(f"LITERAL\t{found.name.lstrip('_')}.{name}")


def call_everything() -> None:
    """Use the library in small, so that all its kernels are called."""
    from lbp_prognosis import evaluate
    from lbp_prognosis.evaluation.utility import decision_curve
    from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline
    from lbp_prognosis.models import CauseSpecificCox, CoxPH, ElasticNetCox, FineGray
    from lbp_prognosis.survival import Surv
    from lbp_prognosis.validation import bootstrap_validate

    rng, n = np.random.default_rng(0), 300
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    X["two"], X["three"] = rng.integers(0, 2, n), pd.Categorical(rng.choice(list("xyz"), n))
    days, code = np.ceil(rng.exponential(300, n)), rng.integers(0, 3, n)
    one, all_causes = Surv.right(days, code == 1), Surv.right(days, code)
    plain, horizons, grid = X[list("abcd")], [100.0, 200.0], [0.1, 0.2, 0.3]
    model = CoxPH().fit(plain, one)
    bootstrap_validate(CoxPH(), plain, one, horizons, n_resamples=2, random_state=0)
    CoxPH(ties="exact").fit(plain[["a"]], one)
    ElasticNetCox().fit(plain, one)
    FineGray().fit(plain, all_causes)
    for incidence in ("product_limit", "exponential"):
        CauseSpecificCox(incidence=incidence).fit(plain, all_causes).predict_risk(plain, horizons)
    risk = model.predict_risk(plain, horizons)
    for y in (one, all_causes):
        evaluate(y, {"model": risk, "half": risk / 2}, horizons, grid, linear_predictors={"model": plain["a"]})
        for estimator in ("km", "ipcw"):
            decision_curve(y, risk, horizons, grid, estimator=estimator)
    holes = X.mask(rng.random(X.shape) < 0.2)
    RiskPipeline([MultipleImputation(m=2), OneHot()], CoxPH()).fit(holes, one).predict_risk(holes, horizons)
    call_the_rest(plain, one, horizons, grid)


def call_the_rest(X: pd.DataFrame, one: np.ndarray, horizons: list[float], grid: list[float]) -> None:
    """Call what a usual study does not: sparse tables, courses of states, registries, explanations of many columns."""
    from scipy.sparse import csr_array

    from lbp_prognosis.evaluation.utility import decision_curve
    from lbp_prognosis.explain import shap_values
    from lbp_prognosis.models import BoostedCox, CoxPH, ElasticNetCox, LogisticRisk, MultiStateCox, PanelMarkov
    from lbp_prognosis.survival import MultiState, Status, Surv, mean_sojourn, state_at, state_occupancy

    sparse = csr_array(np.where(np.abs(X) > 1, X, 0.0))
    ElasticNetCox().fit(sparse, one)
    LogisticRisk(penalty=1.0).fit(sparse, Status.at(12.0, (one["event"] == 1).astype(int)))
    many = np.tile(np.arange(len(X)), 80)  # above 20,000 rows
    risk = CoxPH().fit(X, one).predict_risk(X, horizons)[many]
    risks, moments = {"model": risk, "half": risk / 2}, one["time"][many] - np.arange(many.size) / many.size / 2
    decision_curve(one[many], risks, horizons, grid)
    for y in (one[many], Surv.right(moments, one["event"][many])):  # many patients share a day, no two a moment
        decision_curve(y, risks, horizons, grid, n_resamples=0).difference("model", "half")
    wide = pd.concat([X.add_suffix(str(k)) + 0.1 * k * X.to_numpy()[:, ::-1] ** 2 for k in range(4)], axis=1)
    ElasticNetCox(lambdas=[0.1, 0.01, 0.001]).fit(wide, one)
    for model in (CoxPH(penalty=1.0).fit(wide, one), BoostedCox(rounds=3, repeats=1, select_rounds=False).fit(X, one)):
        columns = wide if isinstance(model, CoxPH) else X
        shap_values(model, columns.head(2), columns.tail(20), scale="risk", horizons=horizons[:1])
    courses = MultiState.from_long(
        [1, 1, 2, 3, 4, 4], [0, 2, 0, 0, 0, 3], [2, 6, 4, 5, 3, 7], ["b", "a", "b", None, "b", None], initial="a"
    )
    state_occupancy(courses, [2.0, 5.0])
    mean_sojourn(courses, 5.0)
    state_at(courses, 5.0, "b")
    x = pd.DataFrame({"x": [0.1, 0.1, 0.5, 0.2, 0.4, 0.4]})
    for options in ({}, {"incidence": "exponential"}, {"clock": "reset"}):
        MultiStateCox(shared=["x"], **options).fit(x, courses).predict_occupancy(x.head(1), [2.0, 5.0])
    seen = ["a", "a", "a", "b"] * 2 + ["b", "b", "b", "a"] * 2
    visits = MultiState.from_visits(np.repeat([1, 2, 3, 4], 4), [0, 1, 2, 3] * 4, seen, states=["a", "b"])
    PanelMarkov([("a", "b"), ("b", "a")]).fit(np.empty((12, 0)), visits)


if __name__ == "__main__":
    measure() if "--in-this-process" in sys.argv else main()
