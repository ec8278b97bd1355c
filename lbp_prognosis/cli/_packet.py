"""``lbp-prognosis packet``: releasable aggregates of a frozen model on a site's table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

__all__ = ["packet"]


def packet(
    model: Path = typer.Argument(help="The frozen model: *.lbpm, or JSON of its equation."),
    table: Path = typer.Argument(
        help="Table with a row per patient, predictors and outcome, which stays at the site; or its study.toml."
    ),
    site: str = typer.Option("", "--site", help="Pseudonym of the site; by default the name of the packet's file."),
    horizon: float | None = typer.Option(
        None, "--horizon", help="Prediction time, in the unit of the times; by default the primary one of the study."
    ),
    comparator: Path | None = typer.Option(
        None, "--comparator", help="Model with which it is compared on the same patients."
    ),
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
    from lbp_prognosis._base import argument_error
    from lbp_prognosis.cli._key_file import read_key
    from lbp_prognosis.cli._numbers import numbers
    from lbp_prognosis.federation import Policy
    from lbp_prognosis.study import Study, packet_of_study, packet_of_table

    cuts = numbers(thresholds, "thresholds")
    key = read_key(key_file)
    policy = Policy(min_cell=min_cell, min_n=max(50, 2 * min_cell), min_events=max(10, min_cell), thresholds=cuts)
    if not site and out == Path("packet.json"):
        raise argument_error("site", "the pseudonym of the site, or a name of the packet's file (-o)", "neither")
    site = site or out.stem
    columns = [name.strip() for name in subgroups.split(",") if name.strip()]
    shared: dict[str, Any] = {
        "site": site,
        "horizon": horizon,
        "comparator": comparator,
        "subgroups": columns,
        "ledger": ledger,
        "policy": policy,
        "key": key,
    }
    own: dict[str, Any] = {
        "time": time,
        "event": event,
        "status": status,
        "censored": censored,
        "ids": ids,
        "study": study,
    }
    if table.suffix.lower() == ".toml":
        if any(own.values()):
            said = ", ".join("--id" if name == "ids" else f"--{name}" for name, value in own.items() if value)
            raise argument_error("table", "a table, or a study without options that its protocol states", said)
        found = packet_of_study(model, Study.from_toml(table), **shared)
    elif horizon is None:
        raise argument_error("horizon", "given for a table (--horizon)", "none")
    else:
        found = packet_of_table(model, table, **own, **shared)
    if sign:
        found = found.signed(sign, key)
    path = found.save(out)
    typer.echo(found.to_text(), nl=False)
    typer.echo(f"Written: {path} and {path.with_suffix('.txt')}")
