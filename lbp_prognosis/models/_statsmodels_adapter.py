"""Adapter to statsmodels: mixed models and estimating equations of scores at several visits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError, require
from lbp_prognosis._kernels import visit_reml

__all__ = ["CourseFit", "CourseRows", "estimating_equations", "mixed_model"]

_SINGULAR = 1e-8
_CELLS = 20_000_000  # of the products of columns that the kernel sums per set of visits


@dataclass(frozen=True)
class CourseRows:
    """One row per patient and attended visit, patients together and visits in order.

    Attributes
    ----------
    score : ndarray of shape (m,)
        Scores, of about unit spread.
    design : ndarray of shape (m, k)
        Columns of the mean.
    patient, visit : ndarray of int of shape (m,)
        Numbers from 0.
    times : ndarray of shape (n_visits,)
        Times of the visits, the last being 1.
    """

    score: np.ndarray
    design: np.ndarray
    patient: np.ndarray
    visit: np.ndarray
    times: np.ndarray


@dataclass(frozen=True)
class CourseFit:
    """Estimates of a statsmodels fit.

    Attributes
    ----------
    coef : ndarray of shape (k,)
        Of the columns of the mean.
    coef_covariance : ndarray of shape (k, k)
        Model-based of a mixed model, the sandwich of patients of estimating equations.
    covariance : ndarray of shape (n_visits, n_visits)
        Covariance of a patient's scores about their mean.
    log_likelihood : float
        Restricted, of a mixed model; NaN of estimating equations.
    """

    coef: np.ndarray
    coef_covariance: np.ndarray
    covariance: np.ndarray
    log_likelihood: float


def mixed_model(rows: CourseRows, covariance: str, *, caller: str) -> CourseFit:
    """Fit by restricted maximum likelihood.

    A kernel finds a maximum inside the range of the parameters. A random intercept without variance is least squares.
    At the border of other random effects, where the kernel finds none, and for dozens of visits, statsmodels'
    ``MixedLM`` decides.

    Parameters
    ----------
    rows : CourseRows
        The scores.
    covariance : {"exchangeable", "slope", "unstructured"}
        A random intercept; with a random slope in time; or a random effect of each visit. The last has one parameter
        more than there are moments: its sum with the residual variance is what is determined, and what is returned.
    caller : str
        Public name of the model.

    Raises
    ------
    EstimationError
        If there is no maximum.
    """
    ones = np.ones((rows.times.size, 1))
    effects = {
        "exchangeable": ones,
        "slope": np.column_stack([ones, rows.times]),
        "unstructured": np.eye(rows.times.size),
    }
    if not _changes(rows):
        raise _no_maximum(caller, covariance)
    inside = _inside(rows, effects[covariance], free=covariance == "unstructured")
    if inside is None and covariance == "exchangeable":
        inside = _without_intercepts(rows)
    if inside is not None:
        return inside
    effects_of_rows = effects[covariance][rows.visit]
    api = require("statsmodels.api", caller=caller, extra="adapters")
    model = api.MixedLM(rows.score, rows.design, groups=rows.patient, exog_re=effects_of_rows)

    found = None
    for start in _starts(rows, caller) if covariance == "unstructured" else [None]:
        found = _maximum(model, start)
        if found is not None:
            break
    if found is None:
        raise _no_maximum(caller, covariance)
    design = effects[covariance]
    total = design @ np.asarray(found.cov_re) @ design.T + found.scale * np.eye(rows.times.size)
    return CourseFit(
        coef=np.asarray(found.fe_params),
        coef_covariance=np.linalg.inv(_information(rows, total)),
        covariance=total,
        log_likelihood=float(found.llf),
    )


def _inside(rows: CourseRows, effects: np.ndarray, *, free: bool) -> CourseFit | None:
    """Return the maximum where the random effects have a positive definite covariance; None elsewhere.

    Parameters
    ----------
    rows : CourseRows
        The scores.
    effects : ndarray of shape (n_visits, r)
        Random effects at each visit.
    free : bool
        Whether the covariance of all visits is free: it then contains the residual variance.
    """
    seen = np.zeros((int(rows.patient.max()) + 1, rows.times.size), dtype=bool)
    seen[rows.patient, rows.visit] = True
    side = rows.times.size * (rows.design.shape[1] + 1)
    if np.unique(seen, axis=0).shape[0] * side**2 > _CELLS:
        return None
    first, second = np.tril_indices(effects.shape[1])
    pairs = [np.outer(effects[:, a], effects[:, b]) for a, b in zip(first, second)]
    basis = [pair if a == b else pair + pair.T for pair, a, b in zip(pairs, first, second)]
    start = np.where(first == second, 1.0 if free else 0.5, 0.3 if free else 0.0)
    if not free:
        basis.append(np.eye(rows.times.size))
        start = np.append(start, 0.5)
    found = visit_reml(rows.score, rows.design, rows.patient, rows.visit, np.array(basis), start)
    if found is None:
        return None
    between = np.zeros((effects.shape[1], effects.shape[1]))
    between[first, second] = between[second, first] = found.parameters[: first.size]
    if np.linalg.eigvalsh(between).min() <= 0 or (not free and found.parameters[-1] <= 0):
        return None
    return CourseFit(found.coef, found.coef_covariance, found.covariance, found.log_likelihood)


def _without_intercepts(rows: CourseRows) -> CourseFit | None:
    """Return least squares where a random intercept of small variance would lower the likelihood; None elsewhere.

    Scores of a patient are then no more alike than those of different patients, and the variance stands at its border.
    """
    n, k = rows.design.shape
    inverse = np.linalg.inv(rows.design.T @ rows.design)
    coef = inverse @ rows.design.T @ rows.score
    residual = rows.score - rows.design @ coef
    scale = float(residual @ residual) / (n - k)
    sums = np.zeros((int(rows.patient.max()) + 1, k))
    np.add.at(sums, rows.patient, rows.design)
    expected = scale * (n - np.einsum("ik,kl,il->", sums, inverse, sums))
    if np.sum(np.bincount(rows.patient, residual) ** 2) > expected:  # the slope of the likelihood at no variance
        return None
    log_determinant = -np.linalg.slogdet(inverse)[1]
    log_likelihood = -0.5 * ((n - k) * (np.log(2 * np.pi * scale) + 1) + log_determinant)
    return CourseFit(coef, scale * inverse, scale * np.eye(rows.times.size), float(log_likelihood))


def _maximum(model: Any, start: Any) -> Any:
    """Return the fit from a start, or None where the climb ends at a singular matrix or not at a maximum."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # on a determined sum and a flat direction next to it; convergence is asked for below
            warnings.simplefilter("ignore")
            found = model.fit(start_params=start, reml=True, method=["bfgs"], gtol=1e-8, maxiter=1000)
            # near the top rounding may hide the slope from the line search: then the slope itself is asked
            end = found.params_object.copy()
            slope = 0.0 if found.converged else float(np.abs(model.score(end)).max()) / model.endog.size
    except (np.linalg.LinAlgError, ValueError):
        return None
    return found if np.isfinite(found.llf) and slope < 1e-6 else None


