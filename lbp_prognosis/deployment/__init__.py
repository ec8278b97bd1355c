"""Deployment of models: equations, nomograms, model files, published models, calculators, monitoring."""

from lbp_prognosis.deployment._calculator_page import IntendedUse, calculator_page
from lbp_prognosis.deployment._competing_equation import CauseHazard, CompetingEquation
from lbp_prognosis.deployment._drift_report import DriftReport
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._equation_of import equation, from_equation
from lbp_prognosis.deployment._file_error import ModelFileError
from lbp_prognosis.deployment._impact_form import impact_items
from lbp_prognosis.deployment._ledger import Ledger
from lbp_prognosis.deployment._lock import LockedModel, LockReport, lock
from lbp_prognosis.deployment._membership import membership_inference
from lbp_prognosis.deployment._membership_result import MembershipInference
from lbp_prognosis.deployment._model_card import ModelCard, model_card
from lbp_prognosis.deployment._model_file import ModelFile, load_model, save_model, verify
from lbp_prognosis.deployment._monitor import monitor
from lbp_prognosis.deployment._no_equation import MissingCoefficients, NoEquation
from lbp_prognosis.deployment._nomogram import Nomogram, nomogram
from lbp_prognosis.deployment._predict_rows import NewRisks, predict_rows
from lbp_prognosis.deployment._published_model import PublishedModel, published_model, published_models
from lbp_prognosis.deployment._silent_log import SilentLog
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm
from lbp_prognosis.deployment._written_results import WrittenResults, read_results

__all__ = [
    "CauseHazard",
    "CompetingEquation",
    "DriftReport",
    "Equation",
    "IntendedUse",
    "Ledger",
    "LevelTerm",
    "LockReport",
    "LockedModel",
    "MembershipInference",
    "MissingCoefficients",
    "ModelCard",
    "ModelFile",
    "ModelFileError",
    "NewRisks",
    "NoEquation",
    "Nomogram",
    "NumberTerm",
    "PublishedModel",
    "SilentLog",
    "WrittenResults",
    "calculator_page",
    "equation",
    "from_equation",
    "impact_items",
    "load_model",
    "lock",
    "membership_inference",
    "model_card",
    "monitor",
    "nomogram",
    "predict_rows",
    "published_model",
    "published_models",
    "read_results",
    "save_model",
    "verify",
]
