"""An attacker who reads all that a run wrote, and solves for small cells, patients' values and patients' times.

Counts are integers, and what is printed bounds sums of them: mixed-integer programming (HiGHS) says how far each can
move. The attacker knows the protocol (thresholds, categories, groups, how rounding works) and whether follow-up was
complete; the truth is used only to say afterwards whether a finding is of real patients.
"""

from __future__ import annotations

import base64
import html
import itertools
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp

__all__ = ["Haul", "System", "attack", "curve_times", "read_run"]

_IMAGE = re.compile(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)"')
_HALF = 0.5000001


@dataclass
class Haul:
    """Everything in the folder of a run."""

    text: str
    tables: dict[str, pd.DataFrame]
    numbers: pd.DataFrame
    pictures: list[tuple[str, str]] = field(default_factory=list)

    @property
    def released(self) -> bool:
        return "release" in self.tables

    def fact(self, name: str) -> int | None:
        found = re.search(rf"<li>{name}[^<]*<b>([\d,]+)</b>", self.text)
        return None if found is None else int(found[1].replace(",", ""))


def read_run(folder: Path) -> Haul:
    """Read the page, its pictures, all tables and the numbers."""
    text = (folder / "evidence.html").read_text(encoding="utf-8")
    tables = {
        path.stem: pd.read_csv(path, dtype=str, keep_default_na=False) for path in (folder / "tables").glob("*.csv")
    }
    pictures = [(html.unescape(alt), base64.b64decode(code).decode()) for code, alt in _IMAGE.findall(text)]
    return Haul(text, tables, pd.read_parquet(folder / "results.parquet"), pictures)


class System:
    """Counts that are not known, and what is known of their sums."""

    def __init__(self, names: list[str], most: float) -> None:
        self.names = names
        self.place = {name: k for k, name in enumerate(names)}
        self.upper = np.full(len(names), float(most))
        self.lower = np.zeros(len(names))
        self._rows: list[np.ndarray] = []
        self._low: list[float] = []
        self._high: list[float] = []
        self._known: list[np.ndarray] = []  # counts that agree with all that is known, of earlier solutions

    def add(self, parts: dict[str, float], low: float, high: float) -> None:
        row = np.zeros(len(self.names))
        for name, factor in parts.items():
            row[self.place[name]] += factor
        self._rows.append(row)
        self._low.append(low)
        self._high.append(high)
        self._known.clear()

    def sum(self, names: list[str], low: float, high: float | None = None) -> None:
        self.add(dict.fromkeys(names, 1.0), low, low if high is None else high)

    def range(self, parts: list[str]) -> tuple[int, int] | None:
        """Return the smallest and largest value of a sum of counts, or None if nothing agrees with what is known."""
        ends = [self._end(parts, sign, True) for sign in (1, -1)]
        return None if None in ends else (round(ends[0]), round(ends[1]))  # type: ignore[arg-type]

    def finding(self, where: str, parts: list[str], k: int, *, margins: bool = False) -> str | None:
        """Say that a sum is a small cell, known exactly or within one; None if it is not.

        Solutions that were found on the way for other sums often say already that it is not: a sum that may be 0, that
        may be k, or that differs by more than 2 between two of them. In a system of margins (``margins``) fractions say
        nearly as much, so that they are asked first.
        """
        place = [self.place[name] for name in parts]
        if self._open(place, k):
            return None
        if margins:
            most = self._end(parts, -1, False)
            if most is None or most >= k + 1:
                return None
        low = self._end(parts, 1, True)
        if low is None or self._open(place, k):
            return None
        high = self._end(parts, -1, True)
        return None if high is None else _finding(where, (round(low), round(high)), k)

    def _open(self, place: list[int], k: int) -> bool:
        sums = [round(float(known[place].sum())) for known in self._known]
        return bool(sums) and (min(sums) < 1 or max(sums) >= k or max(sums) - min(sums) > 2)

    def _end(self, parts: list[str], sign: int, whole: bool) -> float | None:
        goal = np.zeros(len(self.names))
        goal[[self.place[name] for name in parts]] = 1.0
        found = milp(
            sign * goal,
            integrality=np.full(len(self.names), int(whole)),
            bounds=Bounds(self.lower, self.upper),
            constraints=[LinearConstraint(np.array(self._rows), self._low, self._high)] if self._rows else (),
            options={"time_limit": 5.0},
        )
        if found.x is None:
            return None
        if whole:
            self._known.append(np.round(found.x))
        return float(goal @ found.x)