def _starts(rows: CourseRows, caller: str) -> Iterator[Any]:
    """Yield starts: least squares with the residuals' covariance by pairs of visits, then statsmodels' own.

    Along the flat direction some small samples run into a singular matrix from one share of the residual variance and
    not from another; all that reach a maximum reach the same.
    """
    coef = np.linalg.lstsq(rows.design, rows.score, rcond=None)[0]
    wide = np.full((rows.patient.max() + 1, rows.times.size), np.nan)
    wide[rows.patient, rows.visit] = rows.score - rows.design @ coef
    moments = pd.DataFrame(wide).cov().to_numpy()
    least = float(np.linalg.eigvalsh(moments).min()) if np.isfinite(moments).all() else 0.0
    if least > 0:
        parameters = require("statsmodels.regression.mixed_linear_model", caller=caller, extra="adapters").MixedLMParams
        for residual in least * np.array([0.5, 0.2, 0.8, 0.05, 0.95]):
            between = (moments - residual * np.eye(rows.times.size)) / residual
            yield parameters.from_components(fe_params=coef, cov_re=between)
    yield None


def _changes(rows: CourseRows) -> bool:
    """Whether scores of a patient differ between visits by more than their means do."""
    residual = rows.score - rows.design @ np.linalg.lstsq(rows.design, rows.score, rcond=None)[0]
    visits = np.bincount(rows.patient)
    within = residual - (np.bincount(rows.patient, residual) / visits)[rows.patient]
    return bool((visits > 1).sum() > 1 and within @ within > 1e-10 * rows.score @ rows.score)


def _no_maximum(caller: str, covariance: str) -> EstimationError:
    simpler = {"unstructured": "'slope' or 'exchangeable'", "slope": "'exchangeable'"}.get(covariance)
    remedy = f"Try covariance={simpler}, or method='gee'." if simpler else "Use LinearOutcome at one visit."
    return EstimationError(
        f"{caller} found no maximum of the restricted likelihood: patients attended too few visits, or their scores "
        f"hardly change. {remedy}"
    )


