"""Correspondence of pyradiomics features to the Image Biomarker Standardisation Initiative (IBSI)."""

from __future__ import annotations

import re

import pandas as pd

from lbp_prognosis.biomarkers.texture._radiomics_names import measure_name
from lbp_prognosis.biomarkers.texture._radiomics_settings import RadiomicsSettings

__all__ = ["IBSI_IDS", "IBSI_TAGS", "OFF_TAGS", "radiomics_features_table"]

_SHAPE = {
    "MeshVolume": "volume",
    "VoxelVolume": "vol_approx",
    "SurfaceArea": "area_mesh",
    "SurfaceVolumeRatio": "av",
    "Sphericity": "sphericity",
    "Maximum3DDiameter": "diam",
    "MajorAxisLength": "pca_maj_axis",
    "MinorAxisLength": "pca_min_axis",
    "LeastAxisLength": "pca_least_axis",
    "Elongation": "pca_elongation",
    "Flatness": "pca_flatness",
}
_FIRSTORDER = {
    "Mean": "stat_mean",
    "Variance": "stat_var",
    "Skewness": "stat_skew",
    "Kurtosis": "stat_kurt",
    "Median": "stat_median",
    "Minimum": "stat_min",
    "10Percentile": "stat_p10",
    "90Percentile": "stat_p90",
    "Maximum": "stat_max",
    "InterquartileRange": "stat_iqr",
    "Range": "stat_range",
    "MeanAbsoluteDeviation": "stat_mad",
    "RobustMeanAbsoluteDeviation": "stat_rmad",
    "Energy": "stat_energy",
    "RootMeanSquared": "stat_rms",
    "Entropy": "ih_entropy",
    "Uniformity": "ih_uniformity",
}
_GLCM = {
    "MaximumProbability": "joint_max",
    "JointAverage": "joint_avg",
    "SumSquares": "joint_var",
    "JointEntropy": "joint_entr",
    "DifferenceAverage": "diff_avg",
    "DifferenceVariance": "diff_var",
    "DifferenceEntropy": "diff_entr",
    "SumAverage": "sum_avg",
    "SumEntropy": "sum_entr",
    "JointEnergy": "energy",
    "Contrast": "contrast",
    "Id": "inv_diff",
    "Idn": "inv_diff_norm",
    "Idm": "inv_diff_mom",
    "Idmn": "inv_diff_mom_norm",
    "InverseVariance": "inv_var",
    "Correlation": "corr",
    "Autocorrelation": "auto_corr",
    "ClusterTendency": "clust_tend",
    "ClusterShade": "clust_shade",
    "ClusterProminence": "clust_prom",
    "Imc1": "info_corr1",
    "Imc2": "info_corr2",
}
_GLRLM = {
    "ShortRunEmphasis": "sre",
    "LongRunEmphasis": "lre",
    "LowGrayLevelRunEmphasis": "lgre",
    "HighGrayLevelRunEmphasis": "hgre",
    "ShortRunLowGrayLevelEmphasis": "srlge",
    "ShortRunHighGrayLevelEmphasis": "srhge",
    "LongRunLowGrayLevelEmphasis": "lrlge",
    "LongRunHighGrayLevelEmphasis": "lrhge",
    "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm",
    "RunLengthNonUniformity": "rlnu",
    "RunLengthNonUniformityNormalized": "rlnu_norm",
    "RunPercentage": "r_perc",
    "GrayLevelVariance": "gl_var",
    "RunVariance": "rl_var",
    "RunEntropy": "rl_entr",
}
_GLSZM = {
    "SmallAreaEmphasis": "sze",
    "LargeAreaEmphasis": "lze",
    "LowGrayLevelZoneEmphasis": "lgze",
    "HighGrayLevelZoneEmphasis": "hgze",
    "SmallAreaLowGrayLevelEmphasis": "szlge",
    "SmallAreaHighGrayLevelEmphasis": "szhge",
    "LargeAreaLowGrayLevelEmphasis": "lzlge",
    "LargeAreaHighGrayLevelEmphasis": "lzhge",
    "GrayLevelNonUniformity": "glnu",
    "GrayLevelNonUniformityNormalized": "glnu_norm",
    "SizeZoneNonUniformity": "zsnu",
    "SizeZoneNonUniformityNormalized": "zsnu_norm",
    "ZonePercentage": "z_perc",
    "GrayLevelVariance": "gl_var",
    "ZoneVariance": "zs_var",
    "ZoneEntropy": "zs_entr",
}
_GLDM = {
    "SmallDependenceEmphasis": "lde",
    "LargeDependenceEmphasis": "hde",
    "LowGrayLevelEmphasis": "lgce",
    "HighGrayLevelEmphasis": "hgce",
    "SmallDependenceLowGrayLevelEmphasis": "ldlge",
    "SmallDependenceHighGrayLevelEmphasis": "ldhge",
    "LargeDependenceLowGrayLevelEmphasis": "hdlge",
    "LargeDependenceHighGrayLevelEmphasis": "hdhge",
    "GrayLevelNonUniformity": "glnu",
    "DependenceNonUniformity": "dcnu",
    "DependenceNonUniformityNormalized": "dcnu_norm",
    "GrayLevelVariance": "gl_var",
    "DependenceVariance": "dc_var",
    "DependenceEntropy": "dc_entr",
}
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
"""From a feature of pyradiomics to the IBSI feature with its aggregation, if both have the same definition."""

