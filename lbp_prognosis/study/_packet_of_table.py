"""``packet_of_table``: a site's packet from a model file and one table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import DataError, argument_error, takes_rows
from lbp_prognosis.deployment import from_equation, load_model
from lbp_prognosis.disclosure import ReleaseLedger, identifier_text
from lbp_prognosis.federation import Packet, Policy, site_packet
from lbp_prognosis.schema import read_table
from lbp_prognosis.study._evaluate_table import outcome_of_table

__all__ = ["frozen_model", "packet_of_table", "subgroup_labels"]


@takes_rows()
def packet_of_table(
    model: Path,
    table: Path,
    *,
    site: str,
    horizon: float,
    time: str = "",
    event: str = "",
    status: str = "",
    censored: str = "",
    comparator: Path | None = None,
    subgroups: Sequence[str] = (),
    ids: str = "",
    ledger: Path | None = None,
    study: str = "",
    policy: Policy | None = None,
    key: bytes | None = None,
) -> Packet:
    """Return the packet of the patients of a table.

    Parameters
    ----------
    model : path
        A model file (``*.lbpm``), or the JSON of an `Equation`.
    table : path
        One row per patient: predictors and outcome.
    site : str
        Pseudonym of the site.
    horizon : float
        Prediction time, in the unit of the times.
    time, event, status, censored : str, default ""
        Columns of the outcome, as for `evaluate_table`.
    comparator : path, optional
        File of the model with which ``model`` is compared on the same patients.
    subgroups : sequence of str
        Columns of labels.
    ids : str, default ""
        Column of patient identifiers, for the ledger.
    ledger : path, optional
        The site's ledger of releases; created at the first release.
    study : str, default ""
        Name of the study.
    policy : Policy, optional
        Disclosure rules of the site.
    key : bytes, optional
        Key shared with the centre.

    Raises
    ------
    DataError
        If the table lacks these columns, or does not meet the requirements.
    """
    if bool(status) == bool(time and event):
        raise argument_error(
            "time, event", "both given, or `status` instead", f"time={time!r}, event={event!r}, status={status!r}"
        )
    if ledger is not None and not ids:
        raise argument_error("ids", "the column that names the patients, for a ledger", "none")
    frozen, predictors = frozen_model(Path(model))
    other, more = (None, []) if comparator is None else frozen_model(Path(comparator))
    predictors = list(dict.fromkeys([*predictors, *more]))
    reading = read_table(table)
    frame = reading.frame
    wanted = list(dict.fromkeys([*predictors, *filter(None, (time, event, status, ids)), *subgroups]))
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise DataError(f"The table has no column {missing[0]!r}; it has {', '.join(map(repr, frame.columns[:30]))}.")
    if frame.empty:
        raise DataError("The table has no rows.")
    reading.raise_if_failed(wanted)
    y = outcome_of_table(frame, horizon, time, event, status, censored)
    X = frame[predictors]
    X = X.set_index(frame[ids].map(identifier_text)) if ids else X
    return site_packet(
        frozen,
        X,
        y,
        site=site,
        policy=policy,
        horizon=None if status else horizon,
        comparator=other,
        subgroups={name: subgroup_labels(frame[name]) for name in subgroups} or None,
        model_id=hashlib.sha256(Path(model).read_bytes()).hexdigest(),
        comparator_id="" if comparator is None else hashlib.sha256(Path(comparator).read_bytes()).hexdigest(),
        study=study,
        ledger=None if ledger is None else ReleaseLedger(ledger),
        key=key,
    )


def frozen_model(path: Path) -> tuple[Any, list[str]]:
    """Return the model of a file and the columns it reads.

    Parameters
    ----------
    path : path
        A model file, or the JSON of an equation.

    Raises
    ------
    ArgumentError, DataError
        If the file is not there, or is neither.
    """
    if not path.is_file():
        raise argument_error("model", "a file that is there", str(path))
    if path.suffix == ".lbpm":
        locked = load_model(path)
        names = getattr(locked.unlocked, "feature_names_in_", None)
        if names is None:
            raise DataError(f"{path.name!r} does not say which columns it reads: it was fitted to an array.")
        return locked, [str(name) for name in names]
    try:
        formula = from_equation(path.read_bytes().decode("utf-8"))
    except (UnicodeDecodeError, ValueError) as error:
        raise DataError(f"{path.name!r} is no equation: {error}") from None
    return formula, [*(term.name for term in formula.terms), *filter(None, [formula.stratum])]


def subgroup_labels(column: pd.Series) -> np.ndarray:
    """Return labels as text, the same from floats as from whole numbers, so that sites name one group alike.

    Parameters
    ----------
    column : Series
        A missing label becomes ``"missing"``.
    """
    return np.array([identifier_text(one) if known else "missing" for one, known in zip(column, column.notna())])
