"""Net of encoders, one per modality, with a gate: its shape, its weights as plain arrays, and its outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import softmax

__all__ = [
    "LevelShape",
    "NetShape",
    "Weights",
    "first_weights",
    "gate_weights",
    "net_outputs",
    "penalised",
    "pooled_levels",
]

Weights = dict[str, np.ndarray]
"""Names to arrays: ``{modality}.{layer}.weight`` (out, in), ``.bias`` (out,) …, ``gate.V``, ``gate.u``, ``head.*``.

Modalities with levels have ``{modality}.level.weight`` (d, 2 measures), ``.bias``, ``.V``, ``.u`` and ``.place`` too.
"""

_SMALL = 1e-5  # added to variances of the normalisation


@dataclass(frozen=True)
class LevelShape:
    """Layout of the block of a modality with levels: pooled columns, then cells, then which cells are known.

    Attributes
    ----------
    pooled : int
        Columns that are of no level.
    levels, measures : int
        Levels, and measures of each.
    """

    pooled: int
    levels: int
    measures: int

    def split(self, values: Any) -> tuple[Any, Any]:
        """Return pooled columns ``(n, pooled)`` and levels ``(n, levels, 2 measures)``: measures, then which are known.

        Parameters
        ----------
        values : ndarray or tensor of shape (n, pooled + 2 levels measures)
            A block.
        """
        n, p = values.shape[0], self.pooled
        halves = values[:, p:].reshape(n, 2, self.levels, self.measures)
        return values[:, :p], halves.swapaxes(1, 2).reshape(n, self.levels, 2 * self.measures)


@dataclass(frozen=True)
class NetShape:
    """Sizes of the layers.

    Attributes
    ----------
    widths : dict of str to int
        Columns of each modality, in the order of the net.
    hidden : tuple of int
        Units of the hidden layers of each encoder; without any the encoders are linear and not normalised.
    d : int
        Length of an encoding.
    outputs : int
        Outputs of the head.
    levels : dict of str to LevelShape
        Shapes of modalities with levels; ``widths`` counts only their pooled columns.
    """

    widths: dict[str, int]
    hidden: tuple[int, ...]
    d: int
    outputs: int
    levels: dict[str, LevelShape] = field(default_factory=dict)

    @property
    def layers(self) -> int:
        """Layers of an encoder."""
        return len(self.hidden) + 1

    @property
    def gated(self) -> bool:
        """Whether there is more than one modality to choose between."""
        return len(self.widths) > 1


def penalised(name: str) -> bool:
    """Whether an array is penalised: weights are, biases and scales are not."""
    return name.endswith((".weight", "gate.V", "gate.u", "level.V", "level.u", "level.place"))


def first_weights(shape: NetShape, rng: np.random.Generator) -> Weights:
    """Draw weights uniformly within 1 / sqrt(inputs); biases are 0, scales 1, and the head starts at 0."""
    out: Weights = {}

    def layer(name: str, inputs: int, units: int) -> None:
        bound = 1 / np.sqrt(max(inputs, 1))
        out[f"{name}.weight"] = rng.uniform(-bound, bound, (units, inputs))
        out[f"{name}.bias"] = np.zeros(units)

    for modality, width in shape.widths.items():
        inputs, bound = width, 1 / np.sqrt(shape.d)
        if modality in shape.levels:
            layer(f"{modality}.level", 2 * shape.levels[modality].measures, shape.d)
            out[f"{modality}.level.V"] = rng.uniform(-bound, bound, (shape.d, shape.d))
            out[f"{modality}.level.u"] = rng.uniform(-bound, bound, shape.d)
            out[f"{modality}.level.place"] = np.zeros(shape.levels[modality].levels)
            inputs += shape.d
        sizes = [inputs, *shape.hidden, shape.d]
        for k in range(shape.layers):
            layer(f"{modality}.{k}", sizes[k], sizes[k + 1])
        if shape.hidden:
            out[f"{modality}.norm.scale"], out[f"{modality}.norm.shift"] = np.ones(shape.d), np.zeros(shape.d)
    if shape.gated:
        bound = 1 / np.sqrt(shape.d)
        out["gate.V"] = rng.uniform(-bound, bound, (shape.d, shape.d))
        out["gate.u"] = rng.uniform(-bound, bound, shape.d)
    out["head.weight"] = np.zeros((shape.outputs, shape.d))
    out["head.bias"] = np.zeros(shape.outputs)
    return out


def gate_weights(
    encodings: np.ndarray, present: np.ndarray, V: np.ndarray, u: np.ndarray, place: np.ndarray | float = 0.0
) -> np.ndarray:
    """Return the share of each modality, ``(n, M)``: softmax of u·tanh(V e) over those that are present.

    Parameters
    ----------
    encodings : ndarray of shape (n, M, d)
        One per modality; those of absent ones are not looked at.
    present : ndarray of bool of shape (n, M)
        A row without any has no shares.
    V, u : ndarray of shape (k, d) and (k,)
        Weights of the gate.
    place : ndarray of shape (M,), optional
        Added before the softmax; of levels, what their place in the spine adds.
    """
    scores = np.tanh(encodings @ V.T) @ u + place
    among = present | ~present.any(axis=1, keepdims=True)
    return np.where(present, softmax(np.where(among, scores, -np.inf), axis=1), 0.0)


def pooled_levels(
    shape: NetShape, modality: str, weights: Mapping[str, np.ndarray], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the input of a modality's encoder, pooled columns and then pooled levels, and the share of each level.

    One layer reads every level alike, from its measures and from which of them are known. A gate shares out the levels
    that have any, by their encodings and by a number for the place in the spine: with equal numbers the order of levels
    is of no account. A row that has none gets zeros.

    Parameters
    ----------
    shape : NetShape
        Of the net.
    modality : str
        Whose.
    weights : mapping of str to ndarray
        Of the net.
    values : ndarray of shape (n, pooled + 2 levels measures)
        Block of the modality.

    Returns
    -------
    inputs : ndarray of shape (n, pooled + d)
    shares : ndarray of shape (n, levels)
    """
    own = shape.levels[modality]
    flat, cells = own.split(values)
    inner = cells @ weights[f"{modality}.level.weight"].T + weights[f"{modality}.level.bias"]
    if shape.hidden:
        inner = np.maximum(inner, 0.0)
    known = (cells[:, :, own.measures :] > 0).any(axis=2)
    gate = (weights[f"{modality}.level.{part}"] for part in ("V", "u", "place"))
    shares = gate_weights(inner, known, *gate)
    return np.hstack([flat, (shares[:, :, None] * inner).sum(axis=1)]), shares


