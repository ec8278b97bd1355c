"""Trabecular bone density from attenuation, by a calibration that the user declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number
from lbp_prognosis.biomarkers._extraction_result import ExtractionResult, biomarker_frame

__all__ = ["bone_density"]

SAME_KV = 0.5


def bone_density(
    result: ExtractionResult, *, slope: float, intercept: float, kvp: float, slope_sd: float = 0.0
) -> pd.DataFrame:
    """Convert the trabecular attenuation of a batch to bone mineral density.

    ``density = slope × HU + intercept``, with the coefficients of a phantom scanned on the same scanner, at the same
    tube voltage, with the same kernel. There is no default, because attenuation is not a density without a calibration.

    Parameters
    ----------
    result : ExtractionResult
        Result of `extract` with rows of ``trabecular_hu``.
    slope : float
        Slope of the calibration, mg/cm³ per HU, above 0.
    intercept : float
        Density at 0 HU, mg/cm³.
    kvp : float
        Tube voltage of the calibration, kV.
    slope_sd : float, default 0
        Standard error of the slope; it enters ``sd_error``.

    Returns
    -------
    DataFrame
        Rows of the biomarker table, measure ``trabecular_bmd`` (mg/cm³). The ``method_id`` contains the calibration, so
        that two calibrations are never pooled as one variable. A value is missing, with its reason, if the tube voltage
        of the study is unknown or differs from that of the calibration, if a contrast agent was given or its use is
        unknown, or if the attenuation itself is missing.

    Raises
    ------
    ArgumentError
        If the result contains no ``trabecular_hu``, or a coefficient is outside its range.

    Examples
    --------
    >>> bone_density(result, slope=0.85, intercept=-4.0, kvp=120)  # doctest: +SKIP
    """
    if not isinstance(result, ExtractionResult):
        raise argument_error("result", "an ExtractionResult", result, "Pass the result of `extract`.")
    slope = float(check_number("slope", slope, low=0, open_low=True))
    intercept = float(check_number("intercept", intercept))
    kvp = float(check_number("kvp", kvp, low=40, high=200))
    spread = float(check_number("slope_sd", slope_sd, low=0))
    rows = result.table[result.table["measure"] == "trabecular_hu"]
    if rows.empty:
        raise argument_error(
            "result", "a result with rows of trabecular_hu", "no such rows", "Measure the family 'bone' on CT."
        )
    studies = {(row["patient_id"], row["study_id"]): row for row in result.studies.to_dict("records")}
    method = f"linear_{slope:g}_{intercept:g}_at_{kvp:g}kv".replace("-", "minus")
    out: list[dict[str, Any]] = []
    for row in rows.to_dict("records"):
        reason = _refused(studies[row["patient_id"], row["study_id"]], kvp) or str(row["reason"] or "")
        hu = float(row["value"])
        known = not reason and np.isfinite(hu)
        out.append(
            {
                **{str(name): value for name, value in row.items()},
                "measure": "trabecular_bmd",
                "unit": "mg/cm3",
                "method_id": f"{method}__{row['method_id']}",
                "value": slope * hu + intercept if known else np.nan,
                "sd_error": float(np.hypot(slope * row["sd_error"], spread * hu)) if known else np.nan,
                "reason": reason,
            }
        )
    return biomarker_frame(out)


def _refused(study: Mapping[Any, Any], kvp: float) -> str:
    """Return why the calibration does not apply to a study; empty if it applies."""
    own = study["kvp"]
    if own is None or pd.isna(own):
        return "the tube voltage of the study is unknown: state kvp"
    if abs(float(own) - kvp) > SAME_KV:
        return f"calibrated at {kvp:g} kV, acquired at {float(own):g} kV"
    contrast = study["contrast"]
    if contrast is None or pd.isna(contrast):
        return "it is unknown whether a contrast agent was given: state contrast"
    return "a contrast agent was given" if bool(contrast) else ""