def _finding(where: str, bounds: tuple[int, int] | None, k: int) -> str | None:
    """A small cell that is known exactly or within one."""
    if bounds is None or bounds[0] < 1 or bounds[1] >= k or bounds[1] - bounds[0] > 2:
        return None
    return f"{where}: {bounds[0]} to {bounds[1]}"


def attack(
    haul: Haul, k: int, *, kind: str, complete: bool, levels: dict[str, list[str]], bands: bool = True
) -> list[str]:
    """Return what was found out, a line per finding."""
    found = _bands(haul, k, kind, complete) if bands else []
    found += _by_accuracy(haul, k, kind, complete)
    found += _quantiles(haul)
    found += _variables(haul, k, levels)
    found += _flow(haul, k)
    found += _few_values(haul)
    if complete and kind in ("status", "right"):
        found += _between_horizons(haul, k)
        found += _who_changes_sides(haul, k)
    return found


# ---- bands of risk by outcome ----------------------------------------------------------------------------------------


def _number(text: str) -> float:
    return float(str(text).replace("−", "-").replace(",", "").replace("+", "").lstrip("'"))


def _cuts_of_groups(table: pd.DataFrame) -> list[float]:
    names = table.iloc[:, 0].tolist()
    cuts = [float(found) / 100 for name in names for found in re.findall(r"below ([\d.]+) %", name)]
    cuts += [float(found) / 100 for name in names for found in re.findall(r"to ([\d.]+) %", name)]
    return cuts


def _net_benefits(haul: Haul) -> pd.DataFrame:
    rows = haul.numbers
    rows = rows[(rows["metric"] == "net_benefit") & (rows["reference"].fillna("") == "")]
    return rows[rows["value"].notna()]


def _digits(haul: Haul) -> float:
    return 10.0**-3 if haul.released else 10.0**-9


def _bands(haul: Haul, k: int, kind: str, complete: bool) -> list[str]:
    n = haul.fact("patients")
    if n is None or kind == "interval":
        return []
    benefit = _net_benefits(haul)
    groups = haul.tables.get("risk_groups")
    models = [m for m in benefit["model"].unique() if m != "treat all"] or ["new"]
    out: list[str] = []
    for model in dict.fromkeys([*models, "new"]):
        own = benefit[benefit["model"] == model]
        cuts = set(np.round(own["threshold"].astype(float), 6))
        if groups is not None and model == "new":
            cuts |= set(np.round(_cuts_of_groups(groups), 6))
        grid = sorted(cuts)
        if not grid:
            continue
        system = _band_system(haul, n, kind, complete, grid, own, benefit, groups if model == "new" else None)
        for b in range(len(grid) + 1):
            for part in ("e", "f") if complete else ("e", "f", "u"):
                line = system.finding(f"{model}, band {b} of {grid}, {part}", [f"{part}{b}"], k)
                out += [line] if line else []
            line = system.finding(f"{model}, band {b} of {grid}, all", [f"{p}{b}" for p in "efu"], k)
            out += [line] if line else []
        for part in "efu":
            line = system.finding(f"{model}, all {part}", [f"{part}{b}" for b in range(len(grid) + 1)], k)
            out += [line] if line else []
    return out


def _band_system(
    haul: Haul,
    n: int,
    kind: str,
    complete: bool,
    grid: list[float],
    own: pd.DataFrame,
    benefit: pd.DataFrame,
    groups: pd.DataFrame | None,
) -> System:
    system = System([f"{p}{b}" for b in range(len(grid) + 1) for p in "efu"], n)
    every = range(len(grid) + 1)
    system.sum(system.names, n)
    if complete:
        system.sum([f"u{b}" for b in every], 0)
    events = haul.fact("events by") if haul.released else None
    if events is not None:
        system.sum([f"e{b}" for b in every], events)
    if groups is not None:
        _add_groups(system, groups, grid, kind)
        _add_workload(system, haul, n, grid, complete)
    half = _HALF * _digits(haul)
    for row in own.to_dict("records"):
        cut = float(row["threshold"])
        w, value = cut / (1 - cut), float(row["value"])
        above = [b for b in every if b > 0 and grid[b - 1] >= cut - 1e-9]
        _add_benefit(system, above, value, w, n, half, kind)
    for row in benefit[benefit["model"] == "treat all"].to_dict("records"):
        cut = float(row["threshold"])
        _add_benefit(system, list(every), float(row["value"]), cut / (1 - cut), n, half, kind)
    return system


