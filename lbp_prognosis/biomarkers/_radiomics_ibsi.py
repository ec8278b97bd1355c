"""Texture features of pyradiomics beside those of the Image Biomarker Standardisation Initiative (IBSI)."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis.biomarkers._radiomics_names import measure_name

__all__ = ["IBSI_TAGS", "OFF_TAGS", "radiomics_features_table"]

_SHAPE = {
    "MeshVolume": "volume", "VoxelVolume": "vol_approx", "SurfaceArea": "area_mesh", "SurfaceVolumeRatio": "av",
    "Sphericity": "sphericity", "Maximum3DDiameter": "diam", "MajorAxisLength": "pca_maj_axis",
    "MinorAxisLength": "pca_min_axis", "LeastAxisLength": "pca_least_axis", "Elongation": "pca_elongation",
    "Flatness": "pca_flatness",
}  # fmt: skip
_FIRSTORDER = {
    "Mean": "stat_mean", "Variance": "stat_var", "Skewness": "stat_skew", "Kurtosis": "stat_kurt",
    "Median": "stat_median", "Minimum": "stat_min", "10Percentile": "stat_p10", "90Percentile": "stat_p90",
    "Maximum": "stat_max", "InterquartileRange": "stat_iqr", "Range": "stat_range", "MeanAbsoluteDeviation": "stat_mad",
    "RobustMeanAbsoluteDeviation": "stat_rmad", "Energy": "stat_energy", "RootMeanSquared": "stat_rms",
    "Entropy": "ih_entropy", "Uniformity": "ih_uniformity",
}  # fmt: skip
_GLCM = {
    "MaximumProbability": "joint_max", "JointAverage": "joint_avg", "SumSquares": "joint_var",
    "JointEntropy": "joint_entr", "DifferenceAverage": "diff_avg", "DifferenceVariance": "diff_var",
    "DifferenceEntropy": "diff_entr", "SumAverage": "sum_avg", "SumEntropy": "sum_entr", "JointEnergy": "energy",
    "Contrast": "contrast", "Id": "inv_diff", "Idn": "inv_diff_norm", "Idm": "inv_diff_mom",
    "Idmn": "inv_diff_mom_norm", "InverseVariance": "inv_var", "Correlation": "corr", "Autocorrelation": "auto_corr",
    "ClusterTendency": "clust_tend", "ClusterShade": "clust_shade", "ClusterProminence": "clust_prom",
    "Imc1": "info_corr1", "Imc2": "info_corr2",
}  # fmt: skip
_GLRLM = {
    "ShortRunEmphasis": "sre", "LongRunEmphasis": "lre", "LowGrayLevelRunEmphasis": "lgre",
    "HighGrayLevelRunEmphasis": "hgre", "ShortRunLowGrayLevelEmphasis": "srlge",
    "ShortRunHighGrayLevelEmphasis": "srhge", "LongRunLowGrayLevelEmphasis": "lrlge",
    "LongRunHighGrayLevelEmphasis": "lrhge", "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm", "RunLengthNonUniformity": "rlnu",
    "RunLengthNonUniformityNormalized": "rlnu_norm", "RunPercentage": "r_perc", "GrayLevelVariance": "gl_var",
    "RunVariance": "rl_var", "RunEntropy": "rl_entr",
}  # fmt: skip
_GLSZM = {
    "SmallAreaEmphasis": "sze", "LargeAreaEmphasis": "lze", "LowGrayLevelZoneEmphasis": "lgze",
    "HighGrayLevelZoneEmphasis": "hgze", "SmallAreaLowGrayLevelEmphasis": "szlge",
    "SmallAreaHighGrayLevelEmphasis": "szhge", "LargeAreaLowGrayLevelEmphasis": "lzlge",
    "LargeAreaHighGrayLevelEmphasis": "lzhge", "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm", "SizeZoneNonUniformity": "zsnu",
    "SizeZoneNonUniformityNormalized": "zsnu_norm", "ZonePercentage": "z_perc", "GrayLevelVariance": "gl_var",
    "ZoneVariance": "zs_var", "ZoneEntropy": "zs_entr",
}  # fmt: skip
_GLDM = {
    "SmallDependenceEmphasis": "lde", "LargeDependenceEmphasis": "hde", "LowGrayLevelEmphasis": "lgce",
    "HighGrayLevelEmphasis": "hgce", "SmallDependenceLowGrayLevelEmphasis": "ldlge",
    "SmallDependenceHighGrayLevelEmphasis": "ldhge", "LargeDependenceLowGrayLevelEmphasis": "hdlge",
    "LargeDependenceHighGrayLevelEmphasis": "hdhge", "GrayLevelNonUniformity": "glnu",
    "DependenceNonUniformity": "dcnu", "DependenceNonUniformityNormalized": "dcnu_norm", "GrayLevelVariance": "gl_var",
    "DependenceVariance": "dc_var", "DependenceEntropy": "dc_entr",
}  # fmt: skip
_NGTDM = {name: name.lower() for name in ("Coarseness", "Contrast", "Busyness", "Complexity", "Strength")}

IBSI_TAGS: dict[str, str] = {
    **{f"shape_{name}": f"morph_{tag}" for name, tag in _SHAPE.items()},
    **{f"firstorder_{name}": tag for name, tag in _FIRSTORDER.items()},
    **{f"glcm_{name}": f"cm_{tag}_3D_avg" for name, tag in _GLCM.items()},
    **{f"glrlm_{name}": f"rlm_{tag}_3D_avg" for name, tag in _GLRLM.items()},
    **{f"glszm_{name}": f"szm_{tag}_3D" for name, tag in _GLSZM.items()},
    **{f"gldm_{name}": f"ngl_{tag}_3D" for name, tag in _GLDM.items()},
    **{f"ngtdm_{name}": f"ngt_{tag}_3D" for name, tag in _NGTDM.items()},
}
"""Feature of pyradiomics to the IBSI feature with its aggregation, where both define the same."""

OFF_TAGS: dict[str, str] = {
    "shape_MinorAxisLength": "variances of the positions are divided by n, in the consensus by n − 1",
    "shape_LeastAxisLength": "variances of the positions are divided by n, in the consensus by n − 1",
}
"""Features that define the same and miss the consensus of the digital phantom by more than its tolerance."""

_CORRECTED = {"firstorder_Kurtosis": "pyradiomics gives 3 for a normal distribution; 3 is subtracted here, as in IBSI"}


def radiomics_features_table() -> pd.DataFrame:
    """Return what is known of the features with an IBSI counterpart.

    Returns
    -------
    DataFrame
        ``measure`` (name in the biomarker table), ``feature`` (of pyradiomics), ``ibsi`` (feature and aggregation of
        the IBSI reference tables), ``conforms`` (within the consensus tolerance on the digital phantom), ``note``.
        Features not listed have no IBSI counterpart.
    """
    rows = [
        (measure_name(feature), feature, tag, feature not in OFF_TAGS,
         OFF_TAGS.get(feature) or _CORRECTED.get(feature, ""))
        for feature, tag in IBSI_TAGS.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["measure", "feature", "ibsi", "conforms", "note"])
