"""What every room stands on: errors, checks, results, randomness, parallel and resumable work."""

from lbp_prognosis._base._checkpoint import Checkpoint, content_hash
from lbp_prognosis._base._checks import (
    check_beside,
    check_choice,
    check_clusters,
    check_confidence,
    check_horizons,
    check_number,
    check_risk,
    check_risks,
    check_same_rows,
    check_thresholds,
    check_vector,
)
from lbp_prognosis._base._errors import (
    ArgumentError,
    DataError,
    EstimationError,
    LBPError,
    LeakageError,
    MissingPackageError,
    OutcomeError,
    argument_error,
    describe,
)
from lbp_prognosis._base._feature_map import MODALITIES, FeatureMap
from lbp_prognosis._base._inert_cells import inert_cell, inert_cells
from lbp_prognosis._base._inversion import inversion_objection
from lbp_prognosis._base._metric import MetricResult, influence_se, interval
from lbp_prognosis._base._metric_title import metric_title
from lbp_prognosis._base._objection import OBJECTIONS, Objection, ObjectionFact, objection
from lbp_prognosis._base._optional import require
from lbp_prognosis._base._parallel import parallel_map
from lbp_prognosis._base._plain_label import plain_label
from lbp_prognosis._base._protocols import CensoringModel, RiskModel
from lbp_prognosis._base._randomness import RandomState, generator, spawn
from lbp_prognosis._base._result import METRIC_COLUMNS, Result, metric_frame

__all__ = [
    "METRIC_COLUMNS",
    "MODALITIES",
    "OBJECTIONS",
    "ArgumentError",
    "CensoringModel",
    "Checkpoint",
    "DataError",
    "EstimationError",
    "FeatureMap",
    "LBPError",
    "LeakageError",
    "MetricResult",
    "MissingPackageError",
    "Objection",
    "ObjectionFact",
    "OutcomeError",
    "RandomState",
    "Result",
    "RiskModel",
    "argument_error",
    "check_beside",
    "check_choice",
    "check_clusters",
    "check_confidence",
    "check_horizons",
    "check_number",
    "check_risk",
    "check_risks",
    "check_same_rows",
    "check_thresholds",
    "check_vector",
    "content_hash",
    "describe",
    "generator",
    "inert_cell",
    "inert_cells",
    "influence_se",
    "interval",
    "inversion_objection",
    "metric_frame",
    "metric_title",
    "objection",
    "parallel_map",
    "plain_label",
    "require",
    "spawn",
]
