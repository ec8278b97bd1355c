"""``e_value``: how strong unmeasured confounding would have to be to explain an association."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import Result, argument_error, check_choice, check_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["EValue", "e_value"]

_MEASURES = ("risk_ratio", "hazard_ratio", "odds_ratio")


@dataclass(frozen=True, repr=False)
class EValue(Result):
    """E-values of an association and of the limit of its interval nearer to the reference ratio.

    Attributes
    ----------
    measure : {"risk_ratio", "hazard_ratio", "odds_ratio"}
        Kind of ratio.
    estimate, low, high : float
        The ratio and its limits as given; NaN without limits.
    risk_ratios : tuple of float
        Estimate, lower and upper limit as risk ratios.
    rare : bool or None
        Whether the outcome is rare, so that the ratio is close to a risk ratio; None for a risk ratio.
    true : float
        Ratio that confounding would leave, in ``measure``; 1 is no association.
    value : float
        E-value of the estimate.
    limit_value : float
        E-value of the nearer limit; 1 if the interval contains ``true``, NaN if that limit was not given.
    """

    measure: str
    estimate: float
    low: float
    high: float
    risk_ratios: tuple[float, float, float]
    rare: bool | None
    true: float
    value: float
    limit_value: float

    def to_frame(self) -> pd.DataFrame:
        """Return ``quantity, ratio, risk_ratio, e_value``, one row each for the estimate and its limits.

        The limit that is farther from ``true`` has no E-value.
        """
        nearer = self._nearer()
        values = [self.value, *(self.limit_value if name == nearer else np.nan for name in ("low", "high"))]
        return pd.DataFrame(
            {
                "quantity": ["estimate", "low", "high"],
                "ratio": [self.estimate, self.low, self.high],
                "risk_ratio": list(self.risk_ratios),
                "e_value": values,
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the E-values of the estimate and of the nearer limit.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_estimates

        table = self.to_frame().dropna(subset=["e_value"])
        rows = pd.DataFrame({"label": table["quantity"], "value": table["e_value"], "low": np.nan, "high": np.nan})
        return draw_estimates(rows, axis="E-value (risk ratio)", neutral=1.0, ax=ax)

    def _nearer(self) -> str:
        return "low" if self.estimate >= self.true else "high"

    def _summary(self) -> str:
        limit = "" if np.isnan(self.limit_value) else f", of the nearer limit {self.limit_value:.2f}"
        return f"{self.measure.replace('_', ' ')} {self.estimate:.3g}: E-value {self.value:.2f}{limit}"


def e_value(
    estimate: float,
    limits: Sequence[float] | None = None,
    *,
    measure: str,
    rare: bool | None = None,
    true: float = 1.0,
) -> EValue:
    """Return the least strength of unmeasured confounding that could explain an association (E-value).

    Parameters
    ----------
    estimate : float
        Ratio of the exposed against the unexposed, adjusted for the measured confounders; above 0.
    limits : sequence of two float, optional
        Lower and upper limit of its interval; None or NaN for one that is not known.
    measure : {"risk_ratio", "hazard_ratio", "odds_ratio"}
        Kind of ratio that ``estimate`` is; a rate ratio counts as a risk ratio.
    rare : bool, optional
        Whether fewer than 15 % have the event by the end of follow-up; required for hazard and odds ratios, which are
        then taken as risk ratios. Otherwise they are converted to approximate risk ratios.
    true : float, default 1.0
        Ratio that the confounding would leave, in ``measure``.

    Returns
    -------
    EValue
        With ``value``, ``limit_value`` and ``to_frame()``: ``quantity, ratio, risk_ratio, e_value``.

    Raises
    ------
    ArgumentError
        If a ratio is not above 0, the limits do not contain the estimate, or ``rare`` is absent where it is required.

    Notes
    -----
    An unmeasured confounder that is associated with both the exposure and the outcome by risk ratios of at least the
    E-value, beyond the measured confounders, could move the risk ratio R to the true one R₀; weaker confounding could
    not. With r = max(R/R₀, R₀/R), E = r + √(r(r − 1)). Common outcomes: an odds ratio is converted by √OR, a hazard
    ratio by (1 − 0.5^√HR) / (1 − 0.5^√(1/HR)); R₀ is converted alike. An E-value says nothing about whether such a
    confounder exists, and a large one proves no cause. Predictions need no E-value: they do not have to be causal.

    References
    ----------
    VanderWeele TJ, Ding P. Sensitivity analysis in observational research: introducing the E-value. Ann Intern Med
    2017;167:268-274. doi:10.7326/M16-2607

    Examples
    --------
    >>> from lbp_prognosis.validation import e_value
    >>> found = e_value(3.9, (1.8, 8.7), measure="risk_ratio")
    >>> round(found.value, 2), round(found.limit_value, 2)
    (7.26, 3.0)
    >>> e_value(0.56, (0.46, 0.69), measure="hazard_ratio", rare=False).to_frame().round(3)["e_value"].tolist()
    [2.35, nan, 1.908]
    """
    check_choice("measure", measure, _MEASURES)
    if measure == "risk_ratio" and rare is not None:
        raise argument_error("rare", "left out: a risk ratio is not converted", rare)
    if measure != "risk_ratio" and not isinstance(rare, bool | np.bool_):
        words = "true or false: do fewer than 15 % have the event by the end of follow-up?"
        raise argument_error("rare", words, rare)
    low, high = _limits(limits)
    given = [_ratio("estimate", estimate), low, high]
    moved = _ratio("true", true)
    if low > given[0] or high < given[0]:
        raise argument_error("limits", f"around the estimate {given[0]:g}", f"{low:g} to {high:g}")
    ratios = [_risk_ratio(one, measure, bool(rare)) for one in given]
    target = _risk_ratio(moved, measure, bool(rare))
    nearer = ratios[1] if given[0] >= moved else ratios[2]
    crossed = low <= moved <= high or (nearer <= target if given[0] >= moved else nearer >= target)
    return EValue(
        measure=measure,
        estimate=given[0],
        low=low,
        high=high,
        risk_ratios=(ratios[0], ratios[1], ratios[2]),
        rare=None if rare is None else bool(rare),
        true=moved,
        value=_strength(ratios[0] / target),
        limit_value=1.0 if crossed else _strength(nearer / target),
    )


def _ratio(name: str, value: float) -> float:
    return float(check_number(name, value, low=0, open_low=True))


def _limits(limits: Sequence[float] | None) -> tuple[float, float]:
    if limits is None:
        return np.nan, np.nan
    if np.ndim(np.asarray(limits, dtype=object)) != 1 or len(limits) != 2:
        raise argument_error("limits", "two numbers, the lower and the upper limit", limits)
    low, high = (np.nan if pd.isna(one) else _ratio("limits", one) for one in limits)
    return low, high


def _risk_ratio(ratio: float, measure: str, rare: bool) -> float:
    """Return a ratio as an approximate risk ratio."""
    if measure == "risk_ratio" or rare:
        return ratio
    if measure == "odds_ratio":
        return float(np.sqrt(ratio))
    return float(np.expm1(-np.log(2) * np.sqrt(ratio)) / np.expm1(-np.log(2) / np.sqrt(ratio)))


def _strength(ratio: float) -> float:
    """Return the E-value of a risk ratio, NaN of NaN."""
    r = np.maximum(ratio, 1 / ratio)
    return float(r + np.sqrt(r * (r - 1)))
