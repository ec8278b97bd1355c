"""Texture of 100 regions of 24 × 64 × 64 voxels on two processes, against plain pyradiomics on two, in one run.

python -m benchmarks.radiomics [number of regions]        (as a script this file would hide the package of its name)

All get the same arrays in memory and compute the same classes: plain pyradiomics, this library with the engine's own
preprocessing (the numbers are compared before the clock starts), and with that of IBSI 1, the default, which bins
otherwise. Processor seconds per region in one process, which do not depend on what else the machine does, and elapsed
seconds on two; medians of 3, alternating.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from scipy.ndimage import gaussian_filter

from lbp_prognosis.biomarkers import Image, Mask, RadiomicsSettings, radiomics_features
from lbp_prognosis.biomarkers.texture._radiomics_names import measure_name

AFFINE = np.diag([1.0, 1.0, 3.0, 1.0])


def region(seed: int) -> tuple[Image, Mask]:
    rng = np.random.default_rng(seed)
    shape = (64, 64, 24)
    image = gaussian_filter(rng.normal(size=shape), 1.0) * 600 + 300
    x, y, z = np.ogrid[:64, :64, :24]
    distance = ((x - 32) / 22) ** 2 + ((y - 32) / 20) ** 2 + ((z - 12) / 9) ** 2
    inside = distance + gaussian_filter(rng.normal(size=shape), 2) * 0.5 < 1
    return Image(image.astype(np.float32), AFFINE), Mask(inside.astype(np.uint8), AFFINE)


def plain(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    import SimpleITK as sitk
    from radiomics import featureextractor

    logging.getLogger("radiomics").setLevel(logging.ERROR)
    extractor = featureextractor.RadiomicsFeatureExtractor(binWidth=25.0)
    volume, label = sitk.GetImageFromArray(image.T), sitk.GetImageFromArray(mask.T)
    for item in (volume, label):
        item.SetSpacing((1.0, 1.0, 3.0))
    return {k: float(v) for k, v in extractor.execute(volume, label).items() if k.startswith("original")}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    regions = [region(seed) for seed in range(count)]
    same, default = RadiomicsSettings(preprocessing="pyradiomics"), RadiomicsSettings()

    def theirs(part: list[tuple[Image, Mask]], jobs: int) -> list[dict[str, float]]:
        if jobs == 1:
            return [plain(image.data, mask.data) for image, mask in part]
        return Parallel(n_jobs=jobs)(delayed(plain)(image.data, mask.data) for image, mask in part)

    contenders = {
        "pyradiomics": theirs,
        "lbp_prognosis, its numbers": lambda part, jobs: radiomics_features(part, same, n_jobs=jobs),
        "lbp_prognosis, IBSI 1": lambda part, jobs: radiomics_features(part, default, n_jobs=jobs),
    }
    expected, found = (contenders[name](regions[:5], 1) for name in list(contenders)[:2])
    for feature in (
        "glcm_JointEntropy",
        "glrlm_RunVariance",
        "shape_MeshVolume",
        "ngtdm_Busyness",
        "firstorder_Entropy",
    ):
        theirs_of = [values[f"original_{feature}"] for values in expected]
        np.testing.assert_allclose(found[measure_name(f"original_{feature}")], theirs_of, rtol=1e-9)
    few = regions[: max(1, count // 5)]
    race(contenders, few, 1, time.process_time, "processor s")
    race(contenders, regions, 2, time.perf_counter, "elapsed s")


def race(contenders: dict, regions: list, jobs: int, clock: Callable[[], float], unit: str) -> None:
    """Print the median time of each contender per region, and its ratio to the first."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(3):
        for name, call in contenders.items():
            start = clock()
            call(regions, jobs)
            spent[name].append((clock() - start) / len(regions))
    first = float(np.median(spent["pyradiomics"]))
    for name, seconds in spent.items():
        median = float(np.median(seconds))
        print(f"{name:28s} {median:7.4f} {unit} per region, {jobs} processes: {first / median:.2f} times as fast")


if __name__ == "__main__":
    main()
