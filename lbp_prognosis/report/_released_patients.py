"""Flow, Table 1, predictors and sites for release: counts are merged over all tables of the page at once."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result
from lbp_prognosis._draw import FLOW_KINDS
from lbp_prognosis.disclosure import Release, follows_from_sum, merged_levels, without_numbers
from lbp_prognosis.report._layered_rows import LayeredRows, is_number_text
from lbp_prognosis.report._released_shapes import ReleasedFlow, ReleasedTable
from lbp_prognosis.report._wording import row_variable

__all__ = ["ReleasedVariables", "released_flow", "released_sites"]

_LABELS = ("variable", "value", "missing")
_COUNT = re.compile(r"^\s*(\d[\d,]*)")


def _count(cell: object) -> int:
    found = _COUNT.match(str(cell))
    return int(found.group(1).replace(",", "")) if found else 0


def released_flow(flow: Any, release: Release) -> ReleasedFlow | None:
    """Return the flow with exclusions merged until none is small.

    Parameters
    ----------
    flow : Result
        With ``steps`` of ``kind, step, n``, for values also ``patients``.
    release : Release
        Release through which all numbers pass.
    """
    k = release.smallest_cell
    steps = flow.steps.copy()
    if not release.apart("excluded patients, and counts of rows and values"):
        steps = steps[steps["kind"].eq("end")]
    excluded = steps[steps["kind"].eq("excluded") & (steps["n"] > 0)]
    rows = [steps[steps["kind"].eq("start")], steps[steps["kind"].eq("end")]]
    if len(excluded):
        parts = merged_levels(excluded["n"].to_numpy(), k)
        every = int(excluded["n"].sum())
        if parts is None and every >= k and not follows_from_sum(every, len(excluded)):
            parts = [list(range(len(excluded)))]
        if parts is None:
            few = every < k
            why = f"fewer than {k} patients were excluded" if few else "the number of each reason would follow"
            release.note("flow", "dropped", why)
            rows = rows[1:]
        else:
            if len(parts) < len(excluded):
                release.note("flow", "merged", f"exclusions of fewer than {k} patients")
            names, counts = excluded["step"].tolist(), excluded["n"].tolist()
            made = [
                {"kind": "excluded", "step": " or ".join(names[i] for i in p), "n": sum(counts[i] for i in p)}
                for p in parts
            ]
            rows.insert(1, pd.DataFrame(made))
    rows += _observed(steps, release)
    others = steps[~steps["kind"].isin(FLOW_KINDS) & (steps["n"] > 0)]
    behind = others["n"].where(others["kind"].ne("values"), others.get("patients", others["n"])).astype(float)
    small = ~(behind >= k)
    if small.any():
        release.note("counts of rows and values", "dropped", f"of fewer than {k} patients")
    out = pd.concat([*rows, others[~small]], ignore_index=True)[["kind", "step", "n"]]
    return ReleasedFlow(out) if release.take("flow of patients", len(out)) else None


def _observed(steps: pd.DataFrame, release: Release) -> list[pd.DataFrame]:
    """Return how many of the cohort have the outcome, without reasons; nothing if few have it or lack it."""
    missing, seen = steps[steps["kind"].eq("missing")], steps[steps["kind"].eq("observed")]
    count = int(missing["n"].sum())
    if not count:
        return []
    if not release.keeps([count, *seen["n"]]):
        release.note("patients whose outcome was not observed", "dropped", f"of fewer than {release.smallest_cell}")
        return []
    if len(missing) > 1:
        release.note("reasons for outcomes that were not observed", "merged", "each may be of few patients")
    words = str(missing["step"].iloc[0]).partition(":")[0]
    return [pd.DataFrame([{"kind": "missing", "step": words, "n": count}]), seen]


def released_sites(sites: pd.DataFrame, release: Release) -> pd.DataFrame:
    """Return the sites with small ones merged, by patients with and without the event.

    Parameters
    ----------
    sites : DataFrame
        ``site, n, n_events, evaluated, reason``.
    release : Release
        Release through which all numbers pass.
    """
    with_it = sites["n_events"].to_numpy(dtype=float)
    cells = np.column_stack([with_it, sites["n"].to_numpy(dtype=float) - with_it])
    shown = release.counts("sites", [str(name) for name in sites["site"]], cells)
    columns = list(sites.columns)
    if shown is None or not release.take("sites", 2 * len(shown)):
        return sites.iloc[:0]
    known = dict(zip(sites["site"].astype(str), zip(sites["evaluated"], sites["reason"].fillna(""))))
    out = pd.DataFrame({"site": shown["label"], "n": shown[0] + shown[1], "n_events": shown[0]})
    facts = [known.get(label, (False, "several sites")) for label in out["site"]]
    out["evaluated"] = [bool(evaluated) for evaluated, _ in facts]
    out["reason"] = [without_numbers(str(reason)) for _, reason in facts]
    return out.reindex(columns=columns)


class ReleasedVariables:
    """Variables of all tables of patients, merged alike in all: different merging would disclose counts.

    Parameters
    ----------
    tables : mapping of str to Result
        Caption to Table 1, with the columns of `TableOne.table`.
    columns : DataFrame or None
        Predictors: ``column, n, n_missing, range``.
    rows : DataFrame or None
        The values themselves, to check whether one patient dominates a mean.
    release : Release
        Release through which all numbers pass.
    """

    def __init__(
        self,
        tables: Mapping[str, Result],
        columns: pd.DataFrame | None,
        rows: pd.DataFrame | None,
        release: Release,
    ) -> None:
        self.release, self.rows, self.predictors = release, rows, columns
        self._layers = LayeredRows(rows, release)
        self._unknown: set[str] = set()  # variables whose missing values are not released
        self._levels: dict[str, list[str] | None] = {}
        self._frames = {caption: self._grouped(caption, result.to_frame()) for caption, result in tables.items()}
        self._made: dict[str, list[pd.DataFrame]] = {caption: [] for caption in self._frames}
        for name in self._names():
            self._variable(name)

    # ---- groups ----------------------------------------------------------------------------------------------------

    def _grouped(self, caption: str, frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.astype(object)
        groups = self._groups(frame, overall=False)
        sizes = [_count(frame.loc[frame["variable"].eq("n"), group].iloc[0]) for group in groups]
        if not groups or (self.release.keeps(sizes) and self.release.apart(f"{caption}: groups")):
            return frame
        if not self.release.keeps(sizes):
            self.release.note(caption, "dropped", f"groups, one of fewer than {self.release.smallest_cell} patients")
        gone = [*groups, *(c for c in frame.columns if str(c).startswith("smd"))]
        return frame.drop(columns=gone)

    @staticmethod
    def _groups(frame: pd.DataFrame, *, overall: bool = True) -> list[str]:
        out = [str(c) for c in frame.columns if c not in _LABELS and not str(c).startswith("smd")]
        return out if overall else [c for c in out if c != "overall"]

    def _sizes(self, frame: pd.DataFrame) -> np.ndarray:
        row = frame.loc[frame["variable"].eq("n")].iloc[0]
        return np.array([_count(row[group]) for group in self._groups(frame)])

    def _names(self) -> list[str]:
        every = [str(v) for frame in self._frames.values() for v in frame["variable"] if v != "n"]
        return list(dict.fromkeys(row_variable(v) for v in every))

    # ---- variables -------------------------------------------------------------------------------------------------

    def _variable(self, name: str) -> None:
        parts = {c: frame[frame["variable"].map(row_variable).eq(name)] for c, frame in self._frames.items()}
        first = next(part for part in parts.values() if len(part))
        if str(first["variable"].iloc[0]).endswith("n (%)") and not str(first["variable"].iloc[0]).endswith(
            "missing, n (%)"
        ):
            self._category(name, parts)
        else:
            self._number(name, parts)

    def _category(self, name: str, parts: Mapping[str, pd.DataFrame]) -> None:
        levels = list(dict.fromkeys(str(v) for part in parts.values() for v in part["value"]))
        absent = [v for v in levels if v.startswith("missing")]
        levels = [v for v in levels if v not in absent] + absent
        tables = {c: part for c, part in parts.items() if len(part)}
        blocks = [self._matrix(part.set_index("value"), levels, self._groups(part)) for part in tables.values()]
        layers = self._layers.levels(name, levels, blocks[0][:, -1])
        if layers is None:
            self._dropped_apart(name)
            return
        ordered = all(is_number_text(v) for v in levels if v not in absent)
        k = self.release.smallest_cell
        merged = merged_levels(np.hstack([*blocks, layers]), k, ordered=ordered, last=len(absent))
        if merged is None:  # then counts are not by group
            merged = merged_levels(np.hstack([blocks[0][:, -1:], layers]), k, ordered=ordered, last=len(absent))
            tables = {c: self._ungrouped(part) for c, part in tables.items()}
            if merged is not None and any(block.shape[1] > 1 for block in blocks):
                self.release.note(name, "dropped", f"counts in groups, some of fewer than {k} patients")
        self._levels[name] = None
        if merged is None:
            self._unknown.add(name)
            self.release.note(name, "dropped", f"a part has fewer than {self.release.smallest_cell} patients")
            return
        labels = [" or ".join(levels[k] for k in part) for part in merged]
        keys = [key for c, part in tables.items() for label in labels[:-1] for key in self._keys(name, label, c, part)]
        if not self.release.take(name, keys):
            return
        joined = len(merged) < len(levels)
        if joined:
            self.release.note(name, "merged", f"parts of fewer than {self.release.smallest_cell} patients")
        hidden = any(len(part) > 1 and any(levels[k] in absent for k in part) for part in merged)
        if hidden:
            self._unknown.add(name)
        self._levels[name] = [
            label for label, part in zip(labels, merged) if not (len(part) == 1 and levels[part[0]] in absent)
        ]
        for (caption, part), block in zip(tables.items(), blocks):
            self._made[caption].append(self._category_rows(name, part, block, merged, labels, levels, hidden, joined))

    def _dropped_apart(self, name: str) -> None:
        self._unknown.add(name)
        self._levels[name] = None
        self.release.apart(name)

    def _ungrouped(self, part: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a variable without the columns of groups."""
        out = part.copy()
        out[[c for c in out.columns if c not in (*_LABELS, "overall")]] = ""
        return out

    def _keys(self, name: str, what: str, caption: str, part: pd.DataFrame) -> list[Hashable]:
        """Return keys of the cells of a row: the total is that of all tables, and the last group follows."""
        groups = [g for g in self._groups(part, overall=False) if not part[g].eq("").all()]
        return [(name, what), *((name, what, caption, group) for group in groups[:-1])]

    @staticmethod
    def _matrix(by: pd.DataFrame, levels: list[str], groups: list[str]) -> np.ndarray:
        return np.array([[_count(by.loc[v, g]) if v in by.index else 0 for g in groups] for v in levels], dtype=float)

    def _category_rows(
        self,
        name: str,
        part: pd.DataFrame,
        block: np.ndarray,
        merged: list[list[int]],
        labels: list[str],
        levels: list[str],
        hidden: bool,
        joined: bool,
    ) -> pd.DataFrame:
        groups = self._groups(part)
        every = block.sum(axis=0)
        known = every - block[[k for k, v in enumerate(levels) if v.startswith("missing")]].sum(axis=0)
        rows = []
        for label, members in zip(labels, merged):
            lost = any(levels[k].startswith("missing") for k in members)
            base = every if hidden or lost else known
            counts = block[members].sum(axis=0)
            row: dict[str, object] = dict.fromkeys(part.columns, "")
            row |= {"variable": f"{name}, n (%)", "value": label}
            row |= {g: f"{c:.0f} ({100 * c / b:.1f})" if b else "0" for g, c, b in zip(groups, counts, base)}
            row |= dict.fromkeys([g for g in groups if part[g].eq("").all()], "")
            rows.append(row)
        out = pd.DataFrame(rows, columns=part.columns)
        differences = [c for c in part.columns if str(c).startswith("smd")]
        if differences and not joined:
            out.loc[0, differences] = part[differences].iloc[0].to_numpy()
        if not hidden and "missing" in part.columns:
            out.loc[0, "missing"] = part["missing"].iloc[0]
        return out

    def _number(self, name: str, parts: Mapping[str, pd.DataFrame]) -> None:
        k = self.release.smallest_cell
        known: dict[str, np.ndarray] = {}
        safe = True
        if self.release.layered and self._layers.values(name) is None:
            self._dropped_apart(name)
            return
        for caption, part in parts.items():
            if not len(part):
                continue
            sizes, groups = self._sizes(self._frames[caption]), self._groups(part)
            absent = part[part["variable"].str.endswith("missing, n (%)")]
            gone = np.array([_count(absent[g].iloc[0]) if len(absent) else 0 for g in groups])
            known[caption] = sizes - gone
            safe = safe and self.release.keeps(np.concatenate([gone, sizes - gone]))
        layers = self._layers.known(name)
        safe = safe and self.release.keeps(layers)
        if not safe:
            self._unknown.add(name)
            self.release.note(f"{name}: missing values", "dropped", f"fewer than {k} are missing or known")
        fewest = min(int(v.min()) for v in known.values())
        whole = min([int(v[-1]) for v in known.values()] + [int(n) for n, _ in layers])
        for caption in known:
            part = parts[caption]
            shown = self._summary_row(name, caption, part, fewest, whole, safe)
            rows = [] if shown is None else [shown]
            absent = part[part["variable"].str.endswith("missing, n (%)")]
            if (
                safe
                and len(absent)
                and self.release.take(f"{name}, missing", self._keys(name, "missing", caption, part))
            ):
                rows.append(absent)
            if rows:
                self._made[caption].append(pd.concat(rows))

    def _summary_row(
        self, name: str, caption: str, part: pd.DataFrame, fewest: int, whole: int, safe: bool
    ) -> pd.DataFrame | None:
        row = part[part["variable"].str.contains(r"mean \(SD\)|median \[")].head(1).copy()
        if row.empty:
            return None
        values = None if self.rows is None or name not in self.rows else self.rows[name]
        words = str(row["variable"].iloc[0])
        if words.endswith("mean (SD)"):
            numeric = None if values is None else pd.to_numeric(values, errors="coerce")
            fits, all_groups = self.release.mean(name, whole, numeric), fewest >= 50
            if fits and numeric is not None and self.release.layered:
                parts = [numeric[rows] for rows in self.release.patients.each_layer()]
                fits = all([self.release.mean(name, whole, part) for part in parts])
        else:
            dated = bool(re.search(r"\d{4}-\d{2}-\d{2}", str(row["overall"].iloc[0])))
            fits = not dated and self.release.quantiles(name, whole)
            all_groups = fewest >= 100
            if dated:
                self.release.note(name, "dropped", "a quantile of dates is a patient's day")
        if not fits:
            return None
        groups = self._groups(part, overall=False)
        if groups and not all_groups:
            self.release.note(name, "dropped", "means or quantiles of groups, one of which is small")
            row[groups] = ""
            row[[c for c in part.columns if str(c).startswith("smd")]] = ""
        if not safe and "missing" in row.columns:
            row["missing"] = ""
        cells = [("overall",), *((caption, group) for group in groups if all_groups)]
        numbers = 2 if words.endswith("mean (SD)") else 3
        return row if self.release.take(name, [(name, *cell, k) for cell in cells for k in range(numbers)]) else None

    # ---- out -------------------------------------------------------------------------------------------------------

    def tables(self) -> dict[str, Result]:
        """Return the tables by caption; tables without variables are left out."""
        out: dict[str, Result] = {}
        for caption, frame in self._frames.items():
            made = self._made[caption]
            if made and self.release.take(f"{caption}: patients", self._keys("n", "patients", caption, frame)):
                top = frame[frame["variable"].eq("n")]
                out[caption] = ReleasedTable(pd.concat([top, *made], ignore_index=True).fillna(""))
        return out

    def columns(self) -> pd.DataFrame | None:
        """Return the predictors, with missing values and ranges if released."""
        if self.predictors is None:
            return None
        out = self.predictors.copy()
        known, absent = (out["n"] - out["n_missing"]).to_numpy(), out["n_missing"].to_numpy()
        parts_safe = np.array([self.release.keeps(pair) for pair in zip(known, absent)], dtype=bool)
        if self.release.layered:
            parts_safe &= [self._layers.told(str(name)) for name in out["column"]]
        hide = ~parts_safe | out["column"].isin(self._unknown).to_numpy()
        ranges = []
        for row in out.to_dict("records"):
            name = str(row["column"])
            if self._levels.get(name) is not None:
                ranges.append(", ".join(self._levels[name] or []))
            elif str(row["type"]) == "number" and name not in self._levels:
                count = int(row["n"]) - int(row["n_missing"])
                fits = self.release.quantiles(f"{name}: 5% to 95%", count, 0.05)
                ranges.append(str(row["range"]) if fits and self.release.take(f"{name}: 5% to 95%", 2) else "")
            else:
                ranges.append("")
        out["range"] = ranges
        out[["n", "n_missing"]] = out[["n", "n_missing"]].astype(float)
        out.loc[hide, ["n", "n_missing"]] = np.nan
        told = int((~hide & (absent > 0)).sum())
        if told and not self.release.take("missing values of predictors", told):
            out[["n", "n_missing"]] = np.nan
        return out
