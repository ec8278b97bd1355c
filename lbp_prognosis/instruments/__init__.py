"""Scoring of patient-reported instruments from numeric answers; never the wording of items."""

from lbp_prognosis.instruments._instrument import Band, Change, Instrument, Scale
from lbp_prognosis.instruments._registry import instrument, instruments
from lbp_prognosis.instruments._response import ResponseResult, response
from lbp_prognosis.instruments._same_construct import same_construct
from lbp_prognosis.instruments._score import ScoreResult, score
from lbp_prognosis.instruments._score_eq5d import EQ5D_DIMENSIONS, ValueSet, score_eq5d
from lbp_prognosis.instruments._score_prom import ScoredProm, score_prom
from lbp_prognosis.instruments._score_totals import score_totals

__all__ = [
    "EQ5D_DIMENSIONS",
    "Band",
    "Change",
    "Instrument",
    "ResponseResult",
    "Scale",
    "ScoreResult",
    "ScoredProm",
    "ValueSet",
    "instrument",
    "instruments",
    "response",
    "same_construct",
    "score",
    "score_eq5d",
    "score_prom",
    "score_totals",
]
