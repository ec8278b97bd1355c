"""Numerical kernels: arrays in, arrays out; they check nothing and know no patient."""

from lbp_prognosis._kernels import (
    _compile_pause,  # noqa: F401 - before the first compilation
    _numba_cache,  # noqa: F401 - numba asks for its folder at the first decorator
)

# isort: split
from lbp_prognosis._kernels._aalen_johansen import (
    AJSteps,
    aalen_johansen_aalen_variance,
    aalen_johansen_robust_variance,
    aalen_johansen_steps,
    aalen_johansen_variance,
)
from lbp_prognosis._kernels._aliased import aliased_columns
from lbp_prognosis._kernels._calibration_taylor import TaylorSums, solve_taylor, solve_taylor_level, taylor_sums
from lbp_prognosis._kernels._categorical import (
    CategoricalFit,
    categorical_fit,
    categorical_parts,
    categorical_probabilities,
)
from lbp_prognosis._kernels._censoring_groups import CensoringGroups, censoring_groups
from lbp_prognosis._kernels._chained_draws import chained_draws
from lbp_prognosis._kernels._chained_equations import (
    ColumnModel,
    categories,
    chained_equations,
    column_model,
    expand_columns,
)
from lbp_prognosis._kernels._climb import Point, climb
from lbp_prognosis._kernels._combat import CombatFit, combat_adjust, combat_fit, combat_shrink, inverse_gamma_prior
from lbp_prognosis._kernels._convex_weights import convex_minimum, quadratic_minimum
from lbp_prognosis._kernels._copied_rows import MOST_COMPARED, copied_rows
from lbp_prognosis._kernels._copies import centred_copies, mean_difference
from lbp_prognosis._kernels._cox import CoxFit, cox_fit, cox_fit_near, cox_fit_prepared
from lbp_prognosis._kernels._cox_baseline import cox_baseline
from lbp_prognosis._kernels._cox_data import CoxData, cox_data
from lbp_prognosis._kernels._cox_gradient import cox_gradient, cox_likelihood
from lbp_prognosis._kernels._cox_line import cox_line
from lbp_prognosis._kernels._cox_loglik import cox_loglik
from lbp_prognosis._kernels._cox_nonnegative import cox_nonnegative
from lbp_prognosis._kernels._cox_path import CoxPath, cox_path
from lbp_prognosis._kernels._cox_refit import cox_refit
from lbp_prognosis._kernels._cox_residuals import CoxPieces, cox_pieces
from lbp_prognosis._kernels._cox_ridge_path import cox_ridge_path
from lbp_prognosis._kernels._cox_sparse_path import sparse_cox_path
from lbp_prognosis._kernels._cox_sums import tied_events
from lbp_prognosis._kernels._cusum import (
    Chart,
    cusum,
    cusum_scores_binary,
    cusum_scores_survival,
    cusum_with_limits,
)
from lbp_prognosis._kernels._discrete_baseline import discrete_baseline
from lbp_prognosis._kernels._discrete_gradient import discrete_hazard_gradient
from lbp_prognosis._kernels._discrete_hazard import DiscreteHazardFit, discrete_hazard_fit
from lbp_prognosis._kernels._discrete_ridge_path import PersonRows, discrete_ridge_path
from lbp_prognosis._kernels._exponential_shapley import ExponentialSum, exponential_shapley, reachable_sums
from lbp_prognosis._kernels._fine_gray import fine_gray_data, fine_gray_influence, fine_gray_level
from lbp_prognosis._kernels._followed import followed_by_visits, followed_times
from lbp_prognosis._kernels._gamma_tails import gamma_tails
from lbp_prognosis._kernels._hybrid_margins import MOST_LEAVES, Forest, forest_masks, hybrid_margins
from lbp_prognosis._kernels._incidence import exponential_incidence, product_limit_incidence
from lbp_prognosis._kernels._interval_states import interval_states
from lbp_prognosis._kernels._ipcw import (
    CensoringProcess,
    censoring_curve,
    censoring_process,
    counted_ipcw,
    influence_from_process,
    ipcw_influence,
    ipcw_weights,
    weights_from_process,
)
from lbp_prognosis._kernels._ipcw_loss import BRIER, LOG_SCORE, LossRows, ipcw_loss, ipcw_loss_combined
from lbp_prognosis._kernels._kaplan_meier import (
    KMSteps,
    kaplan_meier_robust_variance,
    kaplan_meier_steps,
    reverse_kaplan_meier_steps,
)
from lbp_prognosis._kernels._likelihood_parts import cloglog_parts, cox_parts, logistic_parts
from lbp_prognosis._kernels._location_gradient import LocationTimes, location_gradient
from lbp_prognosis._kernels._loess import loess, lowess
from lbp_prognosis._kernels._log_time_spline import log_time_knots, log_time_spline
from lbp_prognosis._kernels._mean_regression import MeanFit, cloglog_pseudo_fit, logistic_fit, poisson_fit
from lbp_prognosis._kernels._net_benefit import (
    ThresholdIncidence,
    cell_counts,
    incidence_by_threshold,
    incidence_by_threshold_influence,
)
from lbp_prognosis._kernels._net_benefit_spread import (
    NetBenefitTerms,
    net_benefit_block_sums,
    net_benefit_squares,
)
from lbp_prognosis._kernels._normal_em import normal_conditional, normal_em, normal_quadrature
from lbp_prognosis._kernels._npmle import npmle_covariance, npmle_from_intervals
from lbp_prognosis._kernels._occupancy_path import occupancy_path
from lbp_prognosis._kernels._ordinal import (
    OrdinalFit,
    ordinal_fit,
    ordinal_inverse,
    ordinal_link,
    ordinal_rows,
    ordinal_score_test,
    solve_tridiagonal,
    tridiagonal_inverse_diagonal,
)
from lbp_prognosis._kernels._outcome_cells import OutcomeCells, cell_influence, outcome_cells
from lbp_prognosis._kernels._partial_odds import PartialFit, partial_odds_fit, partial_odds_score
from lbp_prognosis._kernels._perfect_order import perfect_order_limits
from lbp_prognosis._kernels._pseudo_influence import pseudo_fit_influence
from lbp_prognosis._kernels._pseudo_values import incidence_influence, pseudo_values, pseudo_values_infinitesimal
from lbp_prognosis._kernels._random_blocks import BLOCKS, DRAWN_SINGLY, random_blocks
from lbp_prognosis._kernels._random_effects import (
    NewSite,
    RandomEffects,
    dersimonian_laird,
    new_site,
    q_profile,
    reml,
)
from lbp_prognosis._kernels._ranked_loss import ranked_losses
from lbp_prognosis._kernels._reset_path import reset_path
from lbp_prognosis._kernels._row_parts import row_parts
from lbp_prognosis._kernels._row_products import centred_products, row_products
from lbp_prognosis._kernels._rubin import Pooled, PooledTest, d1_test, d2_test, d3_test, rubin_pool
from lbp_prognosis._kernels._shapley import (
    NestedPlan,
    coalition_members,
    interaction_weights,
    nested_plan,
    owen_weights,
    precedence_weights,
    shapley_from_values,
    shapley_weights,
)
from lbp_prognosis._kernels._sorted_quantiles import quantiles_of_sorted
from lbp_prognosis._kernels._sparse_columns import SparseColumns, sparse_columns
from lbp_prognosis._kernels._sparse_logistic import sparse_logistic_fit
from lbp_prognosis._kernels._splines import rcs_basis, rcs_knots
from lbp_prognosis._kernels._stability_index import population_stability_index, ratio_limits
from lbp_prognosis._kernels._standardised_difference import standardised_difference
from lbp_prognosis._kernels._state_process import StateProcess, state_influence, state_process, state_sojourn
from lbp_prognosis._kernels._steps import distinct_times, order_of_times, step_at
from lbp_prognosis._kernels._subdistribution import SubdistributionFit, hazard_influence, subdistribution_fit
from lbp_prognosis._kernels._sum_of_patients import sum_of_patients
from lbp_prognosis._kernels._threshold_bins import RESOLUTION, reaches, threshold_bins
from lbp_prognosis._kernels._training_ranges import MIN_BEYOND, training_ranges
from lbp_prognosis._kernels._transformation import (
    TransformationDesign,
    TransformationFit,
    generalised_gamma_scale,
    transformation_fit,
    transformation_rows,
    transformation_scale,
)
from lbp_prognosis._kernels._visit_reml import VisitReml, visit_reml
from lbp_prognosis._kernels.points._auc import auc_placements, auc_point, rising_order
from lbp_prognosis._kernels.points._concordance import (
    concordance_index,
    concordance_pairs,
    concordance_totals,
    number_events,
)
from lbp_prognosis._kernels.points._decisions import DecisionShares, decision_shares
from lbp_prognosis._kernels.points._lines import (
    HazardLine,
    calibration_pseudo_values,
    hazard_line,
    line_design,
    observed_over_expected,
    pseudo_levels,
    transformed_risk,
)
from lbp_prognosis._kernels.points._logistic_line import logistic_level, logistic_line
from lbp_prognosis._kernels.points._scores import null_brier, row_losses, score_sums, skill

