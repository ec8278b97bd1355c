"""Drawing: tidy frames in, matplotlib axes out."""

from lbp_prognosis._draw._agreement import draw_agreement
from lbp_prognosis._draw._forest import draw_forest

__all__ = [
    "draw_agreement",
    "draw_forest",
]
