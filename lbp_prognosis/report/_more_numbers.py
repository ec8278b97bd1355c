"""``more_numbers``: rows of ``results.parquet`` from parts of the page that answer no claim."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis.report._page import Page
from lbp_prognosis.report._page_scores import PageScores

__all__ = ["more_numbers"]


def more_numbers(page: Page) -> list[pd.DataFrame]:
    """Return frames with the columns of the evidence; ``group`` names the part of the page.

    Parameters
    ----------
    page : Page
        The page, or its released form.
    """
    frames = [] if page.scores is None or page.scores.tenths.empty else [_tenths(page, page.scores)]
    if page.scores is not None:
        frames += [found.to_frame().assign(group=f"visit {at:g}") for at, found in page.scores.visits.items()]
    frames += [
        part.to_frame() for part in (page.states, page.treatment, page.subgroups, page.updates) if part is not None
    ]
    return [frame.assign(sample="internal", setting="", against="", synthetic=page.synthetic) for frame in frames]


def _tenths(page: Page, scores: PageScores) -> pd.DataFrame:
    """Return the groups of predicted scores, one row per number: metric ``score_observed``, ``score_predicted`` …"""
    rows = scores.tenths.reset_index(drop=True)
    parts = [
        pd.DataFrame(
            {
                "model": scores.model,
                "tier": "prognostic",
                "metric": f"score_{column}",
                "horizon": page.horizon,
                "group": [f"group {group:.0f} of {len(rows)} by predicted score" for group in rows["group"]],
                "value": rows[column].astype(float),
                "reference": "",
                "n": rows["n"],
            }
        )
        for column in rows.columns
        if column not in ("group", "n")
    ]
    return pd.concat(parts, ignore_index=True)
