"""Foundations of every room: errors, checks, results, randomness, parallel and resumable work."""

from lbp_prognosis._base._arrow_frame import LARGEST_WHOLE, arrow_frame, beyond_floats
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
    check_times,
    check_vector,
    constant_within,
)
from lbp_prognosis._base._date_form import is_date_form, is_written_date
from lbp_prognosis._base._declare_values import MISSING_DECLARED, declare_values, declared_values
from lbp_prognosis._base._deprecated import Deprecation, deprecated, deprecations
from lbp_prognosis._base._distributions import chi2, fisher, nct, norm, student
from lbp_prognosis._base._document import Document
from lbp_prognosis._base._document_result import DocumentResult
from lbp_prognosis._base._errors import (
    ArgumentError,
    DataError,
    DisclosureError,
    EstimationError,
    LBPError,
    LeakageError,
    MissingPackageError,
    OutcomeError,
    argument_error,
    describe,
)
from lbp_prognosis._base._feature_map import MODALITIES, FeatureMap
from lbp_prognosis._base._fit_on_stretches import fit_on_stretches
from lbp_prognosis._base._folder_lock import LOCK, file_lock, folder_lock
from lbp_prognosis._base._gap import DASH, gap, of_interval, reason_of
from lbp_prognosis._base._inert_cells import inert_cell, inert_cells
from lbp_prognosis._base._intraclass import icc_form, icc_mean_squares, icc_table
from lbp_prognosis._base._inversion import inversion_objection, known_area
from lbp_prognosis._base._level_map import LevelMap
from lbp_prognosis._base._linear_predictor import (
    HAZARD_SCALES,
    LINEAR_PREDICTOR_SCALES,
    linear_predictor_of,
    linear_predictor_scale,
    stated_score,
    takes_cause,
)
from lbp_prognosis._base._metric import MetricResult, influence_se, interval, why_missing
from lbp_prognosis._base._metric_registry import METRICS, Metric, check_metrics, metric, metric_title
from lbp_prognosis._base._missing_codes import missing_codes
from lbp_prognosis._base._objection import OBJECTIONS, Objection, ObjectionFact, objection
from lbp_prognosis._base._optional import require
from lbp_prognosis._base._parallel import parallel_map, surviving_map
from lbp_prognosis._base._plain_label import plain_label
from lbp_prognosis._base._prepared import mark_prepared, prepared_objections
from lbp_prognosis._base._randomness import RandomState, generator, spawn
from lbp_prognosis._base._range_interval import clip_to_range, inside_bounds, inside_range
from lbp_prognosis._base._result import METRIC_COLUMNS, Result, metric_frame
from lbp_prognosis._base._row_level_files import row_level_files
from lbp_prognosis._base._shared_work import processes_ready
from lbp_prognosis._base._side_by_side import side_by_side
from lbp_prognosis._base._spine_levels import VERTEBRAE, level_of_column, level_rank, split_disc
from lbp_prognosis._base._strict_table import StrictTable, nearest
from lbp_prognosis._base._term_columns import TermColumns
from lbp_prognosis._base._time_words import time_words
from lbp_prognosis._base._visible import visible
from lbp_prognosis._base._word_file import word_file
from lbp_prognosis._base._write_file import TEMPORARY, check_writable, make_folder, write_file
from lbp_prognosis._base.intake import (
    ROLES,
    ColumnKind,
    Role,
    SparseTable,
    aligned,
    as_labels,
    as_numbers,
    as_pandas,
    categories_of,
    column_kind,
    column_names,
    declares_categories,
    holds,
    in_order_of,
    is_counter,
    is_number,
    label_codes_of,
    labels_of,
    numbers_in,
    numbers_of,
    outcome_labels,
    read_frame,
    read_matrix,
    read_sparse,
    refused_kind,
    rows_in_words,
    shape_remedy,
    takes_rows,
)

__all__ = [
    "DASH",
    "HAZARD_SCALES",
    "LARGEST_WHOLE",
    "LINEAR_PREDICTOR_SCALES",
    "LOCK",
    "METRICS",
    "METRIC_COLUMNS",
    "MISSING_DECLARED",
    "MODALITIES",
    "OBJECTIONS",
    "ROLES",
    "TEMPORARY",
    "VERTEBRAE",
    "ArgumentError",
    "Checkpoint",
    "ColumnKind",
    "DataError",
    "Deprecation",
    "DisclosureError",
    "Document",
    "DocumentResult",
    "EstimationError",
    "FeatureMap",
    "LBPError",
    "LeakageError",
    "LevelMap",
    "Metric",
    "MetricResult",
    "MissingPackageError",
    "Objection",
    "ObjectionFact",
    "OutcomeError",
    "RandomState",
    "Result",
    "Role",
    "SparseTable",
    "StrictTable",
    "TermColumns",
    "aligned",
    "argument_error",
    "arrow_frame",
    "as_labels",
    "as_numbers",
    "as_pandas",
    "beyond_floats",
    "categories_of",
    "check_beside",
    "check_choice",
    "check_clusters",
    "check_confidence",
    "check_horizons",
    "check_metrics",
    "check_number",
    "check_risk",
    "check_risks",
    "check_same_rows",
    "check_thresholds",
    "check_times",
    "check_vector",
    "check_writable",
    "chi2",
    "clip_to_range",
    "column_kind",
    "column_names",
    "constant_within",
    "content_hash",
    "declare_values",
    "declared_values",
    "declares_categories",
    "deprecated",
    "deprecations",
    "describe",
    "file_lock",
    "fisher",
    "fit_on_stretches",
    "folder_lock",
    "gap",
    "generator",
    "holds",
    "icc_form",
    "icc_mean_squares",
    "icc_table",
    "in_order_of",
    "inert_cell",
    "inert_cells",
    "influence_se",
    "inside_bounds",
    "inside_range",
    "interval",
    "inversion_objection",
    "is_counter",
    "is_date_form",
    "is_number",
    "is_written_date",
    "known_area",
    "label_codes_of",
    "labels_of",
    "level_of_column",
    "level_rank",
    "linear_predictor_of",
    "linear_predictor_scale",
    "make_folder",
    "mark_prepared",
    "metric",
    "metric_frame",
    "metric_title",
    "missing_codes",
    "nct",
    "nearest",
    "norm",
    "numbers_in",
    "numbers_of",
    "objection",
    "of_interval",
    "outcome_labels",
    "parallel_map",
    "plain_label",
    "prepared_objections",
    "processes_ready",
    "read_frame",
    "read_matrix",
    "read_sparse",
    "reason_of",
    "refused_kind",
    "require",
    "row_level_files",
    "rows_in_words",
    "shape_remedy",
    "side_by_side",
    "spawn",
    "split_disc",
    "stated_score",
    "student",
    "surviving_map",
    "takes_cause",
    "takes_rows",
    "time_words",
    "visible",
    "why_missing",
    "word_file",
    "write_file",
]
