"""Serialisation of objects of known classes as JSON and flat arrays.

All numbers of one type are stored in one array; the JSON gives the number and shape of each entry. The reader takes
them in the order of writing, each once, so that no file can make it allocate more than the file's size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from lbp_prognosis._base import argument_error
from lbp_prognosis.deployment._file_error import ModelFileError
from lbp_prognosis.deployment._registry import NOT_STORED, class_named, stored_name

__all__ = ["DTYPES", "pack", "unpack"]

DTYPES = {"f8": np.float64, "f4": np.float32, "i8": np.int64, "i4": np.int32, "i1": np.int8, "b1": np.bool_}
_DTYPE_NAMES = ("float64", "float32", "int64", "int32", "int8", "bool", "object")
_TAG = "$"
_ARRAYS = ("array", "again", "symmetric", "words")
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_LEFT_OUT = {"_generators", "_boosters", "confounding_"}  # of the fit alone
_MOST_DIMENSIONS = 4
_LARGE = 1000  # numbers of an array that is written once where it occurs twice
_MOST_AGAIN = 2**29  # bytes of repeated arrays, together: tables copy their columns
_DEEPEST = 60
_KEPT_SIDE = 512  # of squares whose places are remembered, in 2 MB each at most
_AS_THEY_ARE = frozenset((bool, str, int, float, type(None)))  # where JSON has them


def _upper(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the flat numbers of a square have its diagonal and what is above it, row by row; then mirrored."""
    return _places(side) if side <= _KEPT_SIDE else _places.__wrapped__(side)


@lru_cache(maxsize=4)  # a model of several tables has a square of one size for each of them
def _places(side: int) -> tuple[np.ndarray, np.ndarray]:
    upper = np.flatnonzero(np.tri(side, dtype=bool).T)
    row, column = np.divmod(upper, max(side, 1))
    return upper, column * side + row


