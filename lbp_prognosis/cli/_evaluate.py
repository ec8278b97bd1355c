"""``lbp-prognosis evaluate``: predictions and outcomes in one table, to a page."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["evaluate"]


def evaluate(
    predictions: Path = typer.Argument(help="Table with a row per patient: outcome and predicted risks."),
    risk: str = typer.Option(
        ...,
        "--risk",
        help="Columns of the risks, one per model: model_a,model_b. With --score the columns model_a_0, model_a_1, … "
        "are read: the probability of each score.",
    ),
    horizon: float = typer.Option(..., "--horizon", help="Prediction time, in the unit of the times."),
    time: str = typer.Option("", "--time", help="Column of the time."),
    event: str = typer.Option("", "--event", help="Column of the event: 0 censored, 1 the event, 2 … competing."),
    status: str = typer.Option("", "--status", help="Instead of both: column of the state at the horizon, 0 or 1."),
    score: str = typer.Option("", "--score", help="Instead of both: column of a score at the horizon; needs --range."),
    span: str = typer.Option("", "--range", help="Range of the score: 0:10."),
    at_most: float | None = typer.Option(None, "--at-most", help="The event is a score of at most this."),
    at_least: float | None = typer.Option(None, "--at-least", help="The event is a score of at least this."),
    censored: str = typer.Option("", "--censored", help="Code of the event column that means censored."),
    thresholds: str = typer.Option("", "--thresholds", help="Of the decision: 0.1:0.4, or 0.1,0.2,0.3."),
    target: str = typer.Option("event", "--target", help="Target of decisions: event or no_event."),
    clusters: str = typer.Option("", "--clusters", help="Column that names what rows belong together."),
    unit: str = typer.Option("", "--unit", help="Unit of the times, for the page."),
    sample: str = typer.Option(
        "apparent", "--sample", help="Where the predictions come from: apparent, internal, internal-external, external."
    ),
    setting: str = typer.Option(
        "", "--setting", help="In what external patients differ: temporal, geographic, setting."
    ),
    title: str = typer.Option("Evaluation of predictions", "--title", help="Title of the page."),
    mode: str = typer.Option(
        "",
        "--mode",
        help="release: after disclosure control; not-for-release (default): everything, with a banner.",
    ),
    smallest_cell: int | None = typer.Option(
        None, "--smallest-cell", help="Smallest released count, at least 2; makes a page for release."
    ),
    ledger: Path | None = typer.Option(None, "--ledger", help="File of earlier releases; needs --id."),
    id: str = typer.Option("", "--id", help="Column that names the patient."),
    exclude: Path | None = typer.Option(None, "--exclude", help="File of withdrawn patients, one identifier per line."),
    out: Path = typer.Option(Path("out"), "-o", "--out", help="Folder of the page."),
    quiet: bool = typer.Option(False, help="Print no progress."),
) -> None:
    """Judge predictions made by any model: discrimination, calibration, decisions, differences."""
    from lbp_prognosis._base import check_writable
    from lbp_prognosis.cli._excluded import excluded, naming_withdrawn, print_withdrawn
    from lbp_prognosis.cli._headline import print_headline
    from lbp_prognosis.cli._progress import progress
    from lbp_prognosis.disclosure import ReleaseLedger
    from lbp_prognosis.study import evaluate_table

    gone = excluded(exclude)
    with progress(quiet) as say, naming_withdrawn(lambda: ledger and ReleaseLedger(ledger), gone):
        check_writable("out", out, private=mode != "release" and smallest_cell is None)
        say("Reading and evaluating the predictions")
        page = evaluate_table(
            predictions,
            risks=[name.strip() for name in risk.split(",") if name.strip()],
            horizon=horizon,
            time=time,
            event=event,
            status=status,
            score=score,
            score_range=span,
            at_most=at_most,
            at_least=at_least,
            censored=censored,
            thresholds=thresholds,
            target=target,
            clusters=clusters,
            unit=unit,
            sample=sample,
            setting=setting,
            title=title,
            mode=mode,
            smallest_cell=smallest_cell,
            release_ledger=ledger,
            id=id,
            exclude_ids=gone,
        )
        say("Writing the page")
        from lbp_prognosis.report import released_page, write_page

        notes = page.provenance["notes"]  # which do not leave
        page = released_page(page)
        path = write_page(page, out)
    print_headline(page.headline, path, page.sample, synthetic=page.synthetic, leaves=page.release is not None)
    print_withdrawn(page.ledger, gone, notes)
