"""X and y to risk."""

from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._parametric_aft import ParametricAFT
from lbp_prognosis.models._proportional_hazards import ProportionalHazardsTest
from lbp_prognosis.models._royston_parmar import RoystonParmar

__all__ = [
    "CoxPH",
    "ParametricAFT",
    "ProportionalHazardsTest",
    "RoystonParmar",
]
