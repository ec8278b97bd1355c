"""``FederatedFit``: state of a federated model after a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError, Objection, Result, argument_error, check_confidence, norm, objection
from lbp_prognosis.federation._round import Round, RoundRequest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["FederatedFit"]


@dataclass(frozen=True, repr=False)
class FederatedFit(Result):
    """Coefficients after a round, and the next request.

    Attributes
    ----------
    parameters : tuple of str
        Names of the coefficients.
    coef, se : ndarray of shape (p,)
        Coefficients after the step; standard errors from the pooled information of the round.
    covariance : ndarray of shape (p, p)
        Inverse of the (penalised) pooled information.
    asked : ndarray of shape (p,)
        Coefficients of the round.
    loglik : float
        Pooled log-likelihood there, without penalty.
    objective : float
        Pooled log-likelihood there, with penalty.
    score : ndarray of shape (p,)
        Pooled score there, without penalty.
    information : ndarray of shape (p, p)
        Pooled information there, without penalty.
    step : ndarray of shape (p,)
        The Newton step.
    number : int
        Round.
    converged : bool
        Whether no coefficient moved by more than ``tol`` standard errors, or than the rounding of the sites' sums.
    sites : tuple of str
        Sites that answered.
    left_out : dict of str to str
        Sites that did not answer, with the reason: the estimate is that of the sites that answered.
    n, n_events : int
        Patients and events of the sites that answered.
    request : RoundRequest
        The next round.
    objections : tuple of Objection
        ``sites-left-out`` where sites did not answer.
    """

    parameters: tuple[str, ...]
    coef: np.ndarray
    se: np.ndarray
    covariance: np.ndarray
    asked: np.ndarray
    loglik: float
    objective: float
    score: np.ndarray
    information: np.ndarray
    step: np.ndarray
    number: int
    converged: bool
    sites: tuple[str, ...]
    left_out: dict[str, str]
    n: int
    n_events: int
    request: RoundRequest
    objections: tuple[Objection, ...] = ()

    @classmethod
    def of(
        cls,
        answers: Sequence[Round],
        previous: FederatedFit | None,
        *,
        parameters: tuple[str, ...],
        penalty: float,
        tol: float,
    ) -> FederatedFit:
        """Return the fit after a round of checked answers.

        Parameters
        ----------
        answers : sequence of Round
            One per site.
        previous : FederatedFit or None
            Fit after the previous round.
        parameters : tuple of str
            Names of the coefficients.
        penalty, tol : float
            As of the model.
        """
        given = [each for each in answers if not each.withheld]
        left_out = {each.site: each.withheld for each in answers if each.withheld}
        if not given:
            raise EstimationError(f"No site answered the round: {left_out}.")
        sites = tuple(sorted(each.site for each in given))
        asked = np.array(given[0].coef, dtype=float)
        sums = [each.arrays() for each in given]
        score = np.sum([part[0] for part in sums], axis=0)
        information = np.sum([part[1] for part in sums], axis=0)
        loglik = float(sum(each.loglik for each in given))
        penalised = information + penalty * np.eye(asked.size)
        objective = loglik - penalty / 2 * float(asked @ asked)
        covariance = _inverse(penalised, np.sum([_rounding(part[1]) for part in sums], axis=0))
        step = covariance @ (score - penalty * asked)
        se = np.sqrt(np.diag(covariance))
        # sums leave with few digits: neither a step nor a fall within their rounding means anything
        noise = np.abs(covariance) @ np.sum([_rounding(part[0]) for part in sums], axis=0)
        if previous is not None:
            if previous.sites != sites:
                raise argument_error(
                    "rounds",
                    f"answers of the sites of the step before, {list(previous.sites)}",
                    f"answers of {list(sites)}",
                    "Sums of other sites are another likelihood: begin again with start(coef=...) and these sites.",
                )
            fall = 4 * float(np.sum([_rounding(np.array([each.loglik])) for each in given]))
            if objective < previous.objective - fall - 1e-9 * (1 + abs(previous.objective)):
                step = (previous.asked - asked) / 2  # too far: half way back
        converged = bool((np.abs(step) <= np.maximum(tol * se, 2 * noise)).all())
        coef = asked + step
        doubts = (objection("sites-left-out", sites=", ".join(sorted(left_out))),) if left_out else ()
        return cls(
            parameters=parameters,
            coef=coef,
            se=se,
            covariance=covariance,
            asked=asked,
            loglik=loglik,
            objective=objective,
            score=score,
            information=information,
            step=step,
            number=given[0].number,
            converged=converged,
            sites=sites,
            left_out=left_out,
            n=sum(each.n for each in given),
            n_events=sum(each.n_events for each in given),
            request=RoundRequest(given[0].agreement, given[0].number + 1, tuple(float(value) for value in coef)),
            objections=doubts,
        )

    def to_frame(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return one row per coefficient: ``parameter, coef, se, low, high, p_value``.

        Parameters
        ----------
        confidence : float, default 0.95
            Level of the limits.
        """
        z = norm.ppf(0.5 + check_confidence(confidence) / 2)
        return pd.DataFrame(
            {
                "parameter": self.parameters,
                "coef": self.coef,
                "se": self.se,
                "low": self.coef - z * self.se,
                "high": self.coef + z * self.se,
                "p_value": 2 * norm.sf(np.abs(self.coef) / self.se),
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the coefficients with their intervals."""
        from lbp_prognosis._draw import draw_estimates

        frame = self.to_frame().rename(columns={"parameter": "label", "coef": "value"})
        return draw_estimates(frame[["label", "value", "low", "high"]], axis="coefficient", neutral=0.0, ax=ax)

    def _summary(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"round {self.number}, {state}, {len(self.sites)} sites, {self.n} patients, {self.n_events} events"


def _rounding(values: np.ndarray) -> np.ndarray:
    """Return half a unit of the last digit of released numbers; their digits are those of the longest."""
    there = np.abs(values[values != 0]).ravel()
    if not there.size:
        return np.zeros(values.shape)
    digits = max(len(repr(float(value)).split("e")[0].replace(".", "").strip("0")) for value in there)
    with np.errstate(divide="ignore"):
        size = np.floor(np.log10(np.abs(values), out=np.full(values.shape, -300.0), where=values != 0))
    return 0.5 * 10.0 ** (size - digits + 1)


def _inverse(information: np.ndarray, rounding: np.ndarray) -> np.ndarray:
    """Return the inverse, whatever the units of the columns; an error if it is singular within the rounding."""
    size = np.diag(information)
    if not (size > 0).all():
        raise _singular()
    scale = 1 / np.sqrt(np.outer(size, size))
    unit = information * scale
    if not np.linalg.eigvalsh(unit)[0] > max(float(np.linalg.norm(rounding * scale, 2)), 1e-13):
        raise _singular()
    return np.linalg.inv(unit) * scale


def _singular() -> EstimationError:
    return EstimationError(
        "The pooled information is singular within the digits that the sites send: a column is constant, or a "
        "combination of others, at all sites, or far from zero (subtract an agreed value)."
    )
