"""Patients of a packet by earlier releases: differences of two packets are numbers of patients in one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lbp_prognosis._base import DisclosureError
from lbp_prognosis.disclosure import ReleaseLedger

__all__ = ["packet_layers"]


def packet_layers(
    ledger: ReleaseLedger | None, ids: Callable[[], Sequence[str]], n: int, too_few: Callable[[np.ndarray], str]
) -> np.ndarray:
    """Return a code for the earlier releases that each patient was in, of shape (n,); 0 without a ledger.

    Parameters
    ----------
    ledger : ReleaseLedger or None
        Of the site.
    ids : callable
        Returns the identifiers of the patients.
    n : int
        Patients.
    too_few : callable
        Returns the reason why rows, given as truth values of shape (n,), are too few for a packet, or an empty string.

    Raises
    ------
    DisclosureError
        If an earlier release has some of the patients and others too, or the patients of one code are too few for a
        packet of their own.
    """
    if ledger is None:
        return np.zeros(n, dtype=int)
    codes = ledger.layers(ids())
    found = np.unique(codes)
    reasons = [too_few(codes == code) for code in found] if found.size > 1 else []
    few = next(filter(None, reasons), "").removeprefix("insufficient: ")
    if few:
        raise DisclosureError(
            "This packet and an earlier release subtract to the patients who were in one of them alone, who must be "
            f"enough for a packet of their own; got {few}. Wait for more patients."
        )
    return codes
