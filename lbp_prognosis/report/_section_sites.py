"""Section Transportability: pooled leave-one-site-out performance."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import LBPError, gap, metric_title
from lbp_prognosis.report._blocks import Block, Notice, Section, Table
from lbp_prognosis.report._figure import figure
from lbp_prognosis.report._hover import forest_spots
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._wording import estimate, number

__all__ = ["section_sites"]


def section_sites(page: Page) -> Section | None:
    """Return pooled performance at sites left out, with the prediction interval for a new site."""
    found = page.sites
    if found is None:
        return None
    blocks: list[Block] = []
    rows: list[dict[str, Any]] = []
    main = page.comparison[1] if page.comparison else found.models[0]
    for model in found.models:
        for name in ("auc", "observed_expected", "calibration_slope", "ipa"):
            try:
                pooled = found.pooled(name, model=model, horizon=page.horizon)
            except LBPError:
                continue
            low, high = pooled.prediction_profile
            rows.append(
                {
                    "model": model,
                    "measure": metric_title(name),
                    "sites": str(pooled.k),
                    "pooled": estimate(pooled.value, pooled.low, pooled.high, "no interval: too few sites"),
                    "prediction interval for a new site": f"{number(low)} to {number(high)}"
                    if np.isfinite([low, high]).all()
                    else gap("too few sites"),
                    "τ²": number(pooled.tau2, 4),
                }
            )
            if name == "auc" and model == main and page.release is None:  # a single site may have few patients
                blocks.append(
                    figure(
                        partial(_forest, pooled),
                        alt=f"AUC of {model} at each site left out.",
                        caption=f"AUC of {model} at {page.time}: each site predicted by a model fitted without it.",
                        size=(5.2, 0.34 * (pooled.k + 5)),
                        hover=forest_spots,
                    )
                )
    if rows:
        blocks.append(
            Table(
                "sites_pooled",
                f"Sites left out in turn, at {page.time}.",
                pd.DataFrame(rows),
                "Random effects (REML), Hartung–Knapp intervals. The interval for a new site allows for "
                "the estimation of τ² (Q-profile).",
                head=2,
                group="model",
            )
        )
    else:
        blocks.append(Notice("Too few sites with enough events to be pooled."))
    sites = found.sites
    frame = pd.DataFrame(
        {
            "site": sites["site"].astype(str),
            "patients": [f"{n:,.0f}" for n in sites["n"]],
            "events": [f"{n:,.0f}" for n in sites["n_events"]],
            "evaluated": ["yes" if e else "no" for e in sites["evaluated"]],
            "why not": sites["reason"].fillna(""),
        }
    )
    if len(frame):
        blocks.append(Table("sites", "The sites.", frame))
    return Section("sites", "How does the model perform at a hospital it has not seen?", tuple(blocks))


def _forest(pooled: Any, ax: Any) -> None:
    pooled.plot(ax, method="profile").set_xlabel("AUC (95% intervals)")
