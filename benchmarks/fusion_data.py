"""Data sets of the benchmark of fusion: six simulations, and two with the real predictors of GBSG and TRACE.

In the plasmode generators ("GBSG", "TRACE") predictors are rows of the real table, drawn with replacement; the hazard
of the event is the Cox model that the real outcome gives with squares and products of these predictors, and a competing
event and the end of follow-up are drawn. The real tables lie beside the checkout, or in ``LBP_REFERENCE_FOLDER``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis.models import CoxPH
from lbp_prognosis.survival import Surv

FRESH = 5000
SITES, LEVELS, MEASURES = 8, 5, 8
TABLES = Path(os.environ.get("LBP_REFERENCE_FOLDER", Path(__file__).resolve().parents[2] / "shared"))
FOUR = {
    "clinical": [f"c{k}" for k in range(1, 6)],
    "patient_reported": [f"p{k}" for k in range(1, 6)],
    "biomechanical": [f"g{k}" for k in range(1, 5)],
    "imaging": [f"{pool}{k}" for pool in ("mean", "worst") for k in range(1, MEASURES + 1)],
}
Drawn = tuple[pd.DataFrame, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Generator:
    """Where data sets come from.

    Attributes
    ----------
    seed : int
        Part of the seed of each data set.
    modalities : mapping of str to sequence of str
        Columns by modality.
    draw : callable
        ``(n, rng)`` to predictors and times of the event and of the competing event.
    horizon : float
        When the risk is judged.
    follow_up : tuple of float
        Bounds of the uniform end of follow-up.
    unit : float
        Times are multiples of it.
    needed : str
        Column that decides who is imaged, "random" or empty where all are. By indication it is known of every patient;
        a column of imaging makes values missing not at random.
    table : Path or None
        Real table that is read.
    scattered : float
        Share of single cells, of all modalities but the clinical one, that are missing completely at random.
    continuous : sequence of str
        Predictors with more than ten values.
    """

    seed: int
    modalities: Mapping[str, Sequence[str]]
    draw: Callable[[int, np.random.Generator], Drawn]
    horizon: float
    follow_up: tuple[float, float]
    unit: float = 0.1
    needed: str = ""
    table: Path | None = None
    scattered: float = 0.0
    continuous: Sequence[str] = tuple(column for columns in FOUR.values() for column in columns)

    @property
    def available(self) -> bool:
        """Whether the real table is there, if one is read."""
        return self.table is None or self.table.is_file()


def spines(n: int, rng: np.random.Generator, *, bent: bool) -> Drawn:
    """Four modalities, five discs with eight measures each, scanner effects of eight sites; times in months."""
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
    return pd.DataFrame(X, columns=[column for columns in FOUR.values() for column in columns]), recovery, surgery


@dataclass(frozen=True)
class _Real:
    """Predictors of a real table, and the hazard that its outcome gives."""

    X: pd.DataFrame
    score: np.ndarray
    times: np.ndarray
    hazard: np.ndarray
    leaving: np.ndarray


def _real(X: pd.DataFrame, terms: pd.DataFrame, y: np.ndarray, leaving: np.ndarray) -> _Real:
    model = CoxPH().fit(terms, y)
    score = model.linear_predictor(terms) - float(model.centre_ @ model.coef_)
    return _Real(X, score, model.baseline_times_[0], model.baseline_hazard_[0], leaving)


@cache
def _gbsg() -> _Real:
    table = pd.read_csv(GENERATORS["GBSG"].table or "")
    X = table[["age", "meno", "hormon", "size", "grade"]].astype(float)
    for name in ("nodes", "pgr", "er"):
        X[name] = np.log1p(table[name].astype(float))
    terms = X.assign(
        age2=(X["age"] - 53) ** 2 / 100,
        nodes2=X["nodes"] ** 2,
        pgr2=X["pgr"] ** 2,
        hormon_meno=X["hormon"] * X["meno"],
        nodes_grade=X["nodes"] * X["grade"],
    )
    y = Surv.right(table["rfstime"].to_numpy() / 30.4375, table["status"].to_numpy())
    return _real(X, terms, y, 0.004 * np.exp(0.04 * (X["age"].to_numpy() - 53)))


@cache
def _trace() -> _Real:
    table = pd.read_csv(GENERATORS["TRACE"].table or "")
    X = table[["age", "sex", "diabetes", "chf", "vf", "wmi"]].astype(float)
    terms = X.assign(
        age2=(X["age"] - 67) ** 2 / 100,
        wmi2=(X["wmi"] - 1.4) ** 2,
        age_chf=(X["age"] - 67) * X["chf"],
        wmi_chf=(X["wmi"] - 1.4) * X["chf"],
    )
    y = Surv.right(table["time"].to_numpy(), (table["status"] == 9).to_numpy())
    return _real(X, terms, y, 0.04 * np.exp(0.05 * (X["age"].to_numpy() - 67)))


def plasmode(n: int, rng: np.random.Generator, *, real: Callable[[], _Real]) -> Drawn:
    """Real rows, and times drawn from the hazard that the real outcome gives, on a line between its steps."""
    of = real()
    rows = rng.integers(len(of.X), size=n)
    wanted = rng.exponential(size=n) / np.exp(of.score[rows])
    hazard, times = np.append(0.0, of.hazard), np.append(0.0, of.times)
    event = np.where(wanted <= hazard[-1], np.interp(wanted, hazard, times), np.inf)
    other = rng.exponential(size=n) / of.leaving[rows]
    return of.X.iloc[rows].reset_index(drop=True), event, other


GENERATORS: dict[str, Generator] = {
    "linear, all imaged": Generator(1, FOUR, partial(spines, bent=False), 12.0, (6, 36)),
    "linear, imaged by indication": Generator(2, FOUR, partial(spines, bent=False), 12.0, (6, 36), needed="p1"),
    "linear, imaged at random": Generator(5, FOUR, partial(spines, bent=False), 12.0, (6, 36), needed="random"),
    "linear, imaged by its finding": Generator(6, FOUR, partial(spines, bent=False), 12.0, (6, 36), needed="worst1"),
    "linear, by indication and scattered": Generator(
        7, FOUR, partial(spines, bent=False), 12.0, (6, 36), needed="p1", scattered=0.05
    ),
    "bent, imaged by indication": Generator(0, FOUR, partial(spines, bent=True), 12.0, (6, 36), needed="p1"),
    "GBSG": Generator(
        3,
        {"clinical": ["age", "meno", "hormon"], "imaging": ["size", "grade", "nodes", "pgr", "er"]},
        partial(plasmode, real=_gbsg),
        36.0,
        (24, 84),
        table=TABLES / "reference" / "data" / "gbsg.csv",
        continuous=("age", "size", "nodes", "pgr", "er"),
    ),
    "TRACE": Generator(
        4,
        {"clinical": ["age", "sex", "diabetes", "chf", "vf"], "imaging": ["wmi"]},
        partial(plasmode, real=_trace),
        3.0,
        (2, 8),
        unit=0.01,
        needed="age",
        table=TABLES / "data" / "trace" / "TRACE.csv",
        continuous=("age", "wmi"),
    ),
}


def by_indication(X: pd.DataFrame, generator: Generator, rng: np.random.Generator) -> pd.DataFrame:
    """Take the imaging of 30 per cent away, more often where the column that decides is low."""
    out = X.copy()
    chance = np.full(len(X), 0.3)
    if generator.needed != "random":
        value = X[generator.needed].to_numpy(dtype=float)
        chance = 1 / (1 + np.exp(0.95 + 0.8 * (value - value.mean()) / value.std()))
    out.loc[rng.random(len(X)) < chance, list(generator.modalities["imaging"])] = np.nan
    if generator.scattered:
        cells = rng.random(X.shape) < generator.scattered
        cells[:, [X.columns.get_loc(column) for column in generator.modalities["clinical"]]] = False
        out = out.mask(cells)
    return out


def data_set(name: str, n: int, number: int) -> tuple[Any, ...]:
    """Return training predictors and outcome, fresh predictors and whether the fresh had the event by the horizon."""
    generator = GENERATORS[name]
    rng = np.random.default_rng([n, number, generator.seed])
    X, first, second = generator.draw(n, rng)
    lost = rng.uniform(*generator.follow_up, n)
    end = np.minimum.reduce([first, second, lost])
    time = np.maximum(np.round(end / generator.unit) * generator.unit, generator.unit)
    event = np.select([lost <= np.minimum(first, second), first <= second], [0, 1], 2)
    fresh, later, left = generator.draw(FRESH, rng)
    state = (later <= generator.horizon) & (later <= left)
    if generator.needed:
        X, fresh = by_indication(X, generator, rng), by_indication(fresh, generator, rng)
    return X, Surv.right(time, event), fresh, state
