"""Which way of joining modalities predicts best for patients not seen? Simulations with known truth, resumable.

python -m benchmarks.fusion -o out/fusion --sets 100 --sizes 300 1000          (all generators and contenders)
python -m benchmarks.fusion -o out/fusion --summary                            (of what is there)

A finished fit is a line of ``fits.csv``; a killed run goes on where it stopped. Declared before any run: the measure is
the index of prediction accuracy (IPA) of recovery by 12 months on fresh patients whose course is known; ``DEFAULT`` is
what the others are compared with; a contender passes where the lower 95 per cent limit of its IPA minus the default's,
paired over data sets, is above −``MARGIN``. Peers of other packages are not among the contenders yet.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import t

from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import AverageRisk, BoostedCox, CauseSpecificCox, NullModel, StackedRisk
from lbp_prognosis.survival import Surv

MARGIN = 0.005
DEFAULT = "ridge, tuned"
HORIZON = 12.0
FRESH = 5000
FIELDS = ["generator", "n", "set", "contender", "ipa", "brier", "slope", "auc", "seconds"]
SITES, LEVELS, MEASURES = 8, 5, 8

MODALITIES = {
    "clinical": [f"c{k}" for k in range(1, 6)],
    "patient_reported": [f"p{k}" for k in range(1, 6)],
    "biomechanical": [f"g{k}" for k in range(1, 5)],
    "imaging": [f"{pool}{k}" for pool in ("mean", "worst") for k in range(1, MEASURES + 1)],
}
COLUMNS = [column for columns in MODALITIES.values() for column in columns]


def patients(n: int, rng: np.random.Generator, bent: bool) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return predictors (imaging of all), times of recovery and times of surgery, in months."""
    c = rng.normal(size=(n, 5))
    p = 0.5 * c[:, [0]] + np.sqrt(0.75) * rng.normal(size=(n, 5))
    g = 0.4 * p[:, :4] + np.sqrt(0.84) * rng.normal(size=(n, 4))
    site = rng.integers(0, SITES, n)
    state = 0.3 * c[:, [1]] + 0.3 * p[:, [0]] + rng.normal(size=(n, LEVELS))  # degeneration of each disc
    discs = state[:, :, None] + 0.8 * rng.normal(size=(n, LEVELS, MEASURES))
    scanner = np.random.default_rng(99).normal(0, 0.4, (SITES, MEASURES))  # the same scanners in every data set
    seen = discs + scanner[site][:, None, :]
    X = np.hstack([c, p, g, seen.mean(axis=1), seen.max(axis=1)])
    worst = state.max(axis=1) - 1.2
    score = 0.35 * c[:, 0] + 0.25 * p[:, 0] + 0.2 * p[:, 1] + 0.2 * g[:, 0] + 0.3 * worst
    if bent:
        score = (
            0.5 * np.abs(c[:, 0]) - 0.4 + 0.45 * c[:, 1] * p[:, 0] + 0.3 * p[:, 1] + 0.5 * (worst > 0.3) + 0.2 * g[:, 0]
        )
    recovery = (rng.exponential(size=n) / (0.06 * np.exp(-score))) ** (1 / 1.1)
    surgery = rng.exponential(size=n) / (0.006 * np.exp(0.5 * worst))
    return pd.DataFrame(X, columns=COLUMNS), recovery, surgery


