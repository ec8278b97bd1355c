"""``TrialRules``: rules for trials and sides, checked before any data are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lbp_prognosis._base import argument_error, check_choice, check_number
from lbp_prognosis.biomechanics._motion_measures import MotionMeasure, motion_measure, motion_measures

__all__ = ["TrialRules", "trial_rules"]

SUMMARIES = ("mean", "best")
SIDES = ("each", "left", "right", "mean", "asymmetry")


@dataclass(frozen=True)
class TrialRules:
    """Rules for summarising repeated trials, by measure.

    Attributes
    ----------
    summary : dict of str to str
        ``"mean"`` or ``"best"`` of the trials; ``"none"`` if the best was requested for a measure without direction.
    sides : dict of str to tuple of str
        Treatment of left and right, for measures with sides.
    errors : dict of str to float
        Declared SDs of the error of a session's value.
    """

    summary: dict[str, str]
    sides: dict[str, tuple[str, ...]]
    errors: dict[str, float]


def trial_rules(
    summary: str | Mapping[str, str] = "mean",
    sides: str | Mapping[str, str | Sequence[str]] = "each",
    errors: Mapping[str, float] | None = None,
) -> TrialRules:
    """Check rules for trials and return them by measure.

    Parameters
    ----------
    summary, sides, errors
        As in `summarise_trials`.

    Raises
    ------
    ArgumentError
        If a measure or a rule is unknown, or the best trial of a measure without direction is requested by name.

    Examples
    --------
    >>> from lbp_prognosis.biomechanics import trial_rules
    >>> trial_rules({"sorensen_time": "best"}).summary["sorensen_time"]
    'best'
    """
    return TrialRules(_rules(summary), _sides(sides), _given_errors(errors))


def _rules(summary: str | Mapping[str, str]) -> dict[str, str]:
    """Return mean or best by measure."""
    if isinstance(summary, str):
        check_choice("summary", summary, SUMMARIES)
        return {
            name: summary if summary == "mean" else _best(name, measure) for name, measure in motion_measures().items()
        }
    out = dict.fromkeys(motion_measures(), "mean")
    if not isinstance(summary, Mapping):
        raise argument_error("summary", "'mean', 'best', or a mapping from measure to one of them", summary)
    for name, rule in summary.items():
        measure = motion_measure(name)
        check_choice(f"summary[{name!r}]", rule, SUMMARIES)
        if rule == "best" and measure.direction == "none":
            raise argument_error(f"summary[{name!r}]", "'mean' for a measure without a better end", "'best'")
        out[name] = rule
    return out


def _best(name: str, measure: MotionMeasure) -> str:
    """Return "best", or "none" for a measure without direction, which is refused only if the data contain it."""
    return "best" if measure.direction != "none" else "none"


def _sides(sides: str | Mapping[str, str | Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return the rules for sides by measure with sides."""
    sided = [name for name, measure in motion_measures().items() if measure.sided]
    if isinstance(sides, str):
        check_choice("sides", sides, SIDES)
        return dict.fromkeys(sided, (sides,))
    if not isinstance(sides, Mapping):
        raise argument_error("sides", f"one of {', '.join(SIDES)}, or a mapping from measure to them", sides)
    out: dict[str, tuple[str, ...]] = dict.fromkeys(sided, ("each",))
    for name, given in sides.items():
        if name not in sided:
            raise argument_error("sides", f"about measures with sides: {', '.join(sided)}", repr(name))
        chosen = (given,) if isinstance(given, str) or not isinstance(given, Sequence) else tuple(given)
        if not chosen or len(set(chosen)) != len(chosen):
            raise argument_error(f"sides[{name!r}]", f"different ones of {', '.join(SIDES)}", given)
        for rule in chosen:
            check_choice(f"sides[{name!r}]", rule, SIDES)
        if "each" in chosen and {"left", "right"} & set(chosen):
            raise argument_error(f"sides[{name!r}]", "'each', or 'left' or 'right'", f"{list(chosen)}")
        out[name] = chosen
    return out


def _given_errors(errors: Mapping[str, float] | None) -> dict[str, float]:
    if errors is not None and not isinstance(errors, Mapping):
        raise argument_error("errors", "a mapping from measure to the SD of its error", errors)
    return {
        motion_measure(name).name: float(check_number(f"errors[{name!r}]", sd, low=0))
        for name, sd in dict(errors or {}).items()
    }
