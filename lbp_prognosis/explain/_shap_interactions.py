"""``shap_interactions``: pairwise Shapley interactions of predictors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, argument_error, check_choice, content_hash, takes_rows
from lbp_prognosis._kernels import coalition_members, interaction_weights, shapley_from_values, shapley_weights
from lbp_prognosis.explain._coalitions import MOST_PLAYERS, coalitions_of
from lbp_prognosis.explain._shap_result import ShapResult
from lbp_prognosis.explain._shown_rows import place_of_horizon

__all__ = ["ShapInteractions", "shap_interactions"]


@dataclass(frozen=True, repr=False)
class ShapInteractions(Result):
    """Attributions split into main effects and interactions of pairs.

    Attributes
    ----------
    values : ndarray of shape (n, n_players, n_players, n_outputs)
        Symmetric. Entries off the diagonal are half the interaction of a pair; the diagonal is the rest of a player's
        attribution. Rows add up to the Shapley values, all values to ``prediction − base``.
    players : tuple of str
        Names of the players.
    base, prediction : ndarray of shape (n, n_outputs)
        Mean output over the background, and output of each row.
    scale : str
        Explained quantity.
    background_hash : str
        SHA-256 of the background rows.
    n_background : int
        Background rows.
    horizons : ndarray of shape (n_horizons,) or None
        On the risk scale.
    rows : tuple
        Labels of the explained rows.
    """

    values: np.ndarray
    players: tuple[str, ...]
    base: np.ndarray
    prediction: np.ndarray
    scale: str
    background_hash: str
    n_background: int
    horizons: np.ndarray | None = None
    rows: tuple[Any, ...] = field(default=(), repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient, pair and horizon.

        Columns: ``row, player, other, horizon, value, base, prediction, scale``. ``other`` is the player itself for a
        main effect; the value of a pair is its whole interaction, so that the values of a patient add up to
        ``prediction − base``.
        """
        first, second = np.triu_indices(len(self.players))
        whole = self.values[:, first, second] * np.where(first == second, 1, 2)[None, :, None]
        n, pairs, outputs = whole.shape
        names = np.asarray(self.players, dtype=object)
        times = np.full(outputs, np.nan) if self.horizons is None else self.horizons
        return pd.DataFrame(
            {
                "row": np.repeat(np.asarray([*self.rows, None], dtype=object)[:-1], pairs * outputs),
                "player": np.tile(np.repeat(names[first], outputs), n),
                "other": np.tile(np.repeat(names[second], outputs), n),
                "horizon": np.tile(times, n * pairs),
                "value": whole.ravel(),
                "base": np.repeat(self.base[:, None, :], pairs, axis=1).ravel(),
                "prediction": np.repeat(self.prediction[:, None, :], pairs, axis=1).ravel(),
                "scale": self.scale,
            }
        )

    def as_attributions(self) -> ShapResult:
        """Return main effects and interactions of pairs as separate attributions, which add up to the prediction.

        The players come first (main effects), then the pairs, named ``"a × b"``, with their whole interactions.
        """
        k = len(self.players)
        first, second = np.triu_indices(k, 1)
        main = self.values[:, np.arange(k), np.arange(k)]
        return ShapResult(
            values=np.concatenate([main, 2 * self.values[:, first, second]], axis=1),
            players=(*self.players, *(f"{self.players[i]} × {self.players[j]}" for i, j in zip(first, second))),
            base=self.base,
            prediction=self.prediction,
            scale=self.scale,
            value_function="interventional",
            method="exact",
            background_hash=self.background_hash,
            n_background=self.n_background,
            horizons=self.horizons,
            rows=self.rows,
            objections=self.objections,
            synthetic=self.synthetic,
        )

    def importance(self) -> pd.DataFrame:
        """Return mean absolute main effects and interactions: ``player, other, horizon, importance``, largest first."""
        frame = self.to_frame().assign(importance=lambda table: table["value"].abs())
        means = (
            frame.groupby(["player", "other", "horizon"], sort=False, dropna=False)["importance"].mean().reset_index()
        )
        return means.sort_values(["horizon", "importance"], ascending=[True, False], kind="stable", ignore_index=True)

    def plot(self, ax: Any = None, *, horizon: float | None = None) -> Any:
        """Draw mean absolute main effects (on the diagonal) and interactions.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; the last by default.
        """
        from lbp_prognosis._draw import draw_interactions

        chosen = float(self.horizons[-1]) if horizon is None and self.horizons is not None else horizon
        output = place_of_horizon(self.horizons, self.values.shape[3], chosen)
        sizes = np.abs(self.values[..., output]).mean(axis=0) * np.where(np.eye(len(self.players)) == 1, 1, 2)
        return draw_interactions(pd.DataFrame(sizes, self.players, self.players), scale=self.scale, ax=ax)

    def _summary(self) -> str:
        n, k, _, outputs = self.values.shape
        return f"{n} rows × {k} players and their pairs × {outputs} outputs, {self.scale}"


