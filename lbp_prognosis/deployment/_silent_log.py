"""``SilentLog``: predictions of a model that runs without being shown, dated before the outcomes are known."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import argument_error, check_number, folder_lock, read_frame, takes_rows, write_file
from lbp_prognosis.deployment._file_error import ModelFileError
from lbp_prognosis.deployment._ledger import FIRST_DIGEST, chain_digest, chain_line
from lbp_prognosis.deployment._model_file import load_model, verify
from lbp_prognosis.deployment._predict_rows import predict_rows

__all__ = ["SilentLog"]

_FIELDS = ("n", "prev_sha256", "model_sha256", "date", "horizon", "salt", "ids", "risks", "outside", "sha256")


class SilentLog:
    """A file of predictions that nobody acted on: one JSON line per call, each with the digest of the one before.

    In silent mode a model runs on the patients of daily care and its risks are recorded, not shown. Because the lines
    are chained and dated, the risks of a prospective validation are those that were given before the outcomes.

    Parameters
    ----------
    path : path
        The file, by habit ``*.jsonl``; it need not exist yet. It is kept with the data: identifiers stand in it as
        salted hashes, which whoever has the identifiers can match.

    Notes
    -----
    A changed, removed or inserted line breaks the chain; cutting lines off the end does not, so the digest of the last
    line is to be kept elsewhere, with a date.

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
        """Predict and record, without showing anything.

        Parameters
        ----------
        model : path
            Model file; its digest stands in the line.
        X : DataFrame of shape (n, p)
            Predictors of the patients.
        horizon : float
            Prediction time.
        ids : array-like of shape (n,)
            Identifiers, one per patient.
        date : str, optional
            ISO date or time of the prediction; now (UTC) by default.

        Returns
        -------
        DataFrame
            What `predict_rows` returns, for the file and not for the ward.
        """
        tau = check_number("horizon", horizon, low=0, open_low=True)
        names = [str(name) for name in np.asarray(ids, dtype=object).ravel()]
        rows = read_frame(X)
        if len(names) != len(rows) or len(set(names)) != len(names):
            raise argument_error(
                "ids", f"{len(rows)} identifiers, each once", f"{len(names)}, {len(set(names))} of them distinct"
            )
        digest = verify(Path(model)).sha256
        found = predict_rows(load_model(Path(model), expect_sha256=digest), rows, [tau]).frame
        risks = found[f"risk_{tau:g}"].to_numpy(dtype=float)
        salt = secrets.token_hex(16)
        entry: dict[str, Any] = {
            "model_sha256": digest,
            "date": date or datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "horizon": tau,
            "salt": salt,
            "ids": [_hashed(salt, name) for name in names],
            "risks": [None if np.isnan(risk) else float(risk) for risk in risks],
            "outside": [str(words) for words in found["outside"]],
        }
        with folder_lock("path", self.path.parent):
            lines = self._lines()
            entry |= {"n": len(lines) + 1, "prev_sha256": lines[-1]["sha256"] if lines else FIRST_DIGEST}
            entry["sha256"] = chain_digest(entry)
            write_file(self.path, "".join(chain_line(line) for line in [*lines, entry]))
        return found

    def verify(self) -> pd.DataFrame:
        """Check the chain and return it, one row per call: ``n, date, model_sha256, horizon, patients, sha256``.

        Raises
        ------
        ModelFileError
            If a line was changed, removed or inserted; it is named.
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
            with the day of the patient's first visit: a risk that was recorded late may know the course.
        """
        names = [str(name) for name in np.asarray(ids, dtype=object).ravel()]
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
        if not self.path.exists():
            return []
        before, lines = FIRST_DIGEST, []
        for n, words in enumerate(self.path.read_bytes().decode("utf-8", errors="replace").splitlines(), 1):
            try:
                line = json.loads(words)
            except ValueError:
                line = None
            if not isinstance(line, dict) or set(line) != set(_FIELDS) or chain_line(line) != words + "\n":
                raise ModelFileError(f"Line {n} of the silent-mode log is no line of such a log.")
            if line["n"] != n or line["prev_sha256"] != before or line["sha256"] != chain_digest(line):
                raise ModelFileError(
                    f"Line {n} of the silent-mode log breaks the chain: it or a line before was changed."
                )
            before = line["sha256"]
            lines.append(line)
        return lines


def _hashed(salt: str, name: str) -> str:
    return hashlib.sha256(f"{salt}:{name}".encode()).hexdigest()[:32]
