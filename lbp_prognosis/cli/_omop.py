"""``lbp-prognosis omop``: a table with one row per person from exports of OMOP tables."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["omop"]


def omop(
    folder: Path = typer.Argument(
        help="OMOP tables person, observation_period, …: a folder of Parquet, or a DuckDB file."
    ),
    index: Path = typer.Option(..., "--index", help="Concept set of time zero, JSON of ATLAS or a list."),
    outcome: Path = typer.Option(..., "--outcome", help="Concept set of the outcome."),
    record: list[str] = typer.Option([], "--record", help="NAME=FILE: 1 with any record before the index date."),
    measure: list[str] = typer.Option([], "--measure", help="NAME=FILE: latest measurement before the index date."),
    observed_before: int = typer.Option(365, "--observed-before", min=0, help="Days of observation required before."),
    look_back: int = typer.Option(365, "--look-back", min=1, help="Days in which covariates are looked for."),
    until: str | None = typer.Option(None, "--until", help="Last day that the data cover: 2024-12-31."),
    out: Path = typer.Option(Path("cohort.parquet"), "-o", "--out", help="Table: *.parquet or *.csv."),
) -> None:
    """Make a cohort from OMOP tables; covariates are dated strictly before the index date."""
    from lbp_prognosis import cohort
    from lbp_prognosis._base import argument_error, write_file

    def sets(given: list[str], option: str) -> dict[str, cohort.ConceptSet]:
        found = {}
        for each in given:
            name, _, path = each.partition("=")
            if not name or not path or name in found:
                raise argument_error(option, "NAME=FILE, each name once", each)
            found[name] = cohort.ConceptSet.read(path)
        return found

    if out.suffix.lower() not in (".parquet", ".csv"):
        raise argument_error("out", "a file *.parquet or *.csv", out.name)
    found = cohort.omop_cohort(
        folder,
        index=cohort.ConceptSet.read(index),
        outcome=cohort.ConceptSet.read(outcome),
        records=sets(record, "record"),
        measures=sets(measure, "measure"),
        observed_before=observed_before,
        look_back=look_back,
        until=until,
    )
    table = found.table.reset_index()
    if out.suffix.lower() == ".csv":
        write_file(out, table.to_csv(index=False, date_format="%Y-%m-%d"), private=True)
    else:
        write_file(out, lambda file: table.to_parquet(file, index=False), private=True)
    for step, persons in found.flow.itertuples(index=False):
        typer.echo(f"{persons:>9,}  {step}")
    for row in found.unused.to_dict("records"):
        place = f"{row['table']}, {row['set']}" if row["set"] else row["table"]
        told = (
            f"rows not used, {row['reason']}: {place} ({row['persons']:,} persons, {row['in_cohort']:,} of the cohort)"
        )
        typer.echo(f"{row['rows']:>9,}  {told}")
    events = found.table["event"]
    typer.echo(f"{(events == 1).sum():,} with the outcome, {(events == 2).sum():,} died before. Table: {out}")
