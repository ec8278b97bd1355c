"""Texture of 100 regions of 24 × 64 × 64 voxels on two processes, against plain pyradiomics on two, in one run.

python -m benchmarks.radiomics [number of regions]        (as a script this file would hide the package of its name)

Both get the same arrays in memory and compute the same classes; the numbers are compared before the clock starts.
Elapsed seconds, best and median of 3, the two alternating.
"""

from __future__ import annotations

import logging
import sys
import time

import numpy as np
from joblib import Parallel, delayed
from scipy.ndimage import gaussian_filter

from lbp_prognosis.biomarkers import Image, Mask, RadiomicsSettings, radiomics_features

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
    settings = RadiomicsSettings()

    def theirs() -> list[dict[str, float]]:
        return Parallel(n_jobs=2)(delayed(plain)(image.data, mask.data) for image, mask in regions)

    def ours() -> object:
        return radiomics_features(regions, settings, n_jobs=2)

    expected, found = theirs(), ours()
    for name in ("glcm_JointEntropy", "glrlm_RunVariance", "shape_MeshVolume", "ngtdm_Busyness", "firstorder_Entropy"):
        words = {
            "glcm_JointEntropy": "glcm_joint_entropy",
            "glrlm_RunVariance": "glrlm_run_variance",
            "shape_MeshVolume": "shape_mesh_volume",
            "ngtdm_Busyness": "ngtdm_busyness",
            "firstorder_Entropy": "firstorder_entropy",
        }
        np.testing.assert_allclose(
            found[f"radiomics_{words[name]}"], [e[f"original_{name}"] for e in expected], rtol=1e-9
        )
    spent: dict[str, list[float]] = {"pyradiomics": [], "lbp_prognosis": []}
    for _ in range(3):
        for name, call in (("pyradiomics", theirs), ("lbp_prognosis", ours)):
            start = time.perf_counter()
            call()
            spent[name].append(time.perf_counter() - start)
    for name, seconds in spent.items():
        print(f"{name:14s} {min(seconds):6.2f} s best, {np.median(seconds):6.2f} s median")
    print(f"ratio of medians {np.median(spent['pyradiomics']) / np.median(spent['lbp_prognosis']):.2f}")


if __name__ == "__main__":
    main()
