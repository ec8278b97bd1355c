"""Small random studies with a page: right-censored, competing, at one visit, at several; rare categories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis import OutcomeSpec, Status, Surv, ThresholdRange
from lbp_prognosis.cohort import Flow, table_one_of
from lbp_prognosis.evaluation import evaluate
from lbp_prognosis.models import landmark
from lbp_prognosis.report import Page, PageTreatment, PageUpdates, evaluation_page
from lbp_prognosis.study._evaluate_out_of_fold import evaluate_out_of_fold, groups_out_of_fold
from lbp_prognosis.study._study_updates import _codes

__all__ = ["KINDS", "SmallStudy", "columns_of", "grown_studies", "small_study", "with_sections"]

KINDS = ("right", "competing", "status", "interval")
MAIN = 12.0


@dataclass(frozen=True, eq=False)
class SmallStudy:
    """What was written from, for those who judge whether it was found out; the same as itself alone."""

    kind: str
    y: np.ndarray
    risks: dict[str, np.ndarray]
    rows: pd.DataFrame
    sites: np.ndarray
    page: Page


@dataclass(frozen=True, eq=False)
class _Patients:
    """Of a study, with what is predicted for them by two models."""

    kind: str
    at: tuple[float, ...]
    y: np.ndarray
    risks: dict[str, np.ndarray]
    rows: pd.DataFrame
    sites: np.ndarray
    declined: int


def _patients(seed: int, kind: str, n: int | None, complete: bool | None, horizons: tuple[float, ...]) -> _Patients:
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    n = int(rng.integers(55, 260)) if n is None else n
    complete = bool(rng.integers(2)) if complete is None else complete
    x = rng.normal(size=n)
    scale = rng.uniform(8, 25)
    time = rng.exponential(scale * np.exp(-0.8 * x))
    lost = np.full(n, 60.0) if complete else rng.uniform(4, 40, n)
    at = (MAIN,) if kind == "status" else horizons
    y = _outcome(kind, time, lost, rng, complete)
    share = rng.uniform(0.6, 1.4)
    risks = {
        name: np.clip(
            np.column_stack([1 - np.exp(-h / scale * np.exp(b * x + rng.normal(0, 0.1, n))) for h in at]), 0.001, 0.999
        )
        for name, b in (("old", 0.4 * share), ("new", 0.8 * share))
    }
    for risk in risks.values():
        risk.sort(axis=1)
    rows, sites = _rows(n, x, rng)
    return _Patients(kind, at, y, risks, rows, sites, int(rng.integers(0, 9)))


@cache
def small_study(
    seed: int, kind: str, *, n: int | None = None, complete: bool | None = None, horizons: tuple[float, ...] = (6, 12)
) -> SmallStudy:
    """Return a study of 55 to 260 patients with a page that has not passed any gate."""
    made = _patients(seed, kind, n, complete, horizons)
    return _study(made, np.arange(len(made.rows)), f"{kind} {seed}", (made.declined, 9 - made.declined))


def grown_studies(seed: int, kind: str, members: list[np.ndarray], *, complete: bool | None = None) -> list[SmallStudy]:
    """Return pages of several sets of the same patients, given as their places."""
    n = 1 + max(int(one.max()) for one in members)
    made = _patients(seed, kind, n, complete, (6, 12))
    return [
        _study(made, one, f"{kind} {seed}, page {place}", (made.declined + 2 * place, 9 - made.declined + place))
        for place, one in enumerate(members)
    ]


def _study(made: _Patients, chosen: np.ndarray, title: str, left_out: tuple[int, int]) -> SmallStudy:
    n, kind, at, y = chosen.size, made.kind, made.at, made.y[chosen]
    risks = {name: risk[chosen] for name, risk in made.risks.items()}
    rows, sites = made.rows.iloc[chosen].reset_index(drop=True), made.sites[chosen]
    spec = OutcomeSpec(
        name="surgery",
        definition="d",
        polarity="bad",
        time_zero="visit",
        unit="months",
        horizons=at,
        primary_horizon=MAIN,
        ascertainment={"right": "exact", "competing": "exact", "status": "status", "interval": "visits"}[kind],
    )
    cuts = ThresholdRange(0.15, 0.55, 0.35, "as declared")
    shared: dict[str, Any] = {"synthetic": False}
    found = evaluate_out_of_fold(y, risks, spec, cuts, step=0.05, resamples=0, seed=0, **shared)
    last = risks["new"][:, -1]
    page = evaluation_page(found, title=title, horizon=MAIN, unit="months", sample="internal")
    flow = [("start", "asked", n + sum(left_out)), ("excluded", "declined", left_out[0])]
    flow.append(("excluded", "not eligible", left_out[1]))
    steps = pd.DataFrame([*flow, ("end", "analysed", n)], columns=["kind", "step", "n"])
    parts = {
        "outcome": spec,
        "thresholds": cuts,
        "groups": groups_out_of_fold(y, last, spec, cuts, "new", False),
        "flow": Flow(steps.assign(patients=pd.array([None] * len(steps), dtype="Int64"))),
        "table_ones": {
            "Table 1.": table_one_of(rows),
            "By site.": table_one_of(rows, by=sites),
        },
        "columns": columns_of(rows),
        "rows": rows,
        "ids": tuple(f"p{k}" for k in chosen),
        "provenance": {"input_sha256": {"a.csv": "0" * 64}, "notes": ["3 rows lack an id"], "versions": {"x": "1"}},
    }
    return SmallStudy(kind, y, {m: r[:, -1] for m, r in risks.items()}, rows, sites, replace(page, **parts))


def _outcome(kind: str, time: np.ndarray, lost: np.ndarray, rng: np.random.Generator, complete: bool) -> np.ndarray:
    n = time.size
    if kind == "status":
        value = (time <= MAIN).astype(int)
        if not complete:
            value[rng.choice(n, int(rng.integers(1, max(2, n // 6))), replace=False)] = -1
        return Status.at(MAIN, value)
    if kind == "interval":
        visits = np.array([0.0, 3, 6, 12, 24])
        seen = np.where(complete, 4, np.searchsorted(visits, np.minimum(lost, 24), side="right") - 1)
        upper = np.searchsorted(visits, time, side="left")
        known = upper <= seen
        low = np.where(known, visits[np.minimum(upper, 4) - 1], visits[seen])
        high = np.where(known, visits[np.minimum(upper, 4)], np.inf)
        return Surv.interval(low, high)
    event = (time <= lost).astype(int)
    if kind == "competing":
        event[(event == 1) & (rng.uniform(size=n) < 0.2)] = 2
    return Surv.right(np.minimum(time, lost), event, censored=0)


def _rows(n: int, x: np.ndarray, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    grade = rng.choice([1, 2, 3, 4], n, p=[0.55, 0.3, 0.12, 0.03])
    rows = pd.DataFrame(
        {
            "age": np.round(50 + 10 * x + rng.normal(0, 5, n)),
            "pain": rng.integers(0, 11, n).astype(float),
            "cost": np.round(rng.lognormal(5, rng.uniform(0.5, 2.5), n)),
            "grade": grade.astype(float),
            "sex": rng.choice(["female", "male"], n),
            "smoker": rng.choice(["no", "yes"], n, p=[0.95, 0.05]),
        }
    )
    for column, most in (("pain", 12), ("grade", 9), ("cost", n - 3)):
        rows.loc[rng.choice(n, int(rng.integers(0, most)), replace=False), column] = np.nan
    rows["grade"] = rows["grade"].map(lambda g: None if g != g else f"{g:.0f}").astype(object)
    return rows, rng.choice(["north", "south", "west"], n, p=[0.6, 0.33, 0.07])


def columns_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a page is told of its predictors."""
    made = []
    for column in rows.columns:
        values = rows[column]
        number = values.dtype.kind == "f"
        low, high = values.quantile([0.05, 0.95]) if number and values.notna().any() else (0, 0)
        shown = f"{low:.4g} to {high:.4g}" if number else ", ".join(sorted(values.dropna().unique()))
        made.append(
            {
                "column": column,
                "modality": "clinical",
                "type": "number" if number else "text",
                "n": len(values),
                "n_missing": int(values.isna().sum()),
                "range": shown,
            }
        )
    return pd.DataFrame(made)


