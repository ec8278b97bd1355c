"""A generator of study files with one thing wrong, and what of each must be found again if it is accepted."""

from __future__ import annotations

import copy
import random
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BASES = (ROOT / "lbp_prognosis" / "cli" / "demo.toml", ROOT / "examples" / "lbp_cox.toml")
VALUES: tuple[Any, ...] = (
    "false", "true", "five", "", " ", "12", "nan", "\ud800", "a\x01b", 0, -1, 1, 7, 400, 10**30, 0.0, 0.5, -0.5, 1e-7,
    1e300, float("nan"), float("inf"), -float("inf"), True, False, [], [[]], [1], ["a"], [True], ["age", 3], {},
    {"a": 1}, {"": 1}, None,
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where something stands in a table."""
    found = [here] if here else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*here, key))
    return found


def at(table: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        table = table[key]
    return table


def mutated(seed: int) -> dict[str, Any]:
    """Return a study with one change: a value of another kind, a key misspelt, gone, moved or added."""
    draw = random.Random(seed)
    table = copy.deepcopy(tomllib.loads(draw.choice(BASES).read_text(encoding="utf-8")))
    path = draw.choice(paths(table))
    holder, key = at(table, path[:-1]), path[-1]
    what = draw.choice(("value", "value", "value", "misspelt", "gone", "moved", "added"))
    if what == "value":
        holder[key] = draw.choice(VALUES)
    elif what == "gone":
        del holder[key]
    elif what == "misspelt" and isinstance(key, str):
        k = draw.randrange(len(key))
        holder[key[:k] + draw.choice("xq_") + key[k + 1 :]] = holder.pop(key)
    elif what == "moved":
        other = at(table, draw.choice([p for p in paths(table) if isinstance(at(table, p), dict)]))
        other[str(key)] = copy.deepcopy(holder[key])
    elif isinstance(holder, dict):
        holder[draw.choice(("strata", "psu", "weights", "folds", "extra", "smallest_cell"))] = draw.choice(VALUES)
    return table


def lost(raw: Any, kept: Any, here: str = "") -> list[str]:
    """Return where an accepted file says something that the protocol does not hold as it stands."""
    if isinstance(raw, dict):
        if not isinstance(kept, dict):
            return [here]
        return [w for key, item in raw.items() for w in lost(item, kept.get(str(key), _GONE), f"{here}.{key}")]
    if isinstance(raw, list | tuple):
        if not isinstance(kept, list | tuple) or len(raw) != len(kept):
            return [here]
        return [w for k, (a, b) in enumerate(zip(raw, kept)) for w in lost(a, b, f"{here}.{k}")]
    same = (
        raw == kept
        and isinstance(raw, bool) == isinstance(kept, bool)
        and isinstance(raw, str) == isinstance(kept, str)
    )
    return [] if same else [here]


_GONE = object()


def as_protocol(table: dict[str, Any]) -> dict[str, Any]:
    """Return a raw file under the names that `Study.to_dict` gives its parts."""
    out = copy.deepcopy(table)
    out["data"] = {**out.pop("table", {}), **out.get("data", {})}
    decision = out.pop("decision", {})
    if "step" in decision:
        out["step"] = decision.pop("step")
    if decision:
        out["thresholds"] = decision
    out["models"] = out.pop("model")
    comparison = out.pop("comparison", {})
    if comparison:
        out["comparison"] = [comparison["clinical"], comparison["extended"]]
    return out
