"""Adapter to xgboost: trees grown on the library's own derivatives, saved as JSON text.

xgboost's objective ``survival:cox`` is not used: it leaves row weights out of the risk sets, takes an event at time 0
for a censored row (the sign of the label carries the event), knows Breslow's ties only, no delayed entry and no strata,
and predicts exp(margin). Its ``survival:aft`` keeps times in single precision, so that another unit of time gives other
trees, knows no delayed entry, and scores a trained booster with scale 1. Given the gradient and curvature of the
likelihood, its trees have none of these faults.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, require

__all__ = ["GrowingTrees", "load_booster", "margin_contributions", "mean_of_boosters", "predict_margin", "save_booster"]

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
        self._calls = _calls()
        # xgboost is told once where they lie
        self._derivatives = np.empty((2, len(parameters), X.shape[0]), dtype=np.float32)
        self._texts = [[_array_text(row) for row in rows] for rows in self._derivatives]
        self.rounds = 0
        self._drawn: list[np.ndarray | None] = []

    def margins(self) -> np.ndarray:
        """Return the margins of the table, ``(n, n_outputs)``."""
        return self._margins(self._train)

    def held_out_margins(self) -> np.ndarray:
        """Return the margins of the held-out rows, ``(m, n_outputs)``."""
        return self._margins(self._held_out)

    def _margins(self, table: Any) -> np.ndarray:
        columns = [self._calls.margin(booster.handle, table.handle) for booster in self.boosters]
        return np.column_stack(columns).astype(float)

    def grow(self, gradient: np.ndarray, curvature: np.ndarray, drawn: np.ndarray | None = None) -> None:
        """Add a tree to each booster.

        Parameters
        ----------
        gradient, curvature : ndarray of shape (n, n_outputs)
            Derivative of the log-likelihood in the margins, and a bound on its curvature.
        drawn : ndarray of bool of shape (n,), optional
            Rows from which the tree is grown; the others have neither gradient nor curvature.
        """
        if drawn is not None:
            gradient, curvature = (np.where(drawn[:, None], each, 0.0) for each in (gradient, curvature))
        self._derivatives[0] = -gradient.T
        self._derivatives[1] = curvature.T
        for booster, *texts in zip(self.boosters, *self._texts):
            self._calls.grow(booster.handle, self._train.handle, self.rounds, *texts)
        self.rounds += 1
        self._drawn.append(drawn)

    def first(self, output: int, rounds: int) -> str:
        """Return the first trees of a booster as JSON text.

        Parameters
        ----------
        output : int
            Number of the booster.
        rounds : int
            How many trees.
        """
        booster = self.boosters[output]
        return save_booster(booster if rounds == self.rounds else booster[:rounds])

    def fewest_in_leaf(self, owner: np.ndarray, rounds: int) -> int:
        """Return the smallest number of patients from whom a leaf was grown; all patients if there is no tree.

        Parameters
        ----------
        owner : ndarray of int of shape (n,)
            Patient of each row.
        rounds : int
            Number of trees that count.
        """
        codes = np.unique(owner, return_inverse=True)[1].astype(np.int64)
        n = fewest = int(codes.max()) + 1
        alone = codes.size == n
        for booster in self.boosters if rounds else ():
            found = booster.predict(self._train, pred_leaf=True, iteration_range=(0, rounds))
            leaves = np.asarray(found).reshape(codes.size, -1).astype(np.int64)
            for leaf, drawn in zip(leaves.T, self._drawn):
                rows = slice(None) if drawn is None else drawn
                behind = leaf[rows] if alone else np.unique(leaf[rows] * n + codes[rows]) // n
                counts = np.bincount(behind)
                fewest = min(fewest, int(counts[counts > 0].min()))
        return fewest


class _Calls:
    """Calls of xgboost's C interface that a round of boosting makes.

    Its Python methods do the same calls, but read the names of all columns, write the settings as JSON and define a
    class each time, which takes longer than a tree of a thousand patients.
    """

    _MARGINS = json.dumps(
        {"type": 1, "training": True, "iteration_begin": 0, "iteration_end": 0, "strict_shape": False}
    ).encode()

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)  # the one that is in memory
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        self._error, self._error.restype = library.XGBGetLastError, text
        self._predict, self._grow = library.XGBoosterPredictFromDMatrix, library.XGBoosterTrainOneIter
        self._predict.argtypes = [pointer, pointer, text, pointer, pointer, pointer]
        self._grow.argtypes = [pointer, pointer, ctypes.c_int, text, text]

    def margin(self, booster: Any, table: Any) -> np.ndarray:
        """Return a copy of the margins of a table, ``(n,)``."""
        shape, dimensions, values = ctypes.POINTER(ctypes.c_uint64)(), ctypes.c_uint64(), ctypes.c_void_p()
        self._check(
            self._predict(
                booster, table, self._MARGINS, ctypes.byref(shape), ctypes.byref(dimensions), ctypes.byref(values)
            )
        )
        size = 1
        for k in range(dimensions.value):
            size *= shape[k]
        if not size:
            return np.empty(0, dtype=np.float32)
        return np.ctypeslib.as_array((ctypes.c_float * size).from_address(values.value or 0)).copy()

    def grow(self, booster: Any, table: Any, number: int, gradient: bytes, curvature: bytes) -> None:
        """Add a tree; the derivatives are texts of `_array_text`."""
        self._check(self._grow(booster, table, number, gradient, curvature))

    def _check(self, code: int) -> None:
        if code != 0:
            said = self._error().decode("utf-8", "replace").partition("\nStack trace")[0]
            raise EstimationError(f"xgboost could not grow a tree: {said}")


@cache
def _calls() -> _Calls:
    from xgboost.libpath import find_lib_path

    return _Calls(find_lib_path()[0])


def _array_text(values: np.ndarray) -> bytes:
    """Return where a vector of single precision lies, as xgboost is told of arrays."""
    place = {"data": [values.ctypes.data, True], "shape": [values.size], "typestr": values.dtype.str, "version": 3}
    return json.dumps(place).encode()


def mean_of_boosters(texts: Sequence[str]) -> str:
    """Return the booster whose margin is the mean of those of other boosters: all their trees, with smaller leaves.

    Parameters
    ----------
    texts : sequence of str
        Boosters of the same columns and of start 0, as JSON text.
    """
    boosters = [json.loads(text) for text in texts]
    models = [booster["learner"]["gradient_booster"]["model"] for booster in boosters]
    trees = [tree for model in models for tree in model["trees"]]
    for k, tree in enumerate(trees):
        tree["id"] = k
        values = np.array(tree["split_conditions"], dtype=float)
        leaf = np.array(tree["left_children"]) < 0
        values[leaf] /= len(texts)  # a leaf keeps its value where an inner node keeps its split point
        tree["split_conditions"] = _single(values)
        tree["base_weights"] = _single(np.array(tree["base_weights"], dtype=float) / len(texts))
    whole = models[0]
    whole["trees"], whole["tree_info"] = trees, [0] * len(trees)
    whole["iteration_indptr"] = list(range(len(trees) + 1))
    whole["gbtree_model_param"]["num_trees"] = str(len(trees))
    return json.dumps(boosters[0], separators=(",", ":"))


def _single(values: np.ndarray) -> list[float]:
    """Return numbers of single precision in as many digits as it has."""
    return [float(f"{value:.9g}") for value in values]


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
