"""One lumbar case of 512 × 512 × 20 voxels through all six families: seconds and memory.

python benchmarks/extract_lumbar.py
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from spine_phantom import Phantom, labels_of

from lbp_prognosis.biomarkers import Image, Mask, extract


def lumbar_case() -> dict:
    """Draw five vertebrae, discs, canal, sacrum and six muscles on sagittal slices of 0.6 × 0.6 × 5 mm."""
    phantom = Phantom()
    labels = {**labels_of("totalspineseg"), **labels_of("musclemap")}
    drawn, affine = phantom.draw(labels, spacing=(6.5, 0.6, 0.6), degrees=(3.0, 2.0, -2.0))
    data = np.zeros((20, 512, 512), dtype=drawn.dtype)
    size = [min(a, b) for a, b in zip(drawn.shape, data.shape)]
    offset = [(b - a) // 2 for a, b in zip(size, data.shape)]
    box = tuple(slice(o, o + n) for o, n in zip(offset, size))
    data[box] = drawn[tuple(slice(0, n) for n in size)]
    affine = affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ offset
    rng = np.random.default_rng(0)
    signal = np.where(data == 2, 500.0, np.where(data > 5000, 120.0, 200.0)) + rng.normal(0, 20, data.shape)
    signal[(data > 5000) & (rng.random(data.shape) < 0.2)] = 480.0
    image = Image(np.maximum(signal, 1).astype(np.float32), affine)
    masks = [Mask(np.where(data < 1000, data, 0), affine), Mask(np.where(data > 1000, data, 0), affine)]
    return {
        "patient_id": "bench",
        "image": image,
        "mask": masks,
        "convention": ["totalspineseg", "musclemap"],
        "modality": "mri",
        "sequence": "t2",
        "image_t1": image,
        "image_t2": image,
    }


def main() -> None:
    """Print the seconds of one case, without and with its picture, and the largest memory of the process."""
    case = lumbar_case()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    for name, pictures in (("values only", None), ("with picture", Path("out") / "benchmark")):
        start = time.perf_counter()
        result = extract(case, overlays=pictures)
        taken = time.perf_counter() - start
        if not result.failures.empty:
            raise SystemExit(result.failures["message"].iloc[0])
        measured = int(result.table["value"].notna().sum())
        print(f"512 × 512 × 20, six families, {name:13s} {taken:6.2f} s  {measured} values")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"largest memory of the process {peak:.2f} GiB ({before:.2f} GiB before the first case)")


if __name__ == "__main__":
    main()
