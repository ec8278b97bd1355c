"""One resample: drawn, fitted, measured inside, on the development data, and on the rows left out."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error, stated_score
from lbp_prognosis.validation.resampling._bootstrap_validation import mean_defined
from lbp_prognosis.validation.resampling._performance import Panel
from lbp_prognosis.validation.resampling._prepared_rows import PreparedRows
from lbp_prognosis.validation.resampling._ranked import Ranked
from lbp_prognosis.validation.resampling._refit import Refit

__all__ = ["Draw", "bootstrap_replicate", "fit_arguments", "predicted"]

_FAILURES = (ArithmeticError, ValueError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Draw:
    """Sampling of rows: whole units, within sites, or plain."""

    n: int
    units: np.ndarray | None
    sites: np.ndarray | None

    def check(self) -> None:
        """Refuse units of which there is one (in each site): every resample is the sample, without any optimism."""
        units = self.n if self.units is None else np.unique(self.units).size
        if units <= (1 if self.sites is None else np.unique(self.sites).size):
            found = "one unit" if self.sites is None else "one unit in each of `within`"
            raise argument_error("groups", "two or more units to draw from", found, "Give the patient of each row.")

    def rows(self, rng: np.random.Generator) -> np.ndarray:
        codes = np.arange(self.n) if self.units is None else self.units
        count = int(codes.max()) + 1
        if self.sites is None:
            picked = rng.integers(0, count, count)
        else:
            site = np.zeros(count, dtype=np.int64)
            site[codes] = self.sites
            picked = np.concatenate(
                [rng.choice(members, members.size) for members in (np.flatnonzero(site == s) for s in np.unique(site))]
            )
        if self.units is None:
            return picked
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(count + 1))
        return np.concatenate([order[starts[u] : starts[u + 1]] for u in picked])

    def again(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw from a resample as the resample was drawn: units whole (a copy is a unit of its own), within sites."""
        if self.units is None and self.sites is None:
            return rows[rng.integers(0, rows.size, rows.size)]
        units = np.arange(self.n) if self.units is None else self.units
        order = np.argsort(rows, kind="stable")
        new = np.concatenate([[True], np.diff(rows[order]) != 0])
        first = np.flatnonzero(new)
        occasion = np.empty(rows.size, dtype=np.int64)  # how often the row was drawn before
        occasion[order] = np.arange(rows.size) - np.repeat(first, np.diff(np.append(first, rows.size)))
        block = np.unique(units[rows] * (int(occasion.max()) + 1) + occasion, return_inverse=True)[1]
        order = np.argsort(block, kind="stable")
        starts = np.searchsorted(block[order], np.arange(int(block.max()) + 2))
        where = (
            np.zeros(starts.size - 1, dtype=np.int64) if self.sites is None else self.sites[rows[order[starts[:-1]]]]
        )
        place = np.arange(where.size)
        picked = [rng.choice(members, members.size) for members in (place[where == s] for s in np.unique(where))]
        return np.concatenate([rows[order[starts[b] : starts[b + 1]]] for b in np.concatenate(picked)])


def bootstrap_replicate(
    task: tuple[np.random.Generator, np.ndarray | None],
    *,
    refit: Refit,
    panel: Panel,
    whole: PreparedRows,
    draw: Draw,
    keep: bool,
    inner: int,
) -> dict[str, np.ndarray]:
    """Fit one resample; a failed fit is drawn again (a given resample cannot be, and raises).

    Every model predicts each row once: a resample, and the rows it left out, are the same rows with other numbers of
    copies.
    """
    rng, given = task
    failed = 0
    while True:
        rows = draw.rows(rng) if given is None else given
        copies = np.bincount(rows, minlength=draw.n)
        try:
            said = panel.rank(*predicted(refit(rows, copies), refit.X, panel))
            sample = whole.counted(copies)
            inside = panel.measure(sample, said, training=True)
            break
        except _FAILURES:
            failed += 1
            if given is not None or failed > 20:
                raise
    out = {
        "inside": inside,
        "tested": panel.measure(whole, said),
        "outside": _outside(panel, whole, said, copies),
        "failed": np.array(failed),
    }
    if keep:
        out["risk"] = said.risk.T.astype(np.float32)
    if inner:
        out["corrected"] = inside - _inner_optimism(refit, panel, whole, sample, rows, draw, inner, rng)
    return out


