"""``run_federated_demo``: six hospitals in six folders and six processes that share nothing but packets."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

__all__ = ["run_federated_demo"]

_SITES = 6
_HORIZON = 12.0
_COLUMNS = ["age", "nrs_back", "odi", "phq9", "expectation"]
_CODE = "from lbp_prognosis.cli import main; main()"


def run_federated_demo(out: Path, patients: int, seed: int, say: Callable[[str], None]) -> Path:
    """Develop a model at one hospital, send it to six others, pool what they send back; return the page.

    Parameters
    ----------
    out : path
        Folder: ``model.json``, a folder per site with its table, ``packets`` and the page.
    patients : int
        Patients of all sites together.
    seed : int
        Of the simulation.
    say : callable
        Told what is going on.
    """
    from lbp_prognosis._base import EstimationError, make_folder, write_file
    from lbp_prognosis.datasets import simulate_cohort
    from lbp_prognosis.deployment import equation
    from lbp_prognosis.federation import Packet, pool, write_pooled
    from lbp_prognosis.models import LogisticRisk
    from lbp_prognosis.survival import Status

    say(f"Simulating {patients:,} patients of six hospitals, and those of a seventh that develops the model")
    frames = []
    for k, (n, sites) in enumerate(((max(600, patients // 3), 1), (patients, _SITES))):
        cohort = simulate_cohort(n, seed + k, sites=sites, missingness=0.0, attrition=0.0)
        wide = cohort.wide()
        early = (wide.y["event"] == 1) & (wide.y["time"] <= _HORIZON)
        known = early | (wide.y["time"] >= _HORIZON) | (wide.y["event"] > 1)
        frames.append(wide.X[_COLUMNS].assign(state=early.astype(int), site=cohort.site)[known].dropna())
    model = LogisticRisk().fit(frames[0][_COLUMNS], Status.at(_HORIZON, frames[0]["state"]))
    write_file(out / "model.json", equation(model).to_json())
    packets = make_folder(out / "packets")
    running = []
    for label, part in frames[1].groupby("site"):
        folder = make_folder(out / str(label))
        write_file(folder / "model.json", (out / "model.json").read_bytes())
        write_file(folder / "patients.csv", part.drop(columns="site").to_csv(index=False), private=True)
        say(f"{label} evaluates the model in a separate process")
        call = [
            sys.executable,
            "-c",
            _CODE,
            "packet",
            "model.json",
            "patients.csv",
            "--site",
            str(label),
            "--status",
            "state",
            "--horizon",
            f"{_HORIZON:g}",
            "--thresholds",
            "0.5",
            "--study",
            "demo",
            "-o",
            "packet.json",
        ]
        running.append(
            (str(label), folder, subprocess.Popen(call, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        )
    for label, folder, process in running:
        told = process.communicate()[1].decode("utf-8", "replace")
        if process.returncode != 0:
            raise EstimationError(f"{label} could not write its packet: {told.strip()[-400:]}")
        write_file(packets / f"{label}.json", (folder / "packet.json").read_bytes())
    say("Pooling the packets")
    found = pool([Packet.load(path) for path in sorted(packets.glob("*.json"))])
    return write_pooled(found, out, title="Six simulated hospitals: not evidence about any patient")
