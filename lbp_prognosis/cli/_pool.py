"""``lbp-prognosis pool``: packets of several sites, to a page."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["pool"]


def pool(
    packets: list[Path] = typer.Argument(help="Packets of the sites, one each."),
    key_file: Path | None = typer.Option(None, "--key-file", help="File with the key shared with the sites."),
    title: str = typer.Option("A model at several hospitals", "--title", help="Title of the page."),
    out: Path = typer.Option(Path("out"), "-o", "--out", help="Folder of the page."),
) -> None:
    """Pool what sites have sent: forest plots, a new hospital's interval, probability of being useful there."""
    from lbp_prognosis._base import check_writable, folder_lock
    from lbp_prognosis.cli._key_file import read_key
    from lbp_prognosis.federation import Packet, write_pooled
    from lbp_prognosis.federation import pool as pooled

    with folder_lock("out", check_writable("out", out)):
        found = pooled([Packet.load(path) for path in packets], key=read_key(key_file))
        page = write_pooled(found, out, title=title)
    typer.echo(f"{len(found.sites)} sites, {found.n:,} patients, {found.n_events:,} events")
    for measure in found.measures:
        if measure.meta is None:
            continue
        low, high = measure.meta.prediction_profile
        told = "" if measure.useful != measure.useful else f", useful with probability {measure.useful:.2f}"
        typer.echo(
            f"  {measure.name}: {measure.meta.value:.3f} ({measure.meta.low:.3f} to {measure.meta.high:.3f}), "
            f"new hospital {low:.3f} to {high:.3f}{told}"
        )
    for site, reason in found.left_out.items():
        typer.echo(f"  left out: {site} ({reason})")
    typer.echo(f"Page: {page}")
