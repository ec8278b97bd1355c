"""``ThresholdRange``: clinically relevant decision thresholds, declared with a rationale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lbp_prognosis._base import argument_error, check_choice, check_number

__all__ = ["ThresholdRange"]


@dataclass(frozen=True)
class ThresholdRange:
    """Risk thresholds that matter for one decision, declared before the data are seen.

    Attributes
    ----------
    low, high : float
        Lowest and highest risk at which a reasonable clinician and patient would start to act, in (0, 1).
    primary : float
        The threshold of the main analysis, inside the range.
    rationale : str
        Rationale: the harms that were weighed, in one sentence (a threshold of 0.2 says that missing one event is as
        bad as treating four patients needlessly).

    Examples
    --------
    >>> from lbp_prognosis.evaluation import ThresholdRange
    >>> refer = ThresholdRange(0.2, 0.5, 0.3, "Referral to a pain programme costs a patient about eight weekly visits.")
    >>> refer.grid(step=0.1).tolist()
    [0.2, 0.3, 0.4, 0.5]
    """

    low: float
    high: float
    primary: float
    rationale: str

    def __post_init__(self) -> None:
        low = check_number("low", self.low, low=0, high=1, open_low=True, open_high=True)
        check_number("high", self.high, low=low, high=1, open_low=True, open_high=True)
        check_number("primary", self.primary, low=low, high=self.high)
        if not isinstance(self.rationale, str) or not self.rationale.strip():
            raise argument_error(
                "rationale",
                "a sentence that says why these thresholds",
                repr(self.rationale),
                "A range without a reason can be chosen after seeing the curve.",
            )

    def grid(self, step: float = 0.01) -> np.ndarray:
        """Return thresholds from ``low`` to ``high`` in steps, both ends and ``primary`` included.

        Parameters
        ----------
        step : float, default 0.01
            Distance of neighbours.
        """
        step = check_number("step", step, low=0, high=1, open_low=True)
        count = int(np.floor((self.high - self.low) / step + 1e-9))
        # rounding keeps 0.3 equal to a risk of 0.3, which sums of 0.01 are not
        points = np.round(self.low + step * np.arange(count + 1), 12)
        return np.unique(np.round([*points, self.high, self.primary], 12))

    def weight(self, thresholds: np.ndarray, kind: str = "uniform") -> np.ndarray:
        """Return the weight of each threshold, zero outside the range.

        Parameters
        ----------
        thresholds : ndarray of shape (k,)
            Thresholds.
        kind : {"uniform", "beta22"}, default "uniform"
            Flat, or the Beta(2, 2) density stretched over the range, which favours its middle.
        """
        check_choice("kind", kind, ("uniform", "beta22"))
        thresholds = np.asarray(thresholds, dtype=float)
        inside = (thresholds >= self.low - 1e-9) & (thresholds <= self.high + 1e-9)
        if kind == "uniform":
            return inside.astype(float)
        place = np.clip((thresholds - self.low) / (self.high - self.low), 0, 1)
        return np.where(inside, 6 * place * (1 - place), 0.0)