IBSI_IDS: dict[str, str] = {
    "morph_volume": "RNU0",
    "morph_vol_approx": "YEKZ",
    "morph_area_mesh": "C0JK",
    "morph_av": "2PR5",
    "morph_sphericity": "QCFX",
    "morph_diam": "L0JK",
    "morph_pca_maj_axis": "TDIC",
    "morph_pca_min_axis": "P9VJ",
    "morph_pca_least_axis": "7J51",
    "morph_pca_elongation": "Q3CK",
    "morph_pca_flatness": "N17B",
    "stat_mean": "Q4LE",
    "stat_var": "ECT3",
    "stat_skew": "KE2A",
    "stat_kurt": "IPH6",
    "stat_median": "Y12H",
    "stat_min": "1GSF",
    "stat_p10": "QG58",
    "stat_p90": "8DWT",
    "stat_max": "84IY",
    "stat_iqr": "SALO",
    "stat_range": "2OJQ",
    "stat_mad": "4FUA",
    "stat_rmad": "1128",
    "stat_energy": "N8CA",
    "stat_rms": "5ZWQ",
    "ih_entropy": "TLU2",
    "ih_uniformity": "BJ5W",
    "cm_joint_max": "GYBY",
    "cm_joint_avg": "60VM",
    "cm_joint_var": "UR99",
    "cm_joint_entr": "TU9B",
    "cm_diff_avg": "TF7R",
    "cm_diff_var": "D3YU",
    "cm_diff_entr": "NTRS",
    "cm_sum_avg": "ZGXS",
    "cm_sum_entr": "P6QZ",
    "cm_energy": "8ZQL",
    "cm_contrast": "ACUI",
    "cm_inv_diff": "IB1Z",
    "cm_inv_diff_norm": "NDRX",
    "cm_inv_diff_mom": "WF0Z",
    "cm_inv_diff_mom_norm": "1QCO",
    "cm_inv_var": "E8JP",
    "cm_corr": "NI2N",
    "cm_auto_corr": "QWB0",
    "cm_clust_tend": "DG8W",
    "cm_clust_shade": "7NFM",
    "cm_clust_prom": "AE86",
    "cm_info_corr1": "R8DG",
    "cm_info_corr2": "JN9H",
    "rlm_sre": "22OV",
    "rlm_lre": "W4KF",
    "rlm_lgre": "V3SW",
    "rlm_hgre": "G3QZ",
    "rlm_srlge": "HTZT",
    "rlm_srhge": "GD3A",
    "rlm_lrlge": "IVPO",
    "rlm_lrhge": "3KUM",
    "rlm_glnu": "R5YN",
    "rlm_glnu_norm": "OVBL",
    "rlm_rlnu": "W92Y",
    "rlm_rlnu_norm": "IC23",
    "rlm_r_perc": "9ZK5",
    "rlm_gl_var": "8CE5",
    "rlm_rl_var": "SXLW",
    "rlm_rl_entr": "HJ9O",
    "szm_sze": "5QRC",
    "szm_lze": "48P8",
    "szm_lgze": "XMSY",
    "szm_hgze": "5GN9",
    "szm_szlge": "5RAI",
    "szm_szhge": "HW1V",
    "szm_lzlge": "YH51",
    "szm_lzhge": "J17V",
    "szm_glnu": "JNSA",
    "szm_glnu_norm": "Y1RO",
    "szm_zsnu": "4JP3",
    "szm_zsnu_norm": "VB3A",
    "szm_z_perc": "P30P",
    "szm_gl_var": "BYLV",
    "szm_zs_var": "3NSA",
    "szm_zs_entr": "GU8N",
    "ngl_lde": "SODN",
    "ngl_hde": "IMOQ",
    "ngl_lgce": "TL9H",
    "ngl_hgce": "OAE7",
    "ngl_ldlge": "EQ3F",
    "ngl_ldhge": "JA6D",
    "ngl_hdlge": "NBZI",
    "ngl_hdhge": "9QMG",
    "ngl_glnu": "FP8K",
    "ngl_dcnu": "Z87G",
    "ngl_dcnu_norm": "OKJI",
    "ngl_gl_var": "1PFV",
    "ngl_dc_var": "DNX2",
    "ngl_dc_entr": "FCBV",
    "ngt_coarseness": "QCDE",
    "ngt_contrast": "65HE",
    "ngt_busyness": "NQ30",
    "ngt_complexity": "HDEZ",
    "ngt_strength": "1X9X",
}
"""Permanent identifier of each feature in the IBSI reference manual, by the tag without its aggregation."""

