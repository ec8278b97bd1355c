"""``metric_title``: what a metric is called where people read it."""

from __future__ import annotations

__all__ = ["metric_title"]

_TITLES: dict[str, str] = {
    "auc": "AUC",
    "brier": "Brier score",
    "calibration_intercept": "calibration intercept",
    "calibration_slope": "calibration slope",
    "citl": "calibration in the large",
    "concordance": "Harrell's C",
    "dxy": "Somers' Dxy",
    "ibs_step": "integrated Brier score",
    "ibs_trapezoid": "integrated Brier score",
    "ici": "ICI",
    "ici_null": "ICI if perfect",
    "ipa": "IPA",
    "log_score": "log score",
    "nagelkerke_r2": "Nagelkerke's R²",
    "net_benefit": "net benefit",
    "observed_expected": "O/E",
    "r2_d": "R² of D",
    "royston_d": "Royston's D",
    "uno_concordance": "Uno's C",
}


def metric_title(metric: str) -> str:
    """Return the field's name of a metric: ``observed_expected`` as ``O/E``; an unknown one in words."""
    return _TITLES.get(metric, metric.replace("_", " "))
