"""Columns of the model as functions of the user's columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lbp_prognosis.deployment._no_equation import NoEquation

__all__ = ["Piece", "raw_pieces", "through_steps", "total"]


@dataclass(frozen=True)
class Piece:
    """``const + slope · x + Σ cube · max(x − knot, 0)³ + Σ effect · [x = level]`` of one source column.

    A column that depends on several sources has no piece.
    """

    source: str
    const: float = 0.0
    slope: float = 0.0
    cubes: Mapping[float, float] = field(default_factory=dict)
    levels: tuple[Any, ...] = ()
    effects: Mapping[Any, float] = field(default_factory=dict)

    def times(self, factor: float, plus: float = 0.0) -> Piece:
        """Return ``factor · piece + plus``."""
        return Piece(
            self.source,
            factor * self.const + plus,
            factor * self.slope,
            {knot: factor * cube for knot, cube in self.cubes.items()},
            self.levels,
            {level: factor * effect for level, effect in self.effects.items()},
        )

    def plus(self, other: Piece) -> Piece:
        """Return the sum of two pieces of one source."""
        cubes = dict(self.cubes)
        for knot, cube in other.cubes.items():
            cubes[knot] = cubes.get(knot, 0.0) + cube
        effects = dict(self.effects)
        for level, effect in other.effects.items():
            effects[level] = effects.get(level, 0.0) + effect
        return Piece(
            self.source,
            self.const + other.const,
            self.slope + other.slope,
            cubes,
            self.levels or other.levels,
            effects,
        )


def raw_pieces(columns: Iterable[str]) -> dict[str, Piece]:
    """Return columns unchanged."""
    return {name: Piece(name, slope=1.0) for name in columns}


def total(pieces: Mapping[str, Piece], coef: Mapping[str, float]) -> tuple[float, dict[str, Piece]]:
    """Return the constant and one piece per source of ``Σ coef · column``."""
    const = 0.0
    out: dict[str, Piece] = {}
    for name, value in coef.items():
        piece = pieces[name].times(float(value))
        const += piece.const
        piece = piece.times(1.0, -piece.const)
        out[piece.source] = out[piece.source].plus(piece) if piece.source in out else piece
    return const, out


def through_steps(pieces: dict[str, Piece], steps: Iterable[Any]) -> dict[str, Piece]:
    """Return the columns after fitted steps, in their order.

    Raises
    ------
    NoEquation
        If the kind of a step is not supported.
    """
    for step in steps:
        name = type(step).__name__
        if name not in _STEPS:
            raise NoEquation(
                f"`model` must have steps among {sorted(_STEPS)} to be written as an equation; got {name}. "
                "Use save_model, which stores any pipeline of this library."
            )
        pieces = _STEPS[name](pieces, step)
    return pieces


def _no_equation(step: str, column: str, why: str) -> NoEquation:
    return NoEquation(f"`model` has no equation: {step} is applied to {column!r}, {why}. Use save_model.")


def _standardise(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    if step.scaler_ is None:
        return pieces
    return _scaled(pieces, list(step.columns_), step.scaler_)


def _scaler(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    return _scaled(pieces, list(getattr(step, "feature_names_in_", pieces)), step)


def _scaled(pieces: dict[str, Piece], columns: list[str], scaler: Any) -> dict[str, Piece]:
    out = dict(pieces)
    for j, name in enumerate(columns):
        mean = 0.0 if scaler.mean_ is None else float(scaler.mean_[j])
        scale = 1.0 if scaler.scale_ is None else float(scaler.scale_[j])
        out[name] = out[name].times(1 / scale, -mean / scale)
    return out


def _spline(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    out: dict[str, Piece] = {}
    for name, piece in pieces.items():
        out[name] = piece
        if name not in step.knots_:
            continue
        if piece.cubes or piece.effects or piece.slope <= 0:
            raise _no_equation("a spline", name, "which is no increasing line of a column")
        knots = np.asarray(step.knots_[name], dtype=float)
        # a cube of the scaled column is a cube of the original column, at the knot on the original scale
        own = (knots - piece.const) / piece.slope
        stretch = piece.slope**3 / (knots[-1] - knots[0]) ** 2
        for j in range(knots.size - 2):
            before = (knots[-1] - knots[j]) / (knots[-1] - knots[-2])
            after = (knots[-2] - knots[j]) / (knots[-1] - knots[-2])
            cubes = {float(own[j]): stretch, float(own[-2]): -before * stretch, float(own[-1]): after * stretch}
            out[f"{name}{chr(39) * (j + 1)}"] = Piece(piece.source, cubes=cubes)
    return out


def _one_hot(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    names = iter(step.get_feature_names_out())
    out: dict[str, Piece] = {}
    for name in step.feature_names_in_:
        if name not in step.categories_:
            out[next(names)] = pieces[name]
            continue
        piece = pieces[name]
        if piece.slope != 1.0 or piece.const != 0.0 or piece.cubes or piece.effects:
            raise _no_equation("OneHot", name, "which is no column as it comes")
        # a category absent from the fit has no risk, even if the step counts it as the reference
        known = tuple(step.categories_[name])
        for level in known[1:]:
            out[next(names)] = Piece(name, levels=known, effects={level: 1.0})
    return out


def _complete_rows(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    """Skip a step that fills in missing values: an equation applies to complete rows."""
    if getattr(step, "passive", None) or getattr(step, "add_indicator", False):
        raise _no_equation(type(step).__name__, "the table", "whose further columns follow from several others")
    dropped = set(getattr(step, "drop", ()) or ())
    return {name: piece for name, piece in pieces.items() if name not in dropped}


def _kept(pieces: dict[str, Piece], step: Any) -> dict[str, Piece]:
    return {name: pieces[name] for name in step.get_feature_names_out()}


_STEPS = {
    "Standardise": _standardise,
    "StandardScaler": _scaler,
    "RestrictedCubicSpline": _spline,
    "OneHot": _one_hot,
    "RepeatableColumns": _kept,
    "MultipleImputation": _complete_rows,
    "SimpleImputer": _complete_rows,
}
