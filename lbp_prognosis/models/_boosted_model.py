"""Common part of boosted models: columns as trees take them, constraints, settings, files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from lbp_prognosis._base import (
    EstimationError,
    argument_error,
    check_number,
)
from lbp_prognosis.models._base import RiskEstimator
from lbp_prognosis.models._category_columns import CategoryColumns
from lbp_prognosis.models._cross_fit import Growth, TreeTable, deal_folds, identical_rows
from lbp_prognosis.models._design import Design, order_of_names
from lbp_prognosis.models._xgboost_adapter import load_booster, predict_margin

__all__ = ["FEWEST_EVENTS", "BoostedModel"]

FEWEST_EVENTS = 10


class BoostedModel(CategoryColumns, RiskEstimator):
    """Base of models of boosted trees.

    Missing values and categories of predictors are taken as they are; trees see the columns in the order of their
    names, so that the order in a table changes nothing.
    """

    _allow_missing: ClassVar[bool] = True
    folds_keep_clusters: ClassVar[bool] = True
    """Tuning folds never part rows of one cluster: resampling passes who is a copy of whom."""
    interpolates: ClassVar[bool] = True
    """Its apparent performance is near perfect and uninformative: validate with .632+ or nested cross-validation."""

    rounds: int
    select_rounds: bool
    early_stopping: int | None
    learning_rate: float
    max_depth: int
    min_leaf_events: float
    reg_lambda: float
    subsample: float
    colsample: float
    folds: int
    repeats: int
    average: bool
    max_bin: int
    monotone: Mapping[str, int] | None
    interactions: Any
    feature_names_in_: np.ndarray

    # ---- columns -----------------------------------------------------------------------------------------------

    def _tree_order(self) -> np.ndarray:
        """Positions of the columns as trees see them: by name, numbers in names by their size."""
        names = self._names()
        if not hasattr(self, "feature_names_in_"):
            return np.arange(len(names))
        return np.array(order_of_names(names), dtype=np.int64)

    @property
    def tree_columns_(self) -> list[str]:
        """Names of the columns in the order used by `booster`."""
        self._check_fitted()
        names = self._names()
        return [str(names[j]) for j in self._tree_order()]

    def _kinds(self) -> tuple[str, ...]:
        nominal = set(self.categories_) - set(self.ordered_columns_)
        names = self._names()
        return tuple("c" if names[j] in nominal else "q" for j in self._tree_order())

    # ---- settings ----------------------------------------------------------------------------------------------

    def _check_parameters(self) -> None:
        for name in ("rounds", "repeats", "max_depth"):
            check_number(name, getattr(self, name), low=1, whole=True)
        for name in ("folds", "max_bin"):
            check_number(name, getattr(self, name), low=2, whole=True)
        for name in ("learning_rate", "subsample", "colsample"):
            check_number(name, getattr(self, name), low=0, high=1, open_low=True)
        if self.early_stopping is not None:
            check_number("early_stopping", self.early_stopping, low=1, whole=True)
        check_number("reg_lambda", self.reg_lambda, low=0)
        self._least_in_leaf()
        for direction in dict(self.monotone or {}).values():
            if isinstance(direction, bool) or direction not in (-1, 0, 1):
                raise argument_error("monotone", "1 (risk rises), −1 (risk falls) or 0 for each column", direction)

    def _check_columns(self, names: list[str], y: np.ndarray) -> None:
        super()._check_columns(names, y)
        named = self._with_names(names)
        named.categories_, named.ordered_columns_ = {}, []  # which columns are nominal is known at the fit
        named._tree_parameters(names, sign=1, seed=0)

    def _tree_parameters(self, columns: Sequence[str], *, sign: int, seed: int) -> dict[str, Any]:
        """Return xgboost's parameters; ``sign`` is 1 where a higher margin is a higher risk, −1 where it is lower.

        0 leaves the constraints of direction out: they are about the event of interest.
        """
        out: dict[str, Any] = {
            "learning_rate": float(self.learning_rate),
            "max_depth": int(self.max_depth),
            # a minimum among all patients: of drawn ones it would keep small studies from splitting at all
            "min_child_weight": self._least_in_leaf() * float(self.subsample),
            "reg_lambda": float(self.reg_lambda),
            "colsample_bytree": float(self.colsample),
            # a leaf whose rows all have the event, or none has, would otherwise step without bound
            "max_delta_step": 2.0,
            "max_bin": int(self.max_bin),
            "seed": seed,
        }
        directions = self._directions(columns)
        if sign and any(directions):
            out["monotone_constraints"] = "(" + ",".join(str(sign * each) for each in directions) + ")"
        groups = self._interaction_groups(columns)
        if groups is not None:
            out["interaction_constraints"] = str(groups)
        return out

    def _growth(self) -> Growth:
        return Growth(
            int(self.rounds),
            bool(self.select_rounds),
            self.early_stopping,
            bool(self.average),
            float(self.subsample),
        )

    def _least_in_leaf(self) -> float:
        """Return the least curvature of a leaf, among all patients."""
        return check_number("min_leaf_events", self.min_leaf_events, low=0)

    def _directions(self, columns: Sequence[str]) -> list[int]:
        out = [0] * len(columns)
        nominal = set(self.categories_) - set(self.ordered_columns_)
        for key, direction in dict(self.monotone or {}).items():
            for place in _named(columns, key, "monotone"):
                if columns[place] in nominal:
                    raise argument_error(
                        "monotone", "columns of numbers or of ordered categories", repr(columns[place])
                    )
                if out[place] not in (0, direction):
                    raise argument_error("monotone", "one direction a column", f"two for {columns[place]!r}")
                out[place] = int(direction)
        return out

    def _interaction_groups(self, columns: Sequence[str]) -> list[list[int]] | None:
        if self.interactions is None:
            return None
        given = list(self.interactions.values()) if isinstance(self.interactions, Mapping) else list(self.interactions)
        groups: list[list[int]] = []
        for group in given:
            names = [group] if isinstance(group, str) else list(group)
            groups.append(sorted({place for name in names for place in _named(columns, str(name), "interactions")}))
        alone = set(range(len(columns))) - {place for group in groups for place in group}
        return [group for group in groups if group] + [[place] for place in sorted(alone)]

    def _table(self, X: np.ndarray, parameters: Sequence[dict[str, Any]]) -> TreeTable:
        return TreeTable(X, self._kinds(), tuple(parameters), type(self).__name__)

    # ---- folds -------------------------------------------------------------------------------------------------

    def _ordered_design(self, design: Design) -> Design:
        return replace(design, X=np.ascontiguousarray(design.X[:, self._tree_order()]))

    def _check_events(self, y: np.ndarray) -> None:
        """Refuse an outcome with fewer events of cause 1 than are needed; the fit counts those it can use."""
        self._fold_count(y["event" if "event" in (y.dtype.names or ()) else "status"] == 1, 1)

    def _fold_count(self, event: np.ndarray, cause: int) -> int:
        """Return how many folds a cause can fill; too few events are refused."""
        name = type(self).__name__
        if event.sum() < FEWEST_EVENTS:
            raise EstimationError(
                f"{name} needs at least {FEWEST_EVENTS} events of each cause; cause {cause} has {int(event.sum())}. "
                "Use a regression model with a penalty."
            )
        return min(int(self.folds), int(event.sum()) // 5)

    def _deal(self, groups: np.ndarray, event: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return the fold of each row in each random partition, ``(n, repeats)``."""
        return np.column_stack([deal_folds(groups, event, count, rng) for _ in range(int(self.repeats))])

    @staticmethod
    def _groups(design: Design) -> np.ndarray:
        """Codes of rows that must stay in one fold: clusters, or copies of a row."""
        if design.clusters is not None:
            return design.clusters
        fields = [design.y[name].astype(float) for name in design.y.dtype.names or ()]
        columns = [part for part in (design.X, design.strata, design.offset) if part is not None]
        return identical_rows(columns, fields, design.weights)

    @staticmethod
    def _over_all_rows(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
        """Put values of the rows that took part among all rows; NaN for the others."""
        out = np.full((n, *values.shape[1:]), np.nan)
        out[rows] = values
        return out

    # ---- boosters ----------------------------------------------------------------------------------------------

    def _loaded(self, key: Any, text: str) -> Any:
        cache = self.__dict__.setdefault("_boosters", {})
        if key not in cache:
            cache[key] = load_booster(text, caller=type(self).__name__)
        return cache[key]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_boosters"}

    def _predicted(self, booster: Any, X: np.ndarray) -> np.ndarray:
        """Return the margins of a checked matrix in the order of the fit's columns."""
        inner = np.ascontiguousarray(X[:, self._tree_order()])
        return predict_margin(booster, inner, self._kinds(), caller=type(self).__name__)


def _named(columns: Sequence[str], key: str, parameter: str) -> list[int]:
    """Places of the column of this name, or of all columns of the measure ``key`` (``key__…`` in the grammar)."""
    exact = [j for j, name in enumerate(columns) if name == key]
    found = exact or [j for j, name in enumerate(columns) if str(name).startswith(f"{key}__")]
    if not found:
        raise argument_error(
            parameter, f"names of columns, or of measures (before `__`), among {list(map(str, columns))[:8]}", repr(key)
        )
    return found
