"""Errors of models without an equation or without coefficients."""

from __future__ import annotations

from lbp_prognosis._base import ArgumentError

__all__ = ["MissingCoefficients", "NoEquation"]


class NoEquation(ArgumentError):
    """The model has no closed equation; a model file (`save_model`) can store it."""


class MissingCoefficients(ArgumentError):
    """A published model whose numbers were not read from its source cannot predict."""