def _add_benefit(system: System, bands: list[int], value: float, w: float, n: int, half: float, kind: str) -> None:
    """Net benefit × n is s(F(1 + w) − w) × n with s × n those above; F lies between e/n and e/(n − u)."""
    # e (1 + w) − w (e + f + u) ≤ n·NB + …, and ≥ the same less (1 + w) u
    parts = {f"e{b}": 1.0 for b in bands} | {f"f{b}": -w for b in bands} | {f"u{b}": -w for b in bands}
    slack = n * half
    if kind == "status":  # who was not seen counts like those who were: only bounds without strangers are linear
        parts_low = {f"e{b}": 1.0 for b in bands} | {f"f{b}": -w for b in bands} | {f"u{b}": 1.0 for b in bands}
        system.add(parts, -np.inf, n * value + slack)
        system.add(parts_low, n * value - slack, np.inf)
        return
    system.add(parts, -np.inf, n * value + slack)
    high = {f"e{b}": 1.0 for b in bands} | {f"f{b}": -w for b in bands} | {f"u{b}": 1.0 for b in bands}
    system.add(high, n * value - slack, np.inf)


def _add_groups(system: System, groups: pd.DataFrame, grid: list[float], kind: str) -> None:
    """Groups are runs of bands, with their number of patients and their observed risk."""
    cuts = sorted(set(np.round(_cuts_of_groups(groups), 6)))
    shown = sorted(_group_low(name) for name in groups.iloc[:, 0])
    for row in groups.to_dict("records"):
        name, size, _, observed = list(row.values())[:4]
        low = _group_low(name)
        later = [c for c in cuts if c > low + 1e-9]
        high = later[0] if later else np.inf
        bands = [b for b in range(len(grid) + 1) if (grid[b - 1] if b else 0.0) >= low - 1e-9]
        bands = [b for b in bands if (grid[b] if b < len(grid) else np.inf) <= high + 1e-9]
        cells = [f"{p}{b}" for b in bands for p in "efu"]
        if re.fullmatch(r"[\d,]+", size):
            system.sum(cells, _number(size))
            risk = re.match(r"([\d.]+)", observed)
            if risk:
                n, half = _number(size), _HALF * 10.0 ** -len(risk[1].partition(".")[2])
                events = {f"e{b}": 1.0 for b in bands}
                system.add(events, -np.inf, (float(risk[1]) + half) * n)
                # e ≥ F (n − u); of states it is equal
                with_lost = events | {f"u{b}": float(risk[1]) - half for b in bands}
                system.add(with_lost, (float(risk[1]) - half) * n, np.inf)
                if kind == "status":
                    equal = events | {f"u{b}": float(risk[1]) + half for b in bands}
                    system.add(equal, -np.inf, (float(risk[1]) + half) * n)
        elif size.startswith("<"):
            system.sum(cells, 1, _number(size.lstrip("< ")) - 1)
    del shown


def _group_low(name: str) -> float:
    found = re.match(r"([\d.]+)(?: to| %)", name)
    return float(found[1]) / 100 if found else 0.0


def _add_workload(system: System, haul: Haul, n: int, grid: list[float], complete: bool) -> None:
    load = haul.tables.get("workload")
    events = haul.fact("events by")
    for row in [] if load is None else load.itertuples(index=False):
        cut, share, found = _number(row[0]), _number(str(row[1]).rstrip("%")), str(row[2]).rstrip("%")
        above = [b for b in range(1, len(grid) + 1) if grid[b - 1] >= cut - 0.005]
        system.sum([f"{p}{b}" for b in above for p in "efu"], n * (share - _HALF) / 100, n * (share + _HALF) / 100)
        if complete and events is not None and re.fullmatch(r"\d+", found):
            part = float(found)
            system.sum([f"e{b}" for b in above], events * (part - _HALF) / 100, events * (part + _HALF) / 100)


