"""Data files with one thing changed: made from a known table, in every format, from a seed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["FORMATS", "MutatedFile", "known_table", "mutated_file"]

FORMATS = ("csv", "xlsx", "dta", "sav", "parquet", "xpt")
WAYS = (
    *("delimiter", "comma", "mark", "quotes", "returns", "sep", "blank lines", "spaces", "plus", "no end"),
    *("minus", "totals", "words", "percent", "exponent", "NA", "thousands", "name twice", "row long", "row cut"),
    "quote open",
)
WORDS = ("none", "disc", "fusion", "other")


@dataclass(frozen=True)
class MutatedFile:
    """A file, the table it was made from, and what was done.

    Attributes
    ----------
    path : Path
        The file.
    table : DataFrame
        What stood in it before the change, or stands in it after a change of writing alone.
    change : str
        What was done.
    meaning : bool
        Whether what it says is still ``table``: a reader may refuse or say so, and otherwise returns it whole.
    """

    path: Path
    table: pd.DataFrame
    change: str
    meaning: bool


def known_table(rng: np.random.Generator) -> pd.DataFrame:
    """Return numbers with and without decimals, words and missing cells; 12 to 60 rows."""
    n = int(rng.integers(12, 60))
    pain = np.round(rng.normal(5, 2, n), 2)
    pain[rng.random(n) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "code": [f"p{k:03d}x" for k in range(n)],
            "age": rng.integers(18, 90, n).astype(float),
            "pain": pain,
            "big": np.round(rng.lognormal(9, 2, n), 1),
            "surgery": rng.choice(WORDS, n),
        }
    )


def mutated_file(seed: int, folder: Path) -> MutatedFile:
    """Write file number ``seed``; formats take turns."""
    rng = np.random.default_rng([20_26, seed])
    kind = FORMATS[seed % len(FORMATS)]
    table = known_table(rng)
    path = folder / f"t{seed}.{kind}"
    if kind == "csv" and rng.random() < 0.7:
        return _written_otherwise(rng, path, table)
    if kind in ("xlsx", "parquet", "dta", "sav", "xpt") and rng.random() < 0.3:
        return _other_cells(rng, path, table, kind)
    _write(path, table, kind)
    raw = bytearray(path.read_bytes())
    name = str(rng.choice(list(_BYTES)))
    path.write_bytes(_BYTES[name](rng, raw))
    return MutatedFile(path, table, f"{kind}: {name}", False)


def _write(path: Path, table: pd.DataFrame, kind: str) -> None:
    import pyreadstat

    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "xlsx":
        table.to_excel(path, index=False)
    elif kind == "parquet":
        table.to_parquet(path, index=False, write_page_checksum=True)
    else:
        writer = {"dta": pyreadstat.write_dta, "sav": pyreadstat.write_sav, "xpt": pyreadstat.write_xport}[kind]
        writer(table, path)


def _cut(rng: np.random.Generator, raw: bytearray) -> bytes:
    return bytes(raw[: int(rng.integers(0, len(raw)))])


def _tail(rng: np.random.Generator, raw: bytearray) -> bytes:
    return bytes(raw[: -int(rng.integers(1, min(400, len(raw))))])


def _flip(rng: np.random.Generator, raw: bytearray) -> bytes:
    for place in rng.integers(0, len(raw), int(rng.integers(1, 6))):
        raw[place] ^= 1 << int(rng.integers(0, 8))
    return bytes(raw)


def _noise(rng: np.random.Generator, raw: bytearray) -> bytes:
    place, size = int(rng.integers(0, len(raw))), int(rng.integers(1, 64))
    raw[place : place + size] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
    return bytes(raw)


def _drop(rng: np.random.Generator, raw: bytearray) -> bytes:
    place, size = int(rng.integers(0, len(raw))), int(rng.integers(1, 64))
    del raw[place : place + size]
    return bytes(raw)


def _twice(rng: np.random.Generator, raw: bytearray) -> bytes:
    place, size = int(rng.integers(0, len(raw))), int(rng.integers(1, 200))
    return bytes(raw[: place + size] + raw[place:])


def _joined(rng: np.random.Generator, raw: bytearray) -> bytes:
    return bytes(raw + raw)


def _zeros(rng: np.random.Generator, raw: bytearray) -> bytes:
    place, size = int(rng.integers(0, len(raw))), int(rng.integers(1, 64))
    raw[place : place + size] = bytes(size)
    return bytes(raw)


_BYTES: dict[str, Callable[[np.random.Generator, bytearray], bytes]] = {
    "cut": _cut,
    "tail cut": _tail,
    "bits flipped": _flip,
    "noise": _noise,
    "bytes dropped": _drop,
    "a part twice": _twice,
    "file twice": _joined,
    "zeros": _zeros,
}


def _cells(table: pd.DataFrame) -> list[list[str]]:
    body = [["" if pd.isna(value) else str(value) for value in row] for row in table.itertuples(index=False)]
    return [list(table.columns), *body]


def _written_otherwise(rng: np.random.Generator, path: Path, table: pd.DataFrame) -> MutatedFile:
    """The same table as another program writes it; or one cell more than a table has."""
    cells = _cells(table)
    delimiter, comma, encoding, quoting, end = ",", False, "utf-8", csv.QUOTE_MINIMAL, "\n"
    changes = []
    for name in rng.choice(WAYS, int(rng.integers(1, 4)), replace=False):
        changes.append(str(name))
        row, column = int(rng.integers(1, len(cells))), int(rng.integers(1, 4))
        if len(cells[row]) < 5:
            continue
        if name == "delimiter":
            delimiter = str(rng.choice([";", "\t", "|"]))
        elif name == "comma":
            comma = True
        elif name == "mark":
            encoding = str(rng.choice(["utf-8-sig", "utf-16", "cp1252"]))
        elif name == "quotes":
            quoting = csv.QUOTE_ALL
        elif name == "returns":
            end = "\r\n"
        elif name == "spaces":
            cells[row][column] = f"  {cells[row][column]} "
        elif name == "thousands":
            for line in cells[1 : len(table) + 1]:
                if len(line) < 5:
                    continue
                line[3] = f"{float(line[3]):,.1f}"
        elif name == "plus":
            cells[row][column] = f"+{cells[row][column]}" if cells[row][column] else ""
        elif name == "minus":
            cells[row][2] = "\u22122.5"
        elif name == "percent":
            cells[row][2] = "12%"
        elif name == "totals":
            cells.append(["Summe", *(f"{float(np.nansum(table[c])):.2f}" for c in ("age", "pain", "big")), ""])
        elif name == "words":
            cells[row][column] = str(rng.choice(["unknown", "?", "see notes", "n.d.", "-"]))
        elif name == "row cut":
            cells[row] = cells[row][:column]
        elif name == "row long":
            cells[row] = [*cells[row], "7"]
        elif name == "name twice":
            cells[0][3] = "age"
        elif name == "exponent":
            cells[row][3] = "12E3"
        elif name == "NA":
            cells[row][4] = "NA"
    if comma:
        cells = [
            cells[0],
            *([c.replace(".", ",") if k in (1, 2, 3) else c for k, c in enumerate(r)] for r in cells[1:]),
        ]
    if comma and delimiter == "," and quoting == csv.QUOTE_MINIMAL:
        quoting = csv.QUOTE_ALL
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(cells)
    text = buffer.getvalue()
    if "sep" in changes:
        text = f"sep={delimiter}{end}{text}"
    if "blank lines" in changes:
        text = text.replace(end, end + end, 3)
    if "no end" in changes:
        text = text.rstrip("\r\n")
    if "quote open" in changes:
        text = text[:-3] + '"' + text[-3:]
    path.write_bytes(text.encode(encoding, errors="replace"))
    kept = {"delimiter", "comma", "mark", "quotes", "returns", "sep", "blank lines", "spaces", "plus", "no end"}
    return MutatedFile(path, table, f"csv: {', '.join(changes)}", set(changes) <= kept)


def _other_cells(rng: np.random.Generator, path: Path, table: pd.DataFrame, kind: str) -> MutatedFile:
    """The same table with other types in a column: numbers as text or integers, missing words, categories."""
    other = table.copy()
    name = str(rng.choice(["integers", "small floats", "text", "empty column", "no rows", "index"]))
    if name == "integers":
        other["age"] = other["age"].astype("int16")
    elif name == "small floats":
        other["age"] = other["age"].astype("float32")
    elif name == "text":
        other["age"] = other["age"].astype(int).astype(str)
    elif name == "empty column":
        other["pain"] = np.nan
        table = table.assign(pain=np.nan)
    elif name == "no rows":
        other = other.iloc[:0]
        table = table.iloc[:0]
    elif kind == "parquet":
        other.set_index("code").to_parquet(path, write_page_checksum=True)
        return MutatedFile(path, table, f"{kind}: {name}", True)
    _write(path, other, kind)
    return MutatedFile(path, table, f"{kind}: {name}", True)
