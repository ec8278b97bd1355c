"""``lbp-prognosis validate``: contents and failures of a package, a table or a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

__all__ = ["validate"]


def validate(
    source: Path = typer.Argument(help="Folder or DuckDB database of a data package, a table, or study.toml."),
    data: Path | None = typer.Option(None, "--data", help="For a study: where paths to data begin."),
    failures: Path | None = typer.Option(None, "--failures", help="Write all failures to this CSV file."),
    missing: str | None = typer.Option(
        None, "--missing", help="For a table: words and numbers that mean missing, with commas between: -9,k.A."
    ),
    sheet: str | None = typer.Option(
        None, "--sheet", help="For a workbook: the sheet; for a DuckDB database: its table, not the data package."
    ),
    block_rows: int | None = typer.Option(
        None, "--block-rows", help="For a package: rows of a table of Parquet or DuckDB in memory at once."
    ),
    show_values: bool = typer.Option(
        False, "--show-values", help="Print and write values of patients; without it, only patterns and counts."
    ),
) -> None:
    """Check data before anything runs: the failures, or units and codings as they were understood."""
    from lbp_prognosis._base import ArgumentError, DataError, argument_error, inert_cells, write_file
    from lbp_prognosis.schema import read_table, validate_package, without_values

    words = None if missing is None else [word.strip() for word in missing.split(",")]
    try:
        package = "\x00" not in str(source) and (
            source.is_dir() or (sheet is None and source.suffix.lower() in (".duckdb", ".ddb"))
        )
        if block_rows is not None and not package:
            raise argument_error("--block-rows", "left out for a table or a study", block_rows)
        if (words is not None or sheet is not None) and (package or source.suffix.lower() == ".toml"):
            raise argument_error(
                "--missing, --sheet",
                "left out for a package or a study",
                str(source),
                "A study declares them in [table], a package in mapping.toml.",
            )
        if package:
            report = validate_package(source, block_rows=block_rows).raise_if_failed()
            _echo(
                report.codings(show_values=show_values), ["table", "field", "type", "unit", "n", "n_missing", "values"]
            )
            _notes([f"{row.table} {row.field}: {row.note}" for row in report.notes.itertuples()])
            _notes([f"{name}: {len(rows)} rows, read in blocks" for name, rows in report.blocks.items()])
        elif source.suffix.lower() == ".toml":
            from lbp_prognosis.study import Study, check_before_work, read_study_data

            study = Study.from_toml(source, data=data)
            rows = read_study_data(study)
            described = rows.to_frame().rename(columns={"range": "5% to 95%, or categories"})
            _echo(described, ["column", "modality", "type", "n", "n_missing", "5% to 95%, or categories"])
            _notes([f"{', '.join(names)}: shown after {how}" for how, names in study.transform.items() if names])
            _notes([*rows.notes, *(str(o) for o in rows.objections), repr(rows).strip("<>")])
            check_before_work(study, rows)
        else:
            reading = read_table(source, missing=words, sheet=sheet, show_values=show_values)
            _echo(reading.to_frame(), ["column", "type", "label", "n", "n_missing", "n_distinct", "coding"])
            _notes(list(reading.notes))
            reading.raise_if_failed()
    except (DataError, ArgumentError) as error:
        typer.echo("Not for release: failures name rows of single patients.", err=True)
        error.show_values = show_values  # type: ignore[union-attr]
        found = getattr(error, "failures", None)
        if failures is not None and found is not None:
            shown = found if show_values else without_values(found)
            write_file(failures, inert_cells(shown).to_csv(index=False, lineterminator="\n"), private=True)
        raise
    typer.echo("valid")
    typer.echo("Not for release: ranges, codings and counts of single patients.")


def _echo(frame: Any, columns: list[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in frame[columns].astype(object).itertuples(index=False):
        table.add_row(*(Text("".join(c if c.isprintable() else " " for c in str(value))[:120]) for value in row))
    Console(highlight=False).print(table)


def _notes(lines: list[str]) -> None:
    for line in lines:
        typer.echo("note: " + "".join(c if c.isprintable() else " " for c in line))
