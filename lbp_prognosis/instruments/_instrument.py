"""``Instrument``: items of a questionnaire, their scoring, and conditions without a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Band", "Change", "Instrument", "Scale"]


@dataclass(frozen=True)
class Scale:
    """One score that is computed from items.

    Attributes
    ----------
    name : str
        Name of the score, as in ``data_schemas/instruments.json``.
    items : tuple of str
        Items that enter the score.
    how : {"sum", "percent", "count", "single"}
        Sum; percent of the possible maximum of the answered items; number of yes; the item itself.
    allowed_missing : int
        Largest number of unanswered items with which a score is computed.
    fill : {"none", "mean", "no"}
        Replacement of an unanswered item: none, so that no item may be missing; the patient's own mean over the
        answered items; or "no".
    rule : str
        The missing-item rule in words.
    """

    name: str
    items: tuple[str, ...]
    how: str = "sum"
    allowed_missing: int = 0
    fill: str = "none"
    rule: str = "every item must be answered"


@dataclass(frozen=True)
class Band:
    """A named range of a score, both ends included."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """A change or state with a source: ``kind`` is ``"absolute"``, ``"relative"`` or ``"recovered"`` (at most)."""

    kind: str
    value: float
    source: str


@dataclass(frozen=True)
class Instrument:
    """A patient-reported instrument.

    Attributes
    ----------
    name : str
        Key by which `score` finds it.
    title : str
        Its usual name.
    item_range : mapping of str to (low, high)
        Answers allowed, by item; answers are whole numbers unless ``continuous``.
    scales : tuple of Scale
        Scores made from the items; the first is the total.
    reversed_items : tuple of str
        Items that are reversed (low + high − answer) before they count.
    by_construct : bool
        Whether items are identified by their content, because published orders differ; arrays without names are then
        refused.
    continuous : bool
        Whether answers between whole numbers are allowed.
    bands : mapping of str to tuple of Band
        Named ranges of a score.
    changes : mapping of str to tuple of Change
        Important change and recovery of a score, with their sources.
    references : tuple of str
        Publications that describe the scoring.
    """

    name: str
    title: str
    item_range: Mapping[str, tuple[float, float]]
    scales: tuple[Scale, ...]
    reversed_items: tuple[str, ...] = ()
    by_construct: bool = False
    continuous: bool = False
    bands: Mapping[str, tuple[Band, ...]] = field(default_factory=dict)
    changes: Mapping[str, tuple[Change, ...]] = field(default_factory=dict)
    references: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the items, in order."""
        return tuple(self.item_range)
