"""``KnownStates``: whether enough patients have a known state at a horizon for an estimate of the risk there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["KnownStates"]

_MAJORITY = 0.5


@dataclass(frozen=True)
class KnownStates:
    """Numbers of patients at a horizon.

    Few patients may be at risk at the horizon for two reasons. Where most were censored before it, the risk rests on
    the few. Where most had an event before it (a good outcome that most reach), their states are known, and the
    Kaplan–Meier and Aalen–Johansen estimates rest on them.

    Attributes
    ----------
    horizon : float
        The horizon.
    followed : float
        Patients at risk at the horizon (``time >= horizon``).
    known : float
        These, and those who had any event before it.
    n : float
        All patients.
    """

    horizon: float
    followed: float
    known: float
    n: float

    @classmethod
    def of(cls, time: np.ndarray, event: np.ndarray, horizon: float, copies: np.ndarray | None = None) -> KnownStates:
        """Count the patients at a horizon; ``copies`` (n,) are the patients of each row."""
        count = np.ones(time.size) if copies is None else copies
        at_risk = time >= horizon
        happened = ~at_risk & (event > 0)
        return cls(
            float(horizon), float(count[at_risk].sum()), float(count[at_risk | happened].sum()), float(count.sum())
        )

    def enough(self, least: float) -> bool:
        """Say whether ``least`` patients are at risk, or as many and at least half of all have a known state.

        Without any patient at risk at the horizon, all states must be known.
        """
        if self.followed > 0 and self.followed >= least:
            return True
        if self.followed == 0 and self.known < self.n:
            return False
        return self.known >= max(least, 1) and self.known >= _MAJORITY * self.n

    def reason(self, least: float) -> str:
        """Return why there is no estimate, empty if there are enough."""
        if self.enough(least):
            return ""
        return (
            f"{self.followed:g} at risk at {self.horizon:g}, fewer than {max(least, 1):g} (min_at_risk), and the state "
            f"there is known for {self.known:g} of {self.n:g}"
        )
