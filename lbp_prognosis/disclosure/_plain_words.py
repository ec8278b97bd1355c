"""``without_numbers``: a sentence for release, without its numbers."""

from __future__ import annotations

import re

__all__ = ["without_numbers"]

# a number by itself; digits within a name ("tsk11", "l4l5", "h12_v2") are the name's
_NUMBER = re.compile(r"(?<![\w.,])[-+−]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?:\s?%)?(?!\w)", re.IGNORECASE)


def without_numbers(text: str) -> str:
    """Return the text with every separate number replaced by an ellipsis.

    Sentences of objections, reasons and warnings count patients ("2 of 150 risks are 0 or 1"); the text does not show
    which of their numbers are counts, so all are removed.

    Examples
    --------
    >>> from lbp_prognosis.disclosure import without_numbers
    >>> without_numbers("3 patients (2.0%) had no tsk11 at 12 months.")
    '… patients (…) had no tsk11 at … months.'
    """
    return _NUMBER.sub("…", text)
