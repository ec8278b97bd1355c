"""``identifier_text``: one text for one patient, whatever the type of the identifier in a file."""

from __future__ import annotations

import numpy as np

__all__ = ["NOT_FOUND", "identifier_text"]

NOT_FOUND = "Some identifiers of withdrawn patients are in no row of the table: look for typing errors."
"""A list may be of several registries, so that this is no error; how many they are would count patients."""


def identifier_text(identifier: object) -> str:
    """Return the identifier as text; a whole number is the same text from a column of floats as from one of integers.

    Patients who withdrew must be found, and cohorts recognised, in the same table as Stata (101.0), CSV (101) or text
    ("101").

    Examples
    --------
    >>> from lbp_prognosis.disclosure import identifier_text
    >>> identifier_text(101.0), identifier_text(101), identifier_text("101"), identifier_text("p 1")
    ('101', '101', '101', 'p 1')
    """
    if isinstance(identifier, float | np.floating) and float(identifier).is_integer():
        return str(int(identifier))
    return str(identifier)
