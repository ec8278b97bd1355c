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

__all__ = ["Haul", "System", "attack", "attack_series", "curve_times", "read_run"]

_IMAGE = re.compile(r'<img src="data:image/svg\+xml;base64,([^"]+)" alt="([^"]*)"')
_HALF = 0.5000001


@dataclass
class Haul:
    """Everything in the folder of a run; ``parts`` are the numbers of parts of the patients, or under a strategy."""

    text: str
    tables: dict[str, pd.DataFrame]
    numbers: pd.DataFrame
    pictures: list[tuple[str, str]] = field(default_factory=list)
    parts: dict[str, pd.DataFrame] = field(default_factory=dict)

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
    numbers = pd.read_parquet(folder / "results.parquet")
    group = numbers["group"].fillna("").astype(str)
    parts = {str(name): rows for name, rows in numbers.groupby(group) if name}
    return Haul(text, tables, numbers[group == ""], pictures, parts)


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


class Part:
    """What one of several releases tells: its counts are those of the patients whom it has."""

    def __init__(self, system: System, names: list[str], layers: list[str]) -> None:
        self.system, self.names, self.layers = system, names, layers
        self._fixed: dict[tuple[str, ...], tuple[int, int]] = {}

    def range(self, parts: list[str]) -> tuple[int, int] | None:
        """Return the smallest and largest value of a sum of counts; one that is known stays known."""
        key = tuple(parts)
        if key not in self._fixed:
            found = self.system.range([f"{name}@{layer}" for name in parts for layer in self.layers])
            if found is None or found[0] != found[1]:
                return found
            self._fixed[key] = found
        return self._fixed[key]

    def add(self, parts: dict[str, float], low: float, high: float) -> None:
        spread = {f"{name}@{layer}": factor for name, factor in parts.items() for layer in self.layers}
        self.system.add(spread, low, high)

    def sum(self, names: list[str], low: float, high: float | None = None) -> None:
        self.add(dict.fromkeys(names, 1.0), low, low if high is None else high)


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


def attack_series(
    hauls: list[Haul], members: list[frozenset[int]], k: int, *, kind: str, complete: bool, levels: dict[str, list[str]]
) -> list[str]:
    """Return what several releases tell together: counts of the patients who are in the same ones of them.

    Parameters
    ----------
    hauls : list of Haul
        Of the releases.
    members : list of frozenset of int
        Their patients; the attacker knows how they overlap.
    k, kind, complete, levels
        As of `attack`.
    """
    layers: dict[tuple[bool, ...], set[int]] = {}
    for patient in frozenset().union(*members):
        layers.setdefault(tuple(patient in one for one in members), set()).add(patient)
    names = {pattern: "".join("x" if inside else "-" for inside in pattern) for pattern in layers}
    inside = [[names[pattern] for pattern in layers if pattern[place]] for place in range(len(hauls))]
    told = [(haul, own) for haul, own in zip(hauls, inside) if haul.fact("patients") is not None]
    found = _bands_of_series(told, list(names.values()), k, kind, complete)
    found += _variables_of_series(told, list(names.values()), k, levels)
    if complete and kind in ("status", "right"):
        found += _horizons_of_series(told, k)
    found += [line for (a, _), (b, _) in itertools.combinations(told, 2) for line in _subtracted(a, b, k)]
    return found


def _bands_of_series(
    told: list[tuple[Haul, list[str]]], layers: list[str], k: int, kind: str, complete: bool
) -> list[str]:
    """The risks of a patient are the same in all releases: the predictions are those of one external model."""
    if kind == "interval":
        return []
    cuts: set[float] = set()
    for haul, _ in told:
        cuts |= set(np.round(_net_benefits(haul).query("model == 'new'")["threshold"].astype(float), 6))
        if "risk_groups" in haul.tables:
            cuts |= set(np.round(_cuts_of_groups(haul.tables["risk_groups"]), 6))
    grid = sorted(cuts)
    names = [f"{p}{b}" for b in range(len(grid) + 1) for p in "efu"]
    most = max((haul.fact("patients") or 0 for haul, _ in told), default=0)
    system = System([f"{name}@{layer}" for name in names for layer in layers], most)
    for haul, own in told:
        benefit = _net_benefits(haul)
        part = Part(system, names, own)
        n = haul.fact("patients") or 0
        groups = haul.tables.get("risk_groups")
        add_bands(part, haul, n, kind, complete, grid, benefit[benefit["model"] == "new"], benefit, groups)
        fits = _counts_by_horizon(haul) if complete and kind in ("status", "right") else {}
        if fits:
            part.sum([f"e{b}" for b in range(len(grid) + 1)], min(fits[max(fits)]), max(fits[max(fits)]))
    out = []
    for layer in layers:
        for p in "efu":
            line = system.finding(f"{p} in {layer}", [f"{p}{b}@{layer}" for b in range(len(grid) + 1)], k)
            out += [line] if line else []
            for b in range(len(grid) + 1):
                line = system.finding(f"band {b} of {grid}, {p} in {layer}", [f"{p}{b}@{layer}"], k)
                out += [line] if line else []
    return out


