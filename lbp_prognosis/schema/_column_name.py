"""``ColumnName``: the names of the columns of a wide table, and their parser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lbp_prognosis._base import argument_error
from lbp_prognosis.schema._table_schemas import enumerations

__all__ = ["ColumnName"]

_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*\Z")


@dataclass(frozen=True)
class ColumnName:
    """Name of a column by the grammar ``[structure__]measure[__level][__side][__pooling]``.

    Parts are joined by two underscores and are plain names of lower-case letters, digits and single underscores.
    A part that names a level or a side is read as such; any other part after the measure is the pooling rule.

    Attributes
    ----------
    measure : str
        Measured quantity, e.g. ``"disc_height"``.
    structure : str
        Anatomical structure, or empty.
    level : str
        Vertebra (``"l4"``) or disc by both names (``"l4l5"``), or empty.
    side : str
        ``"left"``, ``"right"``, ``"midline"``, or empty.
    pooling : str
        Name of the rule by which several values were pooled, e.g. ``"max"``, or empty.

    Examples
    --------
    >>> from lbp_prognosis.schema import ColumnName
    >>> str(ColumnName("pfirrmann", structure="disc", level="l4l5"))
    'disc__pfirrmann__l4l5'
    >>> ColumnName.parse("fat_fraction__left__mean").pooling
    'mean'
    """

    measure: str
    structure: str = ""
    level: str = ""
    side: str = ""
    pooling: str = ""

    def __post_init__(self) -> None:
        lists = enumerations()
        for name, value in (("measure", self.measure), ("pooling", self.pooling)):
            if (value or name == "measure") and not _PLAIN.match(value):
                raise argument_error(name, "a plain name (lower-case letters, digits, single underscores)", value)
        for name, value, allowed in (
            ("structure", self.structure, lists["structures"]),
            ("level", self.level, lists["levels"]),
            ("side", self.side, lists["sides"]),
        ):
            if value and value not in allowed:
                raise argument_error(name, f"one of the {len(allowed)} names of data_schemas/enumerations.json", value)

    def __str__(self) -> str:
        return "__".join(part for part in (self.structure, self.measure, self.level, self.side, self.pooling) if part)

    @classmethod
    def parse(cls, column: str) -> ColumnName:
        """Read a column name; the inverse of ``str``."""
        lists = enumerations()
        parts = column.split("__")
        structure = parts.pop(0) if len(parts) > 1 and parts[0] in lists["structures"] else ""
        measure, rest = parts[0], parts[1:]
        found = {"level": "", "side": "", "pooling": ""}
        for part in rest:
            kind = "level" if part in lists["levels"] else "side" if part in lists["sides"] else "pooling"
            order = list(found)
            if not part or any(found[later] for later in order[order.index(kind) :]):
                raise argument_error("column", "[structure__]measure[__level][__side][__pooling]", repr(column))
            found[kind] = part
        return cls(measure, structure, **found)

    @staticmethod
    def is_plain(name: object) -> bool:
        """Return whether a name is plain: lower-case letters, digits and underscores (at most two), a letter first."""
        return isinstance(name, str) and all(_PLAIN.match(part) for part in name.split("__"))
