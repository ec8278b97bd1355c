"""``lbp-prognosis model``: model files, their ledger, and exports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

__all__ = ["model_verbs"]


def model_verbs() -> typer.Typer:
    """Return the verbs under ``model``."""
    told = "Model files: save, show, verify, compare, export."
    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=told)
    for verb in (save, verify, show, diff, ledger, export, card):
        app.command()(verb)
    return app


def save(
    study: Path = typer.Argument(help="study.toml"),
    out: Path = typer.Option(..., "-o", "--out", help="Model file to write, *.lbpm."),
    reason: str = typer.Option(..., "--reason", help="Reason for this version, stored in the file."),
    name: str = typer.Option("", "--model", help="Name of the model in the study; its main model if left out."),
    data: Path | None = typer.Option(None, "--data", help="Folder of the data, if not that of the study."),
    chain: Path | None = typer.Option(None, "--ledger", help="Ledger to add a line to."),
    actor: str = typer.Option("", "--actor", help="Who saves, for the ledger."),
    min_cell: int = typer.Option(5, min=2, help="Fewest events behind a step of a baseline."),
    exclude: Path | None = typer.Option(None, "--exclude", help="File of withdrawn patients, one identifier per line."),
    membership: int = typer.Option(
        0,
        "--membership",
        min=0,
        help="Models to fit (even, 20 or more) to measure whether training data are recognisable.",
    ),
) -> None:
    """Fit a study's model to all its patients, lock it, and write it as a file without patients.

    If the study names a ledger of releases, the training patients are recorded in it.
    """
    from lbp_prognosis._base import argument_error, check_writable
    from lbp_prognosis.cli._excluded import excluded, print_withdrawn
    from lbp_prognosis.deployment import lock, membership_inference, save_model
    from lbp_prognosis.study import Study, fit_study, read_study_data

    check_writable("out", out.parent)
    protocol = Study.from_toml(study, data=data)
    gone = excluded(exclude)
    chosen = name or protocol.main_model
    names = [plan.name for plan in protocol.models]
    if chosen not in names:
        raise argument_error("model", f"one of {', '.join(names)}", repr(chosen))
    rows = read_study_data(protocol, exclude_ids=gone)
    book = protocol.release_ledger()
    fitted = fit_study(protocol, rows)
    found = None
    if membership:
        found = membership_inference(fitted[chosen], rows.X, rows.y, n_models=membership, min_cell=min_cell)
    locked = lock(fitted[chosen], min_cell=min_cell, membership=found)
    if book is not None:  # first: no model lies there that the ledger does not know
        book.add_model(f"{chosen} ({out.name})", rows.patient_ids(protocol.data.id) or ())
    made = save_model(locked, out, reason=reason, ledger=chain, actor=actor)
    report = locked.report
    typer.echo(f"Model {chosen!r}: {out}")
    typer.echo(f"sha256 {made.sha256}")
    typer.echo(f"Locking moved risks of synthetic patients by at most {report.largest_change:.2g} (at {report.at:g}).")
    if found is not None:
        auc, high = found.auc, found.high
        typer.echo(
            f"Training data distinguished from other patients: AUC {auc:.3f}, upper limit {high:.3f} (0.5 is chance)."
        )
    for note in report.notes:
        typer.echo(f"Note: {note}.")
    print_withdrawn(book, gone, rows.notes)


def verify(
    file: Path = typer.Argument(help="Model file."),
    sha256: str = typer.Option("", "--sha256", help="Digest that the file must have."),
) -> None:
    """Check every byte of a model file, and that it predicts what it did."""
    from lbp_prognosis.deployment import load_model
    from lbp_prognosis.deployment import verify as verify_file

    if sha256:
        load_model(file, expect_sha256=sha256)
    made = verify_file(file)
    typer.echo(f"{file.name}: whole; check rows within {made.golden_error:.1g}; sha256 {made.sha256}")


def show(file: Path = typer.Argument(help="Model file.")) -> None:
    """Show the contents of a model file."""
    from lbp_prognosis.deployment import verify as verify_file

    made = verify_file(file)
    _rows([(str(fact), str(value)) for fact, value in made.to_frame().itertuples(index=False)])
    typer.echo("")
    columns = made.manifest["columns"]
    _rows([(str(column["name"]), _words(column)) for column in columns])


def diff(
    first: Path = typer.Argument(help="Model file."),
    second: Path = typer.Argument(help="Another."),
) -> None:
    """Say in what two model files differ."""
    from lbp_prognosis.deployment import verify as verify_file

    one, two = verify_file(first), verify_file(second)
    if one.sha256 == two.sha256:
        typer.echo("The files are the same.")
        return
    rows = []
    for key in sorted(set(one.manifest) | set(two.manifest)):
        left, right = one.manifest.get(key), two.manifest.get(key)
        if left != right and key != "members":
            rows.append((key, f"{left}  ->  {right}"))
    if one.manifest["members"] != two.manifest["members"]:
        rows.append(("numbers", "the models contain different numbers"))
    _rows(rows)


def ledger(
    file: Path = typer.Argument(help="Ledger, *.jsonl."),
    versions: str = typer.Option("", "--diff", help="Two versions to compare: 1,2."),
) -> None:
    """Check the chain of versions and show it."""
    from lbp_prognosis._base import argument_error
    from lbp_prognosis.deployment import Ledger

    chain = Ledger(file)
    if versions:
        parts = versions.split(",")
        if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
            raise argument_error("diff", "two numbers of versions, such as 1,2", repr(versions))
        found = chain.diff(int(parts[0]), int(parts[1]))
        _rows([(str(r.field), f"{r.old}  ->  {r.new}") for r in found.itertuples()])
        return
    found = chain.verify()
    for line in found.to_dict("records"):
        typer.echo(f"{line['n']}  {line['date']}  {line['artifact_sha256'][:12]}  {line['actor']}  {line['reason']}")
    typer.echo(f"The chain of {len(found)} versions is whole.")


def export(
    file: Path = typer.Argument(help="Model file."),
    to: str = typer.Option(..., "--to", help="r, stata, excel, js, latex, text, json or html."),
    out: Path = typer.Option(..., "-o", "--out", help="File to write."),
    horizon: str = typer.Option("", "--horizon", help="Times of the risks: 6,12; a model with visits has its own."),
    digits: int = typer.Option(12, min=4, max=17, help="Significant digits of the numbers."),
    unit: str = typer.Option("", "--unit", help="Unit of the times."),
    purpose: str = typer.Option("", "--purpose", help="Of an html calculator: what it is for."),
    population: str = typer.Option(
        "", "--population", help="For an HTML calculator: the population for which the model was made."
    ),
    outcome: str = typer.Option("", "--outcome", help="Of an html calculator: what the risk is of."),
    version: str = typer.Option("", "--version", help="Of an html calculator: version and date."),
    results: Path | None = typer.Option(
        None, "--results", help="Of an html calculator: results.parquet of an external `evaluate` of this model."
    ),
    name: str = typer.Option("", "--model", help="Name of the model in the results."),
    unvalidated: str = typer.Option("", "--unvalidated-reason", help="Why it is shown without external validation."),
) -> None:
    """Write a model as an equation in another language, or as a calculator page."""
    from lbp_prognosis._base import argument_error, check_choice, check_writable, write_file
    from lbp_prognosis.cli._numbers import numbers
    from lbp_prognosis.deployment import IntendedUse, calculator_page, equation, load_model, read_results

    check_choice("to", to, ("r", "stata", "excel", "js", "latex", "text", "json", "html"))
    check_writable("out", out.parent)
    model = load_model(file)
    times = numbers(horizon, "horizon") or None
    if to == "html":
        use = IntendedUse(purpose, population, outcome, version)
        judged = () if results is None else read_results(results)
        outside = [found for found in judged if found.external]
        if len(outside) > 1:
            kinds = ", ".join(found.kind for found in outside)
            raise argument_error("results", "of one external sample", kinds, "Give the file of one evaluation.")
        calculator_page(
            model,
            out,
            use=use,
            horizons=times,
            time_unit=unit,
            validation=next(iter([*outside, *judged]), None),
            name=name,
            unvalidated_reason=unvalidated,
        )
    else:
        inner = model.unlocked
        made = inner if hasattr(inner, "to_r") else equation(model, horizons=times, digits=digits, time_unit=unit)
        texts = {"r": made.to_r, "stata": made.to_stata, "js": made.to_javascript, "latex": made.to_latex}
        texts |= {"text": made.to_text, "json": made.to_json}
        books = {"excel": made.to_excel}  # which writes by itself
        if to in books:
            books[to](out)
        else:
            write_file(out, texts[to]())
    typer.echo(f"Written: {out}")


def card(
    file: Path = typer.Argument(help="Model file."),
    out: Path = typer.Option(..., "-o", "--out", help="File to write: .html, .md or .docx."),
    purpose: str = typer.Option(..., "--purpose", help="What the model is for."),
    population: str = typer.Option(..., "--population", help="Population for which the model was made."),
    outcome: str = typer.Option(..., "--outcome", help="What the risk is of."),
    version: str = typer.Option(..., "--version", help="Version and date."),
    contact: str = typer.Option("", "--contact", help="Who answers questions."),
    results: list[Path] = typer.Option(
        [], "--results", help="results.parquet of the study or of an external `evaluate`; may be given again."
    ),
    name: str = typer.Option("", "--model", help="Name of the model in the results."),
    horizon: str = typer.Option("", "--horizon", help="Times of the risks: 6,12; all if left out."),
    unit: str = typer.Option("", "--unit", help="Unit of the times."),
    threshold: str = typer.Option("", "--threshold", help="Risks at which decisions are discussed: 0.3,0.4."),
    limitation: list[str] = typer.Option([], "--limitation", help="A sentence; may be given again."),
    licence: str = typer.Option("", "--licence", help="Of the model."),
    approved: str = typer.Option("", "--approved-for-care", help="On whose authority the model is used in care."),
) -> None:
    """Write the card of a model: use, predictors, performance, calibration, thresholds, limitations."""
    from lbp_prognosis._base import check_choice, check_writable, write_file
    from lbp_prognosis.cli._numbers import numbers
    from lbp_prognosis.deployment import IntendedUse, model_card, read_results

    check_choice("out", out.suffix, (".html", ".md", ".docx"))
    check_writable("out", out.parent)
    made = model_card(
        file,
        use=IntendedUse(purpose, population, outcome, version, contact),
        validation=[found for path in results for found in read_results(path)] or None,
        name=name,
        horizons=numbers(horizon, "horizon") or None,
        thresholds=numbers(threshold, "threshold"),
        time_unit=unit,
        limitations=limitation,
        licence=licence,
        approved_for_care=approved,
    )
    if out.suffix == ".docx":
        made.to_word(out)
    else:
        write_file(out, made.to_html() if out.suffix == ".html" else made.to_markdown())
    for words in made.status:
        typer.echo(words)
    typer.echo(f"Written: {out}")


def _words(column: dict[str, Any]) -> str:
    if column["kind"] == "category":
        return "one of " + ", ".join(str(level) for level in column["levels"])
    known = column["low"] is not None
    return f"number, usually {column['low']:g} to {column['high']:g}" if known else "number"


def _rows(rows: list[tuple[str, str]]) -> None:
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        typer.echo(f"{name.ljust(width)}  {value}")
