"""``lbp-prognosis purge``: list and remove files of a run that contain single patients."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["purge"]


def purge(
    run: Path = typer.Argument(help="Folder of a run, or of its checkpoint."),
    results: bool = typer.Option(False, "--results", help="Remove the tables and figures of an extraction too."),
    dry_run: bool = typer.Option(False, "--dry-run", help="List, and remove nothing."),
) -> None:
    """Remove files of a run that contain single patients: checkpoints and unfinished files.

    The page and its tables stay. Files that this program did not write are never touched.
    """
    from lbp_prognosis._base import folder_lock, row_level_files

    found = row_level_files(run)
    places = {path.parent for path, _ in found}
    if not dry_run:
        for place in sorted(places):  # a run that is at work is not disturbed
            with folder_lock("run", place):
                pass
    removed = 0
    for path, kind in found:
        gone = not dry_run and (results or kind != "result")
        if gone:
            path.unlink(missing_ok=True)  # the lock went with its test
        removed += gone
        typer.echo(f"{'removed' if gone else 'kept' if not dry_run else 'found'}  {kind:<10}  {path}")
    for place in sorted(places, reverse=True):
        if not dry_run and place != run and place.is_dir() and not any(place.iterdir()):
            place.rmdir()
    typer.echo(f"{removed} of {len(found)} files removed")
