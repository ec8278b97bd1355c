"""Cohorts: time zero, look-back windows, eligibility, outcomes, flow and Table 1; cohorts of OMOP tables."""

from lbp_prognosis.cohort._chronic_transition import ChronicTransition
from lbp_prognosis.cohort._cohort import Cohort
from lbp_prognosis.cohort._cohort_spec import CohortSpec, Window
from lbp_prognosis.cohort._concept_set import ConceptSet
from lbp_prognosis.cohort._criterion import Criterion
from lbp_prognosis.cohort._derived_outcome import DerivedOutcome, OutcomeDefinition
from lbp_prognosis.cohort._disability_recovery import DisabilityRecovery
from lbp_prognosis.cohort._flow import Flow, outcome_steps
from lbp_prognosis.cohort._mcid_response import MCIDResponse
from lbp_prognosis.cohort._omop_cohort import OmopCohort, omop_cohort
from lbp_prognosis.cohort._outcome_from_dict import outcome_from_dict
from lbp_prognosis.cohort._pain_course import pain_course
from lbp_prognosis.cohort._pain_recovery import PainRecovery
from lbp_prognosis.cohort._recurrence import Recurrence
from lbp_prognosis.cohort._return_to_work import ReturnToWork
from lbp_prognosis.cohort._score_at_visit import ScoreAtVisit
from lbp_prognosis.cohort._surgery import Surgery
from lbp_prognosis.cohort._table_one import TableOne
from lbp_prognosis.cohort._table_one_of import table_one_of
from lbp_prognosis.cohort._timeline import Timeline

__all__ = [
    "ChronicTransition",
    "Cohort",
    "CohortSpec",
    "ConceptSet",
    "Criterion",
    "DerivedOutcome",
    "DisabilityRecovery",
    "Flow",
    "MCIDResponse",
    "OmopCohort",
    "OutcomeDefinition",
    "PainRecovery",
    "Recurrence",
    "ReturnToWork",
    "ScoreAtVisit",
    "Surgery",
    "TableOne",
    "Timeline",
    "Window",
    "omop_cohort",
    "outcome_from_dict",
    "outcome_steps",
    "pain_course",
    "table_one_of",
]
