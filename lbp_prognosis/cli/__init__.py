"""The command line: one file per verb."""

from lbp_prognosis.cli._main import main

__all__ = ["main"]
