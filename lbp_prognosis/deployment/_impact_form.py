"""``impact_items``: items of DECIDE-AI and CONSORT-AI with answers from a model file, a log and a trial."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from lbp_prognosis._base import argument_error, check_choice
from lbp_prognosis.deployment._calculator_page import IntendedUse
from lbp_prognosis.deployment._model_file import ModelFile, verify
from lbp_prognosis.deployment._silent_log import SilentLog
from lbp_prognosis.evidence import consort_ai_items, decide_ai_items
from lbp_prognosis.validation import TrialEffect

__all__ = ["impact_items"]

_ITEMS = {"DECIDE-AI": decide_ai_items, "CONSORT-AI": consort_ai_items}


def impact_items(
    statement: str,
    model: str | os.PathLike[str],
    *,
    use: IntendedUse,
    log: SilentLog | None = None,
    result: TrialEffect | None = None,
) -> pd.DataFrame:
    """Return the items of a reporting statement with the known answers; the authors answer the others.

    Parameters
    ----------
    statement : {"DECIDE-AI", "CONSORT-AI"}
        Statement for the first use of a model in care, or for a trial of its use.
    model : path
        Model file.
    use : IntendedUse
        Purpose of the model.
    log : SilentLog, optional
        Predictions in silent mode, including predictions of this model file.
    result : TrialEffect, optional
        Result of the trial, for CONSORT-AI: an additional row ``"17a"`` of CONSORT 2010, which it extends.

    Returns
    -------
    DataFrame
        ``item, section, text, answer``; the answer is empty if the authors have to write it.

    Raises
    ------
    ArgumentError
        If the log contains no prediction of the model file, or a trial's result is given for DECIDE-AI.

    References
    ----------
    Vasey B et al. (2022). doi:10.1038/s41591-022-01772-9
    Liu X et al. (2020). doi:10.1038/s41591-020-1034-x
    """
    check_choice("statement", statement, tuple(_ITEMS))
    if not isinstance(use, IntendedUse):
        raise argument_error("use", "an IntendedUse: purpose, population, outcome, version", use)
    if result is not None and (statement != "CONSORT-AI" or not isinstance(result, TrialEffect)):
        raise argument_error("result", "what trial_effect returned, for CONSORT-AI", f"{type(result).__name__}")
    file = verify(Path(model))
    calls = None if log is None else _calls(log, file)
    facts = _facts(file, use, calls)
    items = _ITEMS[statement]()
    items["answer"] = [facts.get(fact, "") for fact in items["fact"]]
    if result is not None:
        told = (
            f"Difference {result.difference:.3g} ({100 * result.confidence:g} % interval {result.low:.3g} to "
            f"{result.high:.3g}, p = {result.p:.2g}), {result.n_clusters} clusters, {result.n} patients, intracluster "
            f"correlation {result.icc:.2g}."
        )
        row = {"item": "17a", "section": "results", "text": "Give the effect and its precision.", "answer": told}
        items = pd.concat([items, pd.DataFrame([row])], ignore_index=True)
    return items[["item", "section", "text", "answer"]]


def _calls(log: SilentLog, file: ModelFile) -> pd.DataFrame:
    if not isinstance(log, SilentLog):
        raise argument_error("log", "a SilentLog", log)
    calls = log.verify()
    if file.sha256 not in set(calls["model_sha256"]):
        raise argument_error(
            "log", "with predictions of the model file", f"{log.path.name}, {len(calls)} calls of other models"
        )
    return calls


def _facts(file: ModelFile, use: IntendedUse, calls: pd.DataFrame | None) -> dict[str, str]:
    known = file.manifest
    columns = ", ".join(str(column["name"]) for column in known["columns"])
    out = {
        "purpose": use.purpose.rstrip(".") + ".",
        "population": use.population.rstrip(".") + ".",
        "model": f"{known['model']} ({known['reason']}), version {use.version}, file sha256 {file.sha256}.",
        "version": f"{use.version}, file sha256 {file.sha256}.",
        "inputs": f"{columns}.",
        "output": f"Probability of: {use.outcome.rstrip('.')}, between 0 and 1, by each horizon.",
        "checks": "Units, categories and ranges of new values are checked before a prediction; values outside the "
        "training range are named, and what is imputed is reported with the range of the risk.",
        "access": f"As a file of {known['library']} (lbp_prognosis), sha256 {file.sha256}, without patient data.",
    }
    if calls is not None:
        patients, versions = int(calls["patients"].sum()), calls["model_sha256"].unique()
        out["log"] = (
            f"{patients} predictions were recorded in silent mode, {calls['date'].min()} to {calls['date'].max()}."
        )
        listed = ", ".join(str(digest)[:12] for digest in versions)
        out["versions"] = f"Versions that predicted: {listed}."
    return out
