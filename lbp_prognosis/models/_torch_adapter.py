"""Adapter to torch: training of nets on the likelihoods of ``_net_losses``; results are arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import require
from lbp_prognosis.models._net_losses import NetLoss
from lbp_prognosis.models._net_shape import NetShape, Weights, penalised

__all__ = ["Training", "train_net"]


@dataclass(frozen=True)
class Training:
    """Training settings of a net.

    Attributes
    ----------
    max_epochs : int
        Most steps, each on all rows.
    patience : int or None
        Steps without a rise of the held-out likelihood after which training stops; None trains to convergence.
    learning_rate, penalty, dropout, auxiliary : float
        Step of Adam; ridge penalty of weights; share of an encoding that is dropped; weight of the losses of single
        modalities.
    droppable : tuple of bool
        Modalities that are dropped at random.
    modality_dropout : float
        How often.
    device : str
        Of torch.
    """

    max_epochs: int
    patience: int | None
    learning_rate: float
    penalty: float
    dropout: float
    auxiliary: float
    droppable: tuple[bool, ...]
    modality_dropout: float
    device: str


@contextmanager
def _one_thread(torch: Any, device: str) -> Iterator[None]:
    """One thread and (on the processor) deterministic algorithms, and afterwards what was set before."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(strict or device == "cpu")
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


