"""``outcome_from_dict``: an outcome definition from a table of ``study.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lbp_prognosis._base import StrictTable, argument_error, nearest
from lbp_prognosis.cohort._chronic_transition import ChronicTransition
from lbp_prognosis.cohort._derived_outcome import OutcomeDefinition
from lbp_prognosis.cohort._disability_recovery import DisabilityRecovery
from lbp_prognosis.cohort._mcid_response import MCIDResponse
from lbp_prognosis.cohort._pain_recovery import PainRecovery
from lbp_prognosis.cohort._recurrence import Recurrence
from lbp_prognosis.cohort._return_to_work import ReturnToWork
from lbp_prognosis.cohort._score_at_visit import ScoreAtVisit
from lbp_prognosis.cohort._surgery import Surgery

__all__ = ["outcome_from_dict"]

_KINDS: dict[str, type[Any]] = {
    "pain_recovery": PainRecovery,
    "disability_recovery": DisabilityRecovery,
    "mcid_response": MCIDResponse,
    "chronic_transition": ChronicTransition,
    "recurrence": Recurrence,
    "return_to_work": ReturnToWork,
    "surgery": Surgery,
    "score": ScoreAtVisit,
}


def outcome_from_dict(table: Mapping[str, Any]) -> OutcomeDefinition:
    """Return the outcome definition that a table describes.

    Parameters
    ----------
    table : mapping
        ``kind`` (pain_recovery, disability_recovery, mcid_response, chronic_transition, recurrence, return_to_work,
        surgery, score) and the fields of that definition; a recurrence contains its ``recovery`` as a table.

    Raises
    ------
    ArgumentError
        If the kind or a field is unknown, or a required field is absent.

    Examples
    --------
    >>> from lbp_prognosis.cohort import outcome_from_dict
    >>> outcome_from_dict({"kind": "pain_recovery", "horizons": [3, 6, 12], "threshold": 0}).spec.definition
    'nrs_back at most 0, sustained for 30 days'
    """
    kind = table.get("kind") if isinstance(table, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        near = nearest(kind, _KINDS)
        raise argument_error("outcome.kind", f"one of {', '.join(_KINDS)}", repr(kind), near or None)
    read = StrictTable("outcome")
    made = read.record(_KINDS[kind], "outcome", {name: value for name, value in table.items() if name != "kind"})
    read.raise_if_any()
    assert made is not None  # only a table with errors has no record
    return made