def _information(rows: CourseRows, covariance: np.ndarray) -> np.ndarray:
    """Σ XᵀV⁻¹X over patients, those with the same visits at once."""
    n = int(rows.patient.max()) + 1
    seen = np.zeros((n, rows.times.size), dtype=bool)
    seen[rows.patient, rows.visit] = True
    patterns, pattern = np.unique(seen, axis=0, return_inverse=True)
    out = np.zeros((rows.design.shape[1], rows.design.shape[1]))
    for code, attended in enumerate(patterns):
        visits = np.flatnonzero(attended)
        part = rows.design[pattern.ravel()[rows.patient] == code].reshape(-1, visits.size, rows.design.shape[1])
        inverse = np.linalg.inv(covariance[np.ix_(visits, visits)])
        out += np.einsum("ivk,vw,iwl->kl", part, inverse, part)
    return out


def estimating_equations(rows: CourseRows, covariance: str, weights: np.ndarray | None, *, caller: str) -> CourseFit:
    """Fit by generalised estimating equations of the Gaussian family (``GEE``).

    Parameters
    ----------
    rows : CourseRows
        The scores.
    covariance : {"independence", "exchangeable", "unstructured"}
        Working correlation.
    weights : ndarray of shape (m,) or None
        Row weights; with ``"independence"`` only.
    caller : str
        Public name of the model.

    Raises
    ------
    EstimationError
        If they were not solved.
    """
    api = require("statsmodels.api", caller=caller, extra="adapters")
    structures = {
        "independence": api.cov_struct.Independence,
        "exchangeable": api.cov_struct.Exchangeable,
        "unstructured": api.cov_struct.Unstructured,
    }
    structure = structures[covariance]()
    model = api.GEE(
        rows.score,
        rows.design,
        groups=rows.patient,
        time=rows.visit.astype(np.int64),
        family=api.families.Gaussian(),
        cov_struct=structure,
        weights=weights,
    )
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # convergence is asked for below
            found = model.fit(maxiter=200, ctol=1e-12 * max(rows.score.size, 100))
    except (np.linalg.LinAlgError, ValueError) as error:
        raise _unsolved(caller) from error
    if found is None or not found.converged:
        raise _unsolved(caller)
    count = rows.times.size
    correlation = _correlation(covariance, structure, count)
    if not _is_correlation(correlation, rows, covariance):
        simpler = "'exchangeable'" if covariance == "unstructured" else "'independence'"
        raise EstimationError(
            f"{caller} found a working correlation that is not positive definite: too few patients attended the same "
            f"two visits for {rows.design.shape[1]} coefficients, or had the same scores there. Try "
            f"covariance={simpler}, method='mixed', or fewer coefficients."
        )
    residual = rows.score - rows.design @ found.params
    share = np.ones(residual.size) if weights is None else weights
    totals = np.bincount(rows.visit, share, minlength=count)
    # of the visits' own coefficients: columns of the mean are as many at each visit as in all, over the visits
    spare = 1 - rows.design.shape[1] / residual.size
    spread = np.sqrt(np.bincount(rows.visit, share * residual**2, minlength=count) / totals / spare)
    return CourseFit(
        coef=np.asarray(found.params),
        coef_covariance=np.asarray(found.cov_params()),
        covariance=correlation * np.outer(spread, spread),
        log_likelihood=float("nan"),
    )


def _correlation(covariance: str, structure: Any, count: int) -> np.ndarray:
    if covariance == "unstructured":
        return np.asarray(structure.dep_params, dtype=float)
    shared = float(structure.dep_params) if covariance == "exchangeable" else 0.0
    return np.full((count, count), shared) + (1 - shared) * np.eye(count)


def _is_correlation(correlation: np.ndarray, rows: CourseRows, covariance: str) -> bool:
    """Whether moments by pairs of visits make a correlation; statsmodels goes on with another matrix if they do not.

    It divides sums over pairs of scores by the number of pairs less that of coefficients.
    """
    seen = np.zeros((rows.patient.max() + 1, rows.times.size))
    seen[rows.patient, rows.visit] = 1.0
    together = seen.T @ seen
    fewest = {"unstructured": together.min(), "exchangeable": np.triu(together, 1).sum()}.get(covariance, np.inf)
    if fewest <= rows.design.shape[1]:
        return False
    return bool(np.isfinite(correlation).all() and np.linalg.eigvalsh(correlation)[0] > _SINGULAR)


def _unsolved(caller: str) -> EstimationError:
    return EstimationError(
        f"{caller} did not solve its estimating equations: patients attended too few visits, or their scores hardly "
        "change. Try covariance='independence', or LinearOutcome at one visit."
    )
