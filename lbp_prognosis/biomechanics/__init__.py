"""Measures of movement, strength and activity with their errors, from trials; importers of motion-lab tables."""

from lbp_prognosis.biomechanics._import_motion_wide import import_motion_wide
from lbp_prognosis.biomechanics._import_opensim import import_opensim
from lbp_prognosis.biomechanics._motion_measures import (
    MotionMeasure,
    PublishedError,
    motion_measure,
    motion_measures,
)
from lbp_prognosis.biomechanics._motion_summary import MotionColumns, MotionSummary
from lbp_prognosis.biomechanics._motion_trials import MotionTrials, check_trials
from lbp_prognosis.biomechanics._opensim_storage import OpenSimStorage, read_opensim
from lbp_prognosis.biomechanics._summarise_accelerometer import summarise_accelerometer
from lbp_prognosis.biomechanics._summarise_trials import summarise_trials
from lbp_prognosis.biomechanics._trial_rules import TrialRules, trial_rules

__all__ = [
    "MotionColumns",
    "MotionMeasure",
    "MotionSummary",
    "MotionTrials",
    "OpenSimStorage",
    "PublishedError",
    "TrialRules",
    "check_trials",
    "import_motion_wide",
    "import_opensim",
    "motion_measure",
    "motion_measures",
    "read_opensim",
    "summarise_accelerometer",
    "summarise_trials",
    "trial_rules",
]
