"""``ShapResult``: attributions with the settings that they depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, Objection, Result, argument_error, check_number, objection
from lbp_prognosis.explain._shap_averages import ShapAverages, importance_frame
from lbp_prognosis.explain._shown_rows import numbers_and_texts, place_of_horizon, place_of_player, shown_rows
from lbp_prognosis.explain._spine_cells import spine_cells
from lbp_prognosis.explain._to_explanation import to_explanation

__all__ = ["ShapResult"]


@dataclass(frozen=True, repr=False)
class ShapResult(Result):
    """Attributions of predictions to players (columns, or modalities).

    Attributes
    ----------
    values : ndarray of shape (n, n_players, n_outputs)
        Attributions; those of a row add up to ``prediction − base``. One output per horizon; a single output for a
        linear predictor.
    players : tuple of str
        Names of the players.
    base : ndarray of shape (n, n_outputs)
        Mean output over the background; rows differ only in columns that are not players (strata).
    prediction : ndarray of shape (n, n_outputs)
        Output of each row.
    scale : str
        Explained quantity: ``"risk"``, ``"mean"`` (of a score), or the scale of the linear predictor, e.g.
        ``"log_hazard"``.
    value_function : {"interventional", "observational", "path_dependent"}
        Source of the values of absent players: the background regardless of the other players, the background
        conditional on the other players, or the training rows that pass through the tree.
    method : str
        ``"additive"``, ``"exact"``, ``"owen"``, ``"series"``, ``"permutation"``, ``"tree"``, ``"conditional normal"``.
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
        Change due to a player by itself, and in addition to all others (if all coalitions were evaluated).
    error_bound : float or None
        Upper bound of the error of any attribution (``"series"``), rounding excluded.
    data : DataFrame of shape (n, n_players) or None
        Values of the explained rows if each player is a column; None if players are groups of columns.
    missing : ndarray of shape (n, n_players) or None
        Share of a player's columns that is missing in a row. 1 means that the modality (or column) is absent; its
        attribution is the effect of its absence on the prediction.

    Notes
    -----
    `plot`, `plot_waterfall`, `plot_beeswarm`, `plot_scatter`, `plot_heatmap` and `plot_spine_map` of a row show single
    patients and must not be released. `averages` may be released if enough patients contribute to them.
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
    error_bound: float | None = None
    data: pd.DataFrame | None = field(default=None, repr=False)
    missing: np.ndarray | None = field(default=None, repr=False)
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row per patient, player and horizon.

        Columns: ``row, player, horizon, value, se, first_in, last_in, base, prediction, scale, value_function, method,
        n_background, background_hash, missing``.
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
                "missing": np.nan if self.missing is None else np.repeat(self.missing.ravel(), outputs),
            }
        )

    def importance(self) -> pd.DataFrame:
        """Return the mean absolute attribution: ``player, horizon, importance``, largest first within a horizon."""
        return importance_frame(self.players, np.abs(self.values).mean(axis=0), self.horizons)

    def averages(self) -> ShapAverages:
        """Return the mean sizes of attributions, without the patients."""
        return ShapAverages(
            mean_size=np.abs(self.values).mean(axis=0),
            players=self.players,
            scale=self.scale,
            value_function=self.value_function,
            method=self.method,
            n=len(self.rows),
            n_background=self.n_background,
            horizons=self.horizons,
            objections=self.objections,
            synthetic=self.synthetic,
        )

    def summed(self, groups: Mapping[str, Sequence[str]]) -> ShapResult:
        """Return attributions added up over groups of players.

        If groups interact, sums of the Shapley values of columns differ from the Shapley values of groups as players;
        sums of Owen values do not. The result states which applies.
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
            self,
            values=values,
            players=tuple(wanted),
            se=None,
            error_bound=None,
            first_in=None,
            last_in=None,
            data=None,
            missing=None,
            objections=objections,
        )

    def of_row(self, row: int) -> pd.DataFrame:
        """Return the frame of one patient.

        Parameters
        ----------
        row : int
            Position of the patient, from 0.
        """
        cells = self.values.shape[1] * self.values.shape[2]
        place = int(self._place(row)[0])
        return self.to_frame().iloc[place * cells : (place + 1) * cells]

    def plot(self, ax: Any = None, *, row: int = 0) -> Any:
        """Draw one row's attributions: bars, or curves over time where there are several horizons."""
        from lbp_prognosis._draw import draw_attributions

        return draw_attributions(self.of_row(row), ax=ax)

    def plot_beeswarm(self, ax: Any = None, *, horizon: float | None = None, most: int = 12) -> Any:
        """Draw a line per player and a dot per patient, coloured by the patient's value of the column.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; required if there are several.
        most : int, default 12
            Lines, for the players with the largest mean absolute attribution; the last line is the sum of the others.
        """
        from lbp_prognosis._draw import draw_beeswarm

        return draw_beeswarm(shown_rows(self, horizon, most), ax=ax)

    def plot_bar(
        self,
        ax: Any = None,
        *,
        horizon: float | None = None,
        modalities: Mapping[str, Sequence[str]] | None = None,
        most: int = 20,
    ) -> Any:
        """Draw mean absolute attributions as bars.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; the last by default.
        modalities : mapping of str to sequence of str, optional
            Columns by modality: each has a colour. For a bar per modality draw ``result.summed(modalities)``.
        most : int, default 20
            Bars; smaller ones are left out.
        """
        return self.averages().plot(ax, horizon=horizon, modalities=modalities, most=most)

    def plot_waterfall(self, ax: Any = None, *, row: int = 0, horizon: float | None = None, most: int = 10) -> Any:
        """Draw the steps from the mean prediction to that of one patient (waterfall).

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        row : int, default 0
            Position of the patient, from 0.
        horizon : float, optional
            Prediction time; required if there are several.
        most : int, default 10
            Bars; the lowest bar is the sum of the others.
        """
        from lbp_prognosis._draw import draw_waterfall

        return draw_waterfall(shown_rows(self, horizon, most, self._place(row)), ax=ax)

    def plot_scatter(
        self, feature: str, ax: Any = None, *, color: str | None = None, horizon: float | None = None
    ) -> Any:
        """Draw the attributions of one column against its values, a dot per patient.

        Parameters
        ----------
        feature : str
            The column.
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        color : str, optional
            Second column, whose values colour the dots; colours separate where it modifies the effect of the first
            column.
        horizon : float, optional
            Prediction time; required if there are several.
        """
        from lbp_prognosis._draw import draw_attribution_scatter

        if self.data is None:
            raise argument_error("feature", "a column: here players are groups of columns", repr(feature))
        output = place_of_horizon(self.horizons, self.values.shape[2], horizon)
        place = place_of_player(self.players, feature, "feature")
        n = len(self.rows)
        numbers, texts = numbers_and_texts(self.data.iloc[:, place], n)
        frame = pd.DataFrame({"value": self.values[:, place, output], "number": numbers, "text": texts})
        if color is not None:
            second = self.data.iloc[:, place_of_player(self.players, color, "color")]
            frame["second_number"], frame["second_text"] = numbers_and_texts(second, n)
        return draw_attribution_scatter(frame.assign(scale=self.scale), player=feature, second=color, ax=ax)

    def plot_heatmap(self, ax: Any = None, *, horizon: float | None = None, most: int = 15) -> Any:
        """Draw a cell per patient and player, patients in the order of their predictions.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        horizon : float, optional
            Prediction time; required if there are several.
        most : int, default 15
            Lines; the last line is the sum of the others.
        """
        from lbp_prognosis._draw import draw_attribution_heatmap

        output = place_of_horizon(self.horizons, self.values.shape[2], horizon)
        order = np.argsort(self.prediction[:, output], kind="stable")
        return draw_attribution_heatmap(shown_rows(self, horizon, most, order), ax=ax)

    def plot_spine_map(
        self,
        ax: Any = None,
        *,
        row: int | None = None,
        horizon: float | None = None,
        modalities: Mapping[str, Sequence[str]] | None = None,
    ) -> Any:
        """Draw attributions by level and measure.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        row : int, optional
            Position of the patient, from 0; by default mean absolute attributions over all patients.
        horizon : float, optional
            Prediction time; required if there are several.
        modalities : mapping of str to sequence of str, optional
            A `FeatureMap` with level and measure of each column in its provenance; by default both are read from
            the names (``disc_height__l4l5``).
        """
        from lbp_prognosis._draw import draw_spine_map

        if row is None:
            return self.averages().plot_spine_map(ax, horizon=horizon, modalities=modalities)
        output = place_of_horizon(self.horizons, self.values.shape[2], horizon)
        cells, rest = spine_cells(self.players, self.values[self._place(row)[0], :, output], modalities)
        return draw_spine_map(cells, scale=self.scale, rest=rest, ax=ax)

    def to_explanation(self, horizon: float | None = None) -> Any:
        """Return a ``shap.Explanation`` for the figures of the package shap (``shap.plots.beeswarm`` …).

        Parameters
        ----------
        horizon : float, optional
            Prediction time; required if there are several.

        Raises
        ------
        MissingPackageError
            If shap is not installed.
        """
        return to_explanation(self, horizon)

    def _place(self, row: int) -> np.ndarray:
        return np.array([int(check_number("row", row, low=0, high=len(self.rows) - 1, whole=True))])

    def _summary(self) -> str:
        n, k, outputs = self.values.shape
        certain = "" if self.error_bound is None else f", error ≤ {self.error_bound:.2g}"
        return f"{n} rows × {k} players × {outputs} outputs, {self.value_function} {self.scale}, {self.method}{certain}"
