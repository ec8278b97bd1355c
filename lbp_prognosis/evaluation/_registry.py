"""Every metric in one line: name, tier, outcomes, direction, range, properness, reference.

Documentation, scorers and footnotes read this table; nothing about a metric is said a second time elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from lbp_prognosis._base import check_choice

__all__ = ["METRICS", "Metric", "metric"]

_SURVIVAL = ("right", "interval", "status")
_DECISION = ("right", "status")
_REFERENCE = ("reference",)


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
        Kinds of outcome it is defined for: ``"right"``, ``"interval"``, ``"status"``, ``"reference"``; empty where
        there is none (readings against readings) or any will do.
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
    Metric(
        "concordance",
        "prognostic",
        ("right", "interval"),
        "higher",
        0,
        1,
        False,
        "Harrell's concordance",
        "Harrell 1996, Stat Med 15:361",
    ),
    Metric(
        "uno_concordance",
        "prognostic",
        ("right",),
        "higher",
        0,
        1,
        False,
        "Uno's concordance",
        "Uno 2011, doi:10.1002/sim.4154",
    ),
    Metric(
        "auc",
        "prognostic",
        (*_SURVIVAL, "reference"),
        "higher",
        0,
        1,
        False,
        "Cumulative/dynamic AUC; the ordinary AUC of a state or a reference",
        "Blanche 2013, doi:10.1002/sim.5958",
    ),
    Metric("brier", "prognostic", _SURVIVAL, "lower", 0, 1, True, "Brier score", "Graf 1999, Stat Med 18:2529"),
    Metric(
        "ipa",
        "prognostic",
        _SURVIVAL,
        "higher",
        -_INF,
        1,
        True,
        "Index of prediction accuracy",
        "Kattan 2018, doi:10.1186/s41512-018-0029-2",
    ),
    Metric(
        "ibs_step",
        "prognostic",
        ("right", "interval"),
        "lower",
        0,
        1,
        True,
        "Integrated Brier score, left steps",
        "Graf 1999, Stat Med 18:2529",
    ),
    Metric(
        "ibs_trapezoid",
        "prognostic",
        ("right", "interval"),
        "lower",
        0,
        1,
        True,
        "Integrated Brier score, trapezoids",
        "Graf 1999, Stat Med 18:2529",
    ),
    Metric(
        "log_score",
        "prognostic",
        _SURVIVAL,
        "lower",
        0,
        _INF,
        True,
        "Logarithmic score",
        "Good 1952, J R Stat Soc B 14:107",
    ),
    Metric(
        "nagelkerke_r2",
        "prognostic",
        _DECISION,
        "higher",
        -_INF,
        1,
        True,
        "Nagelkerke's R²",
        "Nagelkerke 1991, doi:10.1093/biomet/78.3.691",
    ),
    Metric(
        "royston_d",
        "prognostic",
        ("right",),
        "higher",
        -_INF,
        _INF,
        False,
        "Royston and Sauerbrei's D",
        "Royston 2004, doi:10.1002/sim.1621",
    ),
    Metric(
        "r2_d",
        "prognostic",
        ("right",),
        "higher",
        0,
        1,
        False,
        "Explained variation R²_D",
        "Royston 2004, doi:10.1002/sim.1621",
    ),
    Metric(
        "observed_expected",
        "prognostic",
        _SURVIVAL,
        "one",
        0,
        _INF,
        False,
        "Observed over expected at the horizon",
        "McLernon 2023, doi:10.7326/M22-0844",
    ),
    Metric(
        "observed_expected_followup",
        "prognostic",
        ("right",),
        "one",
        0,
        _INF,
        False,
        "Observed over expected over follow-up",
        "Crowson 2016, doi:10.1177/0962280213497434",
    ),
    Metric(
        "citl",
        "prognostic",
        _SURVIVAL,
        "zero",
        -_INF,
        _INF,
        False,
        "Calibration in the large",
        "Cox 1958, Biometrika 45:562",
    ),
    Metric(
        "calibration_intercept",
        "prognostic",
        _SURVIVAL,
        "zero",
        -_INF,
        _INF,
        False,
        "Calibration intercept, estimated with the slope",
        "Cox 1958, Biometrika 45:562",
    ),
    Metric(
        "calibration_slope",
        "prognostic",
        _SURVIVAL,
        "one",
        -_INF,
        _INF,
        False,
        "Calibration slope",
        "Cox 1958, Biometrika 45:562",
    ),
    Metric(
        "ici",
        "prognostic",
        _SURVIVAL,
        "lower",
        0,
        1,
        False,
        "Integrated calibration index",
        "Austin 2020, doi:10.1002/sim.8570",
    ),
    Metric(
        "ici_null",
        "prognostic",
        _SURVIVAL,
        "",
        0,
        1,
        False,
        "ICI expected under perfect calibration",
        "Austin 2020, doi:10.1002/sim.8570",
    ),
    Metric(
        "e50",
        "prognostic",
        _SURVIVAL,
        "lower",
        0,
        1,
        False,
        "Median absolute calibration error",
        "Austin 2020, doi:10.1002/sim.8570",
    ),
    Metric(
        "e90",
        "prognostic",
        _SURVIVAL,
        "lower",
        0,
        1,
        False,
        "90th centile of the absolute calibration error",
        "Austin 2020, doi:10.1002/sim.8570",
    ),
    Metric(
        "emax",
        "prognostic",
        _SURVIVAL,
        "lower",
        0,
        1,
        False,
        "Largest absolute calibration error",
        "Austin 2020, doi:10.1002/sim.8570",
    ),
    Metric(
        "net_benefit",
        "utility",
        _DECISION,
        "higher",
        -_INF,
        1,
        True,
        "Net benefit",
        "Vickers 2006, doi:10.1177/0272989X06295361",
    ),
    Metric(
        "standardised_net_benefit",
        "utility",
        _DECISION,
        "higher",
        -_INF,
        1,
        True,
        "Standardised net benefit",
        "Kerr 2016, doi:10.1200/JCO.2015.65.5654",
    ),
    Metric(
        "interventions_avoided",
        "utility",
        _DECISION,
        "higher",
        -_INF,
        _INF,
        True,
        "Net interventions avoided",
        "Vickers 2006, doi:10.1177/0272989X06295361",
    ),
    Metric(
        "net_benefit_weighted_area",
        "utility",
        _DECISION,
        "higher",
        -_INF,
        1,
        True,
        "Weighted area under the net benefit curve",
    ),
    Metric(
        "calibration_slope_pseudo",
        "prognostic",
        ("right",),
        "one",
        -_INF,
        _INF,
        False,
        "Calibration slope from pseudo-values",
    ),
    Metric(
        "calibration_slope_finegray",
        "prognostic",
        ("right",),
        "one",
        -_INF,
        _INF,
        False,
        "Calibration slope from a subdistribution hazard",
    ),
    Metric(
        "calibration_intercept_followup",
        "prognostic",
        ("right",),
        "zero",
        -_INF,
        _INF,
        False,
        "Calibration intercept over follow-up",
        "Crowson 2016, doi:10.1177/0962280213497434",
    ),
    Metric(
        "calibration_slope_followup",
        "prognostic",
        ("right",),
        "one",
        -_INF,
        _INF,
        False,
        "Calibration slope over follow-up",
        "Crowson 2016, doi:10.1177/0962280213497434",
    ),
    Metric(
        "spiegelhalter_z",
        "prognostic",
        ("interval", "status"),
        "zero",
        -_INF,
        _INF,
        False,
        "Spiegelhalter's z",
        "Spiegelhalter 1986, doi:10.1002/sim.4780050506",
    ),
    Metric(
        "discrimination_index",
        "prognostic",
        ("interval", "status"),
        "higher",
        -_INF,
        _INF,
        True,
        "Discrimination index D",
    ),
    Metric(
        "unreliability_index",
        "prognostic",
        ("interval", "status"),
        "lower",
        -_INF,
        _INF,
        False,
        "Unreliability index U",
    ),
    Metric("quality_index", "prognostic", ("interval", "status"), "higher", -_INF, _INF, True, "Quality index D − U"),
    Metric("observed_risk", "prognostic", _SURVIVAL, "", 0, 1, False, "Observed risk of a group"),
    Metric("mean_risk", "prognostic", _SURVIVAL, "", 0, 1, False, "Mean predicted risk of a group"),
    Metric("share", "prognostic", _SURVIVAL, "", 0, 1, False, "Share of patients in a group"),
    Metric("likelihood_ratio", "prognostic", _SURVIVAL, "higher", 0, _INF, False, "Likelihood-ratio χ² of nested fits"),
    Metric("fraction_new", "prognostic", _SURVIVAL, "higher", -_INF, 1, False, "Fraction of new information"),
    Metric(
        "fraction_new_adjusted",
        "prognostic",
        _SURVIVAL,
        "higher",
        -_INF,
        1,
        False,
        "Fraction of new information, less parameters",
    ),
    Metric(
        "fraction_new_variance",
        "prognostic",
        _SURVIVAL,
        "higher",
        -_INF,
        1,
        False,
        "Fraction of new information, by variances",
    ),
    Metric(
        "dxy", "prognostic", _DECISION, "higher", -1, 1, False, "Somers' Dxy, 2(C − ½)", "Harrell 1996, Stat Med 15:361"
    ),
    Metric("d_index", "prognostic", _DECISION, "higher", -_INF, _INF, True, "D as rms::validate computes it"),
    Metric("u_index", "prognostic", _DECISION, "lower", -_INF, _INF, False, "U as rms::validate computes it"),
    Metric("q_index", "prognostic", _DECISION, "higher", -_INF, _INF, True, "Q = D − U as rms::validate computes it"),
    Metric(
        "g_index", "prognostic", _DECISION, "higher", 0, _INF, False, "Gini's mean difference of the linear predictor"
    ),
    Metric(
        "nri",
        "prognostic",
        _DECISION,
        "",
        -2,
        2,
        False,
        "Net reclassification; carries an objection",
        "Pencina 2008, doi:10.1002/sim.2929",
    ),
    Metric("nri_events", "prognostic", _DECISION, "", -1, 1, False, "Net reclassification of events"),
    Metric("nri_nonevents", "prognostic", _DECISION, "", -1, 1, False, "Net reclassification of non-events"),
    Metric(
        "idi",
        "prognostic",
        _DECISION,
        "",
        -2,
        2,
        False,
        "Integrated discrimination improvement",
        "Pencina 2008, doi:10.1002/sim.2929",
    ),
    Metric(
        "mape",
        "prognostic",
        _DECISION,
        "lower",
        0,
        1,
        False,
        "Mean absolute prediction error over resamples",
        "Riley 2023, doi:10.1002/bimj.202200302",
    ),
    Metric("mape_max", "prognostic", _DECISION, "lower", 0, 1, False, "Largest prediction error of a patient"),
    Metric(
        "interval_width", "prognostic", _DECISION, "lower", 0, 1, False, "Mean width of patients' instability intervals"
    ),
    Metric(
        "classification_instability",
        "prognostic",
        _DECISION,
        "lower",
        0,
        1,
        False,
        "Share of resampled models that decide otherwise",
    ),
    Metric(
        "membership_auc",
        "prognostic",
        _DECISION,
        "",
        0,
        1,
        False,
        "How far predictors tell the samples apart",
        "Debray 2015, doi:10.1016/j.jclinepi.2014.06.018",
    ),
    Metric(
        "membership_auc_linear_predictor",
        "prognostic",
        _DECISION,
        "",
        0,
        1,
        False,
        "How far linear predictors tell the samples apart",
    ),
    Metric(
        "model_based_concordance",
        "prognostic",
        _DECISION,
        "",
        0,
        1,
        False,
        "C that the predictions imply",
        "van Klaveren 2016, doi:10.1002/sim.6997",
    ),
    Metric(
        "model_based_concordance_recalibrated",
        "prognostic",
        _DECISION,
        "",
        0,
        1,
        False,
        "C that the recalibrated predictions imply",
    ),
    Metric("case_mix_effect", "prognostic", _DECISION, "", -1, 1, False, "Change of C by the mix of patients"),
    Metric("coefficient_effect", "prognostic", _DECISION, "", -1, 1, False, "Change of C by the coefficients"),
    Metric("linear_predictor_mean", "prognostic", _DECISION, "", -_INF, _INF, False, "Mean linear predictor"),
    Metric("linear_predictor_sd", "prognostic", _DECISION, "", 0, _INF, False, "Spread of the linear predictor"),
    Metric("net_benefit_difference", "utility", _DECISION, "higher", -_INF, _INF, True, "Difference in net benefit"),
    Metric("net_benefit_gain", "utility", _DECISION, "higher", -_INF, _INF, True, "Gain over the clinical model"),
    Metric(
        "tests_per_true_positive",
        "utility",
        _DECISION,
        "lower",
        0,
        _INF,
        False,
        "Tests for one more true positive (test trade-off)",
    ),
    Metric("acceptable_harm", "utility", _DECISION, "higher", -_INF, 1, False, "Largest acceptable harm of a test"),
    Metric("imaged_fraction", "utility", _DECISION, "", 0, 1, False, "Share imaged by a policy"),
    Metric(
        "images_per_true_positive", "utility", _DECISION, "lower", 0, _INF, False, "Images for one more true positive"
    ),
    Metric("evpi", "utility", _DECISION, "", 0, 1, False, "Expected value of perfect information of a validation"),
    Metric(
        "evpi_development",
        "utility",
        _DECISION,
        "",
        0,
        1,
        False,
        "Expected value of perfect information of a development",
    ),
    Metric("net_benefit_perfect", "utility", _DECISION, "", 0, 1, False, "Net benefit of deciding by the right risks"),
    Metric("evsi", "utility", _DECISION, "", 0, 1, False, "Expected value of a further validation sample"),
    Metric("probability_useful", "utility", _DECISION, "higher", 0, 1, False, "Probability that the model is useful"),
    Metric("auc_outcome_ceiling", "utility", (), "higher", 0, 1, False, "Best AUC for the outcome through a finding"),
    Metric(
        "net_benefit_gain_ceiling", "utility", (), "higher", 0, 1, False, "Best gain in net benefit through a finding"
    ),
    Metric("sensitivity", "diagnostic", _REFERENCE, "higher", 0, 1, False, "Sensitivity"),
    Metric("specificity", "diagnostic", _REFERENCE, "higher", 0, 1, False, "Specificity"),
    Metric("ppv", "diagnostic", _REFERENCE, "higher", 0, 1, False, "Positive predictive value"),
    Metric("npv", "diagnostic", _REFERENCE, "higher", 0, 1, False, "Negative predictive value"),
    Metric("prevalence", "diagnostic", _REFERENCE, "", 0, 1, False, "Share with the finding"),
    Metric("lr_positive", "diagnostic", _REFERENCE, "higher", 0, _INF, False, "Likelihood ratio of a positive result"),
    Metric("lr_negative", "diagnostic", _REFERENCE, "lower", 0, _INF, False, "Likelihood ratio of a negative result"),
    Metric(
        "auc_difference",
        "diagnostic",
        _REFERENCE,
        "",
        -1,
        1,
        False,
        "Difference in AUC over readers",
        "Obuchowski 1995, Commun Stat Simul Comput 24:285",
    ),
    Metric(
        "icc",
        "technical",
        (),
        "higher",
        -_INF,
        1,
        False,
        "Intraclass correlation, form in `group`",
        "Shrout 1979, doi:10.1037/0033-2909.86.2.420",
    ),
    Metric(
        "sem_agreement", "technical", (), "lower", 0, _INF, False, "Standard error of measurement, readers included"
    ),
    Metric(
        "sem_consistency", "technical", (), "lower", 0, _INF, False, "Standard error of measurement, readers removed"
    ),
    Metric("sdc_agreement", "technical", (), "lower", 0, _INF, False, "Smallest detectable change, readers included"),
    Metric("sdc_consistency", "technical", (), "lower", 0, _INF, False, "Smallest detectable change, readers removed"),
    Metric("within_sd", "technical", (), "lower", 0, _INF, False, "Within-subject standard deviation"),
    Metric("within_cv", "technical", (), "lower", 0, _INF, False, "Within-subject coefficient of variation"),
    Metric("repeatability_coefficient", "technical", (), "lower", 0, _INF, False, "Repeatability, 1.96 √2 within_sd"),
    Metric(
        "bias",
        "technical",
        (),
        "zero",
        -_INF,
        _INF,
        False,
        "Mean difference of two methods",
        "Bland 1999, doi:10.1177/096228029900800204",
    ),
    Metric(
        "loa_lower",
        "technical",
        (),
        "zero",
        -_INF,
        _INF,
        False,
        "Lower limit of agreement",
        "Bland 1999, doi:10.1177/096228029900800204",
    ),
    Metric(
        "loa_upper",
        "technical",
        (),
        "zero",
        -_INF,
        _INF,
        False,
        "Upper limit of agreement",
        "Bland 1999, doi:10.1177/096228029900800204",
    ),
    Metric("proportional_bias", "technical", (), "zero", -_INF, _INF, False, "Slope of the difference on the mean"),
    Metric(
        "kappa", "technical", (), "higher", -1, 1, False, "Cohen's kappa", "Cohen 1960, doi:10.1177/001316446002000104"
    ),
    Metric("kappa_linear", "technical", (), "higher", -1, 1, False, "Kappa, linear weights"),
    Metric("kappa_quadratic", "technical", (), "higher", -1, 1, False, "Kappa, quadratic weights"),
    Metric("percent_agreement", "technical", (), "higher", 0, 1, False, "Share of identical grades"),
    Metric(
        "pabak",
        "technical",
        (),
        "higher",
        -1,
        1,
        False,
        "Prevalence- and bias-adjusted kappa",
        "Byrt 1993, doi:10.1016/0895-4356(93)90018-V",
    ),
    Metric("prevalence_index", "technical", (), "", 0, 1, False, "Imbalance of the two grades"),
    Metric("bias_index", "technical", (), "zero", 0, 1, False, "Imbalance of the two readers"),
    Metric(
        "concordance_correlation",
        "technical",
        (),
        "higher",
        -1,
        1,
        False,
        "Lin's concordance correlation",
        "Lin 1989, doi:10.2307/2532051",
    ),
    Metric("dice", "technical", (), "higher", 0, 1, False, "Dice overlap"),
    Metric("jaccard", "technical", (), "higher", 0, 1, False, "Jaccard overlap"),
    Metric("hd95", "technical", (), "lower", 0, _INF, False, "95th centile of surface distances, mm"),
    Metric("assd", "technical", (), "lower", 0, _INF, False, "Mean symmetric surface distance, mm"),
    Metric("scanner_r2", "technical", (), "lower", 0, 1, False, "Share of variance that goes with the scanner"),
    Metric(
        "scanner_difference", "technical", (), "zero", -_INF, _INF, False, "Difference of a scanner from the others"
    ),
    Metric("estimate", "", (), "", -_INF, _INF, False, "Pooled estimate"),
    Metric("tau2", "", (), "lower", 0, _INF, False, "Variance between sites"),
    Metric(
        "prediction_low_hksj",
        "",
        (),
        "",
        -_INF,
        _INF,
        False,
        "Lower prediction limit (Hartung–Knapp)",
        "IntHout 2014, doi:10.1186/1471-2288-14-25",
    ),
    Metric(
        "prediction_high_hksj",
        "",
        (),
        "",
        -_INF,
        _INF,
        False,
        "Upper prediction limit (Hartung–Knapp)",
        "IntHout 2014, doi:10.1186/1471-2288-14-25",
    ),
    Metric("prediction_low_riley", "", (), "", -_INF, _INF, False, "Lower prediction limit (k − 2 degrees of freedom)"),
    Metric(
        "prediction_high_riley", "", (), "", -_INF, _INF, False, "Upper prediction limit (k − 2 degrees of freedom)"
    ),
    Metric("i2", "", (), "lower", 0, 100, False, "I², per cent", "Higgins 2002, doi:10.1002/sim.1186"),
    Metric("cochran_q", "", (), "lower", 0, _INF, False, "Cochran's Q"),
)

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
