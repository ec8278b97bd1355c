"""``lbp-prognosis predict``: risks of new patients from a model file."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["predict"]


def predict(
    model: Path = typer.Argument(help="Model file, *.lbpm."),
    rows: Path = typer.Argument(help="Table of new patients."),
    out: Path = typer.Option(..., "-o", "--out", help="CSV to write: a row per patient."),
    horizon: str = typer.Option("", "--horizon", help="Prediction times: 6,12."),
    keep: str = typer.Option("", "--keep", help="Columns of the table to copy next to the risks: patient_id."),
    sha256: str = typer.Option("", "--sha256", help="Digest that the model file must have."),
    any_unit: bool = typer.Option(False, "--any-unit", help="Predict although a column seems to be in another unit."),
) -> None:
    """Predict, after checking units, categories, ranges and missing modalities of the rows."""
    from lbp_prognosis._base import argument_error, check_writable, inert_cells, write_file
    from lbp_prognosis.cli._numbers import numbers
    from lbp_prognosis.deployment import load_model, predict_rows
    from lbp_prognosis.schema import read_table

    check_writable("out", out.parent)
    locked = load_model(model, expect_sha256=sha256 or None)
    table = read_table(rows).frame
    times = numbers(horizon, "horizon") or None
    found = predict_rows(locked, table, times, any_unit=any_unit)
    names = [name.strip() for name in keep.split(",") if name.strip()]
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise argument_error("keep", f"columns of {rows.name}", f"{absent}")
    frame = found.to_frame()
    for name in reversed(names):
        frame.insert(0, name, table[name].to_numpy())
    write_file(out, inert_cells(frame).to_csv(index=False), private=True)
    typer.echo(f"{len(frame)} risks: {out}")
    for note in found.notes:
        typer.echo(f"Note: {note}.")