class _Net:
    """Net of `net_outputs` on tensors."""

    def __init__(self, torch: Any, shape: NetShape, weights: Weights, device: str) -> None:
        self.torch, self.shape, self.device = torch, shape, device
        self.parameters = {name: self.tensor(value).requires_grad_(True) for name, value in weights.items()}

    def tensor(self, values: np.ndarray) -> Any:
        return self.torch.tensor(values, dtype=self.torch.float64, device=self.device)

    def arrays(self) -> Weights:
        """Return the weights as arrays."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self.parameters.items()}

    def encodings(self, blocks: Sequence[Any], kept: Sequence[Any] | None) -> list[Any]:
        out, own, shape = [], self.parameters, self.shape
        for m, (modality, values) in enumerate(zip(shape.widths, blocks)):
            inner = self.levels(modality, values) if modality in shape.levels else values
            for k in range(shape.layers):
                inner = inner @ own[f"{modality}.{k}.weight"].T + own[f"{modality}.{k}.bias"]
                if k + 1 < shape.layers:
                    inner = self.torch.relu(inner)
            if shape.hidden:
                scale, shift = own[f"{modality}.norm.scale"], own[f"{modality}.norm.shift"]
                inner = self.torch.nn.functional.layer_norm(inner, (shape.d,), scale, shift, 1e-5)
            out.append(inner if kept is None else inner * kept[m])
        return out

    def levels(self, modality: str, values: Any) -> Any:
        """The inputs of `pooled_levels`."""
        own, shape = self.parameters, self.shape.levels[modality]
        flat, cells = shape.split(values)
        inner = cells @ own[f"{modality}.level.weight"].T + own[f"{modality}.level.bias"]
        if self.shape.hidden:
            inner = self.torch.relu(inner)
        known = (cells[:, :, shape.measures :] > 0).any(dim=2)
        scores = self.torch.tanh(inner @ own[f"{modality}.level.V"].T) @ own[f"{modality}.level.u"]
        shares = self.shares(scores + own[f"{modality}.level.place"], known)
        return self.torch.cat([flat, (shares[:, :, None] * inner).sum(dim=1)], dim=1)

    def shares(self, scores: Any, present: Any) -> Any:
        """Return the softmax over the present modalities; a row without any modality has zero shares."""
        among = present | ~present.any(dim=1, keepdim=True)
        return self.torch.softmax(scores.masked_fill(~among, -np.inf), dim=1).masked_fill(~present, 0.0)

    def head(self, encoding: Any) -> Any:
        return encoding @ self.parameters["head.weight"].T + self.parameters["head.bias"]

    def fused(self, encodings: Sequence[Any], present: Any) -> Any:
        if not self.shape.gated:
            return encodings[0].masked_fill(~present, 0.0)
        stacked = self.torch.stack(list(encodings), dim=1)
        scores = self.torch.tanh(stacked @ self.parameters["gate.V"].T) @ self.parameters["gate.u"]
        gates = self.shares(scores, present)
        return (gates[:, :, None] * stacked.masked_fill(~present[:, :, None], 0.0)).sum(dim=1)


def train_net(
    shape: NetShape,
    weights: Weights,
    blocks: Sequence[np.ndarray],
    present: np.ndarray,
    loss: NetLoss,
    held_out: tuple[Sequence[np.ndarray], np.ndarray, NetLoss] | None,
    settings: Training,
    rng: np.random.Generator,
) -> tuple[Weights, np.ndarray]:
    """Train a net on all rows at once.

    Parameters
    ----------
    shape : NetShape
        Of the net.
    weights : dict of str to ndarray
        To start from.
    blocks : sequence of ndarray of shape (n, p_m)
        Standardised columns of each modality, finite.
    present : ndarray of bool of shape (n, M)
        Modalities that a row has.
    loss : NetLoss
        Likelihood of these rows.
    held_out : tuple of blocks, present and loss, or None
        Data of the held-out rows that determine when training stops.
    settings : Training
        How.
    rng : Generator
        Generator of random dropout.

    Returns
    -------
    weights : dict of str to ndarray
        Weights of the best step on the held-out rows; without held-out rows, of the last step.
    likelihood : ndarray of shape (steps + 1,)
        Held-out log-likelihood, from before the first step on; without held-out rows, that of the training rows.
    """
    torch = require("torch", caller="MultimodalNet", extra="deep")
    with _one_thread(torch, settings.device):
        return _train(torch, shape, weights, blocks, present, loss, held_out, settings, rng)


def _train(
    torch: Any,
    shape: NetShape,
    weights: Weights,
    blocks: Sequence[np.ndarray],
    present: np.ndarray,
    loss: NetLoss,
    held_out: tuple[Sequence[np.ndarray], np.ndarray, NetLoss] | None,
    settings: Training,
    rng: np.random.Generator,
) -> tuple[Weights, np.ndarray]:
    net = _Net(torch, shape, weights, settings.device)
    inputs = [net.tensor(block) for block in blocks]
    everything = torch.tensor(present, device=settings.device)
    n, size = present.shape[0], float(present.shape[0])
    ridge = [value for name, value in net.parameters.items() if penalised(name)]
    alone: list[tuple[int, Any, NetLoss]] = []
    if shape.gated and settings.auxiliary > 0:
        for m in range(present.shape[1]):
            rows = np.flatnonzero(present[:, m])
            part = loss.part(rows)
            if part.events > 0:
                alone.append((m, torch.tensor(rows, device=settings.device), part))

    def objective(random: bool) -> float:
        """Set the gradients of the penalised mean loss, and return its value."""
        for value in net.parameters.values():
            value.grad = None
        kept, there = None, everything
        if random and settings.dropout > 0:
            share = 1 - settings.dropout
            kept = [net.tensor((rng.random((n, shape.d)) < share) / share) for _ in shape.widths]
        if random and shape.gated and settings.modality_dropout > 0:
            there = torch.tensor(_dropped(present, settings, rng), device=settings.device)
        encodings = net.encodings(inputs, kept)
        outputs = [net.head(net.fused(encodings, there))]
        loglik, gradient = loss(outputs[0].detach().cpu().numpy())
        total, gradients = -loglik / size, [net.tensor(-gradient / size)]
        for m, rows, part in alone:
            outputs.append(net.head(encodings[m][rows]))
            loglik, gradient = part(outputs[-1].detach().cpu().numpy())
            share = settings.auxiliary / size
            total -= share * loglik
            gradients.append(net.tensor(-share * gradient))
        torch.autograd.backward(outputs, gradients)
        for value in ridge:
            total += 0.5 * settings.penalty * float((value.detach() ** 2).sum())
            value.grad = settings.penalty * value.detach() + (0.0 if value.grad is None else value.grad)
        return total

    test_blocks, test_present, test = held_out if held_out is not None else (blocks, present, loss)
    test_inputs = [net.tensor(block) for block in test_blocks]
    test_there = torch.tensor(test_present, device=settings.device)

    def watched() -> float:
        with torch.no_grad():
            fused = net.fused(net.encodings(test_inputs, None), test_there)
            return test(net.head(fused).cpu().numpy())[0]

    chosen, curve = _descent(torch, net, objective, watched, settings)
    if settings.patience is None:
        _polish(torch, net, objective)
        chosen, curve = net.arrays(), [*curve, watched()]
    return chosen, np.array(curve)


def _descent(
    torch: Any, net: _Net, objective: Callable[..., float], watched: Callable[[], float], settings: Training
) -> tuple[Weights, list[float]]:
    """Take steps of Adam, and return the weights that did best in the watched rows, with their course."""
    steps = torch.optim.Adam(list(net.parameters.values()), lr=settings.learning_rate)
    curve, best, chosen = [watched()], 0, net.arrays()
    for step in range(1, settings.max_epochs + 1):
        objective(random=True)
        steps.step()
        if settings.patience is None:
            continue
        curve.append(watched())
        if curve[-1] > curve[best]:
            best, chosen = step, net.arrays()
        if step - best >= settings.patience:
            break
    return chosen, curve


def _polish(torch: Any, net: _Net, objective: Callable[..., float]) -> None:
    """Go to the minimum of the objective without dropout."""
    polish = torch.optim.LBFGS(
        list(net.parameters.values()),
        max_iter=1000,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        history_size=50,
        line_search_fn="strong_wolfe",
    )
    polish.step(lambda: torch.tensor(objective(random=False), dtype=torch.float64))


def _dropped(present: np.ndarray, settings: Training, rng: np.random.Generator) -> np.ndarray:
    """Take modalities away at random, those that may be and from a row that keeps another."""
    gone = (rng.random(present.shape) < settings.modality_dropout) & np.array(settings.droppable)
    left = present & ~gone
    return np.where(left.any(axis=1, keepdims=True), left, present)
