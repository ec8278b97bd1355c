"""``excluded``: the patients who withdrew, from a file; and what was made with them before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["excluded", "naming_withdrawn", "print_withdrawn"]


def excluded(path: Path | None) -> tuple[str, ...]:
    """Return the identifiers of a file, one per line."""
    if path is None:
        return ()
    from lbp_prognosis._base import argument_error

    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise argument_error("exclude", "a readable file, one identifier per line", f"{path}: {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


def print_withdrawn(ledger: Any, gone: tuple[str, ...], notes: Iterable[str]) -> None:
    """Say whether all withdrawn patients were found, and which releases and models in the ledger they were in."""
    import typer

    from lbp_prognosis.disclosure import NOT_FOUND

    if NOT_FOUND in notes:
        typer.echo(NOT_FOUND)
    if ledger is None or not gone:
        return
    for what, names in (
        ("earlier releases with a withdrawn patient", ledger.released_with(gone)),
        ("models in the ledger trained with a withdrawn patient, to be refitted", ledger.trained_with(gone)),
    ):
        typer.echo(f"{what}: {', '.join(names) or 'none'}")


@contextmanager
def naming_withdrawn(ledger: Callable[[], Any], gone: tuple[str, ...]) -> Iterator[None]:
    """Name the releases and models that a withdrawn patient was in, if the ledger forbids a release."""
    from lbp_prognosis._base import DisclosureError

    try:
        yield
    except DisclosureError:
        if gone:
            print_withdrawn(ledger(), gone, ())
        raise
