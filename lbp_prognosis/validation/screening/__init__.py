"""Checks of predictors and outcome before any fit: leakage, identifiers, copied patients and units of time."""

__all__: list[str] = []
