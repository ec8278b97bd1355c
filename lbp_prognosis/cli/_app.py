"""``build_app``: the verbs under one name."""

from __future__ import annotations

from typing import Any

__all__ = ["build_app"]


def build_app() -> Any:
    """Return the typer application."""
    import typer

    from lbp_prognosis.cli._demo import demo
    from lbp_prognosis.cli._evaluate import evaluate
    from lbp_prognosis.cli._extract import extract
    from lbp_prognosis.cli._model import model_verbs
    from lbp_prognosis.cli._omop import omop
    from lbp_prognosis.cli._packet import packet
    from lbp_prognosis.cli._plan import plan
    from lbp_prognosis.cli._pool import pool
    from lbp_prognosis.cli._predict import predict
    from lbp_prognosis.cli._purge import purge
    from lbp_prognosis.cli._radiomics import radiomics
    from lbp_prognosis.cli._run import run
    from lbp_prognosis.cli._schema import schema
    from lbp_prognosis.cli._validate import validate

    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Outcome-linked validation of spine imaging in low back pain: from tables to an evidence page. "
        "Exit status: 0 success, 1 a problem in the data, 2 a problem in the call.",
    )
    for verb in (validate, plan, run, evaluate, extract, radiomics, demo, schema, purge, packet, pool, omop):
        app.command()(verb)

    @app.callback(invoke_without_command=True)
    def options(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
        if version:
            from lbp_prognosis import __version__

            typer.echo(f"lbp-prognosis {__version__}")
            raise typer.Exit(0)

    app.command()(predict)
    app.add_typer(model_verbs(), name="model")
    return app
