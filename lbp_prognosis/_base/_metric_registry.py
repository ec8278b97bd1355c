"""Every metric in one line of ``metrics.csv``: name, tier, outcomes, direction, range, properness, titles, reference.

Documentation, page, drawings, scorers and rules read this table; nothing about a metric is said a second time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lbp_prognosis._base._errors import ArgumentError, argument_error

__all__ = ["METRICS", "Metric", "check_metrics", "metric", "metric_title"]


@dataclass(frozen=True)
class Metric:
    """Registry entry of one metric.

    Attributes
    ----------
    name : str
        As in the column ``metric`` of frames.
    tier : str
        ``"technical"``, ``"diagnostic"``, ``"prognostic"`` or ``"utility"``; ``""`` for summaries over any metric.
    outcomes : tuple of str
        Kinds of outcome it is defined for: ``"right"``, ``"interval"``, ``"status"``, ``"measured"``, ``"reference"``;
        empty where there is none (readings against readings) or any will do.
    better : {"higher", "lower", "zero", "one", ""}
        Where good values lie; empty where no value is better.
    low, high : float
        Range of the metric.
    proper : bool
        Whether the true risks have the best expected value, so that it may choose between models.
    title : str
        Name for readers.
    reference : str
        Where it is defined.
    short : str
        Short name: columns of the page, axes and labels of drawings, sentences.
    no_information : float or None
        Value where predictions are independent of the outcome; None where it depends on the data or is not defined.
    scale : {"identity", "log", "logit", "fisher"}
        On which values are pooled over imputations and sites.
    """

    name: str
    tier: str
    outcomes: tuple[str, ...]
    better: str
    low: float
    high: float
    proper: bool
    title: str
    reference: str = ""
    short: str = ""
    no_information: float | None = None
    scale: str = "identity"

    @property
    def line(self) -> float | None:
        """Reference line of a figure: the ideal value, else that of no information, else None."""
        return {"one": 1.0, "zero": 0.0}.get(self.better, self.no_information)


def _read() -> dict[str, Metric]:
    with (Path(__file__).parent / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: _metric(row) for row in csv.DictReader(file, strict=True)}


def _metric(row: dict[str, str]) -> Metric:
    return Metric(
        name=row["name"],
        tier=row["tier"],
        outcomes=tuple(row["outcomes"].split()),
        better=row["better"],
        low=float(row["low"]),
        high=float(row["high"]),
        proper={"yes": True, "no": False}[row["proper"]],
        title=row["title"],
        reference=row["reference"],
        short=row["short"],
        no_information=float(row["no_information"]) if row["no_information"] else None,
        scale=row["scale"],
    )


METRICS: dict[str, Metric] = _read()
"""All metrics by name."""


def metric(name: str) -> Metric:
    """Return the entry of a metric.

    Parameters
    ----------
    name : str
        As in the column ``metric`` of frames.

    Raises
    ------
    ArgumentError
        If there is no metric of this name.

    Examples
    --------
    >>> from lbp_prognosis.evaluation import metric
    >>> metric("ipa").better, metric("ipa").proper, metric("ipa").title
    ('higher', True, 'Index of prediction accuracy')
    """
    if not isinstance(name, str) or name not in METRICS:
        raise _unknown("name", name)
    return METRICS[name]


def metric_title(name: str) -> str:
    """Return the short name of a metric: ``observed_expected`` is ``O/E``; other labels in words."""
    return METRICS[name].short if name in METRICS else name.replace("_", " ")


def check_metrics(names: Iterable[object]) -> None:
    """Refuse names that are not in the registry.

    Raises
    ------
    ArgumentError
        Naming the first of them.
    """
    for name in names:
        if name not in METRICS:
            raise _unknown("metric", name)


def _unknown(argument: str, name: object) -> ArgumentError:
    import difflib

    near = difflib.get_close_matches(str(name), METRICS, n=1)
    return argument_error(
        argument,
        "a metric of `lbp_prognosis.evaluation.METRICS`",
        name,
        f"The nearest is {near[0]!r}." if near else "A new one is a line of lbp_prognosis/_base/metrics.csv.",
    )
