"""Trials of movement, strength and activity to measures with errors; importers of motion-lab tables."""

from lbp_prognosis.biomechanics._motion_measures import (
    MotionMeasure,
    PublishedError,
    motion_measure,
    motion_measures,
)
from lbp_prognosis.biomechanics._motion_summary import MotionColumns, MotionSummary
from lbp_prognosis.biomechanics._motion_trials import MotionTrials, check_trials
from lbp_prognosis.biomechanics._summarise_trials import summarise_trials

__all__ = [
    "MotionColumns",
    "MotionMeasure",
    "MotionSummary",
    "MotionTrials",
    "PublishedError",
    "check_trials",
    "motion_measure",
    "motion_measures",
    "summarise_trials",
]
