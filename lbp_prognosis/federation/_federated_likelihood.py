"""Maximum likelihood from sums: base of all federated models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

import lbp_prognosis
from lbp_prognosis._base import argument_error, check_clusters, check_number, check_vector, takes_rows
from lbp_prognosis.federation._canonical import digest, significant
from lbp_prognosis.federation._federated_fit import FederatedFit
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._probing import (
    Parts,
    constant_columns,
    few_patients,
    few_patients_behind,
    outside_trust,
    weighs_few,
)
from lbp_prognosis.federation._round import Round, RoundRequest
from lbp_prognosis.federation._site_rows import agreed_matrix
from lbp_prognosis.survival import OutcomeKind, Weights, check_outcome, check_weights

__all__ = ["FederatedLikelihood", "SiteLikelihood"]


@dataclass(frozen=True)
class SiteLikelihood:
    """A site's likelihood, with the inputs of the disclosure checks.

    Attributes
    ----------
    at : callable
        Log-likelihood, score and information at coefficients.
    n, events : float
        Patients and events.
    groups : ndarray
        Counts of which none may lie between 0 and the cell limit: events in strata, in periods.
    eta : callable
        Log relative weight (n,) of each patient's covariates in the sums, at coefficients.
    weights : ndarray of shape (n,)
        Row weights.
    """

    at: Parts
    n: float
    events: float
    groups: np.ndarray
    eta: Callable[[np.ndarray], np.ndarray]
    weights: np.ndarray


class FederatedLikelihood(ABC):
    """A model that hospitals fit jointly without sharing patients; subclasses define the likelihood.

    Parameters
    ----------
    columns : sequence of str
        Predictors, in the order of the coefficients.
    penalty : float
        Ridge penalty θ: the pooled log-likelihood minus ``θ/2 Σ β²``. The centre adds it; sites send plain sums.
    tol : float
        Convergence limit: largest change of a coefficient, in standard errors.
    """

    _kind: ClassVar[str]
    _accepts: ClassVar[tuple[OutcomeKind, ...]]
    _instead: ClassVar[str] = ""
    _columnless: ClassVar[bool] = False
    _relative: ClassVar[bool] = False  # whether only differences between patients count

    def __init__(self, columns: Sequence[str], *, penalty: float = 0.0, tol: float = 1e-6) -> None:
        names = [columns] if isinstance(columns, str) else list(columns)
        named = all(isinstance(name, str) for name in names) and len(set(names)) == len(names)
        if not named or not (names or self._columnless):
            raise argument_error("columns", "names of columns, each once", columns)
        self.columns = tuple(names)
        self.penalty = check_number("penalty", penalty, low=0)
        self.tol = check_number("tol", tol, low=0, open_low=True)

    # ---- what the model is ---------------------------------------------------------------------------------------

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        return self.columns

    def _terms(self) -> dict[str, Any]:
        """Return the settings that all sites share."""
        return {
            "kind": self._kind,
            "columns": list(self.columns),
            "penalty": self.penalty,
            "version": lbp_prognosis.__version__,
        }

    @property
    def agreement(self) -> str:
        """SHA-256 of the shared settings: kind, columns, ties, penalty and version of the library."""
        return digest(self._terms())

    def _design(self, X: np.ndarray) -> np.ndarray:
        """Return the columns (n, q) that the coefficients multiply, of the agreed columns (n, p)."""
        return X

    @abstractmethod
    def _likelihood(
        self, X: np.ndarray, y: np.ndarray, weights: Weights | None, strata: Any, offset: np.ndarray | None
    ) -> SiteLikelihood:
        """Return the likelihood of a site's rows."""

    # ---- rounds --------------------------------------------------------------------------------------------------

    def start(self, coef: Any = None) -> RoundRequest:
        """Return the first request.

        Parameters
        ----------
        coef : array-like of shape (p,), optional
            First coefficients; zeros by default. A fixed-effect mean of site fits saves rounds.
        """
        size = len(self.parameters)
        first = np.zeros(size) if coef is None else check_vector("coef", coef, n=size)
        return RoundRequest(self.agreement, 1, tuple(float(value) for value in first))

    @takes_rows()
    def round(
        self,
        X: Any,
        y: np.ndarray,
        request: RoundRequest,
        *,
        site: str,
        policy: Policy | None = None,
        answered: Sequence[Round] = (),
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        key: bytes | None = None,
    ) -> Round:
        """Answer a request at a site: sums over its patients, or the reason why there are none.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors with the agreed columns.
        y : ndarray of shape (n,)
            Outcome.
        request : RoundRequest
            Of the centre.
        site : str
            Pseudonym of the site.
        policy : Policy, optional
            Disclosure rules of the site; by default those of `Policy`.
        answered : sequence of Round
            Earlier answers of this site for this model, which the site keeps: they determine the region of trust, the
            number of rounds and the check for unchanged patients.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : array-like of shape (n,), optional
            Labels of separate baselines within the site.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        key : bytes, optional
            Key shared with the centre, which seals the answer against changes in transit.

        Returns
        -------
        Round
            ``withheld`` gives the reason if nothing is sent.

        Raises
        ------
        ArgumentError
            If the request is for another model or version, or the patients differ from those of earlier answers.

        Notes
        -----
        A request is refused if its coefficients are further than ``policy.trust`` standard errors from the previous
        coefficients and from the site's own Newton step from there, if it gives most of the weight to a few patients,
        or if a few patients determine a column: extreme coefficients and one-hot columns can single out a patient.
        """
        if request.agreement != self.agreement:
            raise argument_error(
                "request", "one of this model (columns, ties, penalty, version)", "one of another agreement"
            )
        coef = np.array(request.coef, dtype=float)
        if coef.shape != (len(self.parameters),) or not np.isfinite(coef).all():
            raise argument_error("request", f"of {len(self.parameters)} finite coefficients", f"{request.coef}")
        site = str(site)
        policy = Policy() if policy is None else policy
        check_outcome(y, self._accepts, caller=type(self).__name__, instead=self._instead)
        rows = self._design(agreed_matrix(X, self.columns, y.shape[0]))
        weights = check_weights(sample_weight, y.shape[0])
        shift = None if offset is None else check_vector("offset", offset, n=y.shape[0])
        model = self._likelihood(rows, y, weights, strata, shift)
        empty = Round(
            site, self.agreement, request.digest, request.number, request.coef, version=lbp_prognosis.__version__
        )
        own = [each for each in answered if not each.withheld]
        self._same_patients(own, model, policy)
        repeated = [each for each in own if each.request == request.digest]
        reason = (
            few_patients(model.n, model.events, coef.size, policy)
            or few_patients_behind(rows, self.parameters[-rows.shape[1] :], model.weights, policy)
            or ("insufficient: a few events in a stratum or period" if _few(model.groups, policy) else "")
            or weighs_few(model.eta(coef), model.weights, policy)
        )
        if not reason and not repeated:
            before = np.array(own[-1].coef, dtype=float) if own else np.zeros(coef.size)
            still = None
            if self._relative and rows.shape[1] == coef.size:
                still = constant_columns(rows, model.weights, check_clusters("strata", strata, n=y.shape[0]))
            reason = outside_trust(model.at, before, coef, policy, still)
            if len(own) >= policy.max_rounds:
                reason = "budget: as many rounds were answered as the site allows for a model"
        if reason:
            return replace(empty, withheld=reason).sealed(key)
        loglik, score, information = model.at(coef)
        d = policy.digits
        return replace(
            empty,
            n=round(model.n),
            n_events=round(model.events),
            loglik=significant(loglik, d),
            score=tuple(significant(score, d)),
            information=tuple(tuple(row) for row in significant((information + information.T) / 2, d)),
        ).sealed(key)

    def _same_patients(self, own: Sequence[Round], model: SiteLikelihood, policy: Policy) -> None:
        """Refuse rows that do not reproduce the last answer: answers of two cohorts disclose their difference."""
        if not own:
            return
        last = own[-1]
        if last.agreement != self.agreement:
            raise argument_error("answered", "answers of this model", "answers of another agreement")
        loglik, score, _ = model.at(np.array(last.coef, dtype=float))
        told = np.concatenate([[last.loglik], last.score])
        now = np.concatenate([[loglik], score])
        slack = 10.0 ** (1 - policy.digits) if policy.digits < 12 else 1e-8
        if last.n != round(model.n) or not np.allclose(told, now, rtol=slack, atol=slack):
            raise argument_error(
                "X",
                "the patients of the earlier answers",
                "rows that give other sums at the coefficients answered before",
                "Differences of two answers show the patients who came or went: begin a new model under a new policy.",
            )

    def step(
        self, rounds: Sequence[Round], previous: FederatedFit | None = None, *, key: bytes | None = None
    ) -> FederatedFit:
        """Add the answers of all sites and take one Newton step, at the centre.

        Parameters
        ----------
        rounds : sequence of Round
            One answer per site, all to the same request.
        previous : FederatedFit, optional
            Result of the previous step: a step that lowered the likelihood is then halved.
        key : bytes, optional
            Key with which the answers were sealed.

        Returns
        -------
        FederatedFit
            With ``request`` for the next round until ``converged``.

        Raises
        ------
        ArgumentError
            If answers are to different requests, of another model, twice from one site, changed in transit, impossible,
            or from other sites than in the previous step.
        EstimationError
            If no site answers or the information is singular.
        """
        answers = list(rounds)
        self._check_answers(answers, key)
        return FederatedFit.of(answers, previous, parameters=self.parameters, penalty=self.penalty, tol=self.tol)

    def _check_answers(self, answers: Sequence[Round], key: bytes | None) -> None:
        if not answers:
            raise argument_error("rounds", "at least one answer", "none")
        names = [each.site for each in answers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise argument_error("rounds", "one answer per site", f"more than one of {twice}")
        wanted = RoundRequest(self.agreement, answers[0].number, answers[0].coef).digest
        p = len(self.parameters)
        for each in answers:
            if each.agreement != self.agreement or each.version != lbp_prognosis.__version__:
                raise argument_error(
                    "rounds",
                    "answers of this model and version",
                    f"site {each.site!r} with another agreement or version {each.version!r}",
                )
            if each.request != wanted or RoundRequest(each.agreement, each.number, each.coef).digest != wanted:
                raise argument_error(
                    "rounds",
                    "answers to one request",
                    f"an answer of site {each.site!r} to another one (round {each.number})",
                    "Answers of earlier rounds are not accepted.",
                )
            if not each.holds(key):
                raise argument_error("rounds", "answers as the sites sent them", f"a broken seal of site {each.site!r}")
            if not each.withheld:
                _check_possible(each, p)


def _few(groups: np.ndarray, policy: Policy) -> bool:
    return bool(((groups > 0) & (groups < policy.min_cell)).any())


def _check_possible(answer: Round, p: int) -> None:
    """Refuse sums that no patients can have."""
    score, information = answer.arrays()
    shaped = score.shape == (p,) and information.shape == (p, p)
    told = ""
    if not shaped or not np.isfinite(score).all() or not np.isfinite(information).all():
        told = f"sums that are not those of {p} finite coefficients"
    elif not np.allclose(information, information.T, rtol=1e-9, atol=1e-12):
        told = "an information that is not symmetric"
    elif np.linalg.eigvalsh(information)[0] < -1e-4 * max(float(np.trace(information)), 1e-12):
        told = "an information that is not positive semidefinite"
    elif not answer.loglik <= 0 or not 0 < answer.n_events < answer.n:
        told = "a log-likelihood above 0, or events that are not fewer than patients"
    if told:
        raise argument_error("rounds", "answers that are possible for a cohort", f"{told}, of site {answer.site!r}")
