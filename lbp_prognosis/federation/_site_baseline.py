"""A site's baseline hazard at a few horizons, and risks from pooled coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_horizons, check_vector, takes_rows
from lbp_prognosis._kernels import cox_baseline, step_at
from lbp_prognosis.federation._canonical import significant
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._probing import few_patients_behind, weighs_few
from lbp_prognosis.federation._site_rows import agreed_matrix
from lbp_prognosis.survival import check_outcome, check_weights

__all__ = ["SiteBaseline", "site_baseline"]

_MOST_HORIZONS = 4


@dataclass(frozen=True)
class SiteBaseline:
    """Cumulative baseline hazard of a site.

    Attributes
    ----------
    site : str
        Pseudonym.
    agreement : str
        Digest of the model it belongs to.
    coef : tuple of float
        The coefficients.
    horizons, hazard, se : tuple of float
        Times, cumulative hazard at covariates 0, and its standard error with the coefficients taken as known.
    withheld : dict of float to str
        Horizons left out, and why.
    """

    site: str
    agreement: str
    coef: tuple[float, ...]
    horizons: tuple[float, ...]
    hazard: tuple[float, ...]
    se: tuple[float, ...]
    withheld: dict[float, str]

    @takes_rows()
    def predict_risk(self, X: Any, horizons: Any) -> np.ndarray:
        """Return 1 − exp(−H0(τ) exp(x·coef)), shape (n, n_horizons).

        Parameters
        ----------
        X : ndarray of shape (n, p)
            Predictors, in the order of the agreed columns.
        horizons : float or sequence of float
            Among ``self.horizons``.
        """
        times, _ = check_horizons(horizons)
        missing = [float(t) for t in times if float(t) not in self.horizons]
        if missing:
            raise argument_error("horizons", f"among {list(self.horizons)}, where the baseline is known", f"{missing}")
        hazard = np.array([self.hazard[self.horizons.index(float(t))] for t in times])
        eta = agreed_matrix(X, [f"x{j}" for j in range(len(self.coef))], len(X)) @ np.array(self.coef)
        return np.asarray(-np.expm1(-np.outer(np.exp(eta), hazard)))


def site_baseline(
    X: Any,
    y: np.ndarray,
    coef: Any,
    horizons: Any,
    *,
    site: str,
    policy: Policy | None,
    sample_weight: Any,
    columns: Sequence[str],
    ties: str,
    agreement: str,
) -> SiteBaseline:
    """Return the baseline at those horizons that have enough events before and enough patients after."""
    policy = Policy() if policy is None else policy
    check_outcome(y, ("right",), caller="FederatedCox.baseline")
    times, _ = check_horizons(horizons)
    if times.size > _MOST_HORIZONS:
        raise argument_error(
            "horizons",
            f"at most {_MOST_HORIZONS}",
            f"{times.size}",
            "A baseline at every event time is a list of the event times.",
        )
    rows = agreed_matrix(X, columns, y.shape[0])
    beta = check_vector("coef", coef, n=len(columns))
    weights = check_weights(sample_weight, y.shape[0])
    w = np.ones(y.shape[0]) if weights is None else weights.values
    copies = w if weights is not None and weights.kind == "frequency" else (w > 0).astype(float)
    event = y["event"] == 1
    kept: list[float] = []
    withheld: dict[float, str] = {}
    last = 0.0
    # extreme coefficients make the sums over those at risk the covariates of one patient, here as in a round
    probing = few_patients_behind(rows, columns, w, policy) or weighs_few(rows @ beta, w, policy)
    for t in map(float, times):
        between = copies[event & (y["time"] > last) & (y["time"] <= t)].sum()
        beyond, after = copies[y["time"] > t].sum(), copies[event & (y["time"] > t)].sum()
        if copies.sum() < policy.min_n or copies[event].sum() < policy.min_events:
            withheld[t] = "insufficient: fewer patients or events than the site's minimum"
        elif probing:
            withheld[t] = probing
        elif between < policy.min_cell:
            withheld[t] = "few events since the horizon before"
        elif beyond < policy.min_cell or 0 < after < policy.min_cell:
            withheld[t] = "few patients or events after it"
        else:
            kept.append(t)
            last = t
    entry = y["entry"] if "entry" in (y.dtype.names or ()) else None
    ((at, hazard),) = cox_baseline(
        y["time"],
        event,
        rows @ beta,
        entry=entry,
        weights=None if weights is None else w,
        ties=ties,
        frequency=weights is not None and weights.kind == "frequency",
    )
    jumps = np.diff(hazard, prepend=0.0)
    totals = np.array([w[event & (y["time"] == t)].sum() for t in at])
    variance = np.cumsum(np.divide(jumps**2, totals, out=np.zeros_like(jumps), where=totals > 0))
    values = [float(step_at(at, hazard, t, left=0.0)) for t in kept]
    errors = [float(np.sqrt(step_at(at, variance, t, left=0.0))) for t in kept]
    return SiteBaseline(
        str(site),
        agreement,
        tuple(float(value) for value in beta),
        tuple(kept),
        tuple(significant(values, policy.digits)),
        tuple(significant(errors, policy.digits)),
        withheld,
    )
