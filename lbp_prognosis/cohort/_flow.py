"""``Flow``: from all patients of the package to those in the cohort, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, plain_label, time_words
from lbp_prognosis.survival import outcome_kind

__all__ = ["Flow", "outcome_steps"]


@dataclass(frozen=True, repr=False)
class Flow(Result):
    """Excluded patients with reasons, and values that were not used.

    Attributes
    ----------
    steps : DataFrame
        ``kind, step, n, patients``. For ``start``, ``excluded`` and ``end``, ``n`` counts patients; for ``values``
        it counts values refused as predictors and ``patients`` counts their patients; ``note`` rows count patients.
        For a state or a score at a visit, ``missing`` and ``observed`` divide the patients of ``end``.
    """

    steps: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the steps."""
        return self.steps

    @property
    def n_start(self) -> int:
        """Patients in the package."""
        return int(self.steps.loc[self.steps["kind"].eq("start"), "n"].iloc[0])

    @property
    def n_end(self) -> int:
        """Patients in the cohort."""
        return int(self.steps.loc[self.steps["kind"].eq("end"), "n"].iloc[0])

    def refused(self, reason: str = "dated after the index date") -> int:
        """Return how many values were not used for a reason."""
        rows = self.steps["kind"].eq("values") & self.steps["step"].str.endswith(reason)
        return int(self.steps.loc[rows, "n"].sum())

    def plot(self, ax: Any = None) -> Any:
        """Draw the flow; returns the axes."""
        from lbp_prognosis._draw import draw_flow

        return draw_flow(self.steps, ax=ax)

    def _summary(self) -> str:
        return f"{self.n_start} patients, {self.n_end} in the cohort"


def outcome_steps(y: np.ndarray, horizon: float, unit: str, reasons: pd.Series | None = None) -> list[dict[str, Any]]:
    """Return the last steps of a flow: patients whose state or score at the visit is missing, and the others.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Outcome; one that is not a state or score at a visit has no such steps.
    horizon : float
        The visit.
    unit : str
        Unit of time.
    reasons : Series of shape (n,), optional
        Why the outcome is missing, in the rows where it is; empty where no reason is recorded.

    Returns
    -------
    list of dict
        ``kind, step, n``; empty if all are observed.

    Raises
    ------
    ArgumentError
        If a patient has a reason and an outcome.
    """
    kind = outcome_kind(y)
    if kind not in ("status", "measured"):
        return []
    lost = (y["status"] < 0) if kind == "status" else np.isnan(y["value"])
    what = f"{'state' if kind == 'status' else 'score'} at {time_words(horizon, unit)}"
    if reasons is not None:
        told = reasons.notna().to_numpy() & (reasons.astype(str).str.strip() != "").to_numpy()
        if (told & ~lost).any():
            words = f"empty for patients whose {what} is known"
            raise argument_error(
                "reason",
                words,
                f"{int((told & ~lost).sum())} reasons for known outcomes",
                "Declare a code for “observed” as missing: `missing = { column = [code] }`.",
            )
    if not lost.any():
        return []
    steps = [{"kind": "missing", "step": f"no {what}", "n": int(lost.sum())}]
    if reasons is not None:
        # a code 2 in a column with missing values is no "2.0"
        read = pd.Series([str(plain_label(reason)).strip() for reason in reasons], dtype=object)
        named = read.where(told, "reason not recorded")[lost]
        steps = [
            {"kind": "missing", "step": f"no {what}: {reason}", "n": int(n)}
            for reason, n in named.value_counts().items()
        ]
    return [*steps, {"kind": "observed", "step": f"{what} observed", "n": int((~lost).sum())}]
