"""Pieces and holes of one label: ``is_riddled``, ``loose_pieces``."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from lbp_prognosis.biomarkers.geometry._region import Region

__all__ = ["is_riddled", "loose_pieces"]

FRAGMENT_MM3 = 150.0
"""Smallest volume of a loose piece of a label that counts; smaller ones are specks, which any segmentation leaves."""

HOLES = 0.05
HOLES_COUNT = 10
"""Share of the volume within a label's surface that has no label, and number of holes, above which a label is riddled:
columns through it then end in holes instead of at its surface."""


def is_riddled(region: Region) -> bool:
    """Return whether a label has many holes; a single cavity (cement, a vein) does not count."""
    pieces, count = ndimage.label(np.pad(~region.mask, 1, constant_values=True))
    if count - 1 <= HOLES_COUNT:  # one piece is the outside
        return False
    holes = int(np.count_nonzero(pieces)) - int(np.count_nonzero(pieces == pieces[0, 0, 0]))
    return holes > HOLES * (region.n_voxels + holes)


def loose_pieces(label: Region, home: np.ndarray) -> list[np.ndarray]:
    """Return the centres of the pieces of a label that do not contain its body."""
    pieces, count = ndimage.label(label.mask, structure=np.ones((3, 3, 3)))
    if count < 2:
        return []
    sizes = np.bincount(pieces.ravel())[1:] * label.volume.voxel_volume
    at = np.clip(np.rint(label.grid.to_index(home)).astype(int), 0, np.array(label.mask.shape) - 1)
    main = int(pieces[tuple(at)]) or int(np.argmax(sizes)) + 1
    large = [number for number in np.flatnonzero(sizes >= FRAGMENT_MM3) + 1 if number != main]
    return [label.grid.to_world(np.argwhere(pieces == number).mean(axis=0)) for number in large]
