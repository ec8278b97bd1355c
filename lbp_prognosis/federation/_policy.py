"""``Policy``: disclosure rules of a site, set by the site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lbp_prognosis._base import argument_error, check_number, check_thresholds

__all__ = ["Policy"]

_MOST_THRESHOLDS = 3


@dataclass(frozen=True)
class Policy:
    """Disclosure rules of a site, stated in all its messages.

    Attributes
    ----------
    min_cell : int
        Smallest number of patients behind a count that is released, and behind its complement; 5 by default.
    min_n, min_events : int
        A site with fewer patients, or fewer events or non-events, reports only that it has too few; 50 and 10.
    thresholds : tuple of float
        Decision thresholds, declared by all sites in advance: three at most.
    release_budget : float
        Numbers released in packets about one cohort, as a share of its patients: 1/3 by default.
    events_per_parameter : float
        Events needed for each parameter of a round; 10.
    max_rounds : int
        Rounds answered for one model; 8.
    trust : float
        Largest distance, in standard errors, of coefficients from those of the site's last answer, or from its own
        Newton step from there; 3.
    digits : int
        Significant digits of released numbers, 6; counts are exact. 17 leaves numbers as they are.

    Raises
    ------
    ArgumentError
        For values out of range, a cell limit below 2, or more than three thresholds.

    Notes
    -----
    Net benefit on a fine grid of thresholds is a table of cumulative counts: differences of neighbours show single
    patients. The budget follows ``nfilter.glm`` of DataSHIELD.

    References
    ----------
    Wilson RC et al. (2017). DataSHIELD: new directions and dimensions. Data Sci J 16:21. doi:10.5334/dsj-2017-021
    """

    min_cell: int = 5
    min_n: int = 50
    min_events: int = 10
    thresholds: Sequence[float] = ()
    release_budget: float = 1 / 3
    events_per_parameter: float = 10.0
    max_rounds: int = 8
    trust: float = 3.0
    digits: int = 6

    def __post_init__(self) -> None:
        check_number("min_cell", self.min_cell, low=2, whole=True)
        check_number("min_n", self.min_n, low=2 * self.min_cell, whole=True)
        check_number("min_events", self.min_events, low=self.min_cell, whole=True)
        check_number("release_budget", self.release_budget, low=0, high=1, open_low=True)
        check_number("events_per_parameter", self.events_per_parameter, low=1)
        check_number("max_rounds", self.max_rounds, low=1, whole=True)
        check_number("trust", self.trust, low=0, open_low=True)
        check_number("digits", self.digits, low=5, high=17, whole=True)
        cuts: tuple[float, ...] = ()
        if len(self.thresholds):
            cuts = tuple(float(value) for value in check_thresholds(self.thresholds))
        if len(cuts) > _MOST_THRESHOLDS:
            raise argument_error(
                "thresholds",
                f"at most {_MOST_THRESHOLDS}, declared in advance for all sites",
                f"{len(cuts)}",
                "Differences of neighbouring thresholds show single patients.",
            )
        object.__setattr__(self, "thresholds", cuts)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {**asdict(self), "thresholds": list(self.thresholds)}
