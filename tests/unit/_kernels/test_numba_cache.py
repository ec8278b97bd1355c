"""A read-only installation without a home: kernels are kept among the temporary files, or nowhere, and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# may read everything, as in an installation for all, and write nothing
SOMEBODY = (
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
)
ROOT = Path(__file__).resolve().parents[3]
CODE = (
    "import numpy as np\n"
    "from lbp_prognosis import Surv\n"
    "from lbp_prognosis.evaluation import concordance\n"
    "print(float(concordance(Surv.right([1, 2, 3], [1, 1, 0]), np.array([.9, .5, .1])).value))\n"
)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="needs root to become somebody else",
)
@pytest.mark.parametrize("place", [True, False])
def test_as_somebody_who_may_write_nowhere(tmp_path, place) -> None:
    own = Path("/tmp") / f"lbp-test-{os.getpid()}"  # every user reaches it, unlike the folders of pytest
    own.mkdir(mode=0o755)
    try:
        os.chown(own, 65534, 65534)
        code = CODE
        if not place:
            code = f"import tempfile\ntempfile.tempdir = {str(own / 'nowhere')!r}\n" + CODE
        environment = {"HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "TMPDIR": str(own), "PATH": os.environ["PATH"]}
        done = subprocess.run(
            [*SOMEBODY, sys.executable, "-c", code], env=environment, cwd="/", capture_output=True, text=True
        )
        assert done.stdout.strip() == "1.0", done.stderr
        assert (own / "lbp-prognosis-kernels-65534").is_dir() is place
        assert done.stderr.count("compiled at each start") == (0 if place else 1)
    finally:
        subprocess.run(["rm", "-rf", str(own)], check=True)
