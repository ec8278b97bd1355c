"""``TermColumns``: which columns of a design belong to one term."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TermColumns"]


class TermColumns(NamedTuple):
    """The design columns of one term.

    Attributes
    ----------
    predictors : tuple of str
        Columns of the table that the term is made of; several in an interaction.
    columns : tuple of str
        Columns of the design.
    bent : tuple of frozenset of str
        For each column of the design, the predictors in which it is the non-linear part of a spline or polynomial.
    """

    predictors: tuple[str, ...]
    columns: tuple[str, ...]
    bent: tuple[frozenset[str], ...]
