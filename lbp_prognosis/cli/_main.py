"""The entry point: verbs, exit statuses, and never a traceback.

0: done; 1: the data are not what they must be, or nothing could be estimated from them; 2: the call is not;
130: Ctrl-C.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

INTERRUPTED = 130


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
    from lbp_prognosis.cli._plain_streams import plain_streams

    plain_streams()
    try:
        build_app()(prog_name="lbp-prognosis")
    except Exception as error:
        raise SystemExit(report_failure(error)) from None
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, KeyboardInterrupt) or stop.code == INTERRUPTED:
            sys.stderr.write(
                "Interrupted: no file is half written; with --checkpoint the next call continues from here.\n"
            )
            raise SystemExit(INTERRUPTED) from None
        raise
