"""``map_tables``: conversion of the user's tables and names to those of the library, by a mapping file."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, Result, argument_error
from lbp_prognosis.schema._failures import column_failures, failure_frame, merge_failures
from lbp_prognosis.schema._mapping_plan import DIALECT, REDCAP, checked_plan
from lbp_prognosis.schema._missing_words import MissingWords
from lbp_prognosis.schema._number_text import is_identifier, number_of
from lbp_prognosis.schema._read_redcap import read_redcap
from lbp_prognosis.schema._read_table import read_table
from lbp_prognosis.schema._table_schemas import table_schemas
from lbp_prognosis.schema._units import convert_unit

__all__ = ["MappedTables", "map_tables"]

_DATED = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|(?:true|false)\Z", re.IGNORECASE)


@dataclass(frozen=True, repr=False)
class MappedTables(Result):
    """Tables with the library's names, and the conversions made.

    Attributes
    ----------
    tables : dict of str to DataFrame
        Tables, as `validate_package` accepts them.
    actions : DataFrame
        One row per converted column: ``table, field, source, column, action, n, n_missing``.
    unmapped : DataFrame
        Unused columns of the sources: ``source, column, ignored``; ``ignored`` is true for those ignored on purpose.
    rows : DataFrame
        Rows taken: ``table, source, n_source, n_kept, where``.
    notes : tuple of str
        Remarks, such as words for missing values that matched no cell.
    """

    tables: dict[str, pd.DataFrame]
    actions: pd.DataFrame
    unmapped: pd.DataFrame
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the actions."""
        return self.actions

    def _summary(self) -> str:
        sizes = ", ".join(f"{name} {len(frame)}" for name, frame in self.tables.items())
        forgotten = int((~self.unmapped["ignored"].astype(bool)).sum())
        return f"{sizes}; {forgotten} source columns not mapped"


