"""``CohortSpec``: eligibility and time zero, declared before patients are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from lbp_prognosis._base import StrictTable, argument_error, check_choice, check_number
from lbp_prognosis.cohort._criterion import Criterion
from lbp_prognosis.schema import enumerations

__all__ = ["CohortSpec", "Window"]


@dataclass(frozen=True)
class Window:
    """Look-back window of a baseline value, and the rule that chooses the value.

    Attributes
    ----------
    before : float
        Days before the index date, the first day included.
    choice : {"nearest", "last", "first", "mean"}
        Choice among the values in the window. For biomarkers one choice is made per patient, structure and measure,
        so that levels of one measure come from one study.
    """

    before: float = 90.0
    choice: str = "nearest"

    def __post_init__(self) -> None:
        check_number("before", self.before, low=0)
        check_choice("choice", self.choice, ("nearest", "last", "first", "mean"))


def _default_windows() -> dict[str, Window]:
    return {modality: Window() for modality in enumerations()["modalities"]}


@dataclass(frozen=True)
class CohortSpec:
    """The rules of a cohort.

    Attributes
    ----------
    index : str
        Time zero: ``"index_date"`` (of ``patient``; where a package has only days, day 0), ``"first_visit"``,
        ``"first_imaging"`` or ``"first_event:<type>"``.
    landmark : float
        Days by which time zero is moved forward; patients with an earlier event are not at risk.
    eligibility : tuple of Criterion
        Applied in order, on values known at time zero.
    windows : mapping of str to Window
        Look-back by modality; by default 90 days and the nearest value.
    tolerance : float
        Days after time zero at which a predictor is still accepted; more than 0 brings an objection.
    methods : mapping of str to str
        For a measure made by several methods: the ``method_id`` to keep.
    exposures : tuple of str
        Treatments that become 0/1 columns ``exposed__<name>``; one begun after time zero is an error.
    delayed_entry : bool
        Whether ``entry_date`` or ``entry_day`` of ``patient`` is read: patients are at risk only from then on.
    end : str or float or None
        Administrative end of follow-up: a date ``YYYY-MM-DD`` or days since time zero.
    """

    index: str = "index_date"
    landmark: float = 0.0
    eligibility: tuple[Criterion, ...] = ()
    windows: Mapping[str, Window] = field(default_factory=dict)
    tolerance: float = 0.0
    methods: Mapping[str, str] = field(default_factory=dict)
    exposures: tuple[str, ...] = ()
    delayed_entry: bool = False
    end: str | float | None = None

    def __post_init__(self) -> None:
        if self.index not in ("index_date", "first_visit", "first_imaging") and not self.index.startswith(
            "first_event:"
        ):
            raise argument_error(
                "index", "'index_date', 'first_visit', 'first_imaging' or 'first_event:<type>'", self.index
            )
        check_number("landmark", self.landmark, low=0)
        check_number("tolerance", self.tolerance, low=0)
        unknown = set(self.windows) - set(enumerations()["modalities"])
        if unknown:
            raise argument_error("windows", f"keyed by {', '.join(enumerations()['modalities'])}", sorted(unknown))
        object.__setattr__(self, "windows", {**_default_windows(), **dict(self.windows)})
        object.__setattr__(self, "methods", dict(self.methods))
        object.__setattr__(self, "eligibility", tuple(self.eligibility))
        object.__setattr__(self, "exposures", tuple(self.exposures))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> CohortSpec:
        """Read the result of `to_dict`, or a ``[cohort]`` table of ``study.toml``."""
        read = StrictTable("cohort")
        found = read.record(cls, "cohort", fields)
        read.raise_if_any()
        assert found is not None
        return found
