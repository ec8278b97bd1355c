"""Numerical kernels: arrays in, arrays out; they check nothing and know no patient."""

from lbp_prognosis._kernels._aalen_johansen import (
    AJSteps,
    aalen_johansen_aalen_variance,
    aalen_johansen_robust_variance,
    aalen_johansen_steps,
    aalen_johansen_variance,
)
from lbp_prognosis._kernels._kaplan_meier import KMSteps, kaplan_meier_robust_variance, kaplan_meier_steps
from lbp_prognosis._kernels._random_effects import RandomEffects, dersimonian_laird, q_profile, reml
from lbp_prognosis._kernels._steps import distinct_times, step_at

__all__ = [
    "AJSteps",
    "KMSteps",
    "RandomEffects",
    "aalen_johansen_aalen_variance",
    "aalen_johansen_robust_variance",
    "aalen_johansen_steps",
    "aalen_johansen_variance",
    "dersimonian_laird",
    "distinct_times",
    "kaplan_meier_robust_variance",
    "kaplan_meier_steps",
    "q_profile",
    "reml",
    "step_at",
]
