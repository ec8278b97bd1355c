"""``lbp-prognosis plan``: a study file to its analysis plan, before the data."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["plan"]


def plan(
    study: Path = typer.Argument(help="study.toml"),
    out: Path = typer.Option(..., "-o", "--out", help="File to write: .docx, .html or .md."),
    ran: Path | None = typer.Option(None, "--against", help="The study.toml that ran: writes the deviations instead."),
) -> None:
    """Write the analysis plan of a study, or what another protocol does in another way; no data are read."""
    from lbp_prognosis._base import check_choice, check_writable, write_file
    from lbp_prognosis.study import Study, analysis_plan, deviations

    check_choice("out", out.suffix, (".docx", ".html", ".md"))
    check_writable("out", out.parent)
    protocol = Study.from_toml(study)
    made = analysis_plan(protocol) if ran is None else deviations(protocol, Study.from_toml(ran))
    if out.suffix == ".docx":
        made.to_word(out)
    else:
        write_file(out, made.to_html() if out.suffix == ".html" else made.to_markdown())
    typer.echo(f"Protocol sha256 {protocol.spec_hash}")
    if ran is not None:
        typer.echo(f"Deviations: {len(made.to_frame())}")
    typer.echo(f"Written: {out}")
