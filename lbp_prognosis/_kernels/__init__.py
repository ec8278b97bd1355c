"""Numerical kernels: arrays in, arrays out; they check nothing and know no patient."""

from lbp_prognosis._kernels._aalen_johansen import (
    AJSteps,
    aalen_johansen_aalen_variance,
    aalen_johansen_robust_variance,
    aalen_johansen_steps,
    aalen_johansen_variance,
)
from lbp_prognosis._kernels._cox import CoxFit, cox_fit, cox_fit_prepared
from lbp_prognosis._kernels._cox_baseline import cox_baseline
from lbp_prognosis._kernels._cox_data import CoxData, cox_data
from lbp_prognosis._kernels._kaplan_meier import KMSteps, kaplan_meier_robust_variance, kaplan_meier_steps
from lbp_prognosis._kernels._net_benefit import (
    ThresholdIncidence,
    cell_counts,
    incidence_by_threshold,
    incidence_by_threshold_influence,
    threshold_bins,
)
from lbp_prognosis._kernels._normal_em import normal_conditional, normal_em, normal_quadrature
from lbp_prognosis._kernels._pseudo_values import incidence_influence, pseudo_values, pseudo_values_infinitesimal
from lbp_prognosis._kernels._random_effects import RandomEffects, dersimonian_laird, q_profile, reml
from lbp_prognosis._kernels._rubin import Pooled, PooledTest, d1_test, d2_test, rubin_pool
from lbp_prognosis._kernels._shapley import (
    coalition_members,
    owen_weights,
    precedence_weights,
    shapley_from_values,
    shapley_weights,
)
from lbp_prognosis._kernels._splines import rcs_basis, rcs_knots
from lbp_prognosis._kernels._steps import distinct_times, step_at

__all__ = [
    "AJSteps",
    "CoxData",
    "CoxFit",
    "KMSteps",
    "Pooled",
    "PooledTest",
    "RandomEffects",
    "ThresholdIncidence",
    "aalen_johansen_aalen_variance",
    "aalen_johansen_robust_variance",
    "aalen_johansen_steps",
    "aalen_johansen_variance",
    "cell_counts",
    "coalition_members",
    "cox_baseline",
    "cox_data",
    "cox_fit",
    "cox_fit_prepared",
    "d1_test",
    "d2_test",
    "dersimonian_laird",
    "distinct_times",
    "incidence_by_threshold",
    "incidence_by_threshold_influence",
    "incidence_influence",
    "kaplan_meier_robust_variance",
    "kaplan_meier_steps",
    "normal_conditional",
    "normal_em",
    "normal_quadrature",
    "owen_weights",
    "precedence_weights",
    "pseudo_values",
    "pseudo_values_infinitesimal",
    "q_profile",
    "rcs_basis",
    "rcs_knots",
    "reml",
    "rubin_pool",
    "shapley_from_values",
    "shapley_weights",
    "step_at",
    "threshold_bins",
]
