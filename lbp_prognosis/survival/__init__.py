"""The grammar of time: outcomes, their definition, and weights."""

from lbp_prognosis.survival._convert import from_frame, from_sksurv, to_frame, to_sksurv
from lbp_prognosis.survival._outcome import (
    OutcomeKind,
    cause_codes,
    cause_names,
    check_outcome,
    outcome_kind,
    status_horizon,
)
from lbp_prognosis.survival._spec import OutcomeSpec
from lbp_prognosis.survival._status import Reference, Status
from lbp_prognosis.survival._surv import Surv
from lbp_prognosis.survival._weights import Weights, check_weights

__all__ = [
    "OutcomeKind",
    "OutcomeSpec",
    "Reference",
    "Status",
    "Surv",
    "Weights",
    "cause_codes",
    "cause_names",
    "check_outcome",
    "check_weights",
    "from_frame",
    "from_sksurv",
    "outcome_kind",
    "status_horizon",
    "to_frame",
    "to_sksurv",
]
