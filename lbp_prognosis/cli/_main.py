"""The entry point."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from lbp_prognosis import __version__

    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"lbp-prognosis {__version__}\n")
        raise SystemExit(0)
    raise SystemExit(2)
