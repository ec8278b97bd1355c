"""``read_results``: the numbers that a study wrote to ``results.parquet``, by kind of validation."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lbp_prognosis._base import METRIC_COLUMNS, DataError, Result, require

__all__ = ["WrittenResults", "read_results"]

_ELSEWHERE = "Objections to the numbers are on the page of the study."


@dataclass(frozen=True, repr=False)
class WrittenResults(Result):
    """Numbers of one sample from a study.

    Attributes
    ----------
    table : DataFrame
        Rows with the evaluation columns.
    sample : {"apparent", "internal", "external"}
        Kind of validation of the numbers.
    kind : {"", "temporal", "geographic", "setting"}
        Difference between external and development patients.
    synthetic : bool
        Whether the data were simulated.
    limitations : tuple of str
        Location of the objections.
    counted : tuple of (str, float, tuple of float)
        Model, horizon, and the thresholds between which enough patients were counted when the file was written.
    """

    table: pd.DataFrame = field(repr=False)
    sample: str
    kind: str = ""
    synthetic: bool = False
    limitations: tuple[str, ...] = (_ELSEWHERE,)
    counted: tuple[tuple[str, float, tuple[float, ...]], ...] = ()

    @property
    def external(self) -> bool:
        """Whether the patients differ from those of development."""
        return self.sample == "external" and bool(self.kind)

    def to_frame(self) -> pd.DataFrame:
        """Return the rows."""
        return self.table

    def counted_at(self, model: str, horizon: float) -> tuple[float, ...]:
        """Return the thresholds of a model at a horizon between which enough patients were counted.

        Parameters
        ----------
        model : str
            Its name.
        horizon : float
            Prediction time.
        """
        return next((cuts for name, time, cuts in self.counted if name == model and np.isclose(time, horizon)), ())


def read_results(path: str | os.PathLike[str]) -> tuple[WrittenResults, ...]:
    """Read ``results.parquet`` of a study's folder for `model_card`; numbers of single sites are left out.

    Parameters
    ----------
    path : path
        Of the file.

    Returns
    -------
    tuple of WrittenResults
        One per sample and setting.

    Raises
    ------
    DataError
        If the file lacks the columns of a study's results, or cannot be read.
    """
    require("pyarrow.parquet", caller="read_results", extra="io")
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"The results {str(path)!r} cannot be read ({words}).") from error
    absent = [name for name in (*METRIC_COLUMNS, "sample", "setting", "synthetic") if name not in frame]
    if absent:
        raise DataError(
            f"The results {str(path)!r} must have the columns of a study's results.parquet; lacking: "
            f"{', '.join(absent)}. Give the file that `lbp-prognosis run` wrote."
        )
    judged = frame["tier"].isin(["prognostic", "utility"]) & frame["group"].fillna("").astype(str).eq("")
    out = []
    kept = frame[judged].assign(setting=frame["setting"].fillna("").astype(str))
    for (sample, kind), rows in kept.groupby(["sample", "setting"], sort=False):
        simulated = bool(rows["synthetic"].fillna(False).astype(bool).any())
        counted = tuple(
            (str(one["model"]), float(one["horizon"]), tuple(map(float, one["thresholds"])))
            for one in frame.attrs.get("counted_thresholds", ())
            if (one["sample"], one["setting"]) == (sample, kind)
        )
        table = rows.reset_index(drop=True)
        out.append(WrittenResults(table, str(sample), str(kind), simulated, counted=counted))
    return tuple(out)
