"""``lbp-prognosis extract``: images and masks to the biomarker table."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["extract"]


def extract(
    studies: Path = typer.Argument(help="CSV table of studies, a folder with studies.csv, or a BIDS data set."),
    out: Path = typer.Option(Path("out"), "-o", "--out", help="Folder of the results."),
    bids: str = typer.Option("", "--bids", help="STUDIES is a BIDS data set whose masks are of this convention."),
    masks: str = typer.Option("derivatives", "--masks", help="With --bids: folder of the masks in the data set."),
    suffix: str = typer.Option("T2w", "--suffix", help="With --bids: suffixes of the images, joined by commas."),
    recipe: Path | None = typer.Option(None, "--recipe", help="TOML file with settings of the recipe."),
    jobs: int = typer.Option(1, "--jobs", help="Cases measured side by side; 0 for as many as there are cores."),
    pictures: bool = typer.Option(True, help="Draw one figure per case."),
    methods: str = typer.Option("one", "--methods", help="One formula per measure, as the schema wants, or all."),
    chunk: str = typer.Option("", "--chunk", help="k/n: measure every n-th case from the k-th, one of n jobs."),
    gather: bool = typer.Option(False, "--gather", help="Collect what the chunks have measured."),
    report: bool = typer.Option(False, "--report", help="Write batch.html: what failed or is doubted, worst first."),
    calendar: bool = typer.Option(
        False, "--calendar-dates", help="Also write calendar dates, not only days from the index date."
    ),
    quiet: bool = typer.Option(False, help="Print no progress."),
) -> None:
    """Measure biomarkers: biomarker.csv, imaging_study.csv, failures.csv, provenance.json and figures.

    A second call goes on where the first was stopped, and tries again what failed for want of memory, disk or a
    package. On a cluster each of n jobs runs with --chunk k/n and the same -o, and one call with --gather writes the
    tables. Exit status 1 if a case failed.
    """
    import json
    import tomllib
    from contextlib import nullcontext

    from lbp_prognosis._base import argument_error, check_choice, check_writable, folder_lock, inert_cells, write_file
    from lbp_prognosis.biomarkers import Recipe, batch_page, studies_from_bids
    from lbp_prognosis.biomarkers import extract as measure
    from lbp_prognosis.cli._jobs import workers

    check_choice("methods", methods, ("one", "all"))
    chosen = Recipe.default()
    if recipe is not None:
        try:
            chosen = Recipe.from_dict(tomllib.loads(recipe.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise argument_error("recipe", "a readable TOML file", f"{recipe}: {error}") from error
    part = _part(chunk)
    table = studies_from_bids(studies, bids, derivatives=masks, suffixes=suffix.split(",")) if bids else studies
    folder = check_writable("out", out, private=True)
    with nullcontext() if part else folder_lock("out", folder):
        result = measure(
            table,
            chosen,
            n_jobs=workers(jobs),
            progress=not quiet,
            checkpoint=out / "checkpoint",
            overlays=out / "pictures" if pictures else None,
            chunk=part,
            gather=gather,
            dates="calendar" if calendar else "days",
        )
        tables = {"biomarker": result.to_frame(methods=methods), "imaging_study": result.studies}
        if not part:
            for name, frame in {**tables, "failures": inert_cells(result.failures)}.items():  # of single patients
                write_file(out / f"{name}.csv", frame.to_csv(index=False, lineterminator="\n"), private=True)
            write_file(out / "provenance.json", json.dumps(dict(result.provenance), indent=1, default=str))
            if report:
                write_file(out / "batch.html", batch_page(result, "pictures"), private=True)
    typer.echo(repr(result)[1:-1])
    typer.echo("Not for release: tables, figures and failures are of single patients.")
    for row in result.failures.to_dict("records"):
        typer.echo(f"{row['patient_id']} {row['study_id']}: {row['message']}", err=True)
    if not result.failures.empty:
        raise typer.Exit(1)


def _part(chunk: str) -> tuple[int, int] | None:
    """Return k and n of ``k/n``."""
    from lbp_prognosis._base import argument_error

    if not chunk:
        return None
    parts = chunk.split("/")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise argument_error("chunk", "k/n, such as 3/20", chunk)
    return int(parts[0]), int(parts[1])
