"""X and y to risk: single models, and averages and stacks of several."""

from lbp_prognosis.models._aalen_additive import AalenAdditive
from lbp_prognosis.models._as_risk_model import AdaptedModel, as_risk_model
from lbp_prognosis.models._average_risk import AverageRisk
from lbp_prognosis.models._boosted_aft import BoostedAFT
from lbp_prognosis.models._boosted_cox import BoostedCox
from lbp_prognosis.models._boosted_hazard import BoostedHazard
from lbp_prognosis.models._boosted_outcome import BoostedOutcome
from lbp_prognosis.models._cause_specific_cox import CauseSpecificCox
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._discrete_time_hazard import DiscreteTimeHazard
from lbp_prognosis.models._dynamic_risk import DynamicRisk, RiskUpdates, visits_by_landmark
from lbp_prognosis.models._elastic_net_cox import ElasticNetCox
from lbp_prognosis.models._fine_gray import FineGray
from lbp_prognosis.models._landmark import LandmarkData, landmark
from lbp_prognosis.models._landmark_effects_test import landmark_effects_test
from lbp_prognosis.models._landmark_supermodel import LandmarkStack, landmark_supermodel
from lbp_prognosis.models._linear_outcome import LinearOutcome
from lbp_prognosis.models._logistic_risk import LogisticRisk
from lbp_prognosis.models._longitudinal_outcome import LongitudinalOutcome
from lbp_prognosis.models._mixture_cure import MixtureCure
from lbp_prognosis.models._multi_state_cox import MultiStateCox
from lbp_prognosis.models._multimodal_net import MultimodalNet
from lbp_prognosis.models._null_model import NullModel
from lbp_prognosis.models._ordinal_indices import ordinal_indices
from lbp_prognosis.models._ordinal_regression import OrdinalRegression
from lbp_prognosis.models._panel_markov import PanelMarkov
from lbp_prognosis.models._parametric_aft import ParametricAFT
from lbp_prognosis.models._piecewise_exponential import PiecewiseExponential
from lbp_prognosis.models._priority_cox import PriorityCox
from lbp_prognosis.models._proportional_hazards import ProportionalHazardsTest
from lbp_prognosis.models._proportional_odds_test import proportional_odds_test
from lbp_prognosis.models._recurrent_cox import RecurrentCox
from lbp_prognosis.models._risk_stratifier import RiskStratifier
from lbp_prognosis.models._royston_parmar import RoystonParmar
from lbp_prognosis.models._simex import Simex, simex
from lbp_prognosis.models._stacked_risk import StackedRisk
from lbp_prognosis.models._two_part_outcome import TwoPartOutcome

__all__ = [
    "AalenAdditive",
    "AdaptedModel",
    "AverageRisk",
    "BoostedAFT",
    "BoostedCox",
    "BoostedHazard",
    "BoostedOutcome",
    "CauseSpecificCox",
    "CoxPH",
    "DiscreteTimeHazard",
    "DynamicRisk",
    "ElasticNetCox",
    "FineGray",
    "LandmarkData",
    "LandmarkStack",
    "LinearOutcome",
    "LogisticRisk",
    "LongitudinalOutcome",
    "MixtureCure",
    "MultiStateCox",
    "MultimodalNet",
    "NullModel",
    "OrdinalRegression",
    "PanelMarkov",
    "ParametricAFT",
    "PiecewiseExponential",
    "PriorityCox",
    "ProportionalHazardsTest",
    "RecurrentCox",
    "RiskStratifier",
    "RiskUpdates",
    "RoystonParmar",
    "Simex",
    "StackedRisk",
    "TwoPartOutcome",
    "as_risk_model",
    "landmark",
    "landmark_effects_test",
    "landmark_supermodel",
    "ordinal_indices",
    "proportional_odds_test",
    "simex",
    "visits_by_landmark",
]