def map_tables(
    mapping: str | os.PathLike[str] | Mapping[str, Any],
    folder: str | os.PathLike[str] = ".",
    *,
    frames: Mapping[str, pd.DataFrame] | None = None,
    show_values: bool = False,
) -> MappedTables:
    """Map a user's files to the tables of the data package.

    Parameters
    ----------
    mapping : path or mapping
        ``mapping.toml``, or its contents. ``[source.<name>]`` gives ``file`` (and ``sheet``, ``delimiter``,
        ``decimal``, ``encoding``, ``missing``), or ``redcap`` and ``dictionary`` (and ``missing_codes``,
        ``visit_date``, ``event_days``: see `read_redcap`), which makes the sources ``<name>`` (records),
        ``<name>.visits`` and ``<name>.<form>`` of each repeating form;
        each ``[[table]]`` gives ``name``, ``source``, optionally ``where``
        (column to value or list), ``distinct`` (keep one row of equal ones), ``[table.columns]`` and
        ``[table.melt]``; ``[ignore]`` lists columns left out on purpose, by source. ``missing`` is as in `read_table`;
        recoding is done first, so that ``recode = { None = "no surgery" }`` finds its None. A column is a name, or a
        table of ``from`` or ``value``, ``recode``, ``unit`` with ``to``, ``scale``, ``date`` (how the source writes
        dates, e.g. ``"%d.%m.%Y"``). ``melt`` turns columns into rows:
        ``key`` and ``value`` name the new columns, ``columns`` maps a key to a source column.
    folder : path
        Folder of the files; a file outside it is refused.
    frames : mapping of str to DataFrame, optional
        Sources that are already read, by name (e.g. the records and repeats of `read_redcap`).
    show_values : bool, default False
        Write values of patients into errors.

    Raises
    ------
    DataError
        If a file or column is missing, or a value is in no ``recode``; the error carries ``failures``.
    ArgumentError
        If the mapping itself is not as described.

    See Also
    --------
    lbp_prognosis.schema.validate_package : What is wrong in my tables?
    lbp_prognosis.schema.read_table : How do I read CSV, Excel, Stata, SPSS or SAS?

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.schema import map_tables
    >>> visits = pd.DataFrame({"id": ["a", "b"], "weeks": [0, 6], "sex_code": ["1", "2"]})
    >>> columns = {"patient_id": "id", "sex": {"from": "sex_code", "recode": {"1": "female", "2": "male"}}}
    >>> table = {"name": "patient", "source": "visits", "columns": columns}
    >>> mapping = {"table": [table], "ignore": {"visits": ["weeks"]}}
    >>> mapped = map_tables(mapping, frames={"visits": visits})
    >>> mapped.tables["patient"].to_dict("list")
    {'patient_id': ['a', 'b'], 'sex': ['female', 'male']}
    """
    plan = checked_plan(_plan(mapping), Path(folder), tuple(frames or ()))
    sources: dict[str, Source] = {}
    for name, entry in plan.get("source", {}).items():
        sources.update(_sources(name, entry, Path(folder)))
    for name, frame in (frames or {}).items():
        if name in sources:
            raise argument_error("frames", "named otherwise than the sources of the mapping", repr(name))
        sources[name] = Source(_as_text(frame), MissingWords())
    used: dict[str, set[str]] = {name: set() for name in sources}
    parts: dict[str, list[pd.DataFrame]] = {}
    actions: list[dict[str, Any]] = []
    rows: list[dict[str, Any]] = []
    failures: list[pd.DataFrame] = []
    for entry in plan["table"]:
        name, source = _entry(entry, sources)
        whole = sources[source].frame
        taken = Source(_where(whole, entry.get("where", {}), source, used[source]), sources[source].words)
        made = _columns(taken, entry, name, source, used[source], actions, failures)
        parts.setdefault(name, []).append(made)
        rows.append(
            {
                "table": name,
                "source": source,
                "n_source": len(whole),
                "n_kept": len(made),
                "where": str(entry.get("where", "")),
            }
        )
    found = merge_failures(failures)
    if len(found):
        first = found.iloc[0]
        value = f", value {first['value']!r}" if show_values else ""
        raise DataError(
            f"The mapping fails {len(found)} times; the first: `{first['table']}.{first['field']}`{value}: "
            f"{first['message']}.",
            found,
        )
    tables = {name: pd.concat(frames, ignore_index=True) for name, frames in parts.items()}
    ignored = plan.get("ignore", {})
    unmapped = [
        {"source": name, "column": column, "ignored": column in ignored.get(name, ())}
        for name, held in sources.items()
        for column in held.frame.columns
        if column not in used[name]
    ]
    order = [name for name in table_schemas() if name in tables]
    return MappedTables(
        {name: tables[name] for name in order},
        pd.DataFrame(actions, columns=["table", "field", "source", "column", "action", "n", "n_missing"]),
        pd.DataFrame(unmapped, columns=["source", "column", "ignored"]),
        pd.DataFrame(rows, columns=["table", "source", "n_source", "n_kept", "where"]),
        tuple(f"source {name}: {note}" for name, held in sources.items() for note in held.notes),
    )


