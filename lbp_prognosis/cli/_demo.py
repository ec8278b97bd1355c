"""``lbp-prognosis demo``: a simulated registry from tables to the page."""

from __future__ import annotations

from pathlib import Path

import typer

__all__ = ["demo"]


def demo(
    out: Path = typer.Option(Path("out/demo"), "-o", "--out", help="Folder of the page."),
    patients: int = typer.Option(1200, min=600, max=100_000, help="Patients to simulate."),
    seed: int = typer.Option(11, min=0, help="Seed of the simulation."),
    federated: bool = typer.Option(False, "--federated", help="Six hospitals that share packets, not patients."),
    jobs: int = typer.Option(0, min=0, help="Workers; 0 takes the cores there are, at most four."),
    quiet: bool = typer.Option(False, help="Print no progress."),
) -> None:
    """Simulate a registry, run its study, write the page. Nothing of it is evidence."""
    from importlib.resources import files

    from lbp_prognosis._base import check_writable, folder_lock, write_file
    from lbp_prognosis.cli._headline import print_headline
    from lbp_prognosis.cli._jobs import workers
    from lbp_prognosis.cli._progress import progress
    from lbp_prognosis.datasets import simulate_cohort
    from lbp_prognosis.study import Study, run_study

    if federated:
        from lbp_prognosis.cli._demo_federated import run_federated_demo

        with progress(quiet) as say, folder_lock("out", check_writable("out", out)):
            page = run_federated_demo(out, patients, seed, say)
        typer.echo(f"Page: {page}")
        return
    with progress(quiet) as say:
        with folder_lock("out", check_writable("out", out)):
            say(f"Simulating {patients:,} patients")
            simulate_cohort(patients, seed, imaging_rate=0.7).to_package(out / "cohort")
            protocol = (files("lbp_prognosis.cli") / "demo.toml").read_text(encoding="utf-8")
            write_file(out / "study.toml", protocol)
            result = run_study(Study.from_toml(out / "study.toml"), n_jobs=workers(jobs), progress=say)
            say("Writing the page")
            page = result.write(out, n_jobs=workers(jobs))
    print_headline(result.headline(), page, "out of fold", synthetic=True)