__all__ = [
    "BLOCKS",
    "BRIER",
    "DRAWN_SINGLY",
    "LOG_SCORE",
    "MIN_BEYOND",
    "MOST_COMPARED",
    "MOST_LEAVES",
    "RESOLUTION",
    "AJSteps",
    "CategoricalFit",
    "CensoringGroups",
    "CensoringProcess",
    "Chart",
    "ColumnModel",
    "CombatFit",
    "CoxData",
    "CoxFit",
    "CoxPath",
    "CoxPieces",
    "DecisionShares",
    "DiscreteHazardFit",
    "ExponentialSum",
    "Forest",
    "HazardLine",
    "KMSteps",
    "LocationTimes",
    "LossRows",
    "MeanFit",
    "NestedPlan",
    "NetBenefitTerms",
    "NewSite",
    "OrdinalFit",
    "OutcomeCells",
    "PartialFit",
    "PersonRows",
    "Point",
    "Pooled",
    "PooledTest",
    "RandomEffects",
    "SparseColumns",
    "StateProcess",
    "SubdistributionFit",
    "TaylorSums",
    "ThresholdIncidence",
    "TransformationDesign",
    "TransformationFit",
    "VisitReml",
    "aalen_johansen_aalen_variance",
    "aalen_johansen_robust_variance",
    "aalen_johansen_steps",
    "aalen_johansen_variance",
    "aliased_columns",
    "auc_placements",
    "auc_point",
    "calibration_pseudo_values",
    "categorical_fit",
    "categorical_parts",
    "categorical_probabilities",
    "categories",
    "cell_counts",
    "cell_influence",
    "censoring_curve",
    "censoring_groups",
    "censoring_process",
    "centred_copies",
    "centred_products",
    "chained_draws",
    "chained_equations",
    "climb",
    "cloglog_parts",
    "cloglog_pseudo_fit",
    "coalition_members",
    "column_model",
    "combat_adjust",
    "combat_fit",
    "combat_shrink",
    "concordance_index",
    "concordance_pairs",
    "concordance_totals",
    "convex_minimum",
    "copied_rows",
    "counted_ipcw",
    "cox_baseline",
    "cox_data",
    "cox_fit",
    "cox_fit_near",
    "cox_fit_prepared",
    "cox_gradient",
    "cox_likelihood",
    "cox_line",
    "cox_loglik",
    "cox_nonnegative",
    "cox_parts",
    "cox_path",
    "cox_pieces",
    "cox_refit",
    "cox_ridge_path",
    "cusum",
    "cusum_scores_binary",
    "cusum_scores_survival",
    "cusum_with_limits",
    "d1_test",
    "d2_test",
    "d3_test",
    "decision_shares",
    "dersimonian_laird",
    "discrete_baseline",
    "discrete_hazard_fit",
    "discrete_hazard_gradient",
    "discrete_ridge_path",
    "distinct_times",
    "expand_columns",
    "exponential_incidence",
    "exponential_shapley",
    "fine_gray_data",
    "fine_gray_influence",
    "fine_gray_level",
    "followed_by_visits",
    "followed_times",
    "forest_masks",
    "gamma_tails",
    "generalised_gamma_scale",
    "hazard_influence",
    "hazard_line",
    "hybrid_margins",
    "incidence_by_threshold",
    "incidence_by_threshold_influence",
    "incidence_influence",
    "influence_from_process",
    "interaction_weights",
    "interval_states",
    "inverse_gamma_prior",
    "ipcw_influence",
    "ipcw_loss",
    "ipcw_loss_combined",
    "ipcw_weights",
    "kaplan_meier_robust_variance",
    "kaplan_meier_steps",
    "line_design",
    "location_gradient",
    "loess",
    "log_time_knots",
    "log_time_spline",
    "logistic_fit",
    "logistic_level",
    "logistic_line",
    "logistic_parts",
    "lowess",
    "mean_difference",
    "nested_plan",
    "net_benefit_block_sums",
    "net_benefit_squares",
    "new_site",
    "normal_conditional",
    "normal_em",
    "normal_quadrature",
    "npmle_covariance",
    "npmle_from_intervals",
    "null_brier",
    "number_events",
    "observed_over_expected",
    "occupancy_path",
    "order_of_times",
    "ordinal_fit",
    "ordinal_inverse",
    "ordinal_link",
    "ordinal_rows",
    "ordinal_score_test",
    "outcome_cells",
    "owen_weights",
    "partial_odds_fit",
    "partial_odds_score",
    "perfect_order_limits",
    "poisson_fit",
    "population_stability_index",
    "precedence_weights",
    "product_limit_incidence",
    "pseudo_fit_influence",
    "pseudo_levels",
    "pseudo_values",
    "pseudo_values_infinitesimal",
    "q_profile",
    "quadratic_minimum",
    "quantiles_of_sorted",
    "random_blocks",
    "ranked_losses",
    "ratio_limits",
    "rcs_basis",
    "rcs_knots",
    "reachable_sums",
    "reaches",
    "reml",
    "reset_path",
    "reverse_kaplan_meier_steps",
    "rising_order",
    "row_losses",
    "row_parts",
    "row_products",
    "rubin_pool",
    "score_sums",
    "shapley_from_values",
    "shapley_weights",
    "skill",
    "solve_taylor",
    "solve_taylor_level",
    "solve_tridiagonal",
    "sparse_columns",
    "sparse_cox_path",
    "sparse_logistic_fit",
    "standardised_difference",
    "state_influence",
    "state_process",
    "state_sojourn",
    "step_at",
    "subdistribution_fit",
    "sum_of_patients",
    "taylor_sums",
    "threshold_bins",
    "tied_events",
    "training_ranges",
    "transformation_fit",
    "transformation_rows",
    "transformation_scale",
    "transformed_risk",
    "tridiagonal_inverse_diagonal",
    "visit_reml",
    "weights_from_process",
]