# ---- categories, groups and missing values ---------------------------------------------------------------------------


def _variables(haul: Haul, k: int, levels: dict[str, list[str]]) -> list[str]:
    """Solve for each category in each group and for the missing values, over all tables of the page at once."""
    tables = {name: t for name, t in haul.tables.items() if name.startswith("table_one")}
    n = haul.fact("patients")
    if n is None:
        return []
    groups: dict[str, int] = {}
    for table in tables.values():
        sizes = table[table["variable"] == "patients"]
        for column in [c for c in table.columns if c not in ("variable", "level", "missing", "overall")]:
            if not column.startswith(("smd", "standardised")) and len(sizes):
                groups[column] = int(_number(sizes[column].iloc[0]))
    known = haul.tables.get("predictors")
    out = []
    for variable, names in levels.items():
        parts = [*names, "missing"]
        columns = [*groups, "rest"] if groups else ["rest"]
        system = System([f"{p}|{g}" for p in parts for g in columns], n)
        system.sum(system.names, n)
        for group, size in groups.items():
            system.sum([f"{p}|{group}" for p in parts], size)
        if sum(groups.values()) == n:
            system.sum([f"{p}|rest" for p in parts], 0)
        for table in tables.values():
            _add_cells(system, table, variable, parts, columns)
        if known is not None:
            row = known[known["predictor"] == variable]
            for cell, inside in (("missing", ["missing"]), ("known in", names)):
                if len(row) and re.fullmatch(r"[\d,]+", row[cell].iloc[0]):
                    system.sum([f"{p}|{g}" for p in inside for g in columns], _number(row[cell].iloc[0]))
        for part in parts:
            for group in [None, *groups]:
                cells = [f"{part}|{g}" for g in columns] if group is None else [f"{part}|{group}"]
                line = system.finding(f"{variable} = {part} in {group or 'all'}", cells, k, margins=True)
                out += [line] if line else []
        for group in [None, *groups]:
            cells = [f"{p}|{g}" for p in names for g in (columns if group is None else [group])]
            line = system.finding(f"{variable} known in {group or 'all'}", cells, k, margins=True)
            out += [line] if line else []
    return out


def _add_cells(system: System, table: pd.DataFrame, variable: str, parts: list[str], columns: list[str]) -> None:
    rows = table[
        table["variable"].str.startswith(f"{variable}, n (%)") | table["variable"].eq(f"{variable}, missing, n (%)")
    ]
    for row in rows.to_dict("records"):
        inside = [p for p in str(row["level"]).split(" or ") if p in parts]
        for column in [c for c in table.columns if c in columns or c == "overall"]:
            cell = str(row[column])
            cells = [f"{p}|{g}" for p in inside for g in (columns if column == "overall" else [column])]
            count = re.match(r"([\d,]+)(?: \(([\d.]+)\))?", cell)
            if count:
                system.sum(cells, _number(count[1]))
                if count[2]:
                    _add_share(system, parts, columns, column, _number(count[1]), float(count[2]))
            elif cell.startswith("<"):
                system.sum(cells, 1, _number(cell.lstrip("< ")) - 1)
            elif cell == "masked":
                system.sum(cells, 5, np.inf)


def _add_share(system: System, parts: list[str], columns: list[str], column: str, count: float, share: float) -> None:
    """A share is of those known or of all; what it is of is known where only one of the two gives the digit shown."""
    if count == 0 or share == 0:
        return
    groups = columns if column == "overall" else [column]
    every = system.range([f"{p}|{g}" for p in parts for g in groups])
    if every is None or every[0] != every[1] or abs(round(100 * count / every[0], 1) - share) < 1e-9:
        return
    low, high = 100 * count / (share + 0.05001), 100 * count / (share - 0.05001)
    system.sum([f"{p}|{g}" for p in parts if p != "missing" for g in groups], low, high)


