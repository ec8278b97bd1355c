"""``lbp-prognosis radiomics``: images and masks to a table of texture features."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["radiomics"]


def radiomics(
    studies: Path = typer.Argument(help="CSV table of studies, or a folder with studies.csv."),
    out: Path = typer.Option(Path("out"), "-o", "--out", help="Folder of the results."),
    settings: Path | None = typer.Option(None, "--settings", help="TOML file with the settings of the features."),
    engine: str = typer.Option("", "--engine", help="pyradiomics or mirp, in place of that of the settings."),
    structures: str = typer.Option("", "--structures", help="Structures to measure, separated by commas; all else."),
    jobs: int = typer.Option(1, "--jobs", help="Cases measured side by side; 0 for as many as there are cores."),
    quiet: bool = typer.Option(False, help="Print no progress."),
) -> None:
    """Measure texture: radiomics.csv, features.csv (IBSI names, conformity), failures.csv, provenance.json.

    A second call goes on where the first was stopped. Exit status 1 if a case failed.
    """
    import json
    import tomllib
    from dataclasses import replace

    from lbp_prognosis._base import argument_error, check_writable, folder_lock, inert_cells, write_file
    from lbp_prognosis.biomarkers import RadiomicsSettings, extract_radiomics
    from lbp_prognosis.cli._jobs import workers

    chosen = RadiomicsSettings()
    if settings is not None:
        try:
            chosen = RadiomicsSettings.from_dict(tomllib.loads(settings.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise argument_error("settings", "a readable TOML file", f"{settings}: {error}") from error
    if engine:
        chosen = replace(chosen, engine=engine)
    wanted = [word.strip() for word in structures.split(",") if word.strip()]
    with folder_lock("out", check_writable("out", out, private=True)):
        result = extract_radiomics(
            studies,
            chosen,
            structures=wanted or None,
            n_jobs=workers(jobs),
            checkpoint=out / "checkpoint",
            progress=not quiet,
        )
        tables = {"radiomics": result.to_frame(), "failures": inert_cells(result.failures)}
        for name, frame in tables.items():  # of single patients
            write_file(out / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"), private=True)
        write_file(out / "features.csv", result.features.to_csv(index=False, lineterminator="\n"))
        write_file(out / "provenance.json", json.dumps(dict(result.provenance), indent=1, default=str))
    typer.echo(repr(result)[1:-1])
    for row in result.failures.to_dict("records"):
        typer.echo(f"{row['patient_id']} {row['study_id']}: {row['message']}", err=True)
    if not result.failures.empty:
        raise typer.Exit(1)
