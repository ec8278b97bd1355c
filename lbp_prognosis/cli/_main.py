"""The entry point: verbs, exit statuses, and never a traceback.

0: done; 1: the data are not what they must be, or nothing could be estimated from them; 2: the call is not.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from lbp_prognosis import __version__

    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"lbp-prognosis {__version__}\n")
        raise SystemExit(0)
    # one thread a computation: results then depend on no machine, and two workers share two cores
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from lbp_prognosis.cli._app import build_app
    from lbp_prognosis.cli._failure import report_failure

    try:
        build_app()(prog_name="lbp-prognosis")
    except Exception as error:
        raise SystemExit(report_failure(error)) from None
