"""Federated evidence: hospitals send aggregates, the centre pools them; no patient data leave a site."""

from lbp_prognosis.federation._combat_moments import CombatMoments, FederatedCombat, combat_moments, pool_combat
from lbp_prognosis.federation._federated_calibration import FederatedCalibration
from lbp_prognosis.federation._federated_cox import FederatedCox
from lbp_prognosis.federation._federated_discrete_hazard import FederatedDiscreteHazard
from lbp_prognosis.federation._federated_fit import FederatedFit
from lbp_prognosis.federation._federated_logistic import FederatedLogistic
from lbp_prognosis.federation._flower import flower_client, flower_fit
from lbp_prognosis.federation._packet import Packet
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._pool_packets import pool
from lbp_prognosis.federation._pooled_evidence import PooledEvidence, PooledMeasure
from lbp_prognosis.federation._round import Round, RoundRequest
from lbp_prognosis.federation._site_baseline import SiteBaseline
from lbp_prognosis.federation._site_packet import site_packet
from lbp_prognosis.federation._table_one_sums import PooledTableOne, TableOneSums, pool_table_one, table_one_sums
from lbp_prognosis.federation._write_pooled import write_pooled

__all__ = [
    "CombatMoments",
    "FederatedCalibration",
    "FederatedCombat",
    "FederatedCox",
    "FederatedDiscreteHazard",
    "FederatedFit",
    "FederatedLogistic",
    "Packet",
    "Policy",
    "PooledEvidence",
    "PooledMeasure",
    "PooledTableOne",
    "Round",
    "RoundRequest",
    "SiteBaseline",
    "TableOneSums",
    "combat_moments",
    "flower_client",
    "flower_fit",
    "pool",
    "pool_combat",
    "pool_table_one",
    "site_packet",
    "table_one_sums",
    "write_pooled",
]
