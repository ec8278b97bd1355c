"""``packet_of_study``: a site's packet from a model file and the protocol of a study."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import DataError, argument_error, takes_rows
from lbp_prognosis.disclosure import ReleaseLedger
from lbp_prognosis.federation import Packet, Policy, site_packet
from lbp_prognosis.study._packet_of_table import frozen_model, subgroup_labels
from lbp_prognosis.study._read_study_data import read_study_data
from lbp_prognosis.study._study import Study
from lbp_prognosis.study._study_data import StudyData
from lbp_prognosis.survival import outcome_kind

__all__ = ["packet_of_study"]


@takes_rows()
def packet_of_study(
    model: Path,
    study: Study,
    *,
    site: str,
    horizon: float | None = None,
    comparator: Path | None = None,
    subgroups: Sequence[str] = (),
    ledger: Path | None = None,
    policy: Policy | None = None,
    key: bytes | None = None,
) -> Packet:
    """Return the packet of the patients of a study, with its outcome, selection and transformations.

    Parameters
    ----------
    model : path
        A model file (``*.lbpm``), or the JSON of an `Equation`.
    study : Study
        Protocol of the site. Packets are pooled if its title is the same at all sites.
    site : str
        Pseudonym of the site.
    horizon : float, optional
        Prediction time; by default the primary horizon of the study.
    comparator : path, optional
        File of the model with which ``model`` is compared on the same patients.
    subgroups : sequence of str
        Columns of labels.
    ledger : path, optional
        The site's ledger of releases; by default ``[page] release_ledger`` of the study, if given.
    policy : Policy, optional
        Disclosure rules of the site. Without thresholds they are the lowest, primary and highest of ``[decision]``;
        cells are at least ``[page] smallest_cell``.
    key : bytes, optional
        Key shared with the centre.

    Returns
    -------
    Packet
        As of `lbp_prognosis.federation.site_packet`.

    Raises
    ------
    DataError
        If the study's columns do not include those of a model, or its data do not meet the requirements.
    ArgumentError
        If a ledger is to be kept of a table without identifiers.

    See Also
    --------
    packet_of_table : Of one table, without a protocol.
    """
    data = read_study_data(study)
    given, ids = (None if ledger is None else ReleaseLedger(ledger)) or study.release_ledger(), data.X
    if given is not None and data.patient_ids(study.data.id) is None:
        raise argument_error("ledger", "for a table whose [table] id names the patients", "a table without identifiers")
    frozen, wanted = frozen_model(Path(model))
    other, more = (None, []) if comparator is None else frozen_model(Path(comparator))
    missing = [name for name in dict.fromkeys([*wanted, *more, *subgroups]) if name not in ids.columns]
    if missing:
        raise DataError(f"The study has no column {missing[0]!r}; it has {', '.join(map(repr, ids.columns[:30]))}.")
    kind = outcome_kind(data.y)
    if horizon is None and kind not in ("status", "measured"):
        horizon = data.spec.main_horizon
    return site_packet(
        frozen,
        _named(data, study)[list(dict.fromkeys([*wanted, *more]))],
        data.y,
        site=site,
        policy=_declared(policy, study),
        horizon=horizon,
        comparator=other,
        subgroups={name: subgroup_labels(ids[name]) for name in subgroups} or None,
        model_id=hashlib.sha256(Path(model).read_bytes()).hexdigest(),
        comparator_id="" if comparator is None else hashlib.sha256(Path(comparator).read_bytes()).hexdigest(),
        study=study.title,
        ledger=given,
        key=key,
    )


def _named(data: StudyData, study: Study) -> pd.DataFrame:
    """Return the predictors, with the identifiers of patients as the index where there are any."""
    names = data.patient_ids(study.data.id)
    return data.X if names is None else data.X.set_axis(list(names), axis=0)


def _declared(policy: Policy | None, study: Study) -> Policy:
    """Return the rules with the thresholds and the smallest cell of the protocol, where they leave these open."""
    policy = Policy() if policy is None else policy
    cell = max(policy.min_cell, int(study.page["smallest_cell"] or 0))
    cuts, asked = policy.thresholds, study.thresholds
    if not cuts and asked is not None:
        cuts = tuple(dict.fromkeys((asked.low, asked.primary, asked.high)))
    least = {"min_n": max(policy.min_n, 2 * cell), "min_events": max(policy.min_events, cell)}
    return replace(policy, min_cell=cell, thresholds=cuts, **least)
