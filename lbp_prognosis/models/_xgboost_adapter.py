"""Adapter to xgboost: trees grown on the library's own derivatives, saved as JSON text.

xgboost's objective ``survival:cox`` is not used: it leaves row weights out of the risk sets, takes an event at time 0
for a censored row (the sign of the label carries the event), knows Breslow's ties only, no delayed entry and no strata,
and predicts exp(margin). Its ``survival:aft`` keeps times in single precision, so that another unit of time gives other
trees, knows no delayed entry, and scores a trained booster with scale 1. Given the gradient and curvature of the
likelihood, its trees have none of these faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import require

__all__ = ["GrowingTrees", "load_booster", "margin_contributions", "predict_margin", "save_booster"]

BoosterParameters = dict[str, Any]


def _xgboost(caller: str) -> Any:
    return require("xgboost", caller=caller, extra="boost")


def _table(xgboost: Any, X: np.ndarray, kinds: Sequence[str]) -> Any:
    """Return xgboost's table; ``kinds`` are ``"q"`` (a number) or ``"c"`` (the code of a category)."""
    nominal = "c" in kinds
    return xgboost.DMatrix(
        X, feature_types=list(kinds) if nominal else None, enable_categorical=nominal, nthread=1, missing=np.nan
    )


class GrowingTrees:
    """Boosters of one table, one per output, which grow one tree at a time in one thread.

    Parameters
    ----------
    X : ndarray of shape (n, p)
        Predictors; NaN is missing.
    kinds : sequence of str of length p
        ``"q"`` for a number, ``"c"`` for the code of a category.
    parameters : sequence of dict
        xgboost's parameters, one set per output.
    held_out : ndarray of shape (m, p), optional
        Rows whose margins are wanted as the trees grow.
    caller : str
        Public name of the model, for the error where xgboost is absent.

    Attributes
    ----------
    boosters : list of xgboost.Booster
        One an output.
    rounds : int
        Trees so far.
    """

    def __init__(
        self,
        X: np.ndarray,
        kinds: Sequence[str],
        parameters: Sequence[BoosterParameters],
        *,
        held_out: np.ndarray | None = None,
        caller: str,
    ) -> None:
        xgboost = _xgboost(caller)
        common = {
            "tree_method": "hist",
            "nthread": 1,
            "verbosity": 0,
            "base_score": 0.0,
            "disable_default_eval_metric": True,
            # drawn rows and columns depend on the seed and the round, not on what else grows in this process
            "seed_per_iteration": True,
        }
        self._train = _table(xgboost, X, kinds)
        tables = [self._train]
        self._held_out = None
        if held_out is not None:
            self._held_out = _table(xgboost, held_out, kinds)
            tables.append(self._held_out)
        self.boosters = [xgboost.Booster({**common, **own}, tables) for own in parameters]
        self.rounds = 0

    def margins(self) -> np.ndarray:
        """Return the margins of the table, ``(n, n_outputs)``."""
        return self._margins(self._train)

    def held_out_margins(self) -> np.ndarray:
        """Return the margins of the held-out rows, ``(m, n_outputs)``."""
        return self._margins(self._held_out)

    def _margins(self, table: Any) -> np.ndarray:
        columns = [booster.predict(table, output_margin=True, training=True) for booster in self.boosters]
        return np.column_stack([np.asarray(column, dtype=float).ravel() for column in columns])

    def grow(self, gradient: np.ndarray, curvature: np.ndarray) -> None:
        """Add a tree to each booster.

        Parameters
        ----------
        gradient, curvature : ndarray of shape (n, n_outputs)
            Derivative of the log-likelihood in the margins, and a bound on its curvature.
        """
        for j, booster in enumerate(self.boosters):
            booster.boost(
                self._train,
                self.rounds,
                grad=(-gradient[:, j]).astype(np.float32),
                hess=curvature[:, j].astype(np.float32),
            )
        self.rounds += 1

    def fewest_in_leaf(self, owner: np.ndarray) -> int:
        """Return the smallest number of patients in a leaf of any tree; all patients if there is no tree.

        Parameters
        ----------
        owner : ndarray of int of shape (n,)
            Patient of each row.
        """
        codes = np.unique(owner, return_inverse=True)[1].astype(np.int64)
        n = fewest = int(codes.max()) + 1
        alone = codes.size == n
        for booster in self.boosters if self.rounds else ():
            leaves = np.asarray(booster.predict(self._train, pred_leaf=True)).reshape(codes.size, -1)
            for leaf in leaves.astype(np.int64).T:
                behind = leaf if alone else np.unique(leaf * n + codes) // n
                counts = np.bincount(behind)
                fewest = min(fewest, int(counts[counts > 0].min()))
        return fewest


def save_booster(booster: Any) -> str:
    """Return a booster as JSON text."""
    return bytes(booster.save_raw(raw_format="json")).decode("utf-8")


def load_booster(text: str, *, caller: str) -> Any:
    """Return the booster from the text of `save_booster`; JSON only, so that no code can run."""
    booster = _xgboost(caller).Booster({"nthread": 1})
    booster.load_model(bytearray(text.encode("utf-8")))
    return booster


def predict_margin(booster: Any, X: np.ndarray, kinds: Sequence[str], *, caller: str) -> np.ndarray:
    """Return margins ``(n,)``."""
    margin = booster.predict(_table(_xgboost(caller), X, kinds), output_margin=True)
    return np.asarray(margin, dtype=float).ravel()


def margin_contributions(booster: Any, X: np.ndarray, kinds: Sequence[str], *, caller: str) -> np.ndarray:
    """Return path-dependent TreeSHAP values of the margin, ``(n, p + 1)``, the last column the mean margin."""
    table = _table(_xgboost(caller), X, kinds)
    return np.asarray(booster.predict(table, pred_contribs=True), dtype=float)