def net_outputs(
    shape: NetShape, weights: Mapping[str, np.ndarray], blocks: Sequence[np.ndarray], present: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs ``(n, n_outputs)`` and gates ``(n, M)``.

    Parameters
    ----------
    shape : NetShape
        Of the net.
    weights : mapping of str to ndarray
        As drawn by `first_weights` and trained.
    blocks : sequence of ndarray of shape (n, p_m)
        Standardised columns of each modality, finite.
    present : ndarray of bool of shape (n, M)
        Modalities that a row has.
    """
    encodings = []
    for modality, values in zip(shape.widths, blocks):
        inner = pooled_levels(shape, modality, weights, values)[0] if modality in shape.levels else values
        for k in range(shape.layers):
            inner = inner @ weights[f"{modality}.{k}.weight"].T + weights[f"{modality}.{k}.bias"]
            if k + 1 < shape.layers:
                inner = np.maximum(inner, 0.0)
        if shape.hidden:
            centred = inner - inner.mean(axis=1, keepdims=True)
            spread = np.sqrt((centred**2).mean(axis=1, keepdims=True) + _SMALL)
            inner = centred / spread * weights[f"{modality}.norm.scale"] + weights[f"{modality}.norm.shift"]
        encodings.append(inner)
    stacked = np.stack(encodings, axis=1)
    if shape.gated:
        gates = gate_weights(stacked, present, weights["gate.V"], weights["gate.u"])
    else:
        gates = present.astype(float)
    fused = (gates[:, :, None] * np.where(present[:, :, None], stacked, 0.0)).sum(axis=1)
    return fused @ weights["head.weight"].T + weights["head.bias"], gates
