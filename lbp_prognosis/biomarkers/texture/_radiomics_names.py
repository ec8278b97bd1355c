"""Names of texture features: the library's, and those of the Image Biomarker Standardisation Initiative."""

from __future__ import annotations

import re

__all__ = ["CLASSES", "measure_name"]

CLASSES: tuple[str, ...] = ("firstorder", "shape", "shape2d", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def measure_name(name: str) -> str:
    """Return the plain name of a pyradiomics feature; empty if the name is not one.

    Examples
    --------
    >>> measure_name("original_glcm_JointEnergy"), measure_name("wavelet-HHL_firstorder_10Percentile")
    ('radiomics_glcm_joint_energy', 'radiomics_wavelet_hhl_firstorder_10percentile')
    """
    parts = str(name).split("_")
    place = next((k for k, part in enumerate(parts) if part.lower() in CLASSES), None)
    if place is None or place == len(parts) - 1:
        return ""
    image = [part for part in parts[:place] if part.lower() != "original"]
    feature = "_".join(parts[place + 1 :])
    feature = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])", "_", feature)
    feature = re.sub(r"\A(\d+)_", r"\1", feature)
    words = [re.sub(r"[^a-z0-9]+", "_", word.lower()).strip("_") for word in (*image, parts[place], feature)]
    return "_".join(["radiomics", *(word for word in words if word)])
