"""What leaves the study as a model: equations, nomograms, model files, published models, calculators."""

from lbp_prognosis.deployment._drift_report import DriftReport
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._equation_of import equation, from_equation
from lbp_prognosis.deployment._monitor import monitor
from lbp_prognosis.deployment._no_equation import MissingCoefficients, NoEquation
from lbp_prognosis.deployment._nomogram import Nomogram, nomogram
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm

__all__ = [
    "DriftReport",
    "Equation",
    "LevelTerm",
    "MissingCoefficients",
    "NoEquation",
    "Nomogram",
    "NumberTerm",
    "equation",
    "from_equation",
    "monitor",
    "nomogram",
]
