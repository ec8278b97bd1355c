"""Which way of joining modalities predicts best for patients not seen? Simulations with known truth, resumable.

python -m benchmarks.fusion -o out/fusion --sets 100 --sizes 300 1000          (all generators and contenders)
python -m benchmarks.fusion -o out/fusion --summary                            (of what is there)

A finished fit is a line of ``fits.csv``; a killed run goes on where it stopped. ``summary.csv`` has all cells;
the other tables there are those of the pages, one per size. Declared before any run: the measure is
the index of prediction accuracy (IPA) of the event by the horizon on fresh patients whose course is known; ``DEFAULT``
is not inferior to a contender where the upper 95 per cent limit of the contender's IPA minus its own, paired over data
sets, is below ``MARGIN``. ``DEFAULT`` and its ``SHRINK`` were chosen on data sets numbered from ``TUNING`` and fixed
before the others were seen. Peers run where they are installed: those of Python in the interpreter named by
``PEERS_PYTHON`` (`requirements.txt`), glmnet in R, xgboost by hand in this one.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t
from sklearn.impute import SimpleImputer

from benchmarks import ONE_THREAD
from benchmarks.fusion_data import GENERATORS, Generator, data_set
from benchmarks.fusion_peers import HAZARDOUS, PEERS, breslow, joined
from lbp_prognosis.fusion import MultipleImputation, PatternSubmodels, RestrictedCubicSpline, RiskPipeline
from lbp_prognosis.models import (
    AverageRisk,
    BoostedCox,
    CauseSpecificCox,
    MultimodalNet,
    NullModel,
    PriorityCox,
    StackedRisk,
)

MARGIN = 0.005
DEFAULT = "shrunken stack"
THREE = "shrunken stack, no splines"  # the default of the second run of this benchmark
RIDGE = "ridge, tuned"  # that of the first
SHRINK = 1000.0  # patients that equal weights count for
TUNING = 10_000  # number of the first data set that the default was chosen on
HERE = Path(__file__).resolve().parent
FIELDS = ["generator", "n", "set", "contender", "ipa", "brier", "slope", "auc", "seconds"]
GLMNET = "glmnet ridge"
OTHERS = (*PEERS, GLMNET)
Groups = Mapping[str, Sequence[str]]


def _imputed(model: Any) -> RiskPipeline:
    return RiskPipeline([MultipleImputation(m=1, iterations=3, draws=10)], model)


def _five(**options: Any) -> RiskPipeline:
    return RiskPipeline([MultipleImputation(m=5, iterations=3, draws=10, **options)], CauseSpecificCox(penalty="cv"))


def _kept(groups: Groups, model: Any) -> RiskPipeline:
    """Fill in scattered cells, and leave absent modalities to the model."""
    return RiskPipeline([MultipleImputation(m=1, iterations=3, draws=10, keep_blocks=groups)], model)


def _alone(groups: Groups, *, but: Sequence[str]) -> RiskPipeline:
    """Return the default model of the modalities other than these."""
    name = "+".join(modality for modality in groups if modality not in but)
    return _kept(groups, AverageRisk({name: CauseSpecificCox(penalty="cv")}, modalities=groups, recalibrate=False))


def _shrunken_stack(of: Generator, *, splines: bool = True) -> StackedRisk:
    """Ridge and elastic net, each also with splines, and trees: weights between equal ones and those of least loss.

    Rows are completed without the outcome, as new ones are; trees take missing values as they are.
    """
    steps = [MultipleImputation(m=1, iterations=3, draws=10, use_outcome=False)]
    bent = [*steps, RestrictedCubicSpline(of.continuous, n_knots=3)]
    ridge, net = CauseSpecificCox(penalty="cv"), CauseSpecificCox(penalty="cv", l1_ratio=0.5)
    learners: dict[str, Any] = {"ridge": RiskPipeline(steps, ridge), "elastic net": RiskPipeline(steps, net)}
    if splines:
        learners |= {"ridge, splines": RiskPipeline(bent, ridge), "elastic net, splines": RiskPipeline(bent, net)}
    return StackedRisk({**learners, "trees": BoostedCox()}, horizons=of.horizon, cv=3, shrink=SHRINK)


def _learners(groups: Groups) -> dict[str, Any]:
    names = list(groups)
    without = "+".join(name for name in names if name != "imaging")
    return {name: CauseSpecificCox(penalty="cv") for name in ("clinical", without, "clinical+imaging", "+".join(names))}


def _patterns(groups: Groups) -> RiskPipeline:
    return _kept(
        groups,
        PatternSubmodels(
            CauseSpecificCox(penalty="cv"),
            groups,
            min_patients=50,
            min_events=20,
            rows="available",
            fallback=_imputed(CauseSpecificCox(penalty="cv")),
        ),
    )


def _priority(groups: Groups, missing: str) -> RiskPipeline:
    return _kept(groups, PriorityCox(groups, l1_ratio=0.5, missing=missing))


CONTENDERS: dict[str, Callable[[Generator], Any]] = {
    "null model": lambda of: NullModel(),
    "clinical only": lambda of: _alone(of.modalities, but=[name for name in of.modalities if name != "clinical"]),
    "all but imaging": lambda of: _alone(of.modalities, but=["imaging"]),
    "no penalty": lambda of: _imputed(CauseSpecificCox()),
    "ridge 20": lambda of: _imputed(CauseSpecificCox(penalty=20.0)),
    DEFAULT: lambda of: _shrunken_stack(of),
    THREE: lambda of: _shrunken_stack(of, splines=False),
    RIDGE: lambda of: _imputed(CauseSpecificCox(penalty="cv")),
    "elastic net, tuned": lambda of: _imputed(CauseSpecificCox(penalty="cv", l1_ratio=0.5)),
    "ridge, tuned, five imputations": lambda of: _five(),
    "ridge, tuned, five without the outcome": lambda of: _five(use_outcome=False),
    "ridge, tuned, one without the outcome": lambda of: RiskPipeline(
        [MultipleImputation(m=1, iterations=3, draws=10, use_outcome=False)], CauseSpecificCox(penalty="cv")
    ),
    "ridge, tuned, medians": lambda of: RiskPipeline(
        [SimpleImputer(strategy="median")], CauseSpecificCox(penalty="cv")
    ),
    "patterns": lambda of: _patterns(of.modalities),
    "priority": lambda of: _priority(of.modalities, "impute_offset"),
    "priority, block ignored": lambda of: _priority(of.modalities, "ignore"),
    "mean": lambda of: _imputed(AverageRisk(_learners(of.modalities), modalities=of.modalities, horizons=of.horizon)),
    "stack": lambda of: _kept(
        of.modalities, StackedRisk(_learners(of.modalities), modalities=of.modalities, horizons=of.horizon)
    ),
    "boosted": lambda of: BoostedCox(),
    "net": lambda of: _kept(of.modalities, MultimodalNet(of.modalities, seeds=5)),
}


def interpreter(peer: str) -> str:
    """Return the program that runs a peer; empty where it is not installed."""
    if peer == GLMNET:
        found = shutil.which("Rscript") or ""
        probe = [found, "-e", "library(glmnet)"]
    else:
        needs = {"xgboost by hand": "xgboost", HAZARDOUS: "hazardous"}.get(peer, "sksurv")
        found = sys.executable if needs == "xgboost" else os.environ.get("PEERS_PYTHON", sys.executable)
        probe = [found, "-c", f"import {needs}"]
    if not found or subprocess.run(probe, capture_output=True, check=False).returncode:
        return ""
    return found


def peer_risk(
    peer: str, program: str, X: pd.DataFrame, y: np.ndarray, fresh: pd.DataFrame, horizon: float
) -> tuple[np.ndarray, float]:
    """Return risks of fresh rows and the seconds of a peer's fit in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if peer == GLMNET:
            middle = X.median()
            X, fresh = X.fillna(middle), fresh.fillna(middle)
            X.assign(time=y["time"], event=y["event"]).to_csv(folder / "train.csv", index=False)
            fresh.to_csv(folder / "fresh.csv", index=False)
            command = [program, "--vanilla", str(HERE / "fusion_peer.R"), name]
        else:
            arrays = {"X": X.to_numpy(float), "fresh": fresh.to_numpy(float), "horizon": horizon}
            np.savez(folder / "in.npz", time=y["time"], event=y["event"].astype(int), **arrays)
            command = [program, str(HERE / "fusion_peers.py"), peer, str(folder / "in.npz"), str(folder / "out.npz")]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **ONE_THREAD})
        if peer != GLMNET:
            out = np.load(folder / "out.npz")
            return out["risk"], float(out["seconds"])
        hazards = []
        for cause in (1, 2):
            margin = pd.read_csv(folder / f"margin_{cause}.csv")["margin"].to_numpy()
            times, hazard = breslow(y["time"], y["event"] == cause, margin[: len(X)])
            hazards.append((times, np.exp(margin[len(X) :])[:, None] * hazard))
        return joined(hazards, horizon), float((folder / "seconds.txt").read_text())


