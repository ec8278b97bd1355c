"""``SubgroupsPlan``: groups of patients in which the comparison of two models is repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lbp_prognosis._base import argument_error, check_number, nearest
from lbp_prognosis.study._data_plan import DataPlan

__all__ = ["SITE", "SubgroupsPlan", "subgroups_conflicts"]

SITE = "site"
Conflict = tuple[str, str, str, str, str]
"""Path of the key, reason, accepted, got, remedy."""
_MOST_GROUPS = 10


@dataclass(frozen=True)
class SubgroupsPlan:
    """Groups declared before the data are seen: by predictors, by site, and by the risk of the smaller model.

    Attributes
    ----------
    columns : tuple of str
        Columns of ``[modalities]``, or ``"site"``.
    bands : mapping of str to tuple of float
        Increasing cut points of columns of numbers.
    risk_groups : int
        Groups of equal size by the out-of-fold risk of the smaller model of the comparison: 0 (none) or 2 to 10.
    min_events : int
        A group with fewer events, or fewer patients followed without, by the main horizon is counted only.
    """

    columns: tuple[str, ...] = ()
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    risk_groups: int = 0
    min_events: int = 10

    def __post_init__(self) -> None:
        if len(set(self.columns)) != len(self.columns):
            raise argument_error("subgroups.columns", "columns each named once", list(self.columns))
        if not self.columns and not self.risk_groups:
            raise argument_error("subgroups.columns", "at least one column, unless risk_groups is given", "none")
        count = int(check_number("subgroups.risk_groups", self.risk_groups, low=0, high=_MOST_GROUPS, whole=True))
        if count == 1:
            raise argument_error("subgroups.risk_groups", f"0, or 2 to {_MOST_GROUPS}", 1)
        check_number("subgroups.min_events", self.min_events, low=1, whole=True)
        for name, cuts in self.bands.items():
            if name not in self.columns or name == SITE:
                known = [column for column in self.columns if column != SITE]
                raise argument_error(
                    "subgroups.bands", f"of columns of numbers among {known}", repr(name), nearest(name, known) or None
                )
            if not cuts or list(cuts) != sorted(set(cuts)):
                raise argument_error(f"subgroups.bands.{name}", "increasing cut points", list(cuts))


def subgroups_conflicts(
    data: DataPlan | None,
    subgroups: SubgroupsPlan | None,
    comparison: Sequence[str],
    modalities: Mapping[str, Sequence[str]],
    transform: Mapping[str, Sequence[str]],
) -> Iterator[Conflict]:
    """Yield contradictions between parts of a protocol about subgroups.

    Parameters
    ----------
    data : DataPlan or None
        Source of the rows; None if it could not be read.
    subgroups : SubgroupsPlan or None
        The groups; None if there are none, or they could not be read.
    comparison : sequence of str
        The two models of ``[comparison]``.
    modalities, transform : mapping of str to sequence of str
        Columns by modality (empty for all of a package), and by transformation.
    """
    if subgroups is None:
        return
    if not comparison:
        yield (
            "subgroups",
            "conflict",
            "left out of a study without [comparison]",
            "given",
            "Name the models without and with what is added: [comparison] clinical, extended.",
        )
    if SITE in subgroups.columns and data is not None and data.wide and not data.site:
        words = "left out for a table without `site`"
        yield ("subgroups.columns", "conflict", words, repr(SITE), "Name the column: [table] site.")
    every = [column for columns in modalities.values() for column in columns]
    for column in subgroups.columns:
        if every and column not in (*every, SITE):
            words = f"'site', or among the columns of [modalities]: {', '.join(every[:12])}"
            yield ("subgroups.columns", "reference", words, repr(column), nearest(column, every))
    bent = {column: name for name, columns in transform.items() for column in columns}
    for column in subgroups.bands:
        if column in bent:
            words = "of columns that [transform] leaves as they are"
            yield ("subgroups.bands", "conflict", words, f"{column!r}, which is {bent[column]} there", "")
