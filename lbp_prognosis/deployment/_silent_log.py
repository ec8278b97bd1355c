"""``SilentLog``: predictions of a model that runs without being shown, dated before the outcomes are known."""

from __future__ import annotations

import datetime
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, file_lock, read_frame, takes_rows, write_file
from lbp_prognosis.deployment._chain import chained, chained_text, date_or_now, read_chain
from lbp_prognosis.deployment._model_file import load_model, verify
from lbp_prognosis.deployment._predict_rows import predict_rows
from lbp_prognosis.disclosure import identifier_text

__all__ = ["SilentLog"]

_FIELDS = ("model_sha256", "date", "horizon", "salt", "ids", "risks", "outside")


class SilentLog:
    """Log of predictions without consequences for care: one JSON line per call, with the digest of the previous line.

    In silent mode a model runs on the patients of daily care and its risks are recorded, not shown. Because the lines
    are chained and dated, the risks of a prospective validation are those recorded before the outcomes.

    Parameters
    ----------
    path : path
        The file, usually ``*.jsonl``; it need not exist yet. Keep the file with the data: it contains identifiers as
        salted hashes, which anyone with the identifiers can match, and only its owner may read it.

    Notes
    -----
    A changed, removed or inserted line breaks the chain; removing lines at the end does not, so keep the digest of the
    last line elsewhere, with a date.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.deployment import SilentLog, save_model
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame(rng.normal(size=(80, 2)), columns=["age", "odi"])
    >>> model = CoxPH().fit(X, Surv.right(rng.exponential(10, 80), rng.random(80) < 0.7))
    >>> with tempfile.TemporaryDirectory() as name:
    ...     made = save_model(model, pathlib.Path(name) / "a.lbpm", reason="silent mode")
    ...     log = SilentLog(pathlib.Path(name) / "silent.jsonl")
    ...     risks = log.record(made.path, X[:3], 6, ids=["a", "b", "c"], date="2026-01-31")
    ...     log.risks(["c", "d"])["risk"].notna().tolist()
    [True, False]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @takes_rows()
    def record(
        self, model: str | os.PathLike[str], X: Any, horizon: float, *, ids: Any, date: str | None = None
    ) -> pd.DataFrame:
        """Predict and record, without showing the risks.

        Parameters
        ----------
        model : path
            Model file; the line contains its digest.
        X : DataFrame of shape (n, p)
            Predictors of the patients.
        horizon : float
            Prediction time.
        ids : array-like of shape (n,)
            Identifiers, one per patient.
        date : str, optional
            ISO date or time of the prediction, not before the day of the last line; now (UTC) by default.

        Returns
        -------
        DataFrame
            Result of `predict_rows`, for the file and not for the ward.

        Raises
        ------
        ArgumentError
            If an identifier is missing or given twice, or the date is not valid or is before that of the last line.
        ModelFileError
            If the log or the model file is damaged.
        """
        tau = check_number("horizon", horizon, low=0, open_low=True)
        when = date_or_now(date)
        names = _names(ids)
        rows = read_frame(X)
        if len(names) != len(rows) or len(set(names)) != len(names):
            raise argument_error(
                "ids", f"{len(rows)} identifiers, each once", f"{len(names)}, {len(set(names))} of them distinct"
            )
        digest = verify(Path(model)).sha256
        found = predict_rows(load_model(Path(model), expect_sha256=digest), rows, [tau]).frame
        risks = found[f"risk_{tau:g}"].to_numpy(dtype=float)
        salt = secrets.token_hex(16)
        entry = {
            "model_sha256": digest,
            "date": when,
            "horizon": tau,
            "salt": salt,
            "ids": [_hashed(salt, name) for name in names],
            "risks": [None if np.isnan(risk) else float(risk) for risk in risks],
            "outside": [str(words) for words in found["outside"]],
        }
        with file_lock(self.path):
            lines = self._lines()
            if lines and _day(when) < _day(lines[-1]["date"]):
                raise argument_error("date", f"not before that of the last line, {lines[-1]['date']}", when)
            write_file(self.path, chained_text([*lines, chained(lines, entry)]), private=True)
        return found

    def verify(self) -> pd.DataFrame:
        """Check the chain and return it, one row per call: ``n, date, model_sha256, horizon, patients, sha256``.

        Raises
        ------
        ModelFileError
            If a line was changed, removed or inserted; the message names it.
        """
        columns = ["n", "date", "model_sha256", "horizon", "patients", "sha256"]
        rows = [{**line, "patients": len(line["ids"])} for line in self._lines()]
        return pd.DataFrame(rows, columns=columns)

    def risks(self, ids: Any, *, horizon: float | None = None) -> pd.DataFrame:
        """Return the first recorded risk of each patient, in the order of the identifiers.

        Parameters
        ----------
        ids : array-like of shape (n,)
            Identifiers, as they were recorded.
        horizon : float, optional
            Only predictions for this time.

        Returns
        -------
        DataFrame
            ``date, model_sha256, horizon, risk, outside``; missing for patients without a prediction. Compare ``date``
            with the day of the patient's first visit: a risk recorded late may depend on the later course.
        """
        names = _names(ids)
        found: list[dict[str, Any]] = [{} for _ in names]
        for line in self._lines():
            if horizon is not None and not np.isclose(line["horizon"], horizon):
                continue
            place = {hashed: k for k, hashed in enumerate(line["ids"])}
            for j, name in enumerate(names):
                k = place.get(_hashed(line["salt"], name))
                if k is not None and not found[j]:
                    risk = line["risks"][k]
                    shared = {key: line[key] for key in ("date", "model_sha256", "horizon")}
                    found[j] = {**shared, "risk": np.nan if risk is None else risk, "outside": line["outside"][k]}
        out = pd.DataFrame(found, columns=["date", "model_sha256", "horizon", "risk", "outside"])
        return out.astype({"risk": float, "horizon": float})

    def _lines(self) -> list[dict[str, Any]]:
        return read_chain(self.path, _FIELDS, "silent-mode log")


def _names(ids: Any) -> list[str]:
    """Return identifiers as texts, which do not depend on the type of their column."""
    given = np.asarray(ids, dtype=object).ravel()
    if pd.isna(given).any():
        raise argument_error("ids", "an identifier per patient", f"{int(pd.isna(given).sum())} missing")
    return [identifier_text(name) for name in given]


def _day(date: str) -> datetime.date:
    time = datetime.datetime.fromisoformat(date)
    return (time if time.tzinfo is None else time.astimezone(datetime.UTC)).date()


def _hashed(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}:{name}".encode()).hexdigest()[:32]