def with_sections(study: SmallStudy, seed: int) -> SmallStudy:
    """Return a right-censored study whose page has a treatment during follow-up, and updates at landmarks.

    All who are known under the strategy have one weight, as where starting depends on nothing: an attacker who knows
    that reads counts off weighted numbers.
    """
    rng = np.random.default_rng([seed, 77])
    page = replace(study.page, treatment=_treatment(study, rng), updates=_updates(study, rng))
    return replace(study, page=page)


def _treatment(study: SmallStudy, rng: np.random.Generator) -> PageTreatment:
    state = next(iter(study.page.evaluation.calibrations.values())).judged(MAIN).state()
    start = rng.exponential(MAIN * rng.choice([2.0, 6.0, 30.0]), state.size)
    treated = start < np.minimum(study.y["time"], MAIN)
    known = ~treated & (state >= 0)
    risks = {**study.risks, "new without pills": np.clip(study.risks["new"] * 0.95, 0.001, 0.999)}
    told = {name: risk[known][:, None] for name, risk in risks.items()}
    found = evaluate(Status.at(MAIN, state[known]), told, MAIN, np.arange(0.15, 0.56, 0.05).round(2), n_resamples=0)
    return PageTreatment(
        name="pills",
        columns=("pain",),
        evaluation=found,
        starts=pd.DataFrame(columns=["term", "hr", "low", "high", "p"]),
        positivity=pd.DataFrame(
            {"horizon": [MAIN], "treated": [treated.sum()], "known": [known.sum()], "fifth": [0.8]}
        ),
        n=state.size,
        n_treated=int(treated.sum()),
        n_lost=int((~treated & ~known).sum()),
        treated=treated,
        known=known,
        scores=risks,
    )


def _updates(study: SmallStudy, rng: np.random.Generator) -> PageUpdates:
    n, width = len(study.rows), 6.0
    evaluations, rows, codes = {}, [], {}
    for at in (0.0, 3.0, 6.0):
        part = landmark(study.y, study.rows, at, width)
        known = np.ones(part.rows.size, dtype=bool)
        known[rng.choice(known.size, int(rng.choice([0, 3, 9])), replace=False)] = False
        base = study.risks["new"][part.rows[known]]
        risks = {
            "not updated": base[:, None],
            "updated": np.clip(base * rng.uniform(0.8, 1.2, base.size), 0.001, 0.999)[:, None],
        }
        evaluations[at] = evaluate(part.y[known], risks, width, [0.15, 0.35], n_resamples=0)
        counts = {
            "n": known.sum(),
            "n_unknown": (~known).sum(),
            "n_left": part.n_left,
            "n_not_entered": part.n_not_entered,
        }
        rows.append({"landmark": at, **counts})
        codes[at] = _codes(part, known, n, width, "event")
    course = pd.DataFrame({"patient": ["values stay"] * 3, "landmark": list(evaluations), "risk": [0.3, 0.25, 0.2]})
    return PageUpdates(
        width=width,
        columns=("pain",),
        fixed=(),
        evaluations=evaluations,
        at_risk=pd.DataFrame(rows),
        course=course,
        n_unfitted=None,
        codes=codes,
    )
