"""``shap_values``: exact Shapley attributions of any risk model, on the log-hazard or the risk scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import (
    Objection,
    RandomState,
    argument_error,
    check_choice,
    check_number,
    content_hash,
    generator,
)
from lbp_prognosis._kernels import coalition_members, owen_weights, precedence_weights, shapley_weights
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._worth import (
    Players,
    coalition_worths,
    fixed_columns,
    output_function,
    read_players,
    table_of,
)

__all__ = ["shap_values"]

MOST_PLAYERS = 12  # 4096 coalitions a row
SMALL_BACKGROUND = 50


def shap_values(
    estimator: Any,
    X: Any,
    background: Any,
    *,
    scale: str = "log_hazard",
    horizons: Any = None,
    cause: int = 1,
    groups: Mapping[str, Sequence[str]] | None = None,
    players: str = "features",
    first: Sequence[str] = (),
    method: str = "auto",
    n_permutations: int = 64,
    random_state: RandomState = 0,
) -> ShapResult:
    """Attribute predictions to columns or modalities by interventional Shapley values.

    Parameters
    ----------
    estimator : fitted model
        With ``predict_risk`` (risk scale) or ``linear_predictor`` (log-hazard scale); a pipeline explains its inputs.
        Columns it reads as strata or offset are no players: a row keeps its own.
    X : DataFrame or array of shape (n, p)
        Rows to explain.
    background : DataFrame or array of shape (b, p)
        Rows that stand for "not known", complete; at best all training rows or 500 of them. It is part of the result.
    scale : {"log_hazard", "risk"}, default "log_hazard"
        What is explained.
    horizons : float or sequence of float, optional
        Prediction times; needed on the risk scale.
    cause : int, default 1
        Event code, on the risk scale.
    groups : mapping of str to sequence of str, optional
        Columns by group (modality).
    players : {"features", "groups", "owen"}, default "features"
        Who shares: columns; groups as one player each; or columns by Owen values, which add up to the groups' values.
    first : sequence of str, default ()
        Players that come before all others in every order (asymmetric values): e.g. ``["clinical"]``.
    method : {"auto", "additive", "exact", "permutation"}, default "auto"
        ``"additive"`` needs two evaluations a player and is exact for a score that is a sum over players (any Cox model
        on the log-hazard scale); it is refused where the sum does not hold. ``"exact"`` evaluates all coalitions, up to
        12 players. ``"permutation"`` samples orders and gives Monte-Carlo errors.
    n_permutations : int, default 64
        Orders sampled (each with its reverse) by ``"permutation"``.
    random_state : int, SeedSequence or Generator, default 0
        For sampled orders.

    Returns
    -------
    ShapResult
        Attributions, with the scale, the value function and the hash of the background.

    Notes
    -----
    The worth of a coalition S for row x is v(S) = mean_b f(x_S, b_¬S) over background rows b, and
    φ_j = Σ_{S∌j} |S|! (K−|S|−1)!/K! · [v(S∪j) − v(S)]. Signs can differ between scales, and between horizons under
    proportional hazards: the risk is a non-linear function of the log-hazard.

    References
    ----------
    Lundberg SM, Lee S-I. A unified approach to interpreting model predictions. NeurIPS 2017.
    Janzing D, Minorics L, Blöbaum P. Feature relevance quantification in explainable AI. AISTATS 2020.
    """
    check_choice("players", players, ("features", "groups", "owen"))
    check_choice("method", method, ("auto", "additive", "exact", "permutation"))
    check_number("n_permutations", n_permutations, low=2, whole=True)
    rows = table_of("X", X)
    drawn = table_of("background", background, like=rows)
    if drawn.isna().any().any():
        raise argument_error("background", "complete", "missing values", "Impute it, or choose complete rows.")
    function, times = output_function(estimator, scale, horizons, cause)
    if groups is None and players != "features":
        raise argument_error("groups", f'given with players="{players}"', "None")
    fixed = fixed_columns(estimator)
    blocks = read_players(rows, groups, fixed)
    who = blocks if players == "groups" else read_players(rows, None, fixed)
    unknown = [name for name in first if name not in who]
    if unknown:
        raise argument_error("first", f"among the players {list(who)[:8]}", f"{unknown[:5]}")
    if first and players == "owen":
        raise argument_error("first", 'left out with players="owen"', list(first))
    parts = None
    if method in ("auto", "additive") and scale == "log_hazard":
        parts = _additive(function, rows, drawn, who)
        if parts is None and method == "additive":
            raise argument_error(
                "method", '"exact" or "permutation" for a score that is no sum over the players', "'additive'"
            )
    elif method == "additive":
        raise argument_error("method", '"exact" or "permutation" on the risk scale', "'additive'")
    if parts is None:
        if method == "permutation" or (method == "auto" and len(who) > MOST_PLAYERS):
            if players == "owen" or first:
                raise argument_error("players", f"at most {MOST_PLAYERS} for Owen and asymmetric values", len(who))
            parts = _permutation(function, rows, drawn, who, int(n_permutations), random_state)
        elif len(who) > MOST_PLAYERS:
            raise argument_error(
                "method", f"'permutation' for more than {MOST_PLAYERS} players", f"'exact' for {len(who)}"
            )
        else:
            parts = _exact(function, rows, drawn, who, blocks if players == "owen" else None, tuple(first))
    few = len(drawn) < SMALL_BACKGROUND
    objections = (_small_background(len(drawn)),) if few else ()
    return ShapResult(
        **parts,
        players=tuple(who),
        scale=scale,
        value_function="interventional",
        background_hash=content_hash(drawn),
        n_background=len(drawn),
        horizons=times,
        rows=tuple(rows.index.tolist()),
        objections=objections,
        synthetic=bool(rows.attrs.get("synthetic", False)),
    )


def _small_background(size: int) -> Objection:
    return Objection("small-background", f"The background has {size} rows; attributions change with it.")


def _additive(
    function: Callable[[pd.DataFrame], np.ndarray], X: pd.DataFrame, background: pd.DataFrame, who: Players
) -> dict[str, Any] | None:
    """First-in and last-in effects; None unless they agree and add up, as they do for a sum over players."""
    k = len(who)
    members = np.vstack([np.zeros((1, k), bool), np.eye(k, dtype=bool), ~np.eye(k, dtype=bool), np.ones((1, k), bool)])
    worth = coalition_worths(function, X, background, who, members)
    alone = worth[1 : k + 1] - worth[0]
    last = worth[-1] - worth[k + 1 : 2 * k + 1]
    size = np.abs(worth).max() + np.abs(alone).max() + 1e-300
    total = worth[-1] - worth[0]
    if np.abs(alone - last).max() > 1e-9 * size or np.abs(alone.sum(axis=0) - total).max() > 1e-9 * size:
        return None
    values = alone.transpose(1, 0, 2)
    return {
        "values": values,
        "base": worth[0],
        "prediction": worth[-1],
        "method": "additive",
        "first_in": values,
        "last_in": values,
    }


def _exact(
    function: Callable[[pd.DataFrame], np.ndarray],
    X: pd.DataFrame,
    background: pd.DataFrame,
    who: Players,
    blocks: Players | None,
    first: tuple[str, ...],
) -> dict[str, Any]:
    k, names = len(who), list(who)
    worth = coalition_worths(function, X, background, who, coalition_members(k))
    if blocks is not None:
        weights = owen_weights(tuple(tuple(names.index(column) for column in columns) for columns in blocks.values()))
    elif first:
        weights = precedence_weights(k, tuple(names.index(name) for name in first))
    else:
        weights = shapley_weights(k)
    values = np.tensordot(weights, worth, axes=(1, 0)).transpose(1, 0, 2)
    single = [1 << j for j in range(k)]
    return {
        "values": values,
        "base": worth[0],
        "prediction": worth[-1],
        "method": "owen" if blocks else "exact",
        "first_in": (worth[single] - worth[0]).transpose(1, 0, 2),
        "last_in": (worth[-1] - worth[[2**k - 1 - s for s in single]]).transpose(1, 0, 2),
    }


def _permutation(
    function: Callable[[pd.DataFrame], np.ndarray],
    X: pd.DataFrame,
    background: pd.DataFrame,
    who: Players,
    orders: int,
    random_state: RandomState,
) -> dict[str, Any]:
    """Average marginal contributions over sampled orders and their reverses (the same orders for every row)."""
    rng, k = generator(random_state), len(who)
    total: Any = 0.0
    squares: Any = 0.0
    base, prediction = None, None
    for _ in range(orders):
        order = rng.permutation(k)
        pair: Any = 0.0
        for path in (order, order[::-1]):
            members = np.zeros((k + 1, k), dtype=bool)
            for step, player in enumerate(path, start=1):
                members[step:, player] = True
            worth = coalition_worths(function, X, background, who, members)
            gains = np.empty((k, *worth.shape[1:]))
            gains[path] = np.diff(worth, axis=0)
            pair = pair + gains / 2
            base, prediction = worth[0], worth[-1]
        total, squares = total + pair, squares + pair**2
    mean = np.asarray(total) / orders
    variance = np.maximum(np.asarray(squares) / orders - mean**2, 0) / (orders - 1)
    return {
        "values": mean.transpose(1, 0, 2),
        "base": base,
        "prediction": prediction,
        "method": "permutation",
        "se": np.sqrt(variance).transpose(1, 0, 2),
    }
