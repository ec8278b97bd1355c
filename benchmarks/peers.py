"""Peers written in Python, one call at a time: reads ``job <tab> folder``, answers with processor seconds."""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")


def read(folder: Path) -> dict[str, np.ndarray]:
    out = {}
    for line in (folder / "shapes.txt").read_text().splitlines():
        key, rows, columns = line.split("\t")
        values = np.fromfile(folder / f"{key}.bin")
        out[key] = values if columns == "1" else values.reshape(int(rows), int(columns), order="F")
    return out


def _sksurv(d):
    from sksurv.util import Surv

    return Surv.from_arrays(d["event"] == 1, d["time"])


def _frame(d, columns=None):
    import pandas as pd

    table = pd.DataFrame(d["X"][:, :columns])
    return table.assign(time=d["time"], event=d["event"])


def lifelines_concordance(d):
    from lifelines.utils import concordance_index

    return lambda: concordance_index(d["time"], -d["score"], d["event"])


def sksurv_concordance(d):
    from sksurv.metrics import concordance_index_censored

    return lambda: concordance_index_censored(d["event"] == 1, d["time"], d["score"])


def sksurv_uno(d):
    from sksurv.metrics import concordance_index_ipcw

    y = _sksurv(d)
    return lambda: concordance_index_ipcw(y, y, d["score"], tau=float(d["horizons"][-1]))


def sksurv_auc(d):
    from sksurv.metrics import cumulative_dynamic_auc

    # as given it raises: an event on the last day has no chance of being uncensored; so follow-up is cut before it
    y = _sksurv({"event": (d["event"] == 1) & (d["time"] < 1500), "time": np.minimum(d["time"], 1500.0)})
    return lambda: cumulative_dynamic_auc(y, y, d["score"], d["horizons"])


def sksurv_brier(d):
    from sksurv.metrics import brier_score

    y = _sksurv(d)
    return lambda: brier_score(y, y, 1 - d["risk"], d["horizons"])


def lifelines_cox(d):
    from lifelines import CoxPHFitter

    table = _frame(d)
    return lambda: CoxPHFitter().fit(table, "time", "event")


def sksurv_cox(d):
    from sksurv.linear_model import CoxPHSurvivalAnalysis

    y = _sksurv(d)
    return lambda: CoxPHSurvivalAnalysis(ties="efron").fit(d["X"], y)


def coxnet(d):
    from sksurv.linear_model import CoxnetSurvivalAnalysis

    # its own normalize divides by the norm, not the standard deviation: the same penalties would select nothing
    y, X = _sksurv(d), (d["X"] - d["X"].mean(axis=0)) / d["X"].std(axis=0)
    return lambda: CoxnetSurvivalAnalysis(l1_ratio=0.5, alphas=d["penalties"]).fit(X, y)


def lifelines_bootstrap(d):
    from lifelines import CoxPHFitter
    from lifelines.utils import concordance_index

    table = _frame(d)

    def run():
        rng = np.random.default_rng(0)
        for _ in range(5):
            sample = table.iloc[rng.integers(len(table), size=len(table))]
            fitted = CoxPHFitter().fit(sample, "time", "event")
            concordance_index(d["time"], -np.asarray(fitted.predict_log_partial_hazard(table)), d["event"])

    return run


def dcurves_curve(d):
    import pandas as pd
    from dcurves import dca

    table = pd.DataFrame({"time": d["time"], "event": d["event"], "risk": d["risk"]})
    return lambda: dca(
        data=table,
        outcome="event",
        modelnames=["risk"],
        thresholds=d["thresholds"],
        time=float(d["horizons"][0]),
        time_to_outcome_col="time",
    )


def lifelines_calibration(d):
    import matplotlib

    matplotlib.use("Agg")
    from lifelines import CoxPHFitter
    from lifelines.calibration import survival_probability_calibration

    table = _frame(d)
    fitted = CoxPHFitter().fit(table, "time", "event")
    return lambda: survival_probability_calibration(fitted, table, float(d["horizons"][0]))


def mixed_lm(d):
    import pandas as pd
    import statsmodels.formula.api as smf

    n, visits = d["values"].shape
    table = pd.DataFrame(np.tile(d["X"], (visits, 1)), columns=["a", "b", "c"])
    table = table.assign(
        score=d["values"].ravel(order="F"), id=np.tile(np.arange(n), visits), visit=np.repeat(np.arange(visits), n)
    )
    return lambda: smf.mixedlm("score ~ C(visit) * (a + b + c)", table, groups="id").fit(reml=True)


def main() -> None:
    answer, prepared = sys.stdout, {}
    for line in sys.stdin:
        job, folder = line.rstrip("\n").split("\t")
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                if (job, folder) not in prepared:
                    prepared.clear()
                    prepared[job, folder] = globals()[job](read(Path(folder)))
                    prepared[job, folder]()
                start = time.process_time()
                prepared[job, folder]()
                told = f"SECONDS\t{time.process_time() - start}"
            except ImportError:
                told = "ABSENT\tnot installed"
            except Exception as error:  # a peer that fails is reported, not hidden
                told = f"ABSENT\tfails: {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"
        print(told, file=answer, flush=True)


if __name__ == "__main__":
    main()
