"""``FederatedCalibration``: one smooth calibration curve of many hospitals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from lbp_prognosis._base import argument_error, check_confidence, check_vector, norm
from lbp_prognosis._kernels import rcs_basis, transformed_risk
from lbp_prognosis.federation._federated_fit import FederatedFit
from lbp_prognosis.federation._federated_logistic import FederatedLogistic

__all__ = ["FederatedCalibration"]

_FEWEST, _MOST = 3, 6


class FederatedCalibration(FederatedLogistic):
    """Calibration curve of a predicted risk, fitted by hospitals that send only sums.

    Logistic regression of the state on a restricted cubic spline of the logit of the risk, in rounds: the curve is that
    of all rows together, as `lbp_prognosis.evaluation.calibration` draws it with these knots.

    Parameters
    ----------
    knots : sequence of float
        Three to six risks, increasing, agreed before the sites see their outcomes: for example quantiles of the risks
        in the development data.
    tol : float, default 1e-6
        Convergence limit: largest change of a coefficient, in standard errors.

    Raises
    ------
    ArgumentError
        If the knots are not increasing risks between 0 and 1.

    See Also
    --------
    lbp_prognosis.federation.FederatedLogistic : Intercept and slope alone.

    Notes
    -----
    ``round`` takes the predicted risk as its only column. Rows whose state was not observed are excluded. Each term of
    the spline needs as many patients as any other column: a site answers only if at least ``policy.min_cell`` of its
    patients are beyond the knot. Limits come from the pooled information.

    References
    ----------
    Harrell FE (2015). Regression Modeling Strategies, 2nd ed. Springer, section 2.4.5.

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Status
    >>> from lbp_prognosis.federation import FederatedCalibration
    >>> rng = np.random.default_rng(0)
    >>> risk = rng.uniform(0.1, 0.9, 400)
    >>> y = Status.at(12, (rng.random(400) < risk).astype(int))
    >>> model = FederatedCalibration([0.2, 0.5, 0.8])
    >>> fit, request = None, model.start()
    >>> for _ in range(5):
    ...     fit = model.step([model.round(risk[:, None], y, request, site="a")], fit)
    ...     request = fit.request
    >>> model.curve(fit, [0.5]).columns.tolist()
    ['risk', 'observed', 'low', 'high']
    """

    _kind = "calibration"

    def __init__(self, knots: Sequence[float], *, tol: float = 1e-6) -> None:
        super().__init__(["risk"], tol=tol)
        places = check_vector("knots", np.atleast_1d(knots), low=0, high=1)
        inside = bool(((places > 0) & (places < 1)).all()) and bool((np.diff(places) > 0).all())
        if not inside or not _FEWEST <= places.size <= _MOST:
            raise argument_error("knots", "three to six increasing risks between 0 and 1", str(places.tolist()))
        self.knots = tuple(float(place) for place in places)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        return ("intercept", "logit", *(f"bend at {knot:g}" for knot in self.knots[:-2]))

    def _terms(self) -> dict[str, Any]:
        return {**super()._terms(), "knots": list(self.knots)}

    def _design(self, X: np.ndarray) -> np.ndarray:
        risk = X[:, 0]
        if not ((risk >= 0) & (risk <= 1)).all():
            raise argument_error("X", "one column of risks in [0, 1]", "other values")
        return rcs_basis(transformed_risk(risk, "logit"), transformed_risk(np.array(self.knots), "logit"))

    def curve(self, fit: FederatedFit, grid: Any, *, confidence: float = 0.95) -> pd.DataFrame:
        """Return the observed risk at predicted risks, with pointwise limits, at the centre.

        Parameters
        ----------
        fit : FederatedFit
            Of this model.
        grid : array-like of shape (m,)
            Predicted risks, chosen by the centre.
        confidence : float, default 0.95
            Level of the limits.

        Returns
        -------
        DataFrame
            Columns ``risk, observed, low, high``, one row per predicted risk.
        """
        if fit.parameters != self.parameters or fit.request.agreement != self.agreement:
            raise argument_error("fit", "one of this model", f"one of {list(fit.parameters)}")
        risk = check_vector("grid", grid, low=0, high=1)
        points = np.column_stack([np.ones(risk.size), self._design(risk[:, None])])
        eta = points @ fit.coef
        half = norm.ppf(0.5 + check_confidence(confidence) / 2) * np.sqrt(
            np.einsum("ij,jk,ik->i", points, fit.covariance, points)
        )
        limits = {"observed": expit(eta), "low": expit(eta - half), "high": expit(eta + half)}
        return pd.DataFrame({"risk": risk, **limits})
