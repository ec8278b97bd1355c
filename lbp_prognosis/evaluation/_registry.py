"""Every metric in one line: name, tier, outcomes, direction, range, properness, reference.

Documentation, scorers and footnotes read this table; nothing about a metric is said a second time elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import check_choice

__all__ = ["METRICS", "Metric", "metric"]

_SURVIVAL = ("right", "interval", "status")


@dataclass(frozen=True)
class Metric:
    """What a metric is.

    Attributes
    ----------
    name : str
        As in the column ``metric`` of frames.
    tier : str
        ``"technical"``, ``"diagnostic"``, ``"prognostic"`` or ``"utility"``; ``""`` for summaries over any metric.
    outcomes : tuple of str
        Kinds of outcome it is defined for.
    better : {"higher", "lower", "zero", "one", ""}
        Where good values lie; empty where no value is better.
    low, high : float
        Range of the metric.
    proper : bool
        Whether the true risks have the best expected value, so that it may choose between models.
    title : str
        Name for readers.
    reference : str
        Where it is defined.
    """

    name: str
    tier: str
    outcomes: tuple[str, ...]
    better: str
    low: float
    high: float
    proper: bool
    title: str
    reference: str = ""


_INF = float("inf")
_TABLE = (
    Metric("concordance", "prognostic", ("right", "interval"), "higher", 0, 1, False, "Harrell's concordance",
           "Harrell 1996, Stat Med 15:361"),
    Metric("uno_concordance", "prognostic", ("right",), "higher", 0, 1, False, "Uno's concordance",
           "Uno 2011, doi:10.1002/sim.4154"),
    Metric("auc", "prognostic", _SURVIVAL, "higher", 0, 1, False, "Cumulative/dynamic AUC",
           "Blanche 2013, doi:10.1002/sim.5958"),
    Metric("brier", "prognostic", _SURVIVAL, "lower", 0, 1, True, "Brier score",
           "Graf 1999, Stat Med 18:2529"),
    Metric("ipa", "prognostic", _SURVIVAL, "higher", -_INF, 1, True, "Index of prediction accuracy",
           "Kattan 2018, doi:10.1186/s41512-018-0029-2"),
    Metric("ibs_step", "prognostic", ("right", "interval"), "lower", 0, 1, True, "Integrated Brier score, left steps",
           "Graf 1999, Stat Med 18:2529"),
    Metric("ibs_trapezoid", "prognostic", ("right", "interval"), "lower", 0, 1, True,
           "Integrated Brier score, trapezoids", "Graf 1999, Stat Med 18:2529"),
    Metric("log_score", "prognostic", _SURVIVAL, "lower", 0, _INF, True, "Logarithmic score",
           "Good 1952, J R Stat Soc B 14:107"),
    Metric("nagelkerke_r2", "prognostic", ("status",), "higher", -_INF, 1, True, "Nagelkerke's R²",
           "Nagelkerke 1991, doi:10.1093/biomet/78.3.691"),
    Metric("royston_d", "prognostic", ("right",), "higher", -_INF, _INF, False, "Royston and Sauerbrei's D",
           "Royston 2004, doi:10.1002/sim.1621"),
    Metric("r2_d", "prognostic", ("right",), "higher", 0, 1, False, "Explained variation R²_D",
           "Royston 2004, doi:10.1002/sim.1621"),
    Metric("observed_expected", "prognostic", _SURVIVAL, "one", 0, _INF, False, "Observed over expected at the horizon",
           "McLernon 2023, doi:10.7326/M22-0844"),
    Metric("observed_expected_followup", "prognostic", ("right",), "one", 0, _INF, False,
           "Observed over expected over follow-up", "Crowson 2016, doi:10.1177/0962280213497434"),
    Metric("citl", "prognostic", _SURVIVAL, "zero", -_INF, _INF, False, "Calibration in the large",
           "Cox 1958, Biometrika 45:562"),
    Metric("calibration_intercept", "prognostic", _SURVIVAL, "zero", -_INF, _INF, False,
           "Calibration intercept, estimated with the slope", "Cox 1958, Biometrika 45:562"),
    Metric("calibration_slope", "prognostic", _SURVIVAL, "one", -_INF, _INF, False, "Calibration slope",
           "Cox 1958, Biometrika 45:562"),
    Metric("ici", "prognostic", _SURVIVAL, "lower", 0, 1, False, "Integrated calibration index",
           "Austin 2020, doi:10.1002/sim.8570"),
    Metric("ici_null", "prognostic", _SURVIVAL, "", 0, 1, False, "ICI expected under perfect calibration",
           "Austin 2020, doi:10.1002/sim.8570"),
    Metric("e50", "prognostic", _SURVIVAL, "lower", 0, 1, False, "Median absolute calibration error",
           "Austin 2020, doi:10.1002/sim.8570"),
    Metric("e90", "prognostic", _SURVIVAL, "lower", 0, 1, False, "90th centile of the absolute calibration error",
           "Austin 2020, doi:10.1002/sim.8570"),
    Metric("emax", "prognostic", _SURVIVAL, "lower", 0, 1, False, "Largest absolute calibration error",
           "Austin 2020, doi:10.1002/sim.8570"),
    Metric("net_benefit", "utility", _SURVIVAL, "higher", -_INF, 1, True, "Net benefit",
           "Vickers 2006, doi:10.1177/0272989X06295361"),
    Metric("standardised_net_benefit", "utility", ("right", "status"), "higher", -_INF, 1, True,
           "Standardised net benefit", "Kerr 2016, doi:10.1200/JCO.2015.65.5654"),
    Metric("interventions_avoided", "utility", ("right", "status"), "higher", -_INF, _INF, True,
           "Net interventions avoided", "Vickers 2006, doi:10.1177/0272989X06295361"),
    Metric("net_benefit_weighted_area", "utility", ("right", "status"), "higher", -_INF, 1, True,
           "Weighted area under the net benefit curve"),
    Metric("calibration_slope_pseudo", "prognostic", ("right",), "one", -_INF, _INF, False,
           "Calibration slope from pseudo-values"),
    Metric("calibration_slope_finegray", "prognostic", ("right",), "one", -_INF, _INF, False,
           "Calibration slope from a subdistribution hazard"),
    Metric("calibration_intercept_followup", "prognostic", ("right",), "zero", -_INF, _INF, False,
           "Calibration intercept over follow-up", "Crowson 2016, doi:10.1177/0962280213497434"),
    Metric("calibration_slope_followup", "prognostic", ("right",), "one", -_INF, _INF, False,
           "Calibration slope over follow-up", "Crowson 2016, doi:10.1177/0962280213497434"),
    Metric("spiegelhalter_z", "prognostic", ("status",), "zero", -_INF, _INF, False, "Spiegelhalter's z",
           "Spiegelhalter 1986, doi:10.1002/sim.4780050506"),
    Metric("discrimination_index", "prognostic", ("status",), "higher", -_INF, _INF, True, "Discrimination index D"),
    Metric("unreliability_index", "prognostic", ("status",), "lower", -_INF, _INF, False, "Unreliability index U"),
    Metric("quality_index", "prognostic", ("status",), "higher", -_INF, _INF, True, "Quality index D − U"),
    Metric("observed_risk", "prognostic", _SURVIVAL, "", 0, 1, False, "Observed risk of a group"),
    Metric("mean_risk", "prognostic", _SURVIVAL, "", 0, 1, False, "Mean predicted risk of a group"),
    Metric("share", "prognostic", _SURVIVAL, "", 0, 1, False, "Share of patients in a group"),
    Metric("estimate", "", (), "", -_INF, _INF, False, "Pooled estimate"),
    Metric("tau2", "", (), "lower", 0, _INF, False, "Variance between sites"),
    Metric("prediction_low_hksj", "", (), "", -_INF, _INF, False, "Lower prediction limit (Hartung–Knapp)",
           "IntHout 2014, doi:10.1186/1471-2288-14-25"),
    Metric("prediction_high_hksj", "", (), "", -_INF, _INF, False, "Upper prediction limit (Hartung–Knapp)",
           "IntHout 2014, doi:10.1186/1471-2288-14-25"),
)  # fmt: skip

METRICS: dict[str, Metric] = {entry.name: entry for entry in _TABLE}
"""All metrics by name."""


def metric(name: str) -> Metric:
    """Return what is known of a metric.

    Raises
    ------
    ArgumentError
        If there is no metric of this name.
    """
    return METRICS[check_choice("name", name, tuple(METRICS))]
