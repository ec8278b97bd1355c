"""Meaning of label numbers: one table per tool, never inferred from the numbers."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from lbp_prognosis._base import argument_error, check_number
from lbp_prognosis.biomarkers.anatomy._levels import VERTEBRAE, level_rank

__all__ = ["CONVENTIONS", "STRUCTURES", "Label", "LabelMap"]

_FOLDER = Path(__file__).parent / "conventions"
CONVENTIONS: tuple[str, ...] = tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))
"""Names of the conventions that come with the library."""

MUSCLES: tuple[str, ...] = (
    "multifidus",
    "erector_spinae",
    "psoas",
    "quadratus_lumborum",
    "autochthon",
    "iliopsoas",
    "transversospinalis",
    "gluteus_maximus",
    "gluteus_medius",
    "gluteus_minimus",
    "paraspinal",
)
STRUCTURES: tuple[str, ...] = (
    "vertebra",
    "vertebral_body",
    "posterior_elements",
    "superior_articular_process",
    "inferior_articular_process",
    "ligamentum_flavum",
    "bony_endplate",
    "disc",
    "sacrum",
    "sacral_vertebra",
    "canal",
    "dural_sac",
    "csf",
    "spinal_cord",
    "femoral_head",
    "subcutaneous_fat",
    *MUSCLES,
)
"""Structures that a label may name."""


@dataclass(frozen=True)
class Label:
    """Meaning of one number of a label volume.

    Attributes
    ----------
    structure : str
        One of the structures of this room (``vertebra, vertebral_body, disc, canal, psoas, …``).
    level : str
        Vertebra (``l4``) or disc (``l4l5``); empty if the tool names none.
    side : str
        The patient's ``left`` or ``right``; empty otherwise.
    partial : bool
        Whether the tool itself states that the field of view cuts the structure.
    from_bottom : int
        Position counted from the lowest mobile segment; 0 where the tool does not count.
    file : str
        Stem of the file that contains the structure, if the tool writes one file per structure.
    segment : str
        Name of its segment in a DICOM segmentation, or of its structure in a DICOM structure set; ``file`` if it is not
        given.
    """

    structure: str
    level: str = ""
    side: str = ""
    partial: bool = False
    from_bottom: int = 0
    file: str = ""
    segment: str = ""


@dataclass(frozen=True)
class LabelMap:
    """Meaning of the numbers of a label volume.

    Parameters
    ----------
    convention : str or Path
        One of `CONVENTIONS`, or the path of a TOML file of the user (see Notes).
    lumbar_count : int, default 5
        Number of lumbar vertebrae, for conventions that count from the bottom (SPIDER): with 5, vertebra 1 is ``l5``.

    Attributes
    ----------
    labels : mapping
        From number to `Label`.
    other : tuple of (int, int)
        Ranges of numbers that the convention uses for structures that are not read.
    modality : str
        ``mri`` or ``ct`` if the convention exists for one of them only.
    numbering : str
        ``named`` (the tool names levels), ``from_bottom`` or ``instance`` (numbers only distinguish vertebrae).
    fingerprint : str
        SHA-256 of the table.

    Raises
    ------
    ArgumentError
        If the convention is unknown or the user's table names unknown structures, levels or sides.

    Notes
    -----
    The same integer means different things to different tools (204 is the disc L2–L3 in one, an endplate in another),
    so the convention is never derived from the numbers present. A table of your own looks like this::

        title = "My tool"
        modality = "mri"            # optional
        numbering = "named"         # or "from_bottom", "instance"
        other = [[200, 255]]        # optional: numbers in use for anything else

        [labels]
        1 = { structure = "vertebra", level = "l5" }
        2 = { structure = "disc", level = "l4l5" }
        9 = { structure = "multifidus", side = "left" }

    For a DICOM segmentation or structure set each row also names its segment: ``segment = "L5 vertebra"``. The numbers
    can then be chosen freely.

    Examples
    --------
    >>> LabelMap("totalspineseg").labels[45].level
    'l5'
    >>> LabelMap("spider", lumbar_count=6).labels[1].level
    'l6'
    """

    convention: str
    lumbar_count: int = 5
    title: str = field(init=False, repr=False)
    labels: Mapping[int, Label] = field(init=False, repr=False)
    other: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    modality: str = field(init=False, repr=False)
    numbering: str = field(init=False, repr=False)
    fingerprint: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        count = int(check_number("lumbar_count", self.lumbar_count, low=4, high=6, whole=True))
        table, fingerprint = _load(str(self.convention))
        labels = {value: _named(label, count) for value, label in table["labels"].items()}
        for name, value in (
            ("convention", str(self.convention)),
            ("title", table["title"]),
            ("labels", labels),
            ("other", table["other"]),
            ("modality", table["modality"]),
            ("numbering", table["numbering"]),
            ("fingerprint", fingerprint),
        ):
            object.__setattr__(self, name, value)

    def knows(self, value: int) -> bool:
        """Return whether the convention uses this number."""
        return value in self.labels or any(low <= value <= high for low, high in self.other)


def _named(label: Label, lumbar_count: int) -> Label:
    """Return a label with its level, if its structure is counted from the bottom."""
    if not label.from_bottom:
        return label
    chain = [*VERTEBRAE[: VERTEBRAE.index("t13")], *(f"l{k}" for k in range(1, lumbar_count + 1)), "s1"]
    place = len(chain) - 1 - label.from_bottom
    if label.structure == "disc":
        level = chain[place] + chain[place + 1] if place >= 1 else ""
    else:
        level = chain[place] if place >= 0 else ""
    return replace(label, level=level)


@cache
def _load(convention: str) -> tuple[dict[str, Any], str]:
    path = _FOLDER / f"{convention}.toml"
    own = convention in CONVENTIONS
    if not own:
        path = Path(convention)
        if path.suffix != ".toml" or not path.is_file():
            raise argument_error(
                "convention",
                "one of " + ", ".join(CONVENTIONS) + ", or the path of a TOML table",
                repr(convention),
                "State which tool drew the mask; the label numbers do not show it.",
            )
    content = path.read_bytes()
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise argument_error("convention", "a readable TOML table", f"{path.name}: {error}") from error
    return _checked(table, path.name), hashlib.sha256(content).hexdigest()


def _checked(table: dict[str, Any], name: str) -> dict[str, Any]:
    def fail(accepted: str, got: str) -> Exception:
        return argument_error("convention", accepted, f"{got} in {name}")

    numbering = str(table.get("numbering", "named"))
    if numbering not in {"named", "from_bottom", "instance"}:
        raise fail("a table whose `numbering` is 'named', 'from_bottom' or 'instance'", repr(numbering))
    if str(table.get("modality", "")) not in {"", "mri", "ct"}:
        raise fail("a table whose `modality` is 'mri', 'ct' or empty", repr(table["modality"]))
    rows = table.get("labels")
    if not isinstance(rows, dict) or not rows:
        raise fail("a table with a section [labels]", "none")
    labels = {}
    for key, row in rows.items():
        if not str(key).isdigit() or int(key) < 1 or not isinstance(row, dict):
            raise fail("a table of whole numbers above 0", f"{key!r}")
        extra = set(row) - {"structure", "level", "side", "partial", "from_bottom", "file", "segment"}
        label = Label(**{k: v for k, v in row.items() if k not in extra})
        if extra or label.structure not in STRUCTURES:
            raise fail(
                "a table of known structures: " + ", ".join(STRUCTURES),
                f"{sorted(extra) or label.structure!r} at label {key}",
            )
        if label.side not in {"", "left", "right"}:
            raise fail("a table of sides 'left', 'right' or none", f"{label.side!r} at label {key}")
        if label.level and not _is_level(label.level):
            raise fail("a table of levels such as 'l4' or 'l4l5'", f"{label.level!r} at label {key}")
        labels[int(key)] = label
    other = tuple((int(low), int(high)) for low, high in table.get("other", []))
    return {
        "title": str(table.get("title", name)),
        "labels": labels,
        "other": other,
        "modality": str(table.get("modality", "")),
        "numbering": numbering,
    }


def _is_level(level: str) -> bool:
    try:
        level_rank(level)
    except ValueError:
        return False
    return True
