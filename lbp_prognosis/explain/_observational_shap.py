"""``observational_shap``: attributions conditional on the other findings, which are not effects of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import (
    argument_error,
    content_hash,
    linear_predictor_scale,
    numbers_in,
    objection,
    takes_rows,
)
from lbp_prognosis._kernels import coalition_members, normal_conditional, shapley_from_values
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._worth import read_players, table_of

__all__ = ["observational_shap"]


@takes_rows(groups=None)
def observational_shap(
    estimator: Any, X: Any, background: Any, *, groups: Mapping[str, Sequence[str]] | None = None
) -> ShapResult:
    """Attribute a linear predictor, with absent columns at their conditional mean given the present columns.

    Parameters
    ----------
    estimator : fitted model
        With a ``linear_predictor`` that is linear in the columns of ``X``.
    X : DataFrame or array of shape (n, p)
        Rows to explain; numbers only.
    background : DataFrame or array of shape (b, p)
        Rows from which means and covariances are taken.
    groups : mapping of str to sequence of str, optional
        Modalities as players.

    Returns
    -------
    ShapResult
        On the log-hazard scale, with an objection: a column with coefficient zero gets credit when it is correlated
        with others.

    References
    ----------
    Aas K, Jullum M, Løland A. Explaining individual predictions when features are dependent. Artificial Intelligence
    2021;298:103502. doi:10.1016/j.artint.2021.103502
    """
    if not hasattr(estimator, "linear_predictor"):
        words = "a model whose linear predictor is linear in the columns of `X`"
        raise argument_error("estimator", words, estimator, "Explain its risk instead: shap_values(…, scale='risk').")
    rows = table_of("X", X)
    drawn = table_of("background", background, like=rows)
    players = read_players(rows, groups)
    if len(players) > 12:
        raise argument_error("groups", "at most 12 players", f"{len(players)}")
    matrix, sample = numbers_in(rows, rows.columns), numbers_in(drawn, drawn.columns, "background")
    mean, covariance = sample.mean(axis=0), np.atleast_2d(np.cov(sample.T))

    def score(values: np.ndarray) -> np.ndarray:
        return np.asarray(estimator.linear_predictor(type(rows)(values, columns=rows.columns)), dtype=float)

    middle = (matrix + mean) / 2
    if np.abs(score(middle) - (score(matrix) + score(mean[None, :])) / 2).max() > 1e-9 * (
        1 + np.abs(score(matrix)).max()
    ):
        raise argument_error("estimator", "a model whose linear predictor is linear in the columns of `X`", estimator)
    place = {column: k for k, column in enumerate(rows.columns)}
    members = coalition_members(len(players))
    worth = np.empty((members.shape[0], len(rows)))
    for s, coalition in enumerate(members):
        absent = np.ones(matrix.shape[1], dtype=bool)
        for held, columns in zip(coalition, players.values()):
            absent[[place[column] for column in columns]] = not held
        filled = matrix.copy()
        if absent.all():
            filled[:] = mean
        elif absent.any():
            slope, _ = normal_conditional(covariance, absent)
            filled[:, absent] = mean[absent] + (matrix[:, ~absent] - mean[~absent]) @ slope.T
        worth[s] = score(filled)
    return ShapResult(
        values=shapley_from_values(worth).T[:, :, None],
        players=tuple(players),
        base=worth[0][:, None],
        prediction=worth[-1][:, None],
        scale=linear_predictor_scale(estimator) or "linear_predictor",
        value_function="observational",
        method="conditional normal",
        background_hash=content_hash(drawn),
        n_background=len(drawn),
        rows=tuple(rows.index.tolist()),
        data=rows if groups is None else None,
        objections=(objection("observational-credit"),),
        synthetic=bool(rows.attrs.get("synthetic", False)),
    )
