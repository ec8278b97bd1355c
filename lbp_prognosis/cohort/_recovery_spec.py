"""``recovery_spec``: the `OutcomeSpec` of a good event seen at visits."""

from __future__ import annotations

from lbp_prognosis.cohort._visit_outcome import check_horizon_tuple
from lbp_prognosis.survival import OutcomeSpec

__all__ = ["recovery_spec"]


def recovery_spec(
    name: str,
    definition: str,
    horizons: tuple[float, ...],
    unit: str,
    competing: tuple[str, ...],
    estimand: str,
    primary: float | None,
    *,
    instrument: str,
    change: bool = False,
) -> OutcomeSpec:
    """Return the `OutcomeSpec` of a recovery observed at visits; code 1 is recovery, codes 2 … are competing events."""
    short = name.replace(" ", "_")
    causes = {short: 1, **{rival: number for number, rival in enumerate(competing, start=2)}}
    return OutcomeSpec(
        name,
        definition,
        "good",
        "index date",
        unit,
        check_horizon_tuple(horizons),
        causes,
        "visits",
        estimand,
        primary,
        (instrument,),
        change,
    )
