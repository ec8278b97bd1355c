"""``RecurrentCox``: rates of recurrent events (Andersen–Gill, Prentice–Williams–Peterson)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, check_choice, check_number, check_times, takes_rows
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.survival import RecurrentEvents

__all__ = ["RecurrentCox"]

_ENOUGH = 20  # events of an episode, for a baseline of its own


class RecurrentCox(CoxPH):
    """Cox models of recurrent events (Andersen–Gill; Prentice, Williams and Peterson).

    Parameters
    ----------
    kind : {"andersen_gill", "pwp_total", "pwp_gap"}, default "andersen_gill"
        ``"andersen_gill"``: one rate, independent of previous events. ``"pwp_total"`` and ``"pwp_gap"``: a baseline for
        each episode, on the time since the origin or since the last event (Prentice, Williams and Peterson); the last
        predicts the next episode.
    max_episode : int or None, default None
        Later episodes share the baseline of this one; None: the last of which 20 events or more were seen. Without
        effect for Andersen–Gill.
    ties, penalty, penalty_factors, standardize, offset, collinear, max_iter, tol, choose, cv, random_state
        As in `CoxPH`.
    variance : {"auto", "model", "robust"}, default "auto"
        ``"auto"`` is robust by patient: events of one patient go together.

    Attributes
    ----------
    episode_events_ : ndarray of int of shape (k,)
        Events of each baseline.
    coef_, covariance_, covariance_model_, log_likelihood_ and the others
        As in `CoxPH`.

    Notes
    -----
    A terminal event (code 2 of `RecurrentEvents`) ends the time at risk: coefficients are those of the rate among those
    in whom an event can still come, and the expected number of all is `mean_cumulative`.

    References
    ----------
    Andersen PK, Gill RD (1982). Ann Stat 10:1100–1120. doi:10.1214/aos/1176345976
    Prentice RL, Williams BJ, Peterson AV (1981). Biometrika 68:373–379. doi:10.1093/biomet/68.2.373
    Lin DY, Wei LJ, Yang I, Ying Z (2000). J R Stat Soc B 62:711–730. doi:10.1111/1467-9868.00259

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.models import RecurrentCox
    >>> from lbp_prognosis.survival import RecurrentEvents
    >>> events = RecurrentEvents.from_long([1, 1, 2, 3, 3], [0, 3, 0, 0, 5], [3, 9, 6, 5, 8], [1, 0, 1, 1, 1])
    >>> X = pd.DataFrame({"x": [0.0, 0.0, 0.4, 1.0, 1.0]})
    >>> RecurrentCox().fit(X, events).predict_mean(X.head(1), [4, 8]).shape
    (1, 2)
    """

    def __init__(
        self,
        kind: str = "andersen_gill",
        *,
        max_episode: int | None = None,
        ties: str = "efron",
        penalty: Any = 0.0,
        penalty_factors: Any = None,
        standardize: bool = True,
        variance: str = "auto",
        offset: str | None = None,
        collinear: str = "error",
        max_iter: int = 30,
        tol: float = 1e-9,
        choose: str = "min",
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        super().__init__(
            ties=ties,
            penalty=penalty,
            penalty_factors=penalty_factors,
            standardize=standardize,
            variance=variance,
            offset=offset,
            collinear=collinear,
            max_iter=max_iter,
            tol=tol,
            choose=choose,
            cv=cv,
            random_state=random_state,
        )
        self.kind = kind
        self.max_episode = max_episode

    @takes_rows()
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        sample_weight: Any = None,
        strata: Any = None,
        offset: Any = None,
        clusters: Any = None,
        folds: Any = None,
    ) -> RecurrentCox:
        """Maximise the partial likelihood.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors of each row of ``y``.
        y : RecurrentEvents or ndarray of shape (n,)
            Events, or `Surv.right` where each patient has one row.
        sample_weight : array-like of shape (n,) or Weights, optional
            Row weights.
        strata : None
            Not taken: the episodes are the strata.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        clusters : array-like of shape (n,), optional
            Labels of the variance unit; by default patients.
        folds : array-like of shape (n,), optional
            Fold of each row for ``penalty="cv"``; by default patients stay in one fold.
        """
        check_choice("kind", self.kind, ("andersen_gill", "pwp_total", "pwp_gap"))
        self._refuse(strata=strata)
        episode = np.ones(y.shape[0], dtype=np.int64)
        right = y
        self._clusters_are_patients = isinstance(y, RecurrentEvents) and clusters is None
        if isinstance(y, RecurrentEvents):
            right, episode = y.to_right("gap" if self.kind == "pwp_gap" else "total"), y.episode
            clusters = y.patient if clusters is None else clusters
        layer = None
        if self.kind != "andersen_gill":
            layer = np.minimum(episode, self._last(episode[right["event"] == 1]))
        super().fit(X, right, sample_weight=sample_weight, strata=layer, offset=offset, clusters=clusters, folds=folds)
        own = np.ones(episode.size, dtype=np.int64) if layer is None else layer
        self.episode_events_ = np.bincount(own[right["event"] == 1], minlength=int(own.max()) + 1)[1:]
        return self

    def _last(self, episodes: np.ndarray) -> int:
        """Episode from which on all share a baseline."""
        if self.max_episode is not None:
            return int(check_number("max_episode", self.max_episode, low=1, whole=True))
        counts = np.bincount(episodes, minlength=2)[1:]
        later = np.cumsum(counts[::-1])[::-1]
        enough = np.flatnonzero((counts >= _ENOUGH) & (later >= _ENOUGH))
        return int(enough[-1]) + 1 if enough.size else 1

    @takes_rows()
    def resampler(self, X: Any, y: Any, *, strata: Any = None, offset: Any = None, clusters: Any = None) -> None:
        """Return None: rows of a patient are drawn together and fitted again.

        Parameters
        ----------
        X, y, strata, offset, clusters
            As given to `fit`.
        """
        return None

    @takes_rows()
    def predict_risk(
        self, X: Any, horizons: Any, cause: int = 1, *, strata: Any = None, offset: Any = None
    ) -> np.ndarray:
        """Return the probability of at least one event by each horizon, 1 − exp(−cumulative rate).

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        horizons : float or sequence of float
            Since the origin; for ``"pwp_gap"`` since the last event.
        cause : int, default 1
            Must be 1.
        strata : int or array-like of shape (n,), optional
            Episode that the patient is at risk for (1 + events before), the first by default; for Andersen–Gill None.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.
        """
        self._check_fitted()
        layer = strata
        if self.kind != "andersen_gill":
            top = max(self.strata_levels_)
            size = len(X)
            layer = np.minimum(np.broadcast_to(np.asarray(1 if strata is None else strata, dtype=float), (size,)), top)
        elif strata is not None:
            raise argument_error("strata", "None for Andersen–Gill, which has one rate", strata)
        return super().predict_risk(X, horizons, cause, strata=layer, offset=offset)

    @takes_rows()
    def predict_mean(self, X: Any, times: Any, *, offset: Any = None) -> np.ndarray:
        """Return the expected number of events by each time, without a terminal event.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, p)
            Predictors.
        times : float or sequence of float
            Since the origin, increasing.
        offset : array-like of shape (n,), optional
            Fixed part of the linear predictor.

        Returns
        -------
        ndarray of shape (n, n_times)
            Cumulative rates of Andersen–Gill; NaN beyond follow-up.
        """
        self._check_fitted()
        if self.kind != "andersen_gill":
            raise argument_error(
                "kind", '"andersen_gill" for an expected number', self.kind, "Other kinds predict the next event."
            )
        at = check_times(times)
        matrix, _, shift = self._start_predict(X, None, offset)
        out = np.full((matrix.shape[0], at.size), np.nan)
        inside = at <= self.max_time_
        out[:, inside] = self._cumulative_hazard(matrix, at[inside], None, shift)
        return out