def _flow(haul: Haul, k: int) -> list[str]:
    """Exclusions: parts of the difference of what started and ended."""
    words = next((alt for alt, _ in haul.pictures if alt.startswith("Flow of patients")), "")
    steps = re.findall(r"(?:: |; )([^:;]+): ([\d,]+|< \d+|masked)", words.replace("Flow of patients: ", ": "))
    if len(steps) < 2:
        return []
    whole = {name: _number(count) for name, count in steps if re.fullmatch(r"[\d,]+", count)}
    return [f"flow: {name} {count:.0f}" for name, count in whole.items() if 0 < count < k]


# ---- few values ------------------------------------------------------------------------------------------------------


def _few_values(haul: Haul) -> list[str]:
    """Mean and SD of fewer than ten whole numbers are those of few sets of them, often of one."""
    table, known = haul.tables.get("table_one"), haul.tables.get("predictors")
    if table is None:
        return []
    out = []
    for row in table.to_dict("records"):
        name, comma, _ = str(row["variable"]).partition(", mean (SD)")
        cell = re.match(r"([-−\d.]+) \(([\d.]+)\)", str(row["overall"]))
        if not comma or cell is None:
            continue
        n = haul.fact("patients") or 0
        lost = str(row.get("missing", ""))
        if known is not None and (known["predictor"] == name).any():
            shown = known.loc[known["predictor"] == name, "missing"].iloc[0]
            lost = shown if re.fullmatch(r"[\d,]+", shown) else lost
        if not re.fullmatch(r"[\d,]+", lost) or not 2 <= n - _number(lost) <= 5:
            continue
        sets = _sets(int(n - _number(lost)), _number(cell[1]), float(cell[2]), len(cell[1].partition(".")[2]))
        if 0 < len(sets) <= 3:
            out.append(f"values of {name}: {sets[0]}")
    return out


def _sets(size: int, mean: float, sd: float, digits: int) -> list[tuple[int, ...]]:
    half = _HALF * 10.0**-digits
    centre = round(mean)
    reach = int(np.ceil(sd * np.sqrt(size))) + 1
    found = []
    for values in itertools.combinations_with_replacement(range(max(0, centre - reach), centre + reach + 1), size):
        if abs(np.mean(values) - mean) <= half and abs(np.std(values, ddof=1) - sd) <= half:
            found.append(values)
            if len(found) > 3:
                break
    return found


def _quantiles(haul: Haul) -> list[str]:
    """A quantile of few values is one of them, or lies between two."""
    n, out = haul.fact("patients") or 0, []
    known = haul.tables.get("predictors")
    for row in [] if known is None else known.to_dict("records"):
        shown = str(row["5% to 95%, or categories"])
        count = str(row["known in"])
        size = _number(count) if re.fullmatch(r"[\d,]+", count) else float(n)
        if re.fullmatch(r"[-\d.e+]+ to [-\d.e+]+", shown) and size < 100:
            out.append(f"quantiles of {row['predictor']}: {shown} of {size:.0f}")
    return out