def by_indication(X: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Take the images of 30 per cent away, of those with little pain more often."""
    out = X.copy()
    chance = 1 / (1 + np.exp(0.95 + 0.8 * X["p1"].to_numpy()))
    out.loc[rng.random(len(X)) < chance, MODALITIES["imaging"]] = np.nan
    return out


def data_set(generator: str, n: int, number: int) -> tuple[Any, ...]:
    """Return training predictors and outcome, fresh predictors and whether the fresh recovered by the horizon."""
    rng = np.random.default_rng([n, number, sorted(GENERATORS).index(generator)])
    bent, indicated = GENERATORS[generator]
    X, recovery, surgery = patients(n, rng, bent)
    lost = rng.uniform(6, 36, n)
    time_ = np.maximum(np.minimum.reduce([recovery, surgery, lost]).round(1), 0.1)
    event = np.select([lost <= np.minimum(recovery, surgery), recovery <= surgery], [0, 1], 2)
    fresh, later, operated = patients(FRESH, rng, bent)
    state = (later <= HORIZON) & (later <= operated)
    if indicated:
        X, fresh = by_indication(X, rng), by_indication(fresh, rng)
    return X, Surv.right(time_, event), fresh, state


GENERATORS = {
    "linear, all imaged": (False, False),
    "linear, imaged by indication": (False, True),
    "bent, imaged by indication": (True, True),
}


def _imputed(model: Any) -> RiskPipeline:
    return RiskPipeline([MultipleImputation(m=1, iterations=3, draws=10)], model)


def _learners() -> dict[str, Any]:
    return {
        "clinical": CauseSpecificCox(penalty="cv"),
        "clinical+patient_reported+biomechanical": CauseSpecificCox(penalty="cv"),
        "clinical+imaging": CauseSpecificCox(penalty="cv"),
        "clinical+patient_reported+biomechanical+imaging": CauseSpecificCox(penalty="cv"),
    }


CONTENDERS: dict[str, Callable[[], Any]] = {
    "null model": NullModel,
    "no penalty": lambda: _imputed(CauseSpecificCox()),
    "ridge 20": lambda: _imputed(CauseSpecificCox(penalty=20.0)),
    DEFAULT: lambda: _imputed(CauseSpecificCox(penalty="cv")),
    "elastic net, tuned": lambda: _imputed(CauseSpecificCox(penalty="cv", l1_ratio=0.5)),
    "mean": lambda: _imputed(AverageRisk(_learners(), modalities=MODALITIES, horizons=HORIZON)),
    "stack": lambda: StackedRisk(_learners(), modalities=MODALITIES, horizons=HORIZON),
    "boosted": BoostedCox,
}


def judged(risk: np.ndarray, state: np.ndarray) -> dict[str, float]:
    """Return IPA, Brier score, slope of the log odds and AUC on patients whose course is known."""
    from lbp_prognosis.evaluation import time_dependent_auc
    from lbp_prognosis.models import LogisticRisk
    from lbp_prognosis.survival import Status

    brier = float(np.mean((risk - state) ** 2))
    out = {"ipa": 1 - brier / float(state.var()), "brier": brier, "slope": np.nan, "auc": 0.5}
    if np.ptp(risk) > 0:
        y, inside = Status.at(HORIZON, state.astype(int)), np.clip(risk, 1e-6, 1 - 1e-6)
        out["slope"] = float(LogisticRisk().fit(np.log(inside / (1 - inside))[:, None], y).coef_[0])
        out["auc"] = float(time_dependent_auc(y, risk).value)
    return out


def run(folder: Path, sizes: list[int], sets: int, generators: list[str], contenders: list[str]) -> None:
    """Fit what is not yet in the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "fits.csv"
    done: set[tuple[Any, ...]] = set()
    if path.exists():
        done = set(pd.read_csv(path)[FIELDS[:4]].itertuples(index=False, name=None))
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        for number in range(sets):
            for n in sizes:
                for generator in generators:
                    left = [c for c in contenders if (generator, n, number, c) not in done]
                    if not left:
                        continue
                    X, y, fresh, state = data_set(generator, n, number)
                    for contender in left:
                        start = time.process_time()
                        model = CONTENDERS[contender]().fit(X, y)
                        seconds = time.process_time() - start
                        found = judged(model.predict_risk(fresh, HORIZON)[:, 0], state)
                        told = {"generator": generator, "n": n, "set": number, "contender": contender}
                        writer.writerow({**told, **found, "seconds": round(seconds, 3)})
                        file.flush()


def summary(folder: Path) -> pd.DataFrame:
    """Return one row per generator, size and contender, with the paired difference to the default."""
    fits = pd.read_csv(folder / "fits.csv")
    rows = []
    for (generator, n), cell in fits.groupby(["generator", "n"]):
        table = cell.pivot(index="set", columns="contender", values="ipa")
        for contender in table.columns:
            own = cell[cell["contender"] == contender]
            gap = (table[contender] - table[DEFAULT]).dropna()
            se = float(gap.std(ddof=1) / np.sqrt(len(gap))) if len(gap) > 1 else np.nan
            rows.append(
                {
                    "generator": generator,
                    "n": n,
                    "contender": contender,
                    "sets": len(gap),
                    "ipa": table.loc[gap.index, contender].mean(),
                    "difference": gap.mean(),
                    "se": se,
                    "not_inferior": bool(gap.mean() - t.ppf(0.975, max(len(gap) - 1, 1)) * se > -MARGIN),
                    "slope": own["slope"].median() if own["slope"].notna().any() else np.nan,
                    "auc": own["auc"].mean(),
                    "seconds": own["seconds"].median(),
                }
            )
    return pd.DataFrame(rows).sort_values(["generator", "n", "ipa"], ascending=[True, True, False])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--sizes", type=int, nargs="+", default=[300])
    parser.add_argument("--generators", nargs="+", default=list(GENERATORS), choices=list(GENERATORS))
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    if not given.summary:
        run(given.output, given.sizes, given.sets, given.generators, given.contenders)
    print(summary(given.output).round(4).to_string(index=False))


if __name__ == "__main__":
    main()
