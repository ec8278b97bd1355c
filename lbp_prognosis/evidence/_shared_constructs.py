"""Predictors that repeat the outcome, and objections to associations with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from lbp_prognosis._base import Objection, objection

__all__ = ["shared_constructs"]

# words and times in column names that mark a later measurement, or a difference of two
_LATER = re.compile(
    r"(?:^|_)(?:change|delta|diff|difference|improve\w*|follow_?up|fu|post|final|outcome)(?:_|\d|$)"
    r"|(?:^|_)\d+_?(?:d|day|days|w|wk|week|weeks|m|mo|month|months|y|yr|year|years)(?:_|$)"
    r"|(?:^|_)(?:d|day|w|wk|week|m|mo|month|y|yr|year|visit|v)_?\d+(?:_|$)"
)


def shared_constructs(
    outcome: str | Iterable[str],
    columns: Iterable[str],
    *,
    measures: Mapping[str, str | Iterable[str]] | None = None,
    change: bool = False,
    entry: Iterable[str] = (),
    added: Iterable[str] = (),
) -> tuple[Objection, ...]:
    """Object to predictors and outcome that come from the same measurement.

    The value of the outcome's own scale at time zero is a legitimate predictor, and part of the clinical minimum: it
    raises no objection by itself.

    Parameters
    ----------
    outcome : str or iterable of str
        Constructs or scales that define the outcome, e.g. ``"nrs_back"`` (`OutcomeSpec.constructs`).
    columns : iterable of str
        Predictors.
    measures : mapping of str to str or iterable of str, optional
        Construct to the columns that measure it, including items of other questionnaires, e.g.
        ``{"nrs_back": ["nrs_back", "odi_1"]}``. Columns named after a construct always belong to it.
    change : bool, default False
        Whether the outcome is a change from the patient's own baseline.
    entry : iterable of str
        Columns used as criteria for inclusion.
    added : iterable of str
        Columns of the extended model that the comparator lacks.

    Returns
    -------
    tuple of Objection
        ``change-from-baseline``: a change score with its own baseline among the predictors; ``later-than-time-zero``:
        columns of the construct whose names say that they were measured later, or are differences;
        ``entry-by-the-outcome``: patients were included by the outcome's own scale, which is also a predictor;
        ``added-is-the-outcome``: the added columns measure the outcome's construct, of which the comparator contains no
        measure. Each objection names the columns.

    Examples
    --------
    >>> from lbp_prognosis.evidence import shared_constructs
    >>> shared_constructs("nrs_back", ["age", "nrs_back"])
    ()
    >>> [doubt.code for doubt in shared_constructs("nrs_back", ["age", "nrs_back"], change=True)]
    ['change-from-baseline']
    """
    made_of = (outcome,) if isinstance(outcome, str) else tuple(outcome)
    held = list(dict.fromkeys(columns))
    told = {name: {value} if isinstance(value, str) else set(value) for name, value in (measures or {}).items()}
    out: list[Objection] = []
    for construct in made_of:
        same = [c for c in held if c in told.get(construct, ()) or c == construct or c.startswith(f"{construct}_")]
        later = [c for c in same if _LATER.search(c.removeprefix(construct) if c != construct else "")]
        now = [c for c in same if c not in later]
        out += _of_construct(construct, now, later, change=change, entry=set(entry))
        fresh = [c for c in now if c in set(added)]
        if fresh and len(fresh) == len(now):
            out.append(objection("added-is-the-outcome", construct=construct, columns=_listed(fresh)))
    return tuple(out)


def _of_construct(
    construct: str, now: list[str], later: list[str], *, change: bool, entry: set[str]
) -> list[Objection]:
    out = []
    if change and now:
        out.append(objection("change-from-baseline", construct=construct, columns=_listed(now)))
    if later:
        out.append(objection("later-than-time-zero", construct=construct, columns=_listed(later)))
    gate = [c for c in now if c in entry]
    if gate:
        out.append(objection("entry-by-the-outcome", columns=_listed(gate)))
    return out


def _listed(columns: list[str]) -> str:
    return ", ".join(columns)
