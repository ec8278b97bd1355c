"""``lbp-prognosis schema``: the tables of a data package."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["schema"]


def schema(
    table: str = typer.Argument("", help="Name of a table; all tables if left out."),
    out: Path | None = typer.Option(None, "-o", "--out", help="Copy the Table Schemas into this folder."),
) -> None:
    """Show the tables of a data package, or the fields of one."""
    import pandas as pd

    from lbp_prognosis._base import argument_error, check_writable, write_file
    from lbp_prognosis.cli._validate import _echo
    from lbp_prognosis.schema import data_schemas_folder, table_schemas

    known = table_schemas()
    if table and table not in known:
        raise argument_error("table", f"one of {', '.join(known)}", repr(table))
    if out is not None:
        check_writable("out", out)
        for path in sorted(data_schemas_folder().glob("*.json")):
            write_file(out / path.name, path.read_bytes())
        typer.echo(f"Schemas: {out}")
        return
    if not table:
        rows = [
            {"table": name, "fields": len(entry.fields), "required": ", ".join(entry.required)}
            for name, entry in known.items()
        ]
        _echo(pd.DataFrame(rows), ["table", "fields", "required"])
        return
    rows = [
        {
            "field": f.name,
            "type": f.type,
            "unit": f.unit,
            "role": f.role,
            "timing": f.timing,
            "description": f.description,
        }
        for f in known[table].fields.values()
    ]
    _echo(pd.DataFrame(rows), ["field", "type", "unit", "role", "timing", "description"])
