"""Many hospitals, one answer: aggregates out, pooled evidence in; no patient leaves."""

from lbp_prognosis.federation._combat_moments import CombatMoments, FederatedCombat, combat_moments, pool_combat
from lbp_prognosis.federation._federated_cox import FederatedCox
from lbp_prognosis.federation._federated_discrete_hazard import FederatedDiscreteHazard
from lbp_prognosis.federation._federated_fit import FederatedFit
from lbp_prognosis.federation._federated_logistic import FederatedLogistic
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._round import Round, RoundRequest
from lbp_prognosis.federation._site_baseline import SiteBaseline

__all__ = [
    "CombatMoments",
    "FederatedCombat",
    "FederatedCox",
    "FederatedDiscreteHazard",
    "FederatedFit",
    "FederatedLogistic",
    "Policy",
    "Round",
    "RoundRequest",
    "SiteBaseline",
    "combat_moments",
    "pool_combat",
]
