"""``lbp-prognosis run``: a study file to its page."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["run"]


def run(
    study: Path = typer.Argument(help="study.toml"),
    out: Path = typer.Option(Path("out"), "-o", "--out", help="Folder of the page."),
    data: Path | None = typer.Option(None, "--data", help="Folder of the data, if not that of the study."),
    jobs: int = typer.Option(0, min=0, help="Workers; 0 takes the cores there are, at most four."),
    mode: str = typer.Option("", "--mode", help="release or not-for-release, overrides the study."),
    ledger: Path | None = typer.Option(None, "--ledger", help="File of earlier releases, in the place of the study's."),
    exclude: Path | None = typer.Option(None, "--exclude", help="File of withdrawn patients, one identifier per line."),
    checkpoint: Path | None = typer.Option(None, help="Folder of finished fits: a killed run resumes."),
    forms: Path | None = typer.Option(None, "--forms", help="Folder for PROBAST+AI, TRIPOD+AI, Methods and Results."),
    quiet: bool = typer.Option(False, help="Print no progress."),
) -> None:
    """Run a study: data, cohort, models, validation, evidence; write the page and its tables."""
    from lbp_prognosis._base import check_writable, folder_lock
    from lbp_prognosis.cli._excluded import excluded, naming_withdrawn, print_withdrawn
    from lbp_prognosis.cli._headline import print_headline
    from lbp_prognosis.cli._jobs import workers
    from lbp_prognosis.cli._progress import progress
    from lbp_prognosis.report import released_page, write_forms, write_page
    from lbp_prognosis.study import Study, run_study

    with progress(quiet) as say:
        say("Reading the protocol")
        protocol = Study.from_toml(study, data=data).for_release(mode, ledger)
        gone = excluded(exclude)
        private = protocol.gate() is None
        # before the first fit: an hour of work is not lost to a folder that cannot be written
        if forms is not None:
            check_writable("forms", forms, private=private)
        folder = check_writable("out", out, private=private)
        with folder_lock("out", folder), naming_withdrawn(protocol.release_ledger, gone):
            result = run_study(protocol, n_jobs=workers(jobs), checkpoint=checkpoint, progress=say, exclude_ids=gone)
            say("Writing the page")
            shown = released_page(result.page())
            page = write_page(shown, out, n_jobs=workers(jobs))
            if forms is not None:
                write_forms(shown, forms)
    print_headline(shown.headline, page, "out of fold", synthetic=result.synthetic, leaves=shown.release is not None)
    print_withdrawn(shown.ledger, gone, result.data.notes)
