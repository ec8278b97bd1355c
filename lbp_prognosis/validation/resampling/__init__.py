"""Refits on resamples and folds: bootstrap, cross-validation, leave-one-site-out."""

__all__: list[str] = []
