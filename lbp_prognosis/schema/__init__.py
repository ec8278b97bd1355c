"""Schemas of the tables, and readers of files (OMOP exports: `cohort`)."""

from lbp_prognosis._base import declare_values
from lbp_prognosis.schema._column_name import ColumnName
from lbp_prognosis.schema._failures import FAILURE_COLUMNS, REASONS, failure_frame, without_values
from lbp_prognosis.schema._map_tables import MappedTables, map_tables
from lbp_prognosis.schema._read_redcap import RedcapReading, read_redcap
from lbp_prognosis.schema._read_table import TableReading, read_table
from lbp_prognosis.schema._table_blocks import TableBlocks
from lbp_prognosis.schema._table_schemas import (
    Field,
    TableSchema,
    data_schemas_folder,
    enumerations,
    instrument_ranges,
    measures,
    table_schemas,
)
from lbp_prognosis.schema._units import convert_unit, days_per, known_units
from lbp_prognosis.schema._validate_package import PackageReport, validate_package

__all__ = [
    "FAILURE_COLUMNS",
    "REASONS",
    "ColumnName",
    "Field",
    "MappedTables",
    "PackageReport",
    "RedcapReading",
    "TableBlocks",
    "TableReading",
    "TableSchema",
    "convert_unit",
    "data_schemas_folder",
    "days_per",
    "declare_values",
    "enumerations",
    "failure_frame",
    "instrument_ranges",
    "known_units",
    "map_tables",
    "measures",
    "read_redcap",
    "read_table",
    "table_schemas",
    "validate_package",
    "without_values",
]
