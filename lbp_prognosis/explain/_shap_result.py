"""``ShapResult``: attributions, with everything that was chosen to get them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result, argument_error, objection

__all__ = ["ShapResult"]


@dataclass(frozen=True, repr=False)
class ShapResult(Result):
    """Attributions of predictions to players (columns, or modalities).

    Attributes
    ----------
    values : ndarray of shape (n, n_players, n_outputs)
        Attributions; those of a row add up to ``prediction − base``. One output per horizon; one of a linear predictor.
    players : tuple of str
        Names of the players.
    base : ndarray of shape (n, n_outputs)
        Mean output over the background; rows differ only in columns that are no players (strata).
    prediction : ndarray of shape (n, n_outputs)
        Output of each row.
    scale : str
        What is being explained: ``"risk"``, or the scale of the linear predictor, e.g. ``"log_hazard"``.
    value_function : {"interventional", "observational", "path_dependent"}
        Where the values of absent players come from: drawn from the background whatever the others are, drawn given
        the others, or the training rows that pass through the tree.
    method : str
        ``"additive"``, ``"exact"``, ``"owen"``, ``"permutation"``, ``"tree"`` or ``"conditional normal"``.
    background_hash : str
        SHA-256 of the background rows: another background is another explanation.
    n_background : int
        Background rows.
    horizons : ndarray of shape (n_horizons,) or None
        On the risk scale.
    rows : tuple
        Labels of the explained rows.
    se : ndarray of the shape of ``values`` or None
        Monte-Carlo error of sampled attributions.
    first_in, last_in : ndarray of the shape of ``values`` or None
        What a player changes alone, and on top of all others (where all coalitions were evaluated).
    """

    values: np.ndarray
    players: tuple[str, ...]
    base: np.ndarray
    prediction: np.ndarray
    scale: str
    value_function: str
    method: str
    background_hash: str
    n_background: int
    horizons: np.ndarray | None = None
    rows: tuple[Any, ...] = ()
    se: np.ndarray | None = None
    first_in: np.ndarray | None = None
    last_in: np.ndarray | None = None
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient, player and horizon.

        Columns: ``row, player, horizon, value, se, first_in, last_in, base, prediction, scale, value_function, method,
        n_background, background_hash``.
        """
        n, k, outputs = self.values.shape

        def flat(values: np.ndarray | None) -> np.ndarray:
            return np.full(n * k * outputs, np.nan) if values is None else values.ravel()

        horizons = np.full(outputs, np.nan) if self.horizons is None else self.horizons
        return pd.DataFrame(
            {
                "row": np.repeat(np.asarray(self.rows, dtype=object), k * outputs),
                "player": np.tile(np.repeat(np.asarray(self.players, dtype=object), outputs), n),
                "horizon": np.tile(horizons, n * k),
                "value": self.values.ravel(),
                "se": flat(self.se),
                "first_in": flat(self.first_in),
                "last_in": flat(self.last_in),
                "base": np.repeat(self.base[:, None, :], k, axis=1).ravel(),
                "prediction": np.repeat(self.prediction[:, None, :], k, axis=1).ravel(),
                "scale": self.scale,
                "value_function": self.value_function,
                "method": self.method,
                "n_background": self.n_background,
                "background_hash": self.background_hash,
            }
        )

    def importance(self) -> pd.DataFrame:
        """Return the mean absolute attribution: ``player, horizon, importance``, largest first within a horizon."""
        mean = np.abs(self.values).mean(axis=0)
        horizons = np.full(mean.shape[1], np.nan) if self.horizons is None else self.horizons
        frame = pd.DataFrame(
            [
                {"player": player, "horizon": horizons[h], "importance": mean[j, h]}
                for h in range(mean.shape[1])
                for j, player in enumerate(self.players)
            ]
        )
        return frame.sort_values(["horizon", "importance"], ascending=[True, False], kind="stable", ignore_index=True)

    def summed(self, groups: Mapping[str, Sequence[str]]) -> ShapResult:
        """Return attributions added up over groups of players.

        Sums of columns' Shapley values are not the Shapley values of groups as players when groups interact; sums of
        Owen values are. The result says so.
        """
        wanted = dict(FeatureMap({str(k): tuple(v) for k, v in groups.items()}))
        place = {player: k for k, player in enumerate(self.players)}
        unknown = [c for columns in wanted.values() for c in columns if c not in place]
        if unknown or sum(map(len, wanted.values())) != len(self.players):
            raise argument_error("groups", f"a partition of the players {list(self.players)[:8]}", dict(wanted))
        values = np.stack([self.values[:, [place[c] for c in cols]].sum(axis=1) for cols in wanted.values()], axis=1)
        objections = self.objections
        if self.method not in ("owen", "additive"):
            objections = (
                *objections,
                objection("sum-of-shapley"),
            )
        return replace(
            self, values=values, players=tuple(wanted), se=None, first_in=None, last_in=None, objections=objections
        )

    def plot(self, ax: Any = None, *, row: int = 0) -> Any:
        """Draw one row's attributions: bars, or curves over time where there are several horizons."""
        from lbp_prognosis._draw import draw_attributions

        frame = self.to_frame()
        return draw_attributions(frame[frame["row"] == self.rows[row]], ax=ax)

    def _summary(self) -> str:
        n, k, outputs = self.values.shape
        return f"{n} rows × {k} players × {outputs} outputs, {self.value_function} {self.scale}, {self.method}"