class _Writer:
    def __init__(self) -> None:
        self.parts: dict[str, list[np.ndarray]] = {name: [] for name in DTYPES}
        self.large: dict[tuple[str, tuple[int, ...], bytes], list[tuple[int, np.ndarray]]] = {}
        self.count = 0
        self.again = 0

    def array(self, value: np.ndarray, where: str) -> dict[str, Any]:
        if value.dtype.kind in "OU":
            words = self.items(value.ravel().tolist(), where)
            return {_TAG: "words", "kind": value.dtype.kind, "shape": list(value.shape), "items": words}
        name = {"float64": "f8", "float32": "f4", "int64": "i8", "int32": "i4", "int8": "i1", "bool": "b1"}.get(
            value.dtype.name
        )
        if name is None or value.dtype.names:
            raise argument_error(where, "an array of floats, integers, truth values or text", f"{value.dtype}")
        flat = np.ascontiguousarray(value).ravel()
        if flat.size >= _LARGE:  # the two covariances of a model are usually the same
            bits = flat.view(np.uint8)
            before = self.large.setdefault((name, value.shape, bits[:64].tobytes()), [])
            same = next((number for number, other in before if np.array_equal(other, bits)), None)
            if same is not None and self.again + flat.nbytes <= _MOST_AGAIN:
                self.again += flat.nbytes
                return {_TAG: "again", "number": same}
            before.append((self.count, bits))
            if value.ndim == 2 and value.shape[0] == value.shape[1]:
                whole = flat.view(f"i{flat.itemsize}").reshape(value.shape)  # bits: zeros have a sign
                if np.array_equal(whole, whole.T):
                    self.count += 1
                    self.parts[name].append(flat[_upper(len(whole))[0]])
                    return {_TAG: "symmetric", "dtype": name, "side": len(whole)}
        self.count += 1
        self.parts[name].append(flat)
        return {_TAG: "array", "dtype": name, "shape": list(value.shape)}

    def items(self, values: Sequence[Any], where: str) -> list[Any]:
        """Return entries one by one; texts and numbers, often of each column, are entries as they come."""
        kinds = set(map(type, values))
        if all(map(math.isfinite, values)) if kinds == {float} else kinds <= _AS_THEY_ARE and float not in kinds:
            return list(values)
        return [self.entry(item, where) for item in values]

    def entry(self, value: Any, where: str) -> Any:
        kind = type(value)
        if value is None or kind in (bool, str, int) or (kind is float and math.isfinite(value)):
            return value
        if kind is list:
            return self.items(value, where)
        if kind is tuple:
            return {_TAG: "tuple", "items": self.items(value, where)}
        if isinstance(value, np.bool_):
            return bool(value)
        if isinstance(value, np.str_):
            return str(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            number = float(value)
            return number if math.isfinite(number) else {_TAG: "float", "value": str(number)}
        if isinstance(value, np.ndarray):
            return self.array(value, where)
        name = stored_name(value)
        if name is not None:
            return self.object(value, name)
        if isinstance(value, np.dtype) and value.name in _DTYPE_NAMES:
            return {_TAG: "dtype", "value": value.name}
        if isinstance(value, slice):
            return {_TAG: "slice", "items": [value.start, value.stop, value.step]}
        if isinstance(value, list):
            return self.items(value, where)
        if isinstance(value, pd.DataFrame):
            return self.frame(value, where)
        if isinstance(value, Mapping):
            keys = self.items(list(value), where)
            return {_TAG: "mapping", "keys": keys, "items": self.items(list(value.values()), where)}
        if isinstance(value, frozenset | set):
            return {_TAG: "set", "items": sorted((self.entry(item, where) for item in value), key=str)}
        why = NOT_STORED.get(type(value).__name__, "is not among the classes of model files")
        raise argument_error(
            where,
            "of a kind that can be saved without pickle",
            f"{type(value).__name__}, which {why}",
            "Functions, generators and models of other libraries are not saved.",
        )

    def frame(self, value: pd.DataFrame, where: str) -> dict[str, Any]:
        names = self.items(list(value.columns), where)
        kinds = set(value.dtypes)
        if len(kinds) == 1 and next(iter(kinds)) == np.float64:  # numbers alone are one array
            values = self.array(np.ascontiguousarray(value.to_numpy()), where)
            return {_TAG: "table", "names": names, "index": self.array(value.index.to_numpy(), where), "values": values}
        columns = [self.array(value.iloc[:, k].to_numpy(), where) for k in range(value.shape[1])]
        return {_TAG: "frame", "names": names, "index": self.array(value.index.to_numpy(), where), "columns": columns}

    def object(self, value: Any, name: str) -> dict[str, Any]:
        parameters, learned = _state(value)
        return {
            _TAG: "object",
            "class": name,
            "parameters": {key: self.entry(item, f"{name}.{key}") for key, item in sorted(parameters.items())},
            "learned": {key: self.entry(item, f"{name}.{key}") for key, item in sorted(learned.items())},
        }


def _state(value: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arguments of the constructor, and the attributes that are set afterwards."""
    if not isinstance(value, BaseEstimator):
        if is_dataclass(value):
            return {field.name: getattr(value, field.name) for field in fields(value)}, {}
        if isinstance(value, tuple):  # of names
            return dict(zip(type(value)._fields, value)), {}  # type: ignore[attr-defined]
        return {}, dict(vars(value))
    parameters = value.get_params(deep=False)
    if hasattr(value, "_state"):
        learned = value._state()
    else:
        learned = {key: item for key, item in vars(value).items() if key not in parameters}
    if type(value).__name__ == "RiskPipeline" and "branches_" in learned:  # the same objects twice
        learned = {**learned, "models_": None, "imputer_": None}
    left_out = {"_sklearn_output_config", "_repr_html_"} | _LEFT_OUT
    return parameters, {key: item for key, item in learned.items() if key not in left_out}


def pack(value: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return an object as JSON types and one flat array per number type (those that occur).

    Raises
    ------
    ArgumentError
        If an attribute cannot be saved; the message names it.
    """
    writer = _Writer()
    state = writer.entry(value, "model")
    arrays = {name: np.concatenate(parts) for name, parts in writer.parts.items() if parts}
    return state, arrays


class _Reader:
    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.arrays = arrays
        self.at = dict.fromkeys(arrays, 0)
        self.read: list[np.ndarray] = []
        self.again = 0

    def array(self, entry: Mapping[str, Any]) -> np.ndarray:
        if entry[_TAG] == "again":
            number = entry["number"]
            if type(number) is not int or not 0 <= number < len(self.read):
                raise ModelFileError("The model file refers to an array that it does not contain.")
            self.again += self.read[number].nbytes
            if self.again > _MOST_AGAIN:
                raise ModelFileError("The model file repeats its arrays too often.")
            return self.read[number]  # the same array: copies of a large one could fill the memory
        if entry[_TAG] == "symmetric":
            return self.symmetric(entry)
        shape = _shape(entry)
        size = math.prod(shape)
        if entry[_TAG] == "words":
            items = entry["items"]
            if not isinstance(items, list) or len(items) != size or entry["kind"] not in ("O", "U"):
                raise ModelFileError("The model file contains texts whose number does not match their shape.")
            words = self.items(items, 0)
            if entry["kind"] == "U":
                return np.array(words, dtype=str).reshape(shape)
            out = np.empty(size, dtype=object)
            out[:] = words
            return out.reshape(shape)
        self.read.append(self.taken(entry["dtype"], size).reshape(shape).copy())
        return self.read[-1]

    def taken(self, name: Any, size: int) -> np.ndarray:
        """Return the next numbers of a type; sizes are compared with what is left before any memory is used."""
        if name not in self.arrays or size > self.arrays[name].size - self.at[name]:
            raise ModelFileError("The model file names more numbers than it contains.")
        start = self.at[name]
        self.at[name] = start + size
        return self.arrays[name][start : start + size]

    def symmetric(self, entry: Mapping[str, Any]) -> np.ndarray:
        side = entry["side"]
        if type(side) is not int or side < 0:
            raise ModelFileError("The model file contains an array of an impossible shape.")
        half = self.taken(entry["dtype"], side * (side + 1) // 2)
        out = np.empty(side * side, dtype=half.dtype)
        for places in _upper(side):
            out[places] = half
        self.read.append(out.reshape(side, side))
        return self.read[-1]

    def items(self, values: Any, depth: int) -> list[Any]:
        """Return what entries stand for; JSON's texts and numbers stand for themselves."""
        if type(values) is list and depth <= _DEEPEST and _AS_THEY_ARE.issuperset(map(type, values)):
            return list(values)
        return [self.entry(item, depth) for item in values]

    def entry(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            raise ModelFileError("The model file is nested too deeply.")
        if isinstance(value, list):
            return self.items(value, depth + 1)
        if not isinstance(value, dict):
            return value
        tag = value.get(_TAG)
        keys = _KEYS.get(tag) if isinstance(tag, str) else None
        if keys is None or set(value) != keys:
            raise ModelFileError(f"The model file contains an entry of an unknown kind: {str(tag)[:40]!r}.")
        if tag in _ARRAYS:
            return self.array(value)
        if tag == "object":
            return self.object(value, depth)
        if tag == "float":
            return _WORDS[value["value"]]
        if tag == "dtype":
            if value["value"] not in _DTYPE_NAMES:
                raise ModelFileError("The model file names an unknown type of numbers.")
            return np.dtype(value["value"])
        if tag == "frame":
            columns, index = (
                [self.array(_array_entry(c)) for c in value["columns"]],
                self.array(_array_entry(value["index"])),
            )
            names = self.items(value["names"], depth + 1)
            return pd.DataFrame(dict(enumerate(columns)), index=index).set_axis(names, axis=1)
        if tag == "table":
            values, index = self.array(_array_entry(value["values"])), self.array(_array_entry(value["index"]))
            names = self.items(value["names"], depth + 1)
            if values.ndim != 2 or values.dtype != np.float64:
                raise ModelFileError("The model file contains a table of numbers that is none.")
            return pd.DataFrame(values, index=index).set_axis(names, axis=1)
        if tag == "mapping":
            keys_read = self.items(value["keys"], depth + 1)
            items = self.items(value["items"], depth + 1)
            if len(keys_read) != len(items):
                raise ModelFileError("The model file contains a mapping with more keys than values.")
            return dict(zip(keys_read, items))
        items = self.items(value["items"], depth + 1)
        if tag == "slice":
            return slice(*items)
        return tuple(items) if tag == "tuple" else frozenset(items)

    def object(self, value: Mapping[str, Any], depth: int) -> Any:
        kind = class_named(value["class"])
        if kind is None:
            raise ModelFileError(f"The model file names {str(value['class'])[:60]!r}, which is not an allowed class.")
        parameters = {str(key): self.entry(item, depth + 1) for key, item in sorted(value["parameters"].items())}
        learned = {str(key): self.entry(item, depth + 1) for key, item in sorted(value["learned"].items())}
        wrong = [key for key in learned if not key.isidentifier() or hasattr(kind, key) or key.startswith("__")]
        if wrong:
            raise ModelFileError(f"The model file would set {wrong[0][:40]!r} of a {kind.__name__}.")
        if kind.__name__ == "CovariateDesign":
            made: Any = object.__new__(kind)
            made.__dict__.update(learned)
            return made
        earlier = getattr(kind, "_of_earlier", None)  # fields that a version before had
        made = kind(**(parameters if earlier is None else earlier(parameters)))
        if hasattr(made, "_restore"):
            made._restore(learned)
        elif learned:
            made.__dict__.update(learned)
        if kind.__name__ == "RiskPipeline" and "branches_" in learned:
            made.models_ = [branch.model for branch in made.branches_]
            made.imputer_ = next((step for _, step in made.steps_ if hasattr(step, "completions")), None)
        return made


_KEYS: dict[str, set[str]] = {
    "array": {_TAG, "dtype", "shape"},
    "again": {_TAG, "number"},
    "symmetric": {_TAG, "dtype", "side"},
    "words": {_TAG, "kind", "shape", "items"},
    "object": {_TAG, "class", "parameters", "learned"},
    "float": {_TAG, "value"},
    "dtype": {_TAG, "value"},
    "frame": {_TAG, "names", "index", "columns"},
    "table": {_TAG, "names", "index", "values"},
    "mapping": {_TAG, "keys", "items"},
    "slice": {_TAG, "items"},
    "tuple": {_TAG, "items"},
    "set": {_TAG, "items"},
}


def _array_entry(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict) or value.get(_TAG) not in _ARRAYS or set(value) != _KEYS[value[_TAG]]:
        raise ModelFileError("The model file contains a table whose columns are no arrays.")
    return value


def _shape(entry: Mapping[str, Any]) -> tuple[int, ...]:
    shape = entry["shape"]
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if not whole or len(shape) > _MOST_DIMENSIONS:
        raise ModelFileError("The model file contains an array of an impossible shape.")
    return tuple(shape)


def unpack(state: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Rebuild what `pack` returned.

    Raises
    ------
    ModelFileError
        If an entry is unknown, a class is not on the list, or there are too many or too few numbers.
    """
    reader = _Reader(arrays)
    out = reader.entry(state, 0)
    if any(reader.at[name] != array.size for name, array in arrays.items()):
        raise ModelFileError("The model file contains numbers that nothing names.")
    return out
