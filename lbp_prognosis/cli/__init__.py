"""The command line: one file a verb."""

from lbp_prognosis.cli._main import main

__all__ = ["main"]
