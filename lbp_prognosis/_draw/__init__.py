"""Drawing: tidy frames in, matplotlib axes out."""

from lbp_prognosis._draw._agreement import draw_agreement
from lbp_prognosis._draw._curves import draw_curves
from lbp_prognosis._draw._decision_curve import draw_decision_curve, draw_net_benefit_difference
from lbp_prognosis._draw._forest import draw_forest

__all__ = [
    "draw_agreement",
    "draw_curves",
    "draw_decision_curve",
    "draw_forest",
    "draw_net_benefit_difference",
]
