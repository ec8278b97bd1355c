"""``lbp-prognosis packet``: releasable aggregates of a frozen model on a site's table."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["packet"]


def packet(
    model: Path = typer.Argument(help="The frozen model: *.lbpm, or JSON of its equation."),
    table: Path = typer.Argument(help="Table with a row per patient: predictors and outcome. It stays at the site."),
    site: str = typer.Option(..., "--site", help="Pseudonym of the site."),
    horizon: float = typer.Option(..., "--horizon", help="Prediction time, in the unit of the times."),
    time: str = typer.Option("", "--time", help="Column of the time."),
    event: str = typer.Option("", "--event", help="Column of the event: 0 censored, 1 the event, 2 … competing."),
    status: str = typer.Option("", "--status", help="Instead of both: column of the state at the horizon, 0 or 1."),
    censored: str = typer.Option("", "--censored", help="Code of the event column that means censored."),
    thresholds: str = typer.Option("", "--thresholds", help="Declared for all sites, three at most: 0.2,0.4."),
    min_cell: int = typer.Option(5, "--min-cell", min=2, help="Smallest number of patients behind a count."),
    subgroups: str = typer.Option("", "--subgroups", help="Columns of labels: sex,age_band."),
    study: str = typer.Option("", "--study", help="Name of the study; packets of others are not pooled with these."),
    ids: str = typer.Option("", "--id", help="Column that names the patients, for the ledger."),
    ledger: Path | None = typer.Option(
        None,
        "--ledger",
        help="This site's ledger of releases, which stays at the site; without it differences disclose patients.",
    ),
    key_file: Path | None = typer.Option(None, "--key-file", help="File with the key shared with the centre."),
    sign: str = typer.Option("", "--sign", help="Name of the person who has read the packet."),
    out: Path = typer.Option(Path("packet.json"), "-o", "--out", help="File of the packet; its text is next to it."),
) -> None:
    """Write a site's aggregates about a model: no patient, no exact time, no small cell."""
    from lbp_prognosis.cli._key_file import read_key
    from lbp_prognosis.cli._numbers import numbers
    from lbp_prognosis.federation import Policy
    from lbp_prognosis.study import packet_of_table

    cuts = numbers(thresholds, "thresholds")
    key = read_key(key_file)
    found = packet_of_table(
        model,
        table,
        site=site,
        horizon=horizon,
        time=time,
        event=event,
        status=status,
        censored=censored,
        subgroups=[name.strip() for name in subgroups.split(",") if name.strip()],
        ids=ids,
        ledger=ledger,
        study=study,
        policy=Policy(min_cell=min_cell, min_n=max(50, 2 * min_cell), min_events=max(10, min_cell), thresholds=cuts),
        key=key,
    )
    if sign:
        found = found.signed(sign, key)
    path = found.save(out)
    typer.echo(found.to_text(), nl=False)
    typer.echo(f"Written: {path} and {path.with_suffix('.txt')}")