def _by_accuracy(haul: Haul, k: int, kind: str, complete: bool) -> list[str]:
    """Brier score and IPA give the frequency at the main horizon, and with a denominator the counts."""
    n = haul.fact("patients")
    rows = haul.numbers[(haul.numbers["reference"].fillna("") == "") & (haul.numbers["sample"] != "apparent")]
    accuracy = rows.loc[rows["metric"].isin(["brier", "ipa"]), "value"].astype(float)
    decimals = max((len(f"{value:.9g}".partition(".")[2]) for value in accuracy), default=0)
    half = _HALF * 10.0**-decimals
    if n is None or rows.empty or kind not in ("status", "right") or (kind == "right" and not complete):
        return []
    fits: set[tuple[int, int]] | None = None
    last = rows["horizon"].astype(float).max()
    for model in rows["model"].unique():
        part = rows[(rows["model"] == model) & (rows["horizon"] == last)].set_index("metric")["value"]
        if not {"brier", "ipa"} <= set(part.index):
            continue
        brier, ipa = float(part["brier"]), float(part["ipa"])
        low, high = (brier - half) / (1 - ipa + half), (brier + half) / (1 - ipa - half)
        lost = range(1) if complete else range(1, n // 3)
        fit = {(e, u) for u in lost for e in range((n - u) // 2 + 1) if low <= e / (n - u) * (1 - e / (n - u)) <= high}
        fits = fit if fits is None else fits & fit
    out = []
    for place, name in enumerate(("events", "not seen")):
        values = [pair[place] for pair in fits or ()]
        line = _finding(f"{name} by accuracy", (min(values), max(values)) if values else None, k)
        out += [line] if line else []
    return out


# ---- horizons, pairs, curves -----------------------------------------------------------------------------------------


def _between_horizons(haul: Haul, k: int) -> list[str]:
    """Brier score and IPA give the frequency of events at each horizon; two of them what lies between."""
    n = haul.fact("patients")
    rows = haul.numbers[(haul.numbers["reference"].fillna("") == "") & (haul.numbers["sample"] != "apparent")]
    half = _HALF * _digits(haul)
    counts: dict[float, set[int]] = {}
    for horizon in rows["horizon"].dropna().unique():
        possible: set[int] | None = None
        for model in rows["model"].unique():
            part = rows[(rows["model"] == model) & (rows["horizon"] == horizon)].set_index("metric")["value"]
            if n is None or not {"brier", "ipa"} <= set(part.index):
                continue
            brier, ipa = float(part["brier"]), float(part["ipa"])
            low, high = (brier - half) / (1 - ipa + half), (brier + half) / (1 - ipa - half)
            fit = {e for e in range(n + 1) if low <= e / n * (1 - e / n) <= high}
            possible = fit if possible is None else possible & fit
        if possible:
            counts[float(horizon)] = possible
    out = []
    events = haul.fact("events by") if haul.released else None
    if events is not None and counts:  # of the two roots the one that is told
        counts[max(counts)] = {events}
    for first, second in itertools.pairwise(sorted(counts)):
        gaps = [b - a for a in counts[first] for b in counts[second] if b >= a]
        line = _finding(f"events from {first:g} to {second:g}", (min(gaps), max(gaps)) if gaps else None, k)
        out += [line] if line else []
    return out


def _who_changes_sides(haul: Haul, k: int) -> list[str]:
    """The interval of a difference in net benefit counts the patients whom one model treats and the other does not."""
    n = haul.fact("patients")
    rows = haul.numbers
    rows = rows[(rows["metric"] == "net_benefit") & rows["reference"].fillna("").isin(["old", "new"])]
    out = []
    for row in rows.to_dict("records"):
        if n is None or not np.isfinite(float(row["low"] if row["low"] is not None else np.nan)):
            continue
        cut = float(row["threshold"])
        w, value = cut / (1 - cut), float(row["value"])
        half = _HALF * _digits(haul)
        se = (float(row["high"]) - float(row["low"])) / (2 * 1.959964)
        slack = 2 * half / (2 * 1.959964)
        system = System(["e+", "e-", "f+", "f-"], n)
        system.add({"e+": 1, "e-": -1, "f+": -w, "f-": w}, n * (value - half), n * (value + half))
        squares = [n * (n * max(s, 0) ** 2 + value**2) for s in (se - slack, se + slack)]
        system.add({"e+": 1, "e-": 1, "f+": w**2, "f-": w**2}, squares[0] - 0.01, squares[1] + 0.01)
        for cell in system.names:
            line = system.finding(f"{cell} at {cut:g}", [cell], k)
            out += [line] if line else []
    return out


def curve_times(haul: Haul) -> list[float]:
    """Return the times at which the curves of the risk groups bend, read off the picture."""
    picture = next((svg for alt, svg in haul.pictures if alt.startswith("Observed")), "")
    ticks = re.findall(r'id="xtick_\d+">.*?<use [^>]*x="([\d.]+)".*?<!-- ([\d.]+) -->', picture, re.DOTALL)
    if len(ticks) < 2:
        return []
    x, value = np.array(ticks, dtype=float).T
    slope, start = np.polyfit(x, value, 1)
    times: set[float] = set()
    for path in re.findall(r'<path d="(M [^"]*)" clip-path[^>]*stroke-width: 1\.9', picture):
        corners = re.findall(r"[ML] ([\d.]+) ([\d.]+)", path)
        times |= {round(slope * float(a) + start, 5) for a, _ in corners}
    return sorted(times)
