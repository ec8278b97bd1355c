"""Outcomes, their definition and weights; survival curves, tests of curves, and censoring models."""

from lbp_prognosis.survival._aalen_johansen import aalen_johansen
from lbp_prognosis.survival._censoring_cox import CensoringCox
from lbp_prognosis.survival._censoring_kaplan_meier import CensoringKaplanMeier
from lbp_prognosis.survival._convert import from_frame, from_sksurv, to_frame, to_sksurv
from lbp_prognosis.survival._curve_test import CurveTest
from lbp_prognosis.survival._curve_values import CurveValues
from lbp_prognosis.survival._gray_test import gray_test
from lbp_prognosis.survival._has_competing import has_competing
from lbp_prognosis.survival._horizon_unit import horizon_unit_doubt
from lbp_prognosis.survival._kaplan_meier import kaplan_meier
from lbp_prognosis.survival._known_at import known_at
from lbp_prognosis.survival._log_rank import log_rank
from lbp_prognosis.survival._measured import (
    Measured,
    MeasuredSpec,
    RepeatedSpec,
    measured_at,
    measured_spec,
    measured_to_status,
    repeated_spec,
)
from lbp_prognosis.survival._median_follow_up import median_follow_up
from lbp_prognosis.survival._multi_state import MultiState
from lbp_prognosis.survival._nelson_aalen import nelson_aalen
from lbp_prognosis.survival._on_schedule import ScheduledOutcome, on_schedule
from lbp_prognosis.survival._outcome import (
    OutcomeKind,
    cause_codes,
    cause_names,
    check_cause,
    check_outcome,
    outcome_kind,
    status_horizon,
)
from lbp_prognosis.survival._outcome_screen import outcome_screen
from lbp_prognosis.survival._recurrent_events import MeanCumulative, RecurrentEvents, mean_cumulative
from lbp_prognosis.survival._reverse_kaplan_meier import reverse_kaplan_meier
from lbp_prognosis.survival._rmst import rmst
from lbp_prognosis.survival._score_forecast import ScoreForecast
from lbp_prognosis.survival._spec import OutcomeSpec
from lbp_prognosis.survival._state_at import known_states, state_at, state_pseudo_values
from lbp_prognosis.survival._state_occupancy import (
    StateOccupancy,
    mean_sojourn,
    probability_ever,
    state_occupancy,
)
from lbp_prognosis.survival._status import Reference, Status
from lbp_prognosis.survival._step_curve import StepCurve
from lbp_prognosis.survival._surv import Surv
from lbp_prognosis.survival._turnbull import TurnbullCurve, turnbull
from lbp_prognosis.survival._weights import Weights, check_weights

__all__ = [
    "CensoringCox",
    "CensoringKaplanMeier",
    "CurveTest",
    "CurveValues",
    "MeanCumulative",
    "Measured",
    "MeasuredSpec",
    "MultiState",
    "OutcomeKind",
    "OutcomeSpec",
    "RecurrentEvents",
    "Reference",
    "RepeatedSpec",
    "ScheduledOutcome",
    "ScoreForecast",
    "StateOccupancy",
    "Status",
    "StepCurve",
    "Surv",
    "TurnbullCurve",
    "Weights",
    "aalen_johansen",
    "cause_codes",
    "cause_names",
    "check_cause",
    "check_outcome",
    "check_weights",
    "from_frame",
    "from_sksurv",
    "gray_test",
    "has_competing",
    "horizon_unit_doubt",
    "kaplan_meier",
    "known_at",
    "known_states",
    "log_rank",
    "mean_cumulative",
    "mean_sojourn",
    "measured_at",
    "measured_spec",
    "measured_to_status",
    "median_follow_up",
    "nelson_aalen",
    "on_schedule",
    "outcome_kind",
    "outcome_screen",
    "probability_ever",
    "repeated_spec",
    "reverse_kaplan_meier",
    "rmst",
    "state_at",
    "state_occupancy",
    "state_pseudo_values",
    "status_horizon",
    "to_frame",
    "to_sksurv",
    "turnbull",
]
