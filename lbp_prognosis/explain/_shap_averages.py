"""``ShapAverages``: mean absolute attributions, without values of single patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result, argument_error, check_number
from lbp_prognosis.explain._shown_rows import place_of_horizon
from lbp_prognosis.explain._spine_cells import spine_cells

__all__ = ["ShapAverages", "importance_frame"]


def importance_frame(players: tuple[str, ...], mean: np.ndarray, horizons: np.ndarray | None) -> pd.DataFrame:
    """Return ``player, horizon, importance``, largest first within a horizon."""
    times = np.full(mean.shape[1], np.nan) if horizons is None else horizons
    frame = pd.DataFrame(
        [
            {"player": player, "horizon": times[h], "importance": mean[j, h]}
            for h in range(mean.shape[1])
            for j, player in enumerate(players)
        ]
    )
    return frame.sort_values(["horizon", "importance"], ascending=[True, False], kind="stable", ignore_index=True)


@dataclass(frozen=True, repr=False)
class ShapAverages(Result):
    """Mean absolute attributions, made by `ShapResult.averages`, for release without single patients.

    It contains no values of single patients, so that no figure of a single patient can be drawn from it.

    Attributes
    ----------
    mean_size : ndarray of shape (n_players, n_outputs)
        Mean absolute attribution.
    players : tuple of str
        Names of the players.
    scale, value_function, method : str
        As in `ShapResult`.
    n, n_background : int
        Patients explained, and background rows.
    horizons : ndarray of shape (n_horizons,) or None
        On the risk scale.
    """

    mean_size: np.ndarray
    players: tuple[str, ...]
    scale: str
    value_function: str
    method: str
    n: int
    n_background: int
    horizons: np.ndarray | None = None
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def importance(self) -> pd.DataFrame:
        """Return the mean absolute attribution: ``player, horizon, importance``, largest first within a horizon."""
        return importance_frame(self.players, self.mean_size, self.horizons)

    def to_frame(self) -> pd.DataFrame:
        """Return ``player, horizon, importance, scale, value_function, method, n, n_background``."""
        return self.importance().assign(
            scale=self.scale,
            value_function=self.value_function,
            method=self.method,
            n=self.n,
            n_background=self.n_background,
        )

    def without(self, players: Sequence[str]) -> ShapAverages:
        """Return the averages of the other players.

        Parameters
        ----------
        players : sequence of str
            Players to leave out.
        """
        unknown = [name for name in players if name not in self.players]
        if unknown:
            raise argument_error("players", f"among the players {list(self.players)[:8]}", f"{unknown[:5]}")
        kept = [j for j, name in enumerate(self.players) if name not in set(players)]
        return replace(self, mean_size=self.mean_size[kept], players=tuple(self.players[j] for j in kept))

    def plot(
        self,
        ax: Any = None,
        *,
        horizon: float | None = None,
        modalities: Mapping[str, Sequence[str]] | None = None,
        most: int = 20,
    ) -> Any:
        """Draw a bar per player, the largest on top.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; the last by default.
        modalities : mapping of str to sequence of str, optional
            Columns by modality: each has a colour.
        most : int, default 20
            Bars; smaller ones are left out.
        """
        from lbp_prognosis._draw import draw_importance, size_of

        check_number("most", most, low=1, whole=True)
        times = self.horizons
        chosen = float(times[-1]) if horizon is None and times is not None else horizon
        output = place_of_horizon(times, self.mean_size.shape[1], chosen)
        frame = importance_frame(self.players, self.mean_size[:, [output]], None).head(most)
        groups = dict(FeatureMap({str(k): tuple(v) for k, v in modalities.items()})) if modalities is not None else {}
        owner = {column: name for name, columns in groups.items() for column in columns}
        frame["group"] = [owner.get(player, "") for player in frame["player"]]
        return draw_importance(frame, label=size_of(self.scale), groups=tuple(groups), ax=ax)

    def plot_spine_map(
        self,
        ax: Any = None,
        *,
        horizon: float | None = None,
        modalities: Mapping[str, Sequence[str]] | None = None,
    ) -> Any:
        """Draw mean absolute attributions by level and measure.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; required if there are several.
        modalities : mapping of str to sequence of str, optional
            A `FeatureMap` with level and measure of each column in its provenance; by default both are read from
            the names (``disc_height__l4l5``).
        """
        from lbp_prognosis._draw import draw_spine_map

        output = place_of_horizon(self.horizons, self.mean_size.shape[1], horizon)
        cells, rest = spine_cells(self.players, self.mean_size[:, output], modalities)
        return draw_spine_map(cells, scale=self.scale, signed=False, rest=rest, ax=ax)

    def _summary(self) -> str:
        k, outputs = self.mean_size.shape
        return f"means over {self.n} rows, {k} players × {outputs} outputs, {self.value_function} {self.scale}"