def judged(risk: np.ndarray, state: np.ndarray) -> dict[str, float]:
    """Return IPA, Brier score, slope of the log odds and AUC on patients whose course is known."""
    from lbp_prognosis.evaluation import time_dependent_auc
    from lbp_prognosis.models import LogisticRisk
    from lbp_prognosis.survival import Status

    brier = float(np.mean((risk - state) ** 2))
    out = {"ipa": 1 - brier / float(state.var()), "brier": brier, "slope": np.nan, "auc": 0.5}
    if np.ptp(risk) > 1e-6:  # risks that differ by rounding alone have no slope and no order
        y, inside = Status.at(1.0, state.astype(int)), np.clip(risk, 1e-6, 1 - 1e-6)
        out["slope"] = float(LogisticRisk().fit(np.log(inside / (1 - inside))[:, None], y).coef_[0])
        out["auc"] = float(time_dependent_auc(y, risk).value)
    return out


def fitted(contender: str, program: str, generator: str, n: int, number: int) -> dict[str, float]:
    """Fit one contender to one data set and judge it on the fresh patients."""
    X, y, fresh, state = data_set(generator, n, number)
    of = GENERATORS[generator]
    if contender in OTHERS:
        risk, seconds = peer_risk(contender, program, X, y, fresh, of.horizon)
    else:
        start = time.process_time()
        model = CONTENDERS[contender](of).fit(X, y)
        seconds = time.process_time() - start
        risk = model.predict_risk(fresh, of.horizon)[:, 0]
    return {**judged(risk, state), "seconds": round(seconds, 3)}


