"""Fitted models as plain dictionaries and back: a closed set of types, no pickle.

Arrays, tuples, dictionaries with keys that are no text, frames and models become small tagged dictionaries; non-finite
numbers become text, so that strict JSON holds the result. Anything else says that it can't be saved.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import FeatureMap, argument_error

__all__ = ["decode", "digest_of", "encode"]

_TAG = "__type__"
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def digest_of(state: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a saved model: of all but its own digest, the same before and after JSON."""
    content = {key: value for key, value in state.items() if key != "digest"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()


def _number(value: float) -> Any:
    return value if math.isfinite(value) else {_TAG: "float", "value": str(value)}


def _encode_array(value: np.ndarray, where: str) -> dict[str, Any]:
    if value.dtype.names:
        fields = {name: _encode_array(value[name], where) for name in value.dtype.names}
        return {_TAG: "structured", "fields": fields}
    if value.dtype.kind == "f":
        flat = [number if math.isfinite(number) else str(number) for number in value.ravel().tolist()]
    elif value.dtype.kind in "biuU":
        flat = value.ravel().tolist()
    elif value.dtype.kind == "O":
        flat = [encode(item, where) for item in value.ravel().tolist()]
    else:
        raise argument_error(where, "of a type that can be saved", f"an array of {value.dtype}")
    return {_TAG: "array", "dtype": value.dtype.str, "shape": list(value.shape), "values": flat}


def encode(value: Any, where: str) -> Any:
    """Return ``value`` in JSON types; ``where`` names it in the error."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_ | np.integer):
        return value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, float | np.floating):
        return _number(float(value))
    if isinstance(value, np.ndarray):
        return _encode_array(value, where)
    if isinstance(value, list):
        return [encode(item, where) for item in value]
    if isinstance(value, tuple):
        return {_TAG: "tuple", "items": [encode(item, where) for item in value]}
    if isinstance(value, pd.DataFrame):
        columns = [encode(value[name].to_numpy(), where) for name in value.columns]
        return {_TAG: "frame", "names": encode(list(value.columns), where), "columns": columns}
    if isinstance(value, FeatureMap) and value.provenance:
        parts = {name: encode(dict(getattr(value, name)), where) for name in ("groups", "provenance")}
        return {_TAG: "feature_map", **parts}
    if isinstance(value, Mapping):
        pairs = [[encode(key, where), encode(item, where)] for key, item in value.items()]
        return {_TAG: "mapping", "items": pairs}
    if hasattr(value, "to_dict") and hasattr(type(value), "from_dict"):
        return {_TAG: "model", "state": value.to_dict()}
    raise argument_error(
        where,
        "of a type that can be saved without pickle",
        value,
        "Numbers, text, arrays, frames, lists, tuples, mappings and this library's own models can be.",
    )


def _decode_array(value: dict[str, Any], models: Any) -> np.ndarray:
    dtype = np.dtype(value["dtype"])
    items = value["values"]
    if dtype.kind == "f":
        items = [_WORDS[item] if isinstance(item, str) else item for item in items]
    elif dtype.kind == "O":
        out = np.empty(len(items), dtype=object)
        out[:] = [decode(item, models) for item in items]
        return out.reshape(value["shape"])
    return np.array(items, dtype=dtype).reshape(value["shape"])


def decode(value: Any, models: Any) -> Any:
    """Undo `encode`; ``models`` turns the state of a model into a model."""
    if isinstance(value, list):
        return [decode(item, models) for item in value]
    if not isinstance(value, dict):
        return value
    tag = value.get(_TAG)
    if tag == "feature_map":
        return FeatureMap(decode(value["groups"], models), decode(value["provenance"], models))
    if tag == "float":
        return _WORDS[value["value"]]
    if tag == "array":
        return _decode_array(value, models)
    if tag == "structured":
        fields = {name: _decode_array(item, models) for name, item in value["fields"].items()}
        first = next(iter(fields.values()))
        out = np.empty(first.shape, dtype=[(name, item.dtype) for name, item in fields.items()])
        for name, item in fields.items():
            out[name] = item
        return out
    if tag == "tuple":
        return tuple(decode(item, models) for item in value["items"])
    if tag == "frame":
        names = decode(value["names"], models)
        return pd.DataFrame({name: decode(item, models) for name, item in zip(names, value["columns"])})
    if tag == "mapping":
        return {decode(key, models): decode(item, models) for key, item in value["items"]}
    if tag == "model":
        return models(value["state"])
    raise argument_error("state", "made by `to_dict`", f"an entry of type {tag!r}")
