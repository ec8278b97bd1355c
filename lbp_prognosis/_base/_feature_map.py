"""Columns by modality, with the source of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lbp_prognosis._base._errors import argument_error

__all__ = ["MODALITIES", "FeatureMap"]

MODALITIES: tuple[str, ...] = ("imaging", "clinical", "biomechanical", "patient_reported")
"""The four modalities the library knows by name; a mapping may contain others."""


@dataclass(frozen=True)
class FeatureMap(Mapping[str, tuple[str, ...]]):
    """A read-only mapping ``modality -> columns``, with the provenance of each column.

    Attributes
    ----------
    groups : dict of str to tuple of str
        Columns by modality; no column occurs twice.
    provenance : dict of str to dict
        For a column: e.g. ``measure, level, pooling, unit, method_id, n_levels_column``.
    """

    groups: dict[str, tuple[str, ...]]
    provenance: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        clean: dict[str, tuple[str, ...]] = {}
        for modality, columns in dict(self.groups).items():
            names = (columns,) if isinstance(columns, str) else tuple(str(column) for column in columns)
            for column in names:
                if column in seen:
                    raise argument_error(
                        "modalities",
                        "a mapping in which each column occurs once",
                        f"{column!r} under {seen[column]!r} and {modality!r}",
                    )
                seen[column] = modality
            clean[str(modality)] = names
        object.__setattr__(self, "groups", clean)

    def __getitem__(self, modality: str) -> tuple[str, ...]:
        return self.groups[modality]

    def __iter__(self) -> Iterator[str]:
        return iter(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns, modality by modality."""
        return tuple(column for columns in self.groups.values() for column in columns)

    def modality_of(self, column: str) -> str:
        """Return the modality of a column."""
        for modality, columns in self.groups.items():
            if column in columns:
                return modality
        raise argument_error("column", "one of the mapped columns", column)

    def restrict(self, *modalities: str) -> FeatureMap:
        """Return the map of the named modalities only."""
        return FeatureMap(
            {name: self.groups[name] for name in modalities},
            {c: p for c, p in self.provenance.items() if any(c in self.groups[m] for m in modalities)},
        )