def run(
    folder: Path, sizes: list[int], sets: int, generators: list[str], contenders: list[str], first: int = 0
) -> None:
    """Fit what is not yet in the file."""
    programs = {name: interpreter(name) if name in OTHERS else "" for name in contenders}
    there = [name for name in contenders if name not in OTHERS or programs[name]]
    for name in sorted(set(contenders) - set(there)):
        print(f"{name}: not installed, left out")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fits.csv"
    done: set[tuple[Any, ...]] = set()
    if path.exists():
        done = set(pd.read_csv(path)[FIELDS[:4]].itertuples(index=False, name=None))
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        for number in range(first, first + sets):
            for n in sizes:
                for generator in generators:
                    for contender in there:
                        if (generator, n, number, contender) in done:
                            continue
                        told = {"generator": generator, "n": n, "set": number, "contender": contender}
                        writer.writerow({**told, **fitted(contender, programs[contender], generator, n, number)})
                        file.flush()


def _mean(values: pd.Series) -> tuple[float, float]:
    """Return a mean and its Monte Carlo standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def summary(folder: Path) -> pd.DataFrame:
    """Return one row per generator, size and contender, with the paired differences to the default."""
    fits = pd.read_csv(folder / "fits.csv")
    rows = []
    for (generator, n), cell in fits.groupby(["generator", "n"]):
        of = cell.pivot(index="set", columns="contender", values=["ipa", "auc"])
        for contender in of["ipa"].columns:
            gap = (of["ipa"][contender] - of["ipa"][DEFAULT]).dropna()
            own = cell[(cell["contender"] == contender) & cell["set"].isin(gap.index)]
            difference, se = _mean(gap)
            wide = t.ppf(0.975, max(len(gap) - 1, 1))
            ranked, ranked_se = _mean((of["auc"][contender] - of["auc"][DEFAULT]).loc[gap.index])
            rows.append(
                {
                    "generator": generator,
                    "n": n,
                    "contender": contender,
                    "sets": len(gap),
                    "ipa": own["ipa"].mean(),
                    "difference": difference,
                    "se": se,
                    "low": difference - wide * se,
                    "high": difference + wide * se,
                    "not_inferior": bool(difference - wide * se > -MARGIN),
                    "default_not_inferior": bool(difference + wide * se < MARGIN),
                    "slope": own["slope"].median() if own["slope"].notna().any() else np.nan,
                    "auc": own["auc"].mean(),
                    "auc_difference": ranked,
                    "auc_se": ranked_se,
                    "seconds": own["seconds"].median(),
                }
            )
    return pd.DataFrame(rows).sort_values(["generator", "n", "ipa"], ascending=[True, True, False])


def page(folder: Path, columns: Mapping[str, str], n: int, against: str = DEFAULT) -> pd.DataFrame:
    """Return the table of a page: one row per contender, one column per generator, then slope, AUC and seconds.

    A cell is the mean IPA minus that of ``against`` in the same data sets, ± its Monte Carlo standard error, and the
    number of sets; of ``against`` it is the IPA. The slope and the seconds are medians, and the AUC is the mean
    difference, over all data sets of the row.
    """
    fits = pd.read_csv(folder / "fits.csv")
    fits = fits[fits["generator"].isin(list(columns)) & (fits["n"] == n)]
    base = fits[fits["contender"] == against].set_index(["generator", "set"])[["ipa", "auc"]]
    both = fits.join(base, on=["generator", "set"], rsuffix="_base").dropna(subset=["ipa_base"])
    both["gap"], both["ranked"] = both["ipa"] - both["ipa_base"], both["auc"] - both["auc_base"]
    order = both.groupby("contender")["gap"].mean().sort_values(ascending=False).index
    rows = []
    for contender in order:
        own = both[both["contender"] == contender]
        row, itself = {"contender": contender}, contender == against
        for generator, heading in columns.items():
            cell = own.loc[own["generator"] == generator, "ipa" if itself else "gap"]
            row[heading] = _cell(cell, "" if itself else "+") + (f" ({len(cell)})" if len(cell) else "")
        slope = own["slope"].median() if own["slope"].notna().any() else np.nan
        row["slope"] = "" if np.isnan(slope) else f"{slope:.2f}"
        row["AUC"] = _cell(own["auc"], "") if itself else _cell(own["ranked"], "+")
        rows.append({**row, "seconds": f"{own['seconds'].median():.1f}"})
    return pd.DataFrame(rows)


def _cell(values: pd.Series, sign: str) -> str:
    if values.empty:
        return ""
    mean, se = _mean(values)
    return f"{mean:{sign}.3f}" + ("" if np.isnan(se) else f" ± {se:.3f}")


FOUR_CELLS = {
    "linear, imaged by indication": "linear",
    "bent, imaged by indication": "bent",
    "GBSG": "GBSG",
    "TRACE": "TRACE",
}
MECHANISMS = {
    "linear, imaged at random": "at random",
    "linear, imaged by indication": "by indication",
    "linear, imaged by its finding": "by its finding",
    "linear, by indication and scattered": "by indication, and cells",
}
PAGES = {  # columns, patients, and what the others are compared with
    "which_fusion_300.csv": (FOUR_CELLS, 300, DEFAULT),
    "which_fusion_1000.csv": (FOUR_CELLS, 1000, DEFAULT),
    "which_fusion_5000.csv": (FOUR_CELLS, 5000, DEFAULT),
    "missing_data.csv": (MECHANISMS, 300, RIDGE),
}


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    ready, everyone = [name for name, of in GENERATORS.items() if of.available], [*CONTENDERS, *OTHERS]
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first data set")
    parser.add_argument("--sizes", type=int, nargs="+", default=[300])
    parser.add_argument("--generators", nargs="+", default=ready, choices=ready)
    parser.add_argument("--contenders", nargs="+", default=everyone, choices=everyone)
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    if not given.summary:
        run(given.output, given.sizes, given.sets, given.generators, given.contenders, given.first)
    table = summary(given.output).round(4)
    table.to_csv(given.output / "summary.csv", index=False)
    for name, (columns, n, against) in PAGES.items():
        page(given.output, columns, n, against).to_csv(given.output / name, index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
