"""The bias field of an MRI, estimated by N4 through SimpleITK."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lbp_prognosis._base import DataError, require
from lbp_prognosis.biomarkers.geometry._two_modes import otsu_threshold
from lbp_prognosis.biomarkers.readers._image import Image

__all__ = ["correct_bias"]

WORK_MM = 6.0
LEVELS = 4
ITERATIONS = 50
FOREGROUND = 0.10


def correct_bias(image: Image) -> Image:
    """Return the image divided by its bias field.

    The field is fitted on voxels of about 6 mm and evaluated on the image's own lattice, at four levels of at most 50
    iterations [1]_. Air is excluded: voxels below Otsu's threshold of the logarithm, or below a tenth of the 99th
    percentile if that is lower.

    Raises
    ------
    DataError
        If the image contains too little signal for a field.

    References
    ----------
    .. [1] Tustison NJ et al. N4ITK: improved N3 bias correction. IEEE Trans Med Imaging. 2010;29(6):1310-1320.
    """
    sitk = require("SimpleITK", caller="Recipe(bias_correction='n4')", extra="imaging")
    data = np.asarray(image.data, dtype=np.float32)
    top = float(np.quantile(data, 0.99))
    inside = data > min(FOREGROUND * top, _air(data, top)) if top > 0 else np.zeros(data.shape, dtype=bool)
    if inside.sum() < 1000:
        raise DataError(f"{image.source or 'the image'} contains too little signal for a bias field.")
    whole = sitk.GetImageFromArray(np.ascontiguousarray(np.maximum(data, 1e-3).transpose(2, 1, 0)))
    mask = sitk.GetImageFromArray(np.ascontiguousarray(inside.transpose(2, 1, 0).astype(np.uint8)))
    for volume in (whole, mask):
        volume.SetSpacing([float(side) for side in image.grid.spacing])
    factors = [int(max(1, min(np.rint(WORK_MM / side), n // 8))) for side, n in zip(image.grid.spacing, data.shape)]
    fitter = sitk.N4BiasFieldCorrectionImageFilter()
    fitter.SetMaximumNumberOfIterations([ITERATIONS] * LEVELS)
    fitter.SetNumberOfThreads(1)  # one thread, so that the field does not depend on their number
    try:
        fitter.Execute(sitk.Shrink(whole, factors), sitk.Shrink(mask, factors))
        field = sitk.GetArrayFromImage(fitter.GetLogBiasFieldAsImage(whole)).transpose(2, 1, 0)
    except RuntimeError as error:
        raise DataError(f"no bias field could be fitted to {image.source or 'the image'}: {error}") from error
    return replace(image, data=(data / np.exp(field)).astype(np.float32))


def _air(data: np.ndarray, top: float) -> float:
    """Return the signal that separates air from tissue: Otsu's threshold of the logarithm, which a field shifts."""
    return float(np.exp(otsu_threshold(np.log(np.maximum(data, 0.005 * top)).ravel())))