def _horizons_of_series(told: list[tuple[Haul, list[str]]], k: int) -> list[str]:
    """Events between two horizons among those whom one release has and another has not."""
    counts = [_counts_by_horizon(haul) for haul, _ in told]
    out = []
    for (small, first), (large, second) in itertools.permutations([(own, c) for (_, own), c in zip(told, counts)], 2):
        if not set(small) < set(large):
            continue
        for early, late in itertools.pairwise(sorted(first.keys() & second.keys())):
            gaps = [[b - a for a in found[early] for b in found[late] if b >= a] for found in (first, second)]
            if all(gaps):
                ends = min(gaps[1]) - max(gaps[0]), max(gaps[1]) - min(gaps[0])
                line = _finding(f"events from {early:g} to {late:g} in {set(large) - set(small)}", ends, k)
                out += [line] if line else []
    return out


def _variables_of_series(
    told: list[tuple[Haul, list[str]]], layers: list[str], k: int, levels: dict[str, list[str]]
) -> list[str]:
    groups = sorted({group for haul, _ in told for group in groups_of(haul)})
    most = max((haul.fact("patients") or 0 for haul, _ in told), default=0)
    out = []
    for variable, values in levels.items():
        columns, parts = [*groups, "rest"], [*values, "missing"]
        names = [f"{p}|{g}" for p in parts for g in columns]
        system = System([f"{name}@{layer}" for name in names for layer in layers], most)
        for haul, own in told:
            add_variable(Part(system, names, own), haul, haul.fact("patients") or 0, variable, values, columns)
        for layer in layers:
            for p in parts:
                whole = [f"{p}|{g}@{layer}" for g in columns]
                for where, cells in ((layer, whole), *((f"{g}, {c}", [c]) for g, c in zip(columns, whole))):
                    line = system.finding(f"{variable} = {p} in {where}", cells, k, margins=True)
                    out += [line] if line else []
    return out


_COUNT = re.compile(r"([\d,]+)(?: \([\d.]+\))?")


def _subtracted(first: Haul, second: Haul, k: int) -> list[str]:
    """Counts of the same name in two pages whose difference is a small cell."""
    out = []
    for name in sorted(first.tables.keys() & second.tables.keys() - {"release", "release_budget"}):
        a, b = (haul.tables[name] for haul in (first, second))
        by = [
            c for c in ("variable", "level", "predictor", "site", "step", "kind") if c in a.columns and c in b.columns
        ]
        shared = [c for c in a.columns if c in b.columns and c not in by]
        if not by or a.duplicated(by).any() or b.duplicated(by).any():
            continue
        for row in a.merge(b, on=by, suffixes=(" a", " b")).to_dict("records"):
            for column in shared:
                counts = [_COUNT.fullmatch(str(row[f"{column} {page}"])) for page in "ab"]
                if all(counts):
                    moved = abs(_number(counts[0][1]) - _number(counts[1][1]))  # type: ignore[index]
                    where = " ".join(str(row[c]) for c in by)
                    out += [f"subtracted: {where}, {column}: {moved:.0f}"] if 0 < moved < k else []
    flows = [_flow_counts(haul) for haul in (first, second)]
    for step in sorted(flows[0].keys() & flows[1].keys()):
        moved = abs(flows[0][step] - flows[1][step])
        out += [f"subtracted: flow, {step}: {moved:.0f}"] if 0 < moved < k else []
    return out


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
        system = System([f"{p}{b}" for b in range(len(grid) + 1) for p in "efu"], n)
        add_bands(system, haul, n, kind, complete, grid, own, benefit, groups if model == "new" else None)
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


def add_bands(
    system: System | Part,
    haul: Haul,
    n: int,
    kind: str,
    complete: bool,
    grid: list[float],
    own: pd.DataFrame,
    benefit: pd.DataFrame,
    groups: pd.DataFrame | None,
) -> None:
    """Add what a page tells of patients by band between thresholds and by outcome."""
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


def _add_benefit(
    system: System | Part, bands: list[int], value: float, w: float, n: int, half: float, kind: str
) -> None:
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


def _add_groups(system: System | Part, groups: pd.DataFrame, grid: list[float], kind: str) -> None:
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