@takes_rows(groups=None)
def shap_interactions(
    estimator: Any,
    X: Any,
    background: Any,
    *,
    scale: str = "linear_predictor",
    horizons: Any = None,
    cause: int = 1,
    groups: Mapping[str, Sequence[str]] | None = None,
    players: str = "features",
) -> ShapInteractions:
    """Split attributions into main effects and pairwise Shapley interactions, exactly, for at most 12 players.

    Parameters
    ----------
    estimator : fitted model
        As in `shap_values`.
    X : DataFrame or array of shape (n, p)
        Rows to explain.
    background : DataFrame or array of shape (b, p)
        Complete rows that stand for "not known".
    scale : {"linear_predictor", "log_hazard", "risk", "mean"}, default "linear_predictor"
        Explained quantity, as in `shap_values`.
    horizons : float or sequence of float, optional
        Prediction times; needed on the risk scale.
    cause : int, default 1
        Event code.
    groups : mapping of str to sequence of str, optional
        Columns by group (modality).
    players : {"features", "groups"}, default "features"
        Columns, or groups as one player each.

    Returns
    -------
    ShapInteractions
        Main effects and interactions.

    Notes
    -----
    The interaction of i and j is Σ_S |S|!(K−|S|−2)!/(K−1)! · [v(S∪ij) − v(S∪i) − v(S∪j) + v(S)] over coalitions S of
    the others (Grabisch and Roubens' index); half of it is at (i, j), half at (j, i), and the diagonal is the Shapley
    value minus the rest of its row. On the risk scale the link itself causes interactions: two predictors that are
    additive on the log-hazard scale interact where the risk is close to 1.

    References
    ----------
    Grabisch M, Roubens M. An axiomatic approach to the concept of interaction among players in cooperative games. Int J
    Game Theory 1999;28:547-565. doi:10.1007/s001820050125
    Lundberg SM, Erion G, Chen H, et al. From local explanations to global understanding with explainable AI for trees.
    Nat Mach Intell 2020;2:56-67. doi:10.1038/s42256-019-0138-9
    """
    check_choice("players", players, ("features", "groups"))
    if groups is None and players == "groups":
        raise argument_error("groups", 'given with players="groups"', "None")
    game = coalitions_of(
        estimator,
        X,
        background,
        scale=scale,
        horizons=horizons,
        cause=cause,
        groups=groups,
        grouped=players == "groups",
    )
    k = len(game.who)
    if k > MOST_PLAYERS:
        raise argument_error(
            "players",
            f"at most {MOST_PLAYERS} for exact interactions",
            f"{k}",
            'Join columns: groups={…}, players="groups".',
        )
    worth = game.worths(coalition_members(k))
    single = shapley_from_values(worth, shapley_weights(k))
    values = np.zeros((len(game.rows), k, k, worth.shape[2]))
    first, second = np.triu_indices(k, 1)
    pairs = np.tensordot(interaction_weights(k), worth, axes=(1, 0)).transpose(1, 0, 2) / 2
    values[:, first, second], values[:, second, first] = pairs, pairs
    values[:, np.arange(k), np.arange(k)] = single.transpose(1, 0, 2) - values.sum(axis=2)
    return ShapInteractions(
        values=values,
        players=tuple(game.who),
        base=worth[0],
        prediction=worth[-1],
        scale=game.scale,
        background_hash=content_hash(game.background),
        n_background=len(game.background),
        horizons=game.horizons,
        rows=tuple(game.rows.index.tolist()),
        objections=game.objections,
        synthetic=bool(game.rows.attrs.get("synthetic", False)),
    )
