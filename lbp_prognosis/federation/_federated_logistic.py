"""``FederatedLogistic``: one logistic model of many hospitals; exact recalibration among its uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis._kernels import logistic_parts
from lbp_prognosis.federation._federated_likelihood import FederatedLikelihood, SiteLikelihood
from lbp_prognosis.survival import OutcomeKind, Weights

__all__ = ["FederatedLogistic"]


class FederatedLogistic(FederatedLikelihood):
    """Logistic model of a state at a visit, fitted by hospitals that share sums and no patients.

    With the logit of a predicted risk as the only column, the fit is exact recalibration (`FederatedCalibration` gives
    a curve); without columns and with the logit as ``offset`` of the rounds, it is calibration in the large.

    Parameters
    ----------
    columns : sequence of str
        Predictors; the first coefficient is the intercept. Without any, the intercept is the model.
    penalty : float, default 0.0
        Ridge penalty θ: the pooled log-likelihood minus ``θ/2 Σ β²``, the intercept included.
    tol : float, default 1e-6
        Convergence limit: largest change of a coefficient, in standard errors.

    Notes
    -----
    Rows whose state was not observed are excluded.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.federation import FederatedLogistic
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(200, 1))
    >>> y = Status.at(12, (rng.random(200) < 1 / (1 + np.exp(-x[:, 0]))).astype(int))
    >>> model = FederatedLogistic(["logit_risk"])
    >>> model.step([model.round(x, y, model.start(), site="a")]).parameters
    ('intercept', 'logit_risk')
    """

    _kind = "logistic"
    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("status",)
    _instead = "For times use FederatedCox."
    _columnless = True

    def __init__(self, columns: Sequence[str], *, penalty: float = 0.0, tol: float = 1e-6) -> None:
        super().__init__(columns, penalty=penalty, tol=tol)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        return ("intercept", *self.columns)

    def _likelihood(
        self, X: np.ndarray, y: np.ndarray, weights: Weights | None, strata: Any, offset: np.ndarray | None
    ) -> SiteLikelihood:
        if strata is not None:
            raise argument_error("strata", "None for FederatedLogistic, which has no baselines", strata)
        w = (np.ones(y.shape[0]) if weights is None else weights.values) * (y["status"] >= 0)
        copies = w if weights is not None and weights.kind == "frequency" else (w > 0).astype(float)
        state = (y["status"] == 1).astype(float)
        shift = np.zeros(y.shape[0]) if offset is None else offset
        design = np.column_stack([np.ones(y.shape[0]), X])

        def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return logistic_parts(design, state, coef, weights=w, offset=shift)

        def eta(coef: np.ndarray) -> np.ndarray:
            lp = design @ coef + shift  # weight of a row in the information: μ(1 − μ)
            return np.asarray(-np.logaddexp(0, lp) - np.logaddexp(0, -lp))

        events = float(copies @ state)
        return SiteLikelihood(at, float(copies.sum()), events, np.array([events]), eta, w)
