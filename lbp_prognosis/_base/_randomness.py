"""One ``random_state`` in, one independent generator a replicate out.

The children depend only on the seed and the replicate's number, so the number of workers, the backend and the
order of execution cannot change a result.
"""

from __future__ import annotations

import numpy as np

from lbp_prognosis._base._errors import argument_error

__all__ = ["RandomState", "generator", "spawn"]

RandomState = int | np.integer | np.random.SeedSequence | np.random.Generator | None


def _seed_sequence(random_state: RandomState) -> np.random.SeedSequence:
    if isinstance(random_state, np.random.SeedSequence):
        return random_state
    if isinstance(random_state, np.random.Generator):
        # A fresh sequence drawn from the generator: advancing it is what a caller of a Generator expects.
        return np.random.SeedSequence(random_state.integers(0, 2**63, size=2).tolist())
    if random_state is None:
        return np.random.SeedSequence()
    if isinstance(random_state, int | np.integer) and not isinstance(random_state, bool) and random_state >= 0:
        return np.random.SeedSequence(int(random_state))
    raise argument_error(
        "random_state",
        "None, a whole number of at least 0, a numpy SeedSequence or a numpy Generator",
        random_state,
        "A legacy RandomState is not taken: pass its seed.",
    )


def generator(random_state: RandomState = None) -> np.random.Generator:
    """Return one generator for ``random_state``."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.Generator(np.random.PCG64(_seed_sequence(random_state)))


def spawn(random_state: RandomState, count: int) -> list[np.random.Generator]:
    """Return ``count`` independent generators; the k-th depends only on the seed and k."""
    parent = _seed_sequence(random_state)
    children = [np.random.SeedSequence(entropy=parent.entropy, spawn_key=(*parent.spawn_key, k)) for k in range(count)]
    return [np.random.Generator(np.random.PCG64(child)) for child in children]
