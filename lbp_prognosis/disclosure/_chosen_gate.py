"""``chosen_gate``: disclosure rules requested by a study file or command; none for a page not for release."""

from __future__ import annotations

from typing import Any

from lbp_prognosis._base import argument_error, check_choice
from lbp_prognosis.disclosure._gate import Gate

__all__ = ["MODES", "chosen_gate"]

MODES = ("not-for-release", "release")


def chosen_gate(mode: str = "", smallest_cell: Any = None, ledger: object = None) -> Gate | None:
    """Return the requested gate; None for work that stays with the data.

    Parameters
    ----------
    mode : {"", "not-for-release", "release"}, default ""
        By default ``"release"`` if a smallest cell or a ledger is given, else ``"not-for-release"``.
    smallest_cell : int, optional
        k, 5 if not given.
    ledger : object, optional
        Anything that names a ledger of releases.

    Raises
    ------
    ArgumentError
        If ``smallest_cell`` is not a whole number of at least 2, or is given with ``"not-for-release"``, which is a
        separate mode.

    Examples
    --------
    >>> from lbp_prognosis.disclosure import chosen_gate
    >>> chosen_gate() is None, chosen_gate(smallest_cell=10).smallest_cell, chosen_gate("release").smallest_cell
    (True, 10, 5)
    """
    check_choice("mode", mode, ("", *MODES))
    asked = smallest_cell is not None or bool(ledger)
    if mode == "not-for-release" and asked:
        name = "ledger" if smallest_cell is None else "smallest_cell"
        raise argument_error(
            name, "left out of a page that is not for release", "given", 'Say mode = "release", or leave it out.'
        )
    gate = Gate(smallest_cell=5 if smallest_cell is None else smallest_cell)
    return gate if mode == "release" or asked else None