OFF_TAGS: dict[str, str] = {
    "shape_MinorAxisLength": "variances of the positions are divided by n, in the consensus by n − 1",
    "shape_LeastAxisLength": "variances of the positions are divided by n, in the consensus by n − 1",
}
"""Features of pyradiomics with the same definition that miss the consensus of the digital phantom."""

_CORRECTED = {"firstorder_Kurtosis": "pyradiomics gives 3 for a normal distribution; 3 is subtracted here, as in IBSI"}


_ENGINE = "resampled and binned by pyradiomics, whose grid, splines and bins miss the consensus"


def radiomics_features_table(settings: RadiomicsSettings | None = None) -> pd.DataFrame:
    """Return the features with an IBSI counterpart and their conformity.

    Parameters
    ----------
    settings : RadiomicsSettings, optional
        Settings to which ``conforms`` refers; by default only the definitions of pyradiomics are judged. Preprocessing
        by pyradiomics does not conform if it resamples or uses bins of a fixed width, except for shape without
        resampling. With the engine ``mirp`` all features conform.

    Returns
    -------
    DataFrame
        ``measure`` (name in the biomarker table), ``feature`` (as pyradiomics calls it), ``ibsi`` (feature and
        aggregation of the IBSI reference tables), ``ibsi_id`` (permanent identifier of the feature in the IBSI
        reference manual and, but for the intensity statistics, in DICOM PS3.16), ``conforms`` (within the consensus
        tolerance on the digital phantom, by these settings), ``note``.
        Features not listed have no IBSI counterpart.
    """
    rows = []
    mirp = settings is not None and settings.engine == "mirp"
    by = "" if settings is None or settings.aggregation == "3d" else settings.aggregation
    for feature, whole in IBSI_TAGS.items():
        tag = re.sub(r"_3D(?=(_avg)?\Z)", "_" + by.upper().replace(".", "_"), whole) if by else whole
        note = OFF_TAGS.get(feature, "") if not mirp and (settings is None or settings.spacing_mm is None) else ""
        by_engine = settings is not None and _by_engine(settings, feature)
        conforms = not (note or by_engine)
        note = note or (_ENGINE if by_engine else "" if mirp else _CORRECTED.get(feature, ""))
        ibsi_id = IBSI_IDS[re.sub(r"_3D(_avg)?\Z", "", whole)]
        rows.append((measure_name(feature), feature, tag, ibsi_id, conforms, note))
    return pd.DataFrame(rows, columns=["measure", "feature", "ibsi", "ibsi_id", "conforms", "note"])


def _by_engine(settings: RadiomicsSettings, feature: str) -> bool:
    """Return whether the engine's own preprocessing affects a feature."""
    if settings.preprocessing != "pyradiomics":
        return False
    kind = feature.split("_")[0]
    binned = kind not in {"shape", "firstorder"} or feature in {"firstorder_Entropy", "firstorder_Uniformity"}
    return settings.spacing_mm is not None or (binned and settings.bin_count is None)
