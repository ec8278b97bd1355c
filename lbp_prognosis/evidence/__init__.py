"""Tiers, claims and supporting evidence."""

from lbp_prognosis.evidence._claim import Claim
from lbp_prognosis.evidence._clinical_minimum import CLINICAL_MINIMUM, missing_constructs, undeclared_constructs
from lbp_prognosis.evidence._criteria import Criteria
from lbp_prognosis.evidence._evidence import Evidence
from lbp_prognosis.evidence._findings import Entry
from lbp_prognosis.evidence._impact_items import consort_ai_items, decide_ai_items
from lbp_prognosis.evidence._missing_indicators import missing_indicators
from lbp_prognosis.evidence._movement_without_pain import movement_without_pain
from lbp_prognosis.evidence._objection_rules import BLOCKING
from lbp_prognosis.evidence._probast_ai import probast_ai_items
from lbp_prognosis.evidence._shared_constructs import shared_constructs
from lbp_prognosis.evidence._tier import Strength, Tier
from lbp_prognosis.evidence._tripod_ai import tripod_ai_items
from lbp_prognosis.evidence._verdict import Check, Verdict
from lbp_prognosis.evidence._wording import forbidden_words

__all__ = [
    "BLOCKING",
    "CLINICAL_MINIMUM",
    "Check",
    "Claim",
    "Criteria",
    "Entry",
    "Evidence",
    "Strength",
    "Tier",
    "Verdict",
    "consort_ai_items",
    "decide_ai_items",
    "forbidden_words",
    "missing_constructs",
    "missing_indicators",
    "movement_without_pain",
    "probast_ai_items",
    "shared_constructs",
    "tripod_ai_items",
    "undeclared_constructs",
]