def _plan(mapping: str | os.PathLike[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(mapping, Mapping):
        plan = dict(mapping)
    else:
        try:
            plan = tomllib.loads(Path(mapping).read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(f"The mapping {str(mapping)!r} cannot be read as TOML ({error}).") from error
    return plan


class Source(NamedTuple):
    """Cells of a source as text, the words for missing values, and notes."""

    frame: pd.DataFrame
    words: MissingWords
    notes: tuple[str, ...] = ()


def _sources(name: str, entry: Mapping[str, Any], folder: Path) -> dict[str, Source]:
    """Return the tables of one source with all cells as text: one table, or those of a REDCap project."""
    if "file" in entry:
        return {name: _source(name, entry, folder)}
    files = [folder / entry[key] for key in ("redcap", "dictionary")]
    project = read_redcap(*files, **{key: entry[key] for key in REDCAP if key in entry})
    frames = {name: project.records, f"{name}.visits": project.visits}
    frames |= {f"{name}.{form}": frame for form, frame in project.repeats.items()}
    # a REDCap project declares its own codes, which are already missing here; no other word means missing
    return {
        key: Source(_as_text(frame), MissingWords(()), project.notes if key == name else ())
        for key, frame in frames.items()
    }


def _source(name: str, entry: Mapping[str, Any], folder: Path) -> Source:
    path = folder / entry["file"]
    options = {key: entry[key] for key in DIALECT if key in entry}
    reading = read_table(path, infer=False, **options)
    words = MissingWords(entry.get("missing"))
    words.check_columns(list(reading.frame.columns))
    frame = _as_text(reading.frame)
    for column in frame.columns:
        _gone(frame[column], column, words)
    return Source(frame, words, (*reading.notes, *words.unmatched()))


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return all cells as text: recodes are written as text, and the library's tables are typed on validation."""
    return pd.DataFrame({column: _text(frame[column]) for column in frame.columns}, index=frame.index)


def _text(series: pd.Series) -> pd.Series:
    codes, distinct = pd.factorize(series)
    cells: list[str | None] = []
    for value in distinct:
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            value = int(value)
        elif isinstance(value, pd.Timestamp) and value == value.normalize():
            value = value.date()
        text = str(value).strip()
        cells.append(text or None)
    return pd.Series(np.array([*cells, None], dtype=object)[codes], index=series.index)


def _gone(series: pd.Series, column: str, words: MissingWords) -> tuple[pd.Series, dict[str, int]]:
    """Return which cells are missing, and words that may be a level, with their counts."""
    codes, distinct = pd.factorize(series)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    absent, asked = words.absent(distinct, column, counts)
    present = distinct[~absent & ~asked]
    if asked.any() and all(
        number_of(text) is not None or is_identifier(text) or _DATED.match(text) for text in present
    ):
        absent, asked = absent | asked, np.zeros_like(asked)
    gone = pd.Series(np.append(absent, False)[codes], index=series.index)
    return gone, {str(word): int(n) for word, n in zip(distinct[asked], counts[asked])}


def _entry(entry: Mapping[str, Any], sources: Mapping[str, Source]) -> tuple[str, str]:
    name, source = entry["name"], entry["source"]
    if source not in sources:
        raise argument_error("table.source", f"one of {', '.join(sources)}", repr(source))
    return str(name), str(source)


def _where(frame: pd.DataFrame, rule: Mapping[str, Any], source: str, used: set[str]) -> pd.DataFrame:
    kept = pd.Series(True, index=frame.index)
    for column, wanted in rule.items():
        _have(frame, column, source)
        values = wanted if isinstance(wanted, list) else [wanted]
        kept &= _codes(frame[column], {_word(value) for value in values}).notna()
        used.add(column)
    return frame[kept].reset_index(drop=True)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _codes(values: pd.Series, codes: Collection[str]) -> pd.Series:
    """Return each cell as its code: as written, or else as the same number (1 is '1' and '1.0')."""
    numbers = {number_of(code): code for code in codes if number_of(code) is not None}
    found: dict[str, str | None] = {}
    for text in values.dropna().unique():
        number = None if text in codes else number_of(text)
        found[text] = text if text in codes else numbers.get(number) if number is not None else None
    return values.map(found)


def _plain_number(text: Any) -> Any:
    return str(text).replace("\u2212", "-") if isinstance(text, str) else text


def _have(frame: pd.DataFrame, column: str, source: str) -> None:
    if column not in frame.columns:
        raise DataError(
            f"The mapping names the column {column!r}, which source {source!r} does not have; it has "
            f"{', '.join(map(repr, frame.columns[:12]))}."
        )


def _columns(
    held: Source,
    entry: Mapping[str, Any],
    table: str,
    source: str,
    used: set[str],
    actions: list[dict[str, Any]],
    failures: list[pd.DataFrame],
) -> pd.DataFrame:
    """Return the mapped table; the conversion of each column is added to ``actions``."""

    def log(field: str, column: str, action: str, made: pd.Series) -> None:
        actions.append(
            {
                "table": table,
                "field": field,
                "source": source,
                "column": column,
                "action": action,
                "n": len(made),
                "n_missing": int(made.isna().sum()),
            }
        )

    made: dict[str, pd.Series] = {}
    for field, rule in entry.get("columns", {}).items():
        made[field], column, action = _one(held, rule, table, field, source, failures)
        used.add(column)
        log(field, column, action, made[field])
    out = pd.DataFrame(made, index=held.frame.index)
    melt = entry.get("melt")
    if melt is not None:
        blocks = []
        for key, rule in melt["columns"].items():
            values, column, action = _one(held, rule, table, f"{melt['value']} ({key})", source, failures)
            used.add(column)
            log(key, column, action + ", column to rows", values)
            block = out.assign(**{melt["key"]: key, melt["value"]: values})
            blocks.append(block[values.notna()])
        out = pd.concat(blocks, ignore_index=True) if blocks else out
    if entry.get("distinct", False):
        out = out.drop_duplicates(ignore_index=True)
    return out.reset_index(drop=True)


def _one(
    held: Source, rule: Any, table: str, field: str, source: str, failures: list[pd.DataFrame]
) -> tuple[pd.Series, str, str]:
    """Return the values, the source column, and a description of the conversion."""
    if isinstance(rule, str):
        rule = {"from": rule}
    if "value" in rule:
        return pd.Series(_word(rule["value"]), index=held.frame.index, dtype=object), "", "constant"
    column = str(rule["from"])
    _have(held.frame, column, source)
    values, action = held.frame[column], "as it is" if column == field else "renamed"
    codes = {_word(code): _word(word) for code, word in rule.get("recode", {}).items()}
    known = _codes(values, codes)
    # recoding is done first: a word named in it is not a missing value
    gone, asked = _gone(values.where(known.isna()), column, held.words)
    for word, n in asked.items():
        message = (
            f"{word!r} occurs in {n} cells of {column!r}: a level, or missing? Recode it, or say "
            f'source.{source}.missing = ["{word}"], or missing = {{ {column} = [] }} for a level'
        )
        row = {"table": table, "field": field, "reason": "missing_word", "value": word, "message": message}
        failures.append(failure_frame([row]))
    values = values.mask(gone, None)
    if codes:
        strange = (values.notna() & known.isna() & ~values.isin(list(asked))).to_numpy()
        if strange.any():
            failures.append(column_failures(table, field, "enum", strange, values, "no recode lists it"))
        values = known.map(codes)
        action = "recoded " + ", ".join(f"{code} = {word}" for code, word in codes.items())
    if "date" in rule:
        days = pd.to_datetime(values, format=str(rule["date"]), errors="coerce")
        strange = (values.notna() & days.isna()).to_numpy()
        if strange.any():
            failures.append(column_failures(table, field, "type", strange, values, f"not a date like {rule['date']}"))
        values = days.dt.strftime("%Y-%m-%d").astype(object).where(days.notna(), None)
        action += f", date read as {rule['date']}"
    if "scale" in rule or "unit" in rule:
        numbers = pd.to_numeric(values.map(_plain_number), errors="coerce")
        text = (values.notna() & numbers.isna()).to_numpy()
        if text.any():
            failures.append(column_failures(table, field, "type", text, values, "not a number"))
        if "unit" in rule:
            numbers = pd.Series(convert_unit(numbers, rule["unit"], rule["to"]), index=values.index)
            action += f", {rule['unit']} to {rule['to']}"
        if "scale" in rule:
            numbers = numbers * float(rule["scale"])
            action += f", times {rule['scale']:g}"
        values = numbers
    return values, column, action