def _add_workload(system: System | Part, haul: Haul, n: int, grid: list[float], complete: bool) -> None:
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
    n = haul.fact("patients")
    if n is None:
        return []
    groups = groups_of(haul)
    out = []
    for variable, names in levels.items():
        parts = [*names, "missing"]
        columns = [*groups, "rest"] if groups else ["rest"]
        system = System([f"{p}|{g}" for p in parts for g in columns], n)
        add_variable(system, haul, n, variable, names, columns)
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


def tables_of_patients(haul: Haul) -> list[pd.DataFrame]:
    """Return all tables of the page that count categories."""
    return [table for name, table in haul.tables.items() if name.startswith("table_one")]


def groups_of(haul: Haul) -> dict[str, int]:
    """Return the groups of these tables with their patients."""
    groups: dict[str, int] = {}
    for table in tables_of_patients(haul):
        sizes = table[table["variable"] == "patients"]
        for column in [c for c in table.columns if c not in ("variable", "level", "missing", "overall")]:
            if not column.startswith(("smd", "standardised")) and len(sizes):
                groups[column] = int(_number(sizes[column].iloc[0]))
    return groups


def add_variable(
    system: System | Part, haul: Haul, n: int, variable: str, names: list[str], columns: list[str]
) -> None:
    """Add what a page tells of the categories of a variable, in groups and missing ones."""
    parts, groups, known = [*names, "missing"], groups_of(haul), haul.tables.get("predictors")
    system.sum(system.names, n)
    for group, size in groups.items():
        system.sum([f"{p}|{group}" for p in parts], size)
    if sum(groups.values()) == n:
        system.sum([f"{p}|rest" for p in parts], 0)
    for table in tables_of_patients(haul):
        _add_cells(system, table, variable, parts, columns)
    if known is not None:
        row = known[known["predictor"] == variable]
        for cell, inside in (("missing", ["missing"]), ("known in", names)):
            if len(row) and re.fullmatch(r"[\d,]+", row[cell].iloc[0]):
                system.sum([f"{p}|{g}" for p in inside for g in columns], _number(row[cell].iloc[0]))


def _add_cells(system: System | Part, table: pd.DataFrame, variable: str, parts: list[str], columns: list[str]) -> None:
    rows = table[
        table["variable"].str.startswith(f"{variable}, n (%)") | table["variable"].eq(f"{variable}, missing, n (%)")
    ]
    for row in rows.to_dict("records"):
        inside = [p for p in str(row["level"]).split(" or ") if p in parts]
        if len(inside) > 1:  # a category that is named has a patient
            for part in inside:
                system.sum([f"{part}|{g}" for g in columns], 1, np.inf)
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


def _add_share(
    system: System | Part, parts: list[str], columns: list[str], column: str, count: float, share: float
) -> None:
    """A share is of those known or of all; what it is of is known where only one of the two gives the digit shown."""
    if count == 0 or share == 0:
        return
    groups = columns if column == "overall" else [column]
    every = system.range([f"{p}|{g}" for p in parts for g in groups])
    if every is None or every[0] != every[1] or abs(round(100 * count / every[0], 1) - share) < 1e-9:
        return
    low, high = 100 * count / (share + 0.05001), 100 * count / (share - 0.05001)
    system.sum([f"{p}|{g}" for p in parts if p != "missing" for g in groups], low, high)


def _flow_counts(haul: Haul) -> dict[str, float]:
    words = next((alt for alt, _ in haul.pictures if alt.startswith("Flow of patients")), "")
    steps = re.findall(r"(?:: |; )([^:;]+): ([\d,]+|< \d+|masked)", words.replace("Flow of patients: ", ": "))
    return {name: _number(count) for name, count in steps if re.fullmatch(r"[\d,]+", count)}


def _flow(haul: Haul, k: int) -> list[str]:
    """Exclusions: parts of the difference of what started and ended."""
    whole = _flow_counts(haul)
    found = [f"flow: {name} {count:.0f}" for name, count in whole.items() if 0 < count < k]
    for name, count in whole.items():  # each of the reasons is that of a patient
        most = count - name.count(" or ")
        line = _finding(f"flow: each of {name}", (1, round(most)), k) if " or " in name else None
        found += [line] if line else []
    return found


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
        bare = re.sub(r" \([^()]*\)$", "", name)  # Table 1 gives units
        if known is not None and (known["predictor"] == bare).any():
            shown = known.loc[known["predictor"] == bare, "missing"].iloc[0]
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


def _counts_by_horizon(haul: Haul) -> dict[float, set[int]]:
    """Brier score and IPA give the frequency of events at each horizon, and with a denominator the counts."""
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
    events = haul.fact("events by") if haul.released else None
    if events is not None and counts:  # of the two roots the one that is told
        counts[max(counts)] = {events}
    return counts


def _between_horizons(haul: Haul, k: int) -> list[str]:
    """Events between two horizons."""
    counts = _counts_by_horizon(haul)
    out = []
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