def _outside(panel: Panel, whole: PreparedRows, said: Ranked, copies: np.ndarray) -> np.ndarray:
    left = copies == 0
    events = int(whole.event[left].sum())
    if left.sum() < 10 or events < 2 or events == left.sum():
        return np.full(len(panel.names), np.nan)
    return panel.measure(whole.counted(left), said)


def _inner_optimism(
    refit: Refit,
    panel: Panel,
    whole: PreparedRows,
    sample: PreparedRows,
    rows: np.ndarray,
    draw: Draw,
    inner: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Mean optimism inside one resample; fits that fail are left out (they are counted outside)."""
    values = []
    for _ in range(inner):
        again = draw.again(rows, rng)
        copies = np.bincount(again, minlength=whole.copies.size)
        try:
            said = panel.rank(*predicted(refit(again, copies), refit.X, panel))
        except _FAILURES:
            continue
        values.append(panel.measure(whole.counted(copies), said, training=True) - panel.measure(sample, said))
    return mean_defined(np.array(values)) if values else np.full(len(panel.names), np.nan)


def predicted(fitted: Any, X: Any, panel: Panel) -> tuple[np.ndarray, np.ndarray | None]:
    """Return risks (n, n_horizons), and one score per row if the model has one on the scale of the slopes."""
    risk = np.asarray(fitted.predict_risk(X, panel.horizons, cause=panel.cause), dtype=float)
    return risk, stated_score(fitted, X, panel.kind, panel.cause)


def fit_arguments(
    estimator: Any, fit_params: Mapping[str, Any] | None, units: np.ndarray | None, n: int
) -> dict[str, Any]:
    """Return fit arguments, with the original row numbers for fits that tune on folds.

    They are passed as ``groups`` where `fit` has that argument, and as ``clusters`` where the estimator, or the model
    inside it, says ``folds_keep_clusters``.
    """
    if fit_params is not None and not isinstance(fit_params, Mapping):
        raise argument_error(
            "fit_params", "a mapping of arguments of `fit` to values per row", fit_params, "{'sample_weight': weights}"
        )
    known = _arguments(type(estimator))  # type: ignore[arg-type]
    if known is not None and (
        unknown := [name for name, value in (fit_params or {}).items() if value is not None and name not in known]
    ):
        raise argument_error("fit_params", f"arguments of {type(estimator).__name__}.fit, {list(known)}", unknown)
    arguments = dict(fit_params or {})
    identity = np.arange(n) if units is None else units
    if "groups" not in arguments and _takes(type(estimator), "groups"):  # type: ignore[arg-type]
        arguments["groups"] = identity
    elif "clusters" not in arguments and _keeps_clusters(estimator) and _takes(type(estimator), "clusters"):  # type: ignore[arg-type]
        arguments["clusters"] = identity
    return arguments


def _keeps_clusters(estimator: Any) -> bool:
    inner = getattr(estimator, "model", None)
    return bool(getattr(estimator, "folds_keep_clusters", False) or (inner is not None and _keeps_clusters(inner)))


@cache
def _arguments(kind: type) -> tuple[str, ...] | None:
    """Return the arguments of `fit` besides X and y; None if it takes any, or they are not known."""
    try:
        parameters = inspect.signature(kind.fit).parameters  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return tuple(name for name in parameters if name not in ("self", "X", "y"))


@cache
def _takes(kind: type, argument: str) -> bool:
    try:
        parameters = inspect.signature(kind.fit).parameters  # type: ignore[attr-defined]
    except (TypeError, ValueError, AttributeError):
        return False
    passes = argument == "clusters" and any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return argument in parameters or passes
