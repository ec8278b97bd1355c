"""The one door of all row-wise arguments: order, length, finiteness and kind, in the same words everywhere."""

from lbp_prognosis._base.intake._aligned import aligned
from lbp_prognosis._base.intake._column_kind import (
    ColumnKind,
    Holds,
    categories_of,
    column_kind,
    declares_categories,
    holds,
    is_number,
)
from lbp_prognosis._base.intake._foreign import as_pandas
from lbp_prognosis._base.intake._labels import in_order_of, is_counter, label_codes_of, labels_of, outcome_labels
from lbp_prognosis._base.intake._matrix import read_matrix, shape_remedy
from lbp_prognosis._base.intake._numbers import as_labels, as_numbers, numbers_of
from lbp_prognosis._base.intake._numbers_in import numbers_in
from lbp_prognosis._base.intake._read_frame import column_names, read_frame
from lbp_prognosis._base.intake._roles import ROLES, Role
from lbp_prognosis._base.intake._rows import refused_kind, rows_in_words
from lbp_prognosis._base.intake._sparse_table import SparseTable, read_sparse
from lbp_prognosis._base.intake._takes_rows import takes_rows

__all__ = [
    "ROLES",
    "ColumnKind",
    "Holds",
    "Role",
    "SparseTable",
    "aligned",
    "as_labels",
    "as_numbers",
    "as_pandas",
    "categories_of",
    "column_kind",
    "column_names",
    "declares_categories",
    "holds",
    "in_order_of",
    "is_counter",
    "is_number",
    "label_codes_of",
    "labels_of",
    "numbers_in",
    "numbers_of",
    "outcome_labels",
    "read_frame",
    "read_matrix",
    "read_sparse",
    "refused_kind",
    "rows_in_words",
    "shape_remedy",
    "takes_rows",
]
