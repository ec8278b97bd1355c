"""What the sections on treatment, updates and scores tell: an attacker who subtracts them from the rest of the page."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pandas as pd
from hostile.attacker import Haul, Part, System, add_bands

__all__ = ["attack_sections", "two_risks"]

_HALF = 0.5000001


def attack_sections(haul: Haul, k: int, *, complete: bool, top: float = 10.0) -> list[str]:
    """Return what was found out about patients who were treated, who left between landmarks, or who differ in score.

    Parameters
    ----------
    haul : Haul
        Of a page whose outcome is right-censored.
    k : int
        Smallest cell.
    complete : bool
        Whether all are known at the main horizon, which the attacker knows.
    top : float, default 10.0
        Highest score of the scale.
    """
    return [*_strategy(haul, k, complete), *_landmarks(haul, k, complete), *_visits(haul, k), *_tenths(haul, k, top)]


def _count(text: object) -> float:
    return float(str(text).replace(",", ""))


def _strategy(haul: Haul, k: int, complete: bool) -> list[str]:
    """Patients by band and outcome, of those known under the strategy, those treated, and the others."""
    table, n = haul.tables.get("treatment_positivity"), haul.fact("patients")
    rows = next((part for name, part in haul.parts.items() if name.startswith("never start ")), None)
    if table is None or rows is None or n is None:
        return []
    treated, known = (int(_count(table[name].iloc[-1])) for name in ("started by then", "state known"))
    part = Haul(haul.text, haul.tables, rows)
    out = []
    for model in [m for m in rows["model"].unique() if m != "treat all"]:
        every, own = (_benefits(h, model) for h in (haul, part))
        grid = sorted({*every["threshold"].astype(float).round(6), *own["threshold"].astype(float).round(6)})
        names = [f"{p}{b}" for b in range(len(grid) + 1) for p in "efu"]
        layers = ["known", "treated", "other"]
        system = System([f"{name}@{layer}" for name in names for layer in layers], n)
        whole, seen, started = (Part(system, names, inside) for inside in (layers, layers[:1], layers[1:2]))
        add_bands(whole, haul, n, "right", complete, grid, every, _benefits(haul, "treat all", every), None)
        started.sum(names, treated)
        strange = _without_words(part)
        add_bands(seen, strange, known, "status", True, grid, own, _benefits(part, "treat all", own), None)
        if complete:  # who is seen to the end and was not treated is known
            Part(system, names, layers[2:]).sum(names, 0)
        for layer in layers:
            cells = [*([f"{p}{b}"] for b in range(len(grid) + 1) for p in "efu")]
            cells += [[f"{p}{b}" for b in range(len(grid) + 1)] for p in "efu"]
            for cell in [*cells, names]:
                line = system.finding(f"{model}, {layer}: {' '.join(cell)}", [f"{c}@{layer}" for c in cell], k)
                out += [line] if line else []
    return out


def _without_words(haul: Haul) -> Haul:
    """Return the numbers without the words of the page, whose events are those of all patients."""
    return Haul("", haul.tables, haul.numbers)


def _benefits(haul: Haul, model: str, beside: pd.DataFrame | None = None) -> pd.DataFrame:
    rows = haul.numbers
    rows = rows[(rows["metric"] == "net_benefit") & (rows["reference"].fillna("") == "") & rows["value"].notna()]
    rows = rows[rows["model"] == model]
    return rows if beside is None else rows[rows["threshold"].isin(beside["threshold"])]


def _landmarks(haul: Haul, k: int, complete: bool) -> list[str]:
    """Counts of one landmark, those who left between two of them, and events after one."""
    table = haul.tables.get("updates_at_risk")
    if table is None:
        return []
    out = []
    at = table.iloc[:, 0].astype(float)
    for name in table.columns[1:]:
        counts = [_count(cell) for cell in table[name]]
        out += [f"landmark {time:g}, {name}: {n:.0f}" for time, n in zip(at, counts) if 0 < n < k]
        if name == "follow-up ended":
            moved = np.diff(counts)
            out += [
                f"left between {a:g} and {b:g}: {m:.0f}"
                for (a, b), m in zip(itertools.pairwise(at), moved)
                if 0 < m < k
            ]
            events = haul.fact("events by")
            if complete and events is not None:
                out += [f"events after {time:g}: {events - n:.0f}" for time, n in zip(at, counts) if 0 < events - n < k]
    return out


def _visits(haul: Haul, k: int) -> list[str]:
    """Patients of one visit and not of another, and numbers of visits on a page for release."""
    sizes = {
        name: int(rows["n"].dropna().iloc[0])
        for name, rows in haul.parts.items()
        if name.startswith("visit ") and rows["n"].notna().any()
    }
    return [
        f"{first} less {second}: {abs(sizes[first] - sizes[second])}"
        for first, second in itertools.combinations(sizes, 2)
        if 0 < abs(sizes[first] - sizes[second]) < k
    ]


def _tenths(haul: Haul, k: int, top: float) -> list[str]:
    """The sum of whole scores says how few can differ from the lowest score of the scale, or from the highest."""
    table = haul.tables.get("score_tenths")
    if table is None:
        return []
    out = []
    means = {
        re.match(r"group (\d+)", name)[1]: float(rows.loc[rows["metric"] == "score_observed", "value"].iloc[0])  # type: ignore[index]
        for name, rows in haul.parts.items()
        if name.startswith("group ")
    }
    for row in table.to_dict("records"):
        group, n = str(row["group of prediction"]), _count(row["patients"])
        mean = means.get(group, _count(row["mean observed"]))
        half = _HALF * 10.0 ** -(2 if haul.released else 9)
        for end, away in (("lowest", mean), ("highest", top - mean)):
            most = np.floor(n * (away + half))
            if n * (away - half) > 0 and most < k:
                out.append(f"group {group}: at most {most:.0f} not at the {end} score")
    return out


def two_risks(numbers: pd.DataFrame, risks: tuple[float, float], n: int, k: int, digits: int = 3) -> list[str]:
    """Return cells that O/E, Brier score, IPA and AUC of a model of two known risks give away: all counts are tried.

    Parameters
    ----------
    numbers : DataFrame
        Rows of one model, of patients who are all known.
    risks : tuple of float
        The two risks.
    n, k, digits : int
        Patients, smallest cell, decimals of the numbers.
    """
    told = numbers.set_index("metric")["value"].astype(float)
    high, with_high, with_low = (grid.ravel() for grid in np.mgrid[0 : n + 1, 0 : n + 1, 0 : n + 1])
    fits = (with_high <= high) & (with_low <= n - high) & (with_high + with_low > 0) & (with_high + with_low < n)
    cells = {"e high": with_high, "f high": high - with_high, "e low": with_low, "f low": n - high - with_low}
    cells = {name: values[fits].astype(float) for name, values in cells.items()}
    a, b, c, d = cells.values()
    low_risk, high_risk = risks
    events = a + c
    share = events / n
    brier = (a * (1 - high_risk) ** 2 + b * high_risk**2 + c * (1 - low_risk) ** 2 + d * low_risk**2) / n
    found = {
        "observed_expected": events / ((a + b) * high_risk + (c + d) * low_risk),
        "brier": brier,
        "ipa": 1 - brier / (share * (1 - share)),
        "auc": (a * d + (a * b + c * d) / 2) / (events * (n - events)),
    }
    agree = np.ones(events.size, dtype=bool)
    for metric, values in found.items():
        if metric in told and np.isfinite(told[metric]):
            agree &= np.abs(values - told[metric]) <= _HALF * 10.0**-digits
    out = []
    for name, values in {**cells, "high": a + b, "low": c + d}.items():
        left = values[agree]
        if left.size and left.min() >= 1 and left.max() < k and left.max() - left.min() <= 2:
            out.append(f"{name}: {left.min():.0f} to {left.max():.0f}")
    return out
