"""``FederatedCox``: one Cox model of many hospitals, each with its own baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import check_choice, check_clusters, takes_rows
from lbp_prognosis._kernels import cox_parts
from lbp_prognosis.federation._federated_likelihood import FederatedLikelihood, SiteLikelihood
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._site_baseline import SiteBaseline, site_baseline
from lbp_prognosis.survival import OutcomeKind, Weights

__all__ = ["FederatedCox"]


class FederatedCox(FederatedLikelihood):
    """Cox model fitted by hospitals that send only sums.

    Cox's model stratified by site: the partial likelihood is a sum over sites, so score and information of each site
    at the same coefficients give the fit of all patients pooled, with one baseline per site.

    Parameters
    ----------
    columns : sequence of str
        Predictors, in the order of the coefficients.
    ties : {"efron", "breslow"}, default "efron"
        Handling of tied events, within a site.
    penalty : float, default 0.0
        Ridge penalty θ: the pooled log-likelihood minus ``θ/2 Σ β²``.
    tol : float, default 1e-6
        Convergence limit: largest change of a coefficient, in standard errors.

    Notes
    -----
    ℓ(β) = Σ_s ℓ_s(β); a round sends (ℓ_s, U_s, I_s), p(p + 3)/2 + 1 numbers, and four rounds from zero are usual. The
    model without strata needs the risk sets at every event time, whose differences are single patients: it is not
    offered.

    References
    ----------
    Lu C-L et al. (2015). WebDISCO. J Am Med Inform Assoc 22:1212–1219. doi:10.1093/jamia/ocv083
    Andreux M et al. (2020). Federated survival analysis with discrete-time Cox models. arXiv:2006.08997

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.federation import FederatedCox
    >>> rng = np.random.default_rng(0)
    >>> def hospital():
    ...     x = rng.normal(size=(120, 1))
    ...     return x, Surv.right(np.ceil(rng.exponential(20 * np.exp(-x[:, 0]))), rng.random(120) < 0.8)
    >>> hospitals = {"a": hospital(), "b": hospital()}
    >>> model = FederatedCox(["pain"])
    >>> fit, request, kept = None, model.start(), {name: [] for name in hospitals}
    >>> while fit is None or not fit.converged:
    ...     for name, (X, y) in hospitals.items():
    ...         kept[name].append(model.round(X, y, request, site=name, answered=kept[name]))
    ...     fit = model.step([answers[-1] for answers in kept.values()], fit)
    ...     request = fit.request
    >>> fit.sites, fit.converged
    (('a', 'b'), True)
    """

    _kind = "cox"
    _relative = True
    _accepts: ClassVar[tuple[OutcomeKind, ...]] = ("right",)
    _instead = "For states at a horizon use FederatedLogistic, for visits FederatedDiscreteHazard."

    def __init__(self, columns: Sequence[str], *, ties: str = "efron", penalty: float = 0.0, tol: float = 1e-6) -> None:
        super().__init__(columns, penalty=penalty, tol=tol)
        self.ties = check_choice("ties", ties, ("efron", "breslow"))

    def _terms(self) -> dict[str, Any]:
        return {**super()._terms(), "ties": self.ties}

    def _likelihood(
        self, X: np.ndarray, y: np.ndarray, weights: Weights | None, strata: Any, offset: np.ndarray | None
    ) -> SiteLikelihood:
        n = y.shape[0]
        w = np.ones(n) if weights is None else weights.values
        copies = w if weights is not None and weights.kind == "frequency" else (w > 0).astype(float)
        event = y["event"] == 1
        codes = check_clusters("strata", strata, n=n)
        shift = np.zeros(n) if offset is None else offset

        def at(coef: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
            return cox_parts(
                X,
                y["time"],
                event,
                coef,
                entry=y["entry"] if "entry" in (y.dtype.names or ()) else None,
                strata=codes,
                weights=None if weights is None else w,
                offset=offset,
                ties=self.ties,
                frequency=weights is not None and weights.kind == "frequency",
            )

        events = float(copies[event].sum())
        groups = np.array([events]) if codes is None else np.bincount(codes, weights=copies * event)
        return SiteLikelihood(at, float(copies.sum()), events, groups, lambda coef: X @ coef + shift, w)

    @takes_rows()
    def baseline(
        self,
        X: Any,
        y: np.ndarray,
        coef: Any,
        horizons: Any,
        *,
        site: str,
        policy: Policy | None = None,
        sample_weight: Any = None,
    ) -> SiteBaseline:
        """Return a site's baseline cumulative hazard at up to four horizons.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors with the agreed columns.
        y : ndarray of shape (n,)
            Made by `Surv.right`.
        coef : array-like of shape (p,)
            The coefficients of the converged model.
        horizons : float or sequence of float
            At most four; a horizon is left out if fewer events than the cell limit are between two horizons.
        site : str
            Pseudonym of the site.
        policy : Policy, optional
            Disclosure rules of the site.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.

        Returns
        -------
        SiteBaseline
            Cumulative hazard of a patient with all covariates 0, and its standard error.
        """
        return site_baseline(
            X,
            y,
            coef,
            horizons,
            site=site,
            policy=policy,
            sample_weight=sample_weight,
            columns=self.columns,
            ties=self.ties,
            agreement=self.agreement,
        )
