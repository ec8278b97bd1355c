"""``PageSubgroups``: a comparison of two models in groups of patients."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from lbp_prognosis.validation import SubgroupPerformance

__all__ = ["SUBGROUP_METRICS", "PageSubgroups"]

SUBGROUP_METRICS = ("auc", "brier", "ipa", "net_benefit")
"""Measures whose differences are shown and tested by group."""


@dataclass(frozen=True)
class PageSubgroups:
    """Performance of two models, and what the second adds, by group at the main horizon.

    Attributes
    ----------
    performance : SubgroupPerformance
        Of both models, out of fold.
    heterogeneity : DataFrame
        Tests of whether the differences are equal in all groups, as `SubgroupPerformance.heterogeneity` makes them.
    comparison : tuple of str
        The smaller and the larger model.
    """

    performance: SubgroupPerformance = field(repr=False)
    heterogeneity: pd.DataFrame = field(repr=False)
    comparison: tuple[str, str] | tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers of all groups, variable and group in ``group``."""
        table = self.performance.to_frame()
        named = table["variable"] + ": " + table["group"]
        return table.assign(group=named).drop(columns="variable")
