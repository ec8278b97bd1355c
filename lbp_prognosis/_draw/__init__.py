"""Drawing: tidy frames in, matplotlib axes out."""

from lbp_prognosis._draw._agreement import draw_agreement
from lbp_prognosis._draw._attribution_heatmap import draw_attribution_heatmap
from lbp_prognosis._draw._attribution_scatter import draw_attribution_scatter
from lbp_prognosis._draw._attributions import draw_attributions, draw_feature_effect, size_of
from lbp_prognosis._draw._beeswarm import draw_beeswarm
from lbp_prognosis._draw._calibration import draw_calibration
from lbp_prognosis._draw._curves import draw_curves, draw_interval_curve
from lbp_prognosis._draw._decision_curve import draw_decision_curve, draw_net_benefit_difference
from lbp_prognosis._draw._estimates import draw_counts, draw_estimates
from lbp_prognosis._draw._evaluation import draw_metric, draw_page
from lbp_prognosis._draw._flow import FLOW_KINDS, draw_flow
from lbp_prognosis._draw._forest import draw_forest
from lbp_prognosis._draw._importance import draw_importance
from lbp_prognosis._draw._instability import draw_instability, draw_overlaid
from lbp_prognosis._draw._interactions import draw_interactions
from lbp_prognosis._draw._levels import draw_levels
from lbp_prognosis._draw._monitoring import draw_cusum, draw_shifts
from lbp_prognosis._draw._nomogram import draw_nomogram
from lbp_prognosis._draw._over_horizons import draw_over_horizons
from lbp_prognosis._draw._overlay import LINE_NAMES, draw_overlay
from lbp_prognosis._draw._risk_groups import draw_group_bars, draw_risk_groups
from lbp_prognosis._draw._roc import draw_roc
from lbp_prognosis._draw._scores import draw_mean_calibration, draw_pit
from lbp_prognosis._draw._spine_map import draw_spine_map
from lbp_prognosis._draw._stacked_states import draw_stacked_states
from lbp_prognosis._draw._states import draw_states
from lbp_prognosis._draw._strengths import draw_strengths
from lbp_prognosis._draw._style import PALETTE
from lbp_prognosis._draw._thresholds import draw_thresholds
from lbp_prognosis._draw._time_varying_effect import draw_time_varying_effect
from lbp_prognosis._draw._waterfall import draw_waterfall

__all__ = [
    "FLOW_KINDS",
    "LINE_NAMES",
    "PALETTE",
    "draw_agreement",
    "draw_attribution_heatmap",
    "draw_attribution_scatter",
    "draw_attributions",
    "draw_beeswarm",
    "draw_calibration",
    "draw_counts",
    "draw_curves",
    "draw_cusum",
    "draw_decision_curve",
    "draw_estimates",
    "draw_feature_effect",
    "draw_flow",
    "draw_forest",
    "draw_group_bars",
    "draw_importance",
    "draw_instability",
    "draw_interactions",
    "draw_interval_curve",
    "draw_levels",
    "draw_mean_calibration",
    "draw_metric",
    "draw_net_benefit_difference",
    "draw_nomogram",
    "draw_over_horizons",
    "draw_overlaid",
    "draw_overlay",
    "draw_page",
    "draw_pit",
    "draw_risk_groups",
    "draw_roc",
    "draw_shifts",
    "draw_spine_map",
    "draw_stacked_states",
    "draw_states",
    "draw_strengths",
    "draw_thresholds",
    "draw_time_varying_effect",
    "draw_waterfall",
    "size_of",
]
