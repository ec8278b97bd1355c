"""``ConceptSet``: a named set of OMOP concepts, read from ATLAS JSON or from a resolved list."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error

__all__ = ["ConceptSet"]


def _number(value: Any, name: str = "path") -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise argument_error(name, "a concept set whose concept ids are whole numbers", repr(value)[:40])
    if value < 1:
        remedy = "Concept 0 is that of every record without a standard concept: find the concept of the vocabulary."
        raise argument_error(name, "a concept set whose concept ids are 1 or more", str(value), remedy)
    return int(value)


@dataclass(frozen=True)
class ConceptSet:
    """A set of concepts to search for.

    Attributes
    ----------
    name : str
        Name of the set.
    included, excluded : frozenset of int
        Concepts that are included and excluded.
    with_descendants, without_descendants : frozenset of int
        Concepts that include or exclude their descendants as well.
    """

    name: str
    included: frozenset[int]
    excluded: frozenset[int] = frozenset()
    with_descendants: frozenset[int] = frozenset()
    without_descendants: frozenset[int] = frozenset()

    @classmethod
    def of(cls, name: str, concept_ids: Any) -> ConceptSet:
        """Return a resolved set: these concepts and no others.

        Parameters
        ----------
        name : str
            Name of the set.
        concept_ids : sequence of int
            Standard concepts.
        """
        if isinstance(concept_ids, str) or not isinstance(concept_ids, Iterable):
            raise argument_error("concept_ids", "a list of concept ids", concept_ids)
        return cls(str(name), frozenset(_number(each, "concept_ids") for each in concept_ids))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ConceptSet:
        """Read a concept set exported by ATLAS, or a resolved list.

        Parameters
        ----------
        path : str or path
            JSON: ``{"name": …, "expression": {"items": […]}}`` or ``{"items": […]}`` as ATLAS exports them, or
            ``[1, 2]`` or ``{"name": …, "concept_ids": [1, 2]}``. A cohort definition of ATLAS with one concept set is
            read for that set; its criteria are not.

        Raises
        ------
        ArgumentError
            If the file has none of these forms, contains no concept, or requests mapped source concepts, which need a
            vocabulary.
        """
        source = Path(path)
        try:
            found = json.loads(source.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise argument_error("path", "a JSON file of a concept set", f"{source.name} ({error})") from error
        sets = found.get("ConceptSets") if isinstance(found, Mapping) else None
        if isinstance(sets, list):
            if len(sets) != 1:
                named = [each.get("name") for each in sets if isinstance(each, Mapping)]
                raise argument_error(
                    "path", "a cohort definition with one concept set", f"{named}", "Export the set itself from ATLAS."
                )
            found = sets[0]
        name = str(found.get("name") or source.stem) if isinstance(found, Mapping) else source.stem
        if isinstance(found, Mapping) and isinstance(found.get("concept_ids"), list):
            found = found["concept_ids"]
        if isinstance(found, list) and found and not any(isinstance(each, Mapping) for each in found):
            return cls.of(name, found)
        body = found.get("expression", found) if isinstance(found, Mapping) else {}
        items = body.get("items") if isinstance(body, Mapping) else None
        if not isinstance(items, list) or not items:
            raise argument_error("path", "a concept set with items, or a list of concept ids", source.name)
        groups: dict[tuple[bool, bool], set[int]] = {}
        for item in items:
            concept = item.get("concept") if isinstance(item, Mapping) else None
            if not isinstance(concept, Mapping) or "CONCEPT_ID" not in concept:
                raise argument_error("path", "items with a concept and its CONCEPT_ID", f"{item}"[:80])
            if item.get("includeMapped"):
                raise argument_error(
                    "path",
                    "a concept set without includeMapped, which needs a vocabulary",
                    f"concept {concept['CONCEPT_ID']}",
                    "Export the resolved list of included concepts from ATLAS.",
                )
            key = bool(item.get("isExcluded")), bool(item.get("includeDescendants"))
            groups.setdefault(key, set()).add(_number(concept["CONCEPT_ID"]))
        included = groups.get((False, False), set()) | groups.get((False, True), set())
        excluded = groups.get((True, False), set()) | groups.get((True, True), set())
        if not included:
            raise argument_error("path", "a concept set that includes a concept", "only excluded ones")
        return cls(
            name,
            frozenset(included),
            frozenset(excluded),
            frozenset(groups.get((False, True), set())),
            frozenset(groups.get((True, True), set())),
        )

    def resolved(self, ancestors: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
        """Return the concepts, descendants included, sorted.

        Parameters
        ----------
        ancestors : tuple of ndarray or None
            Ancestor and descendant concepts, row by row of ``concept_ancestor``.

        Raises
        ------
        ArgumentError
            If descendants are requested and there is no ``concept_ancestor``.
        """
        if (self.with_descendants or self.without_descendants) and ancestors is None:
            raise argument_error(
                "ancestors",
                f"given: the set {self.name!r} includes descendants",
                "no table concept_ancestor",
                "Put concept_ancestor.parquet of your vocabulary next to the tables, or export the resolved list.",
            )

        def with_all(named: frozenset[int], roots: frozenset[int]) -> set[int]:
            found = set(named)
            if ancestors is not None and roots:
                found |= set(ancestors[1][np.isin(ancestors[0], list(roots))].tolist())
            return found

        kept = with_all(self.included, self.with_descendants) - with_all(self.excluded, self.without_descendants)
        if not kept:
            raise argument_error("path", "a concept set that leaves a concept", f"{self.name!r}, which leaves none")
        return np.array(sorted(kept), dtype=np.int64)
