"""Which objections keep which claims from being supported; all others stand beside the number."""

from __future__ import annotations

__all__ = ["BLOCKING"]

_PREDICTION = ("predicts", "adds_value", "is_useful")
_ALL = ("repeats", "detects", "is_associated", *_PREDICTION, "improves_outcomes")

BLOCKING: dict[str, tuple[str, ...]] = {
    "imputed-outside-resampling": _PREDICTION,
    "harmonised-outside-resampling": _PREDICTION,
    "preprocessed-outside-resampling": _PREDICTION,
    "optimism-of-interpolating-model": _PREDICTION,
    "random-split-external": ("predicts", "adds_value", "is_useful"),
    "risk-looks-inverted": _PREDICTION,
    "risk-falls-with-time": _PREDICTION,
    "weak-comparator": ("adds_value", "is_useful"),
    "added-is-the-outcome": ("adds_value", "is_useful"),
    "net-reclassification": ("adds_value",),
    "few-events": _PREDICTION,
    "events-per-parameter": _PREDICTION,
    "band-chosen-on-data": ("is_useful",),
    "thresholds-after-data": ("is_useful",),
    "values-after-time-zero": _ALL,
    "discs-as-patients": _ALL,
    "scanner-confounded-with-patients": ("repeats", "is_associated"),
    "batch-confounded-with-outcome": ("is_associated", *_PREDICTION),
    "corrected-for-measurement-error": _PREDICTION,
    "reader-reference": ("predicts", "adds_value", "is_useful"),
    "missing-indicator-as-imaging": ("is_associated", "adds_value"),
}
"""Objection code to the kinds of claim it blocks."""
