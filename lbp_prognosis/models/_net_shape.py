"""A net of encoders, one per modality, behind a gate: its shape, its weights as plain arrays, and what it computes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

__all__ = ["NetShape", "Weights", "first_weights", "gate_weights", "net_outputs", "penalised"]

Weights = dict[str, np.ndarray]
"""Names to arrays: ``{modality}.{layer}.weight`` (out, in), ``.bias`` (out,) …, ``gate.V``, ``gate.u``, ``head.*``."""

_SMALL = 1e-5  # added to variances of the normalisation


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
    """

    widths: dict[str, int]
    hidden: tuple[int, ...]
    d: int
    outputs: int

    @property
    def layers(self) -> int:
        """Layers of an encoder."""
        return len(self.hidden) + 1

    @property
    def gated(self) -> bool:
        """Whether there is anything to choose between."""
        return len(self.widths) > 1


def penalised(name: str) -> bool:
    """Whether an array is penalised: weights are, biases and scales are not."""
    return name.endswith((".weight", "gate.V", "gate.u"))


def first_weights(shape: NetShape, rng: np.random.Generator) -> Weights:
    """Draw weights uniformly within 1 / sqrt(inputs); biases are 0, scales 1, and the head starts at 0."""
    out: Weights = {}

    def layer(name: str, inputs: int, units: int) -> None:
        bound = 1 / np.sqrt(max(inputs, 1))
        out[f"{name}.weight"] = rng.uniform(-bound, bound, (units, inputs))
        out[f"{name}.bias"] = np.zeros(units)

    for modality, width in shape.widths.items():
        sizes = [width, *shape.hidden, shape.d]
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


def gate_weights(encodings: np.ndarray, present: np.ndarray, V: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return the share of each modality, ``(n, M)``: softmax of u·tanh(V e) over those that are present.

    Parameters
    ----------
    encodings : ndarray of shape (n, M, d)
        One per modality; those of absent ones are not looked at.
    present : ndarray of bool of shape (n, M)
        A row without any has no shares.
    V, u : ndarray of shape (k, d) and (k,)
        Weights of the gate.
    """
    scores = np.tanh(encodings @ V.T) @ u
    among = present | ~present.any(axis=1, keepdims=True)
    return np.where(present, softmax(np.where(among, scores, -np.inf), axis=1), 0.0)


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
        inner = values
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
