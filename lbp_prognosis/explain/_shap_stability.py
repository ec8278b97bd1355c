"""``shap_stability``: variation of attributions over refits on bootstrap samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import (
    RandomState,
    Result,
    argument_error,
    check_number,
    parallel_map,
    spawn,
    takes_rows,
)
from lbp_prognosis.explain._shap_interactions import shap_interactions
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._shap_values import shap_values
from lbp_prognosis.explain._worth import table_of

__all__ = ["ShapStability", "shap_stability"]


@dataclass(frozen=True, repr=False)
class ShapStability(Result):
    """Variation of attributions over refits on bootstrap samples.

    Attributes
    ----------
    reference : ShapResult
        Attributions of the model fitted on all rows.
    replicates : ndarray of shape (n_bootstrap, n, n_players, n_outputs)
        Attributions of the refitted models.
    sd : ndarray of shape (n, n_players, n_outputs)
        Standard deviation over refits.
    sign_agreement : ndarray of shape (n, n_players, n_outputs)
        Share of refits whose attribution has the sign of the reference; do not interpret attributions below 0.9.
    kendall_w : ndarray of shape (n, n_outputs)
        Concordance of the ranking of players by absolute attribution over refits; 1 is full agreement.
    """

    reference: ShapResult
    replicates: np.ndarray
    sd: np.ndarray
    sign_agreement: np.ndarray
    kendall_w: np.ndarray
    synthetic: bool = False

    def stable(self, agreement: float = 0.9) -> np.ndarray:
        """Return, in the shape of ``sd``, whether attributions keep their sign in this share of refits."""
        return self.sign_agreement >= agreement

    def to_frame(self) -> pd.DataFrame:
        """Return the reference's frame with ``sd, sign_agreement, stable, low, high, kendall_w``.

        95 % of the refits lie between ``low`` and ``high``.
        """
        frame = self.reference.to_frame()
        frame["sd"] = self.sd.ravel()
        frame["sign_agreement"] = self.sign_agreement.ravel()
        frame["stable"] = self.stable().ravel()
        low, high = np.quantile(self.replicates, (0.025, 0.975), axis=0)
        frame["low"], frame["high"] = low.ravel(), high.ravel()
        frame["kendall_w"] = np.repeat(self.kendall_w[:, None, :], self.sd.shape[1], axis=1).ravel()
        return frame

    def plot(self, ax: Any = None, *, row: int = 0) -> Any:
        """Draw one row's attributions with their spread; unstable attributions are grey.

        Over several horizons they are curves with the band in which 95 % of the refits lie, dotted where unstable.
        """
        from lbp_prognosis._draw import draw_attributions

        place = int(check_number("row", row, low=0, high=len(self.sd) - 1, whole=True))
        cells = self.sd.shape[1] * self.sd.shape[2]
        return draw_attributions(self.to_frame().iloc[place * cells : (place + 1) * cells], ax=ax)

    def _summary(self) -> str:
        return f"{len(self.replicates)} refits, {np.mean(self.stable()):.0%} of attributions keep their sign in 90 %"


def _refitted(
    task: tuple[np.ndarray, int | None],
    estimator: Any,
    X: pd.DataFrame,
    y: np.ndarray,
    rows: pd.DataFrame,
    background: pd.DataFrame,
    keywords: dict[str, Any],
) -> np.ndarray:
    sample, _ = task
    model = clone(estimator).fit(X.iloc[sample], y[sample])
    return _explained(model, rows, background, keywords).values


def _explained(model: Any, rows: pd.DataFrame, background: pd.DataFrame, keywords: dict[str, Any]) -> ShapResult:
    given = {name: value for name, value in keywords.items() if name != "interactions"}
    if keywords["interactions"]:
        return shap_interactions(model, rows, background, **given).as_attributions()
    return shap_values(model, rows, background, **given)


@takes_rows(groups=None)
def shap_stability(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    rows: Any,
    background: Any,
    *,
    scale: str = "linear_predictor",
    horizons: Any = None,
    cause: int = 1,
    groups: Mapping[str, Sequence[str]] | None = None,
    players: str = "features",
    interactions: bool = False,
    n_bootstrap: int = 100,
    samples: np.ndarray | None = None,
    random_state: RandomState = 0,
    n_jobs: int | None = None,
) -> ShapStability:
    """Refit on bootstrap samples and explain the same rows against the same background.

    Parameters
    ----------
    estimator : unfitted model or pipeline
        Cloned and refitted.
    X : DataFrame of shape (n, p)
        Training rows.
    y : ndarray of shape (n,)
        Outcome.
    rows : DataFrame of shape (k, p)
        Rows to explain.
    background : DataFrame of shape (b, p)
        Complete rows, the same for all refits.
    scale, horizons, cause, groups, players
        As in `shap_values`.
    interactions : bool, default False
        Main effects and interactions of pairs (``"a × b"``), exactly, as in `shap_interactions`, instead of
        attributions.
    n_bootstrap : int, default 100
        Refits.
    samples : ndarray of int of shape (n_bootstrap, n), optional
        Rows of each sample, if they are given instead of drawn.
    random_state : int, SeedSequence or Generator, default 0
        Seed; the result does not depend on ``n_jobs``.
    n_jobs : int, optional
        Workers, as in joblib.

    Returns
    -------
    ShapStability
        Spread, agreement of signs, and concordance of ranks.
    """
    train = table_of("X", X)
    explained, drawn = table_of("rows", rows, like=train), table_of("background", background, like=train)
    keywords = {"scale": scale, "horizons": horizons, "cause": cause, "groups": groups, "players": players}
    keywords["interactions"] = bool(interactions)
    if samples is None:
        check_number("n_bootstrap", n_bootstrap, low=2, whole=True)
        samples = np.stack([rng.integers(len(train), size=len(train)) for rng in spawn(random_state, int(n_bootstrap))])
    samples = np.asarray(samples)
    if samples.ndim != 2 or len(samples) < 2:
        raise argument_error("samples", "of shape (n_bootstrap, n) with at least two samples", samples)
    reference = _explained(clone(estimator).fit(train, y), explained, drawn, keywords)
    refit = partial(_refitted, estimator=estimator, X=train, y=y, rows=explained, background=drawn, keywords=keywords)
    replicates = np.stack(parallel_map(refit, [(sample, None) for sample in samples], n_jobs=n_jobs))
    agreement = (np.sign(replicates) == np.sign(reference.values)).mean(axis=0)
    return ShapStability(
        reference,
        replicates,
        replicates.std(axis=0, ddof=1),
        agreement,
        _kendall_w(np.abs(replicates)),
        synthetic=reference.synthetic,
    )


def _kendall_w(values: np.ndarray) -> np.ndarray:
    """Kendall's coefficient of concordance over the first axis, players on the third: W = 12 S / (m² (k³ − k))."""
    from scipy.stats import rankdata

    m, _, k, _ = values.shape
    if k < 2:
        return np.full((values.shape[1], values.shape[3]), np.nan)
    sums = rankdata(values, axis=2).sum(axis=0)
    spread = ((sums - sums.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return 12 * spread / (m**2 * (k**3 - k))
