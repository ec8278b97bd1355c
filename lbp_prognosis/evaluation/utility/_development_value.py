"""Expected value of perfect information at development, from the true risks instead of a model's risks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Result,
    argument_error,
    check_choice,
    check_thresholds,
    metric_frame,
    takes_rows,
)
from lbp_prognosis.evaluation.utility._outcome_at import check_probability
from lbp_prognosis.evaluation.utility._test_tradeoff import decide

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["DevelopmentValue", "development_value"]


@dataclass(frozen=True, repr=False)
class DevelopmentValue(Result):
    """Expected value of perfect information at development, by threshold.

    Attributes
    ----------
    table : DataFrame
        One row per threshold: ``threshold, net_benefit, net_benefit_all, net_benefit_perfect, evpi, se, relative``.
        Net benefits are expected ones, over the draws: of deciding by the model, of treating all, of deciding by the
        right risks. ``evpi`` is the last minus the best of the others and zero; ``se`` its Monte-Carlo error;
        ``relative`` is ``evpi`` over the gain of the model on the better of treating all and none (infinite where it
        has none).
    n, n_draws : int
        Patients, and draws of the right risks.
    """

    table: pd.DataFrame
    horizon: float | None
    target: str
    n: int
    n_draws: int
    model: str = ""

    def to_frame(self) -> pd.DataFrame:
        """Return rows ``evpi_development`` and ``net_benefit_perfect`` a threshold."""
        common = {
            "model": self.model,
            "tier": "utility",
            "horizon": self.horizon,
            "n": self.n,
            "target": self.target,
            "method": f"{self.n_draws} draws of the right risks",
        }
        rows: list[dict[str, Any]] = []
        for r in self.table.itertuples():
            rows.append({"metric": "evpi_development", "value": r.evpi, "se": r.se, "threshold": r.threshold, **common})
            rows.append(
                {"metric": "net_benefit_perfect", "value": r.net_benefit_perfect, "threshold": r.threshold, **common}
            )
        return metric_frame(rows, extra=("threshold", "target"))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the expected gain of the model, and of the right risks, over the better of treating all and none.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_thresholds

        default = self.table["net_benefit_all"].clip(lower=0.0)
        curves = [
            pd.DataFrame({"threshold": self.table["threshold"], "value": self.table[column] - default, "series": name})
            for column, name in (("net_benefit_perfect", "the right risks"), ("net_benefit", "this model"))
        ]
        return draw_thresholds(pd.concat(curves), axis="expected gain in net benefit", ax=ax)

    def _summary(self) -> str:
        return f"{len(self.table)} thresholds, largest EVPI {self.table['evpi'].max():.2g}, {self.n_draws} draws"


@takes_rows()
def development_value(
    risk: Any,
    draws: Any,
    thresholds: Any,
    *,
    target: str = "event",
    horizon: float | None = None,
    model: str = "",
) -> DevelopmentValue:
    """Return the largest possible value of more development data for decisions.

    Parameters
    ----------
    risk : array-like of shape (n,)
        P(event by the horizon) of the model as it would be used.
    draws : array-like of shape (n_draws, n)
        Draws of the right risks of the same patients: risks by models refitted in bootstrap samples
        (``BootstrapValidation.predictions``), or by coefficients drawn from their posterior.
    thresholds : array-like of shape (k,)
        Decision thresholds, on the risk of the target.
    target : {"event", "no_event"}, default "event"
        Target of the decision; with ``"no_event"`` one minus the risks decide.
    horizon : float, optional
        Time the risks belong to, for frames.
    model : str, default ""
        Model name in frames.

    Returns
    -------
    DevelopmentValue
        With ``table``.

    Raises
    ------
    ArgumentError
        If ``draws`` is not of shape (n_draws ≥ 2, n) or does not contain probabilities.

    Notes
    -----
    With p_i(θ) the right risk of patient i in a draw, t a threshold and u_i(θ) = p_i(θ) − t/(1−t) (1 − p_i(θ)) the net
    benefit of treating patient i:

    EVPI = E_θ mean_i max(0, u_i(θ)) − max(0, E_θ mean_i 1{risk_i ≥ t} u_i(θ), E_θ mean_i u_i(θ)).

    EVPI is never negative and decreases with sample size. It needs no outcome, because the draws represent the
    uncertainty. EVPI is an upper bound on the value of more development data for decisions at this threshold with these
    predictors. In contrast, EVPI of a validation (`value_of_information`) concerns whether to use the model.

    References
    ----------
    Sadatsafavi M, Lee TY, Gustafson P. Uncertainty and the value of information in risk prediction modeling. Med Decis
    Making 2022;42(5):661-671. doi:10.1177/0272989X221078789

    Examples
    --------
    One patient, whose right risk may be anything: perfect knowledge is worth (1 − t)/2.

    >>> import numpy as np
    >>> from lbp_prognosis.evaluation.utility import development_value
    >>> found = development_value([0.5], np.linspace(0, 1, 2001)[:, None], [0.6])
    >>> round(float(found.table["evpi"].iloc[0]), 3)
    0.2
    """
    check_choice("target", target, ("event", "no_event"))
    grid = check_thresholds(thresholds)
    if grid.size == 0:
        raise argument_error("thresholds", "at least one threshold", thresholds)
    n = int(np.size(risk))
    p = check_probability("risk", risk, n)
    right = np.asarray(draws, dtype=float)
    if right.ndim != 2 or right.shape[0] < 2 or right.shape[1] != n:
        raise argument_error(
            "draws",
            f"of shape (n_draws ≥ 2, {n}), one row per draw",
            draws,
            "Keep the predictions: bootstrap_validate(…, keep_predictions=True).",
        )
    if not (np.isfinite(right).all() and right.min() >= 0 and right.max() <= 1):
        raise argument_error("draws", "probabilities between 0 and 1 without missing values", draws)
    if target == "no_event":
        p, right = 1 - p, 1 - right
    rows = []
    for t in grid:
        odds = t / (1 - t)
        value = right - odds * (1 - right)
        perfect = np.maximum(value, 0.0).mean(axis=1)
        by_model, treat_all = value[:, decide(p, t)].sum(axis=1) / n, value.mean(axis=1)
        options = np.stack([np.zeros(right.shape[0]), by_model, treat_all])
        best = options[int(np.argmax(options.mean(axis=1)))]
        evpi = float(perfect.mean() - best.mean())
        gain = float(by_model.mean() - max(0.0, treat_all.mean()))
        rows.append(
            {
                "threshold": t,
                "net_benefit": float(by_model.mean()),
                "net_benefit_all": float(treat_all.mean()),
                "net_benefit_perfect": float(perfect.mean()),
                "evpi": max(evpi, 0.0),
                "se": float(np.std(perfect - best, ddof=1) / np.sqrt(right.shape[0])),
                "relative": evpi / gain if gain > 1e-12 else np.inf,
            }
        )
    return DevelopmentValue(pd.DataFrame(rows), horizon, target, n, right.shape[0], model)
