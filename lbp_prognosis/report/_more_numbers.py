"""``more_numbers``: rows of ``results.parquet`` beyond the evidence, of parts of the page that answer no claim."""

from __future__ import annotations

import pandas as pd

from lbp_prognosis.report._page import Page

__all__ = ["more_numbers"]


def more_numbers(page: Page) -> list[pd.DataFrame]:
    """Return frames with the columns of the evidence; ``group`` says of which part.

    Parameters
    ----------
    page : Page
        The page, or what of it is released.
    """
    frames = [part.to_frame() for part in (page.treatment, page.updates) if part is not None]
    return [frame.assign(sample="internal", setting="", against="", synthetic=page.synthetic) for frame in frames]
