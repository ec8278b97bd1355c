"""X and y to risk."""

from lbp_prognosis.models._cause_specific_cox import CauseSpecificCox
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._discrete_time_hazard import DiscreteTimeHazard
from lbp_prognosis.models._fine_gray import FineGray
from lbp_prognosis.models._logistic_risk import LogisticRisk
from lbp_prognosis.models._parametric_aft import ParametricAFT
from lbp_prognosis.models._proportional_hazards import ProportionalHazardsTest
from lbp_prognosis.models._royston_parmar import RoystonParmar

__all__ = [
    "CauseSpecificCox",
    "CoxPH",
    "DiscreteTimeHazard",
    "FineGray",
    "LogisticRisk",
    "ParametricAFT",
    "ProportionalHazardsTest",
    "RoystonParmar",
]
