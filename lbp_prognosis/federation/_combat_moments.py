"""ComBat from the moments of sites: pooled batch effects without pooled patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_choice, takes_rows
from lbp_prognosis._kernels import CombatFit, combat_adjust, combat_shrink
from lbp_prognosis.federation._canonical import significant
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._probing import few_patients_behind
from lbp_prognosis.federation._site_rows import agreed_matrix

__all__ = ["CombatMoments", "FederatedCombat", "combat_moments", "pool_combat"]


@dataclass(frozen=True)
class CombatMoments:
    """Moments of a site, or the reason for their absence.

    Attributes
    ----------
    site : str
        Pseudonym.
    features, covariates : tuple of str
        Names, as agreed.
    n : int
        Patients.
    mean_features, mean_covariates : tuple of float
        Means (p) and (q).
    within : tuple of float
        Sums of squares of the features around their means (p).
    cross : tuple of tuple of float
        Cross products of covariates and features around their means (q × p).
    products : tuple of tuple of float
        Cross products of the covariates around their means (q × q).
    withheld : str
        Reason for sending nothing; empty for moments.
    """

    site: str
    features: tuple[str, ...]
    covariates: tuple[str, ...]
    n: int = 0
    mean_features: tuple[float, ...] = ()
    mean_covariates: tuple[float, ...] = ()
    within: tuple[float, ...] = ()
    cross: tuple[tuple[float, ...], ...] = ()
    products: tuple[tuple[float, ...], ...] = ()
    withheld: str = ""

    @property
    def numbers(self) -> int:
        """Number of distinct values in the moments."""
        p, q = len(self.mean_features), len(self.mean_covariates)
        return 1 + 2 * p + q + q * p + q * (q + 1) // 2 if p else 0


@takes_rows()
def combat_moments(
    X: Any, features: Sequence[str], covariates: Sequence[str] = (), *, site: str, policy: Policy | None = None
) -> CombatMoments:
    """Return a site's moments of its features, from which the centre estimates batch effects.

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        Features and covariates, complete.
    features : sequence of str
        Measurements to harmonise, agreed by all sites.
    covariates : sequence of str, default ()
        Columns whose effect is kept.
    site : str
        Pseudonym; the batch.
    policy : Policy, optional
        Disclosure rules of the site.

    Returns
    -------
    CombatMoments
        1 + 2p + q + pq + q(q + 1)/2 numbers for p features and q covariates, or a reason.
    """
    policy = Policy() if policy is None else policy
    names, kept = tuple(map(str, features)), tuple(map(str, covariates))
    n = len(X)
    Y = agreed_matrix(X, names, n)
    Z = agreed_matrix(X, kept, n) if kept else np.empty((n, 0))
    empty = CombatMoments(str(site), names, kept)
    p, q = len(names), len(kept)
    count = 1 + 2 * p + q + q * p + q * (q + 1) // 2
    reason = ""
    if n < policy.min_n:
        reason = "insufficient: fewer patients than the site's minimum"
    elif count > policy.release_budget * n:
        reason = f"budget: {count} numbers are more than the site's share of its patients"
    else:
        reason = few_patients_behind(np.column_stack([Y, Z]), (*names, *kept), np.ones(n), policy)
    if reason:
        return CombatMoments(empty.site, names, kept, withheld=reason)
    my, mz = Y.mean(axis=0), Z.mean(axis=0)
    Yc, Zc = Y - my, Z - mz

    def told(value: np.ndarray) -> Any:
        rounded = significant(value, policy.digits)
        return tuple(tuple(row) if isinstance(row, list) else row for row in rounded)

    return CombatMoments(
        empty.site, names, kept, n, told(my), told(mz), told((Yc**2).sum(axis=0)), told(Zc.T @ Yc), told(Zc.T @ Zc)
    )


@dataclass(frozen=True)
class FederatedCombat:
    """Batch effects estimated from moments.

    Attributes
    ----------
    sites : tuple of str
        Batches, in the order of the estimates.
    left_out : dict of str to str
        Sites that sent nothing, and why.
    features, covariates : tuple of str
        Names.
    estimates : CombatFit
        As of ComBat on pooled rows.
    """

    sites: tuple[str, ...]
    left_out: dict[str, str]
    features: tuple[str, ...]
    covariates: tuple[str, ...]
    estimates: CombatFit

    @takes_rows()
    def adjust(self, X: Any, *, site: str) -> np.ndarray:
        """Return a site's features (n, p) without its batch effect.

        Parameters
        ----------
        X : DataFrame
            Features and covariates.
        site : str
            One of ``sites``.
        """
        if site not in self.sites:
            raise argument_error("site", f"one of {list(self.sites)}", repr(site))
        n = len(X)
        Y = agreed_matrix(X, self.features, n)
        Z = agreed_matrix(X, self.covariates, n) if self.covariates else np.empty((n, 0))
        codes = np.full(n, self.sites.index(site))
        return combat_adjust(Y, codes, Z, self.estimates, self.estimates.gamma, self.estimates.delta)


def pool_combat(
    moments: Sequence[CombatMoments],
    *,
    prior: str = "parametric",
    mean_only: bool = False,
    reference_site: str | None = None,
) -> FederatedCombat:
    """Estimate batch effects from the moments of sites; the numbers are those of ComBat on all rows.

    Parameters
    ----------
    moments : sequence of CombatMoments
        One per site.
    prior : {"parametric", "nonparametric", "none"}, default "parametric"
        Shrinkage of the estimates of a site over its features.
    mean_only : bool, default False
        Leave the variances.
    reference_site : str, optional
        Site to whose scale all others are transformed.

    Raises
    ------
    ArgumentError
        If moments are of different features or covariates, one site occurs twice, or there are fewer than two sites.

    References
    ----------
    Johnson WE, Li C, Rabinovic A (2007). Biostatistics 8:118–127. doi:10.1093/biostatistics/kxj037
    """
    check_choice("prior", prior, ("parametric", "nonparametric", "none"))
    given = [each for each in moments if not each.withheld]
    left_out = {each.site: each.withheld for each in moments if each.withheld}
    names = tuple(each.site for each in given)
    if len(given) < 2 or len(set(names)) != len(names):
        raise argument_error("moments", "of two sites or more, each once", f"{list(names)} (left out: {left_out})")
    features, covariates = given[0].features, given[0].covariates
    if any((each.features, each.covariates) != (features, covariates) for each in given):
        raise argument_error("moments", "of the same features and covariates at all sites", "others")
    if reference_site is not None and reference_site not in names:
        raise argument_error("reference_site", f"one of {list(names)}", repr(reference_site))
    counts = np.array([each.n for each in given], dtype=float)
    means = np.array([each.mean_features for each in given])
    p, q = len(features), len(covariates)
    centre = np.array([each.mean_covariates for each in given]).reshape(len(given), q)
    cross = np.array([each.cross for each in given]).reshape(len(given), q, p)
    products = np.array([each.products for each in given]).reshape(len(given), q, q)
    within = np.array([each.within for each in given])
    # batch dummies and covariates: the slopes are those within sites
    coefficients = np.linalg.solve(products.sum(axis=0), cross.sum(axis=0)) if q else np.empty((0, p))
    residual = within - 2 * np.einsum("qp,sqp->sp", coefficients, cross)
    residual += np.einsum("qp,sqr,rp->sp", coefficients, products, coefficients)
    per_site = means - centre @ coefficients
    code = None if reference_site is None else names.index(reference_site)
    if code is None:
        mean, variance = counts @ per_site / counts.sum(), residual.sum(axis=0) / counts.sum()
    else:
        mean, variance = per_site[code], residual[code] / counts[code]
    if not (variance > 0).all():
        flat = [name for name, value in zip(features, variance) if not value > 0]
        raise EstimationError(f"Features that do not vary within sites cannot be harmonised: {flat}.")
    gamma_hat = (per_site - mean) / np.sqrt(variance)
    delta_hat = np.ones_like(gamma_hat) if mean_only else residual / (counts[:, None] - 1) / variance
    shape = np.broadcast_to(counts[:, None], gamma_hat.shape)
    gamma, delta, iterations = combat_shrink(
        gamma_hat,
        delta_hat,
        shape,
        reference=code,
        mean_only=mean_only,
        prior=prior if p > 1 else "none",  # one feature has nothing to borrow from
    )
    fit = CombatFit(mean, coefficients, variance, gamma_hat, delta_hat, gamma, delta, shape, iterations)
    return FederatedCombat(names, left_out, features, covariates, fit)
