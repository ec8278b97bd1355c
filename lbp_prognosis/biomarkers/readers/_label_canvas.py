"""Label volume that is filled from the named structures of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lbp_prognosis._base import DataError, argument_error
from lbp_prognosis.biomarkers.anatomy._label_map import LabelMap

__all__ = ["LabelCanvas", "names_to_labels"]


class LabelCanvas:
    """A label volume that is filled structure by structure; no voxel may belong to two.

    Parameters
    ----------
    shape : tuple of int
        Of the lattice.
    source : str
        File, for messages.
    """

    def __init__(self, shape: tuple[int, ...], source: str) -> None:
        self.data = np.zeros(shape, dtype=np.uint16)
        self.source = source
        self._names: dict[int, str] = {}

    def paint(self, box: tuple[slice | int, ...], inside: np.ndarray, label: int, name: str) -> None:
        """Assign voxels of a part of the volume to a label.

        Raises
        ------
        DataError
            If a voxel already belongs to another structure.
        """
        self._names[label] = name
        view = self.data[box]
        taken = view[inside & (view != 0) & (view != label)]
        if taken.size:
            other = self._names[int(taken[0])]
            raise DataError(
                f"{self.source}: the segments {other!r} and {name!r} overlap in {taken.size} voxels of a slice, and a "
                "voxel has one label. Export them without overlap, or leave one out of the map."
            )
        view[inside] = label


def names_to_labels(names: list[str], label_map: LabelMap, file: Path) -> dict[str, int]:
    """Return the number of each segment that the map names: by ``segment``, else by ``file``.

    Raises
    ------
    ArgumentError
        If none is named, or a name stands for two segments or two numbers.
    """
    wanted: dict[str, int] = {}
    for value, label in label_map.labels.items():
        name = (label.segment or label.file).strip().casefold()
        if name in wanted:
            raise argument_error("convention", "a map with one number per segment", f"two numbers for {name!r}")
        if name:
            wanted[name] = value
    found = {name: wanted[name.strip().casefold()] for name in names if name.strip().casefold() in wanted}
    if not found:
        raise argument_error(
            "convention",
            'a map that names segments of the file (`segment = "…"` at each label)',
            f"{label_map.title}, which names none of " + ", ".join(map(repr, names[:8])),
            "Write a TOML table with the names of the segments.",
        )
    twice = {name for name in found if [n.strip().casefold() for n in names].count(name.strip().casefold()) > 1}
    if twice:
        raise argument_error("mask", "of segments with different names", f"{sorted(twice)} twice in {file.name}")
    return found
