"""``equation``: a fitted model as a formula."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from lbp_prognosis._base import LBPError, argument_error, check_horizons, check_number, plain_label
from lbp_prognosis._kernels import log_time_spline
from lbp_prognosis.deployment._competing_equation import CompetingEquation, competing_from_dict
from lbp_prognosis.deployment._competing_of import competing_equation, is_competing, period_level, period_odds
from lbp_prognosis.deployment._equation import Equation
from lbp_prognosis.deployment._equation_of_updated import equation_of_updated
from lbp_prognosis.deployment._formula import FORMAT
from lbp_prognosis.deployment._links import LEAST_SHAPE, LP_SCALES
from lbp_prognosis.deployment._no_equation import NoEquation
from lbp_prognosis.deployment._pieces import Piece, raw_pieces, through_steps, total
from lbp_prognosis.deployment._terms import LevelTerm, NumberTerm, Term, term_from_dict
from lbp_prognosis.models import (
    CoxPH,
    DiscreteTimeHazard,
    ElasticNetCox,
    FineGray,
    LinearOutcome,
    LogisticRisk,
    OrdinalRegression,
    ParametricAFT,
    PiecewiseExponential,
    PriorityCox,
    RoystonParmar,
)
from lbp_prognosis.validation import ModelUpdate, UpdatedModel

__all__ = ["equation", "from_equation"]

_TAKEN = (
    "CoxPH, ElasticNetCox, PriorityCox, FineGray, LogisticRisk, OrdinalRegression, LinearOutcome, ParametricAFT, "
    "RoystonParmar, PiecewiseExponential (of one interval), DiscreteTimeHazard, a locked CauseSpecificCox, a "
    "RiskPipeline around one of them, or an update of one"
)
_AFT = {
    "weibull": "cloglog",
    "exponential": "cloglog",
    "loglogistic": "logit",
    "lognormal": "probit",
    "generalised_gamma": "probit",  # at the shape 0
}
_RP = {"hazard": "cloglog", "odds": "logit", "normal": "probit"}


def equation(
    model: Any,
    *,
    horizons: Any = None,
    digits: int = 12,
    units: Mapping[str, str] | None = None,
    time_unit: str = "",
) -> Equation | CompetingEquation:
    """Write a fitted model as a formula of the predictors' own values.

    Parameters
    ----------
    model : fitted model, RiskPipeline or LockedModel
        CoxPH, ElasticNetCox, PriorityCox, FineGray, LogisticRisk, OrdinalRegression and LinearOutcome (with their
        declared cut), ParametricAFT, RoystonParmar, PiecewiseExponential (within its first interval),
        DiscreteTimeHazard, a locked CauseSpecificCox or PriorityCox of several causes; a pipeline of Standardise,
        OneHot, RestrictedCubicSpline, RepeatableColumns, StandardScaler and an imputation around one of them; or an
        update of one by `update_model`. The formula applies to complete rows. After multiple imputation it has the
        averages of coefficients and log baselines; the pipeline predicts the same with ``combine="cloglog"`` (or
        ``"logit"``).
    horizons : float or sequence of float, optional
        Times at which the baseline is written. By default the visits of a model with visits; required for a model in
        continuous time.
    digits : int, default 12
        Significant digits of the written forms, at least 4; their headers state the largest error of a risk.
    units : mapping of str to str, optional
        Unit of each column, for reading.
    time_unit : str, default ""
        Unit of the horizons, for reading.

    Returns
    -------
    Equation or CompetingEquation
        Its ``predict_risk`` gives the model's risks to 1e-10. The second, for models with one linear predictor per
        cause, contains a table of steps; such a model is locked first, so that no step is the time of one patient.

    Raises
    ------
    NoEquation
        If the model is of another class, or a step of the pipeline mixes columns: `save_model` can store it.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis import CoxPH, Surv
    >>> from lbp_prognosis.deployment import equation
    >>> X = pd.DataFrame({"pain": [3, 7, 5, 8, 2, 6, 4, 9, 5, 1.0]})
    >>> y = Surv.right([9, 3, 6, 2, 8, 4, 7, 1, 5, 10], [1, 1, 1, 0, 1, 1, 1, 1, 0, 1])
    >>> model = CoxPH().fit(X, y)
    >>> formula = equation(model, horizons=[6], time_unit="months")
    >>> bool(abs(formula.predict_risk(X) - model.predict_risk(X, [6])).max() < 1e-10)
    True
    """
    check_number("digits", digits, low=4, high=17, whole=True)
    if isinstance(model, ModelUpdate):
        raise NoEquation(
            f"`model` must be {_TAKEN}; got a ModelUpdate, the report on an update, which contains the new version. "
            "Give its attribute `model`."
        )
    locked = hasattr(model, "unlocked")
    model = getattr(model, "unlocked", model)
    if isinstance(model, UpdatedModel):
        own: dict[str, Any] = {"digits": digits, "units": units, "time_unit": time_unit}

        def original(times: Any) -> Equation | CompetingEquation:
            return equation(model.model, horizons=horizons if times is None else times, **own)

        return equation_of_updated(model, original, None if horizons is None else check_horizons(horizons)[0])
    inner, branches, ranges = _branches(model)
    times = _horizons(inner[0], horizons)
    if is_competing(inner[0]):
        return _competing(model, inner, branches, ranges, times, locked, units or {}, time_unit, int(digits))
    combine = getattr(model, "combine", "risk")
    found = [_line(one, times) for one in inner]
    link, bases = found[0].link, [line.baseline for line in found]
    wanted = {"cloglog": "cloglog", "logit": "logit"}.get(link)
    if len(inner) > 1 and combine != wanted:
        raise NoEquation(
            f"`model` averages the {combine}s of {len(inner)} completed tables, which is no equation. "
            + (f'Say set_params(combine="{wanted}"), or use save_model.' if wanted else "Use save_model.")
        )
    const = 0.0
    sums: dict[str, Piece] = {}
    for line, pieces in zip(found, branches):
        shift, parts = total(pieces, line.coef)
        const += (shift - line.centre) / len(found)
        for source, piece in parts.items():
            piece = piece.times(1 / len(found))
            sums[source] = sums[source].plus(piece) if source in sums else piece
    offset = getattr(inner[0], "offset", None)
    if isinstance(offset, str):
        sums[offset] = Piece(offset, slope=found[0].offset_slope)
    _check_offset(inner[0])
    return Equation(
        terms=tuple(_term(piece, ranges, units or {}) for piece in sums.values()),
        link=link,
        centre=-const,
        horizons=tuple(map(float, times)),
        baseline=_pooled(bases, link),
        stratum=_stratum(inner[0]),
        cause=int(getattr(inner[0], "_own_cause", 1)),
        scale=found[0].scale,
        shape=found[0].shape,
        time_unit=time_unit,
        model=type(inner[0]).__name__,
        digits=int(digits),
        n_completed=len(inner),
        synthetic=bool(getattr(model, "synthetic", False)),
    )


def _check_offset(model: Any) -> None:
    if not isinstance(getattr(model, "offset", None), str) and model.offset_fitted_:
        raise NoEquation(
            "`model` was fitted with an offset given in the call, whose column has no name. Name it in the constructor "
            "(offset='column'), or use save_model."
        )


def _competing(
    model: Any,
    inner: list[Any],
    branches: list[dict[str, Piece]],
    ranges: Mapping[str, tuple[float, float]],
    times: np.ndarray,
    locked: bool,
    units: Mapping[str, str],
    time_unit: str,
    digits: int,
) -> CompetingEquation:
    if len(inner) > 1:
        raise NoEquation(
            f"`model` averages the risks of {len(inner)} completed tables, and those of competing causes have no "
            "common steps. Impute once (m=1), or use save_model."
        )
    _check_offset(inner[0])
    words = {
        "time_unit": time_unit,
        "model": type(inner[0]).__name__,
        "digits": digits,
        "synthetic": bool(getattr(model, "synthetic", False)),
    }
    return competing_equation(
        inner[0],
        branches[0],
        lambda piece: _term(piece, ranges, units),
        times,
        stratum=_stratum(inner[0]),
        locked=locked,
        words=words,
    )


def from_equation(source: str | Mapping[str, Any]) -> Equation | CompetingEquation:
    """Read an equation from its JSON.

    Parameters
    ----------
    source : str or mapping
        Output of `Equation.to_json`, or its dictionary.

    Raises
    ------
    ArgumentError
        If the source is not JSON, or an entry is missing, unknown, of another type or not finite. A table of odds or
        hazard ratios without a baseline is not an equation and is refused.
    """
    accepted = f"an equation's JSON of format {FORMAT}"
    try:
        state = json.loads(source) if isinstance(source, str) else source
        if isinstance(state, Mapping) and state.get("format") == FORMAT:
            return competing_from_dict(state) if state.get("kind") == "competing" else _from_dict(state)
    except LBPError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        words = f"{str(source)[:60]!r} ({type(error).__name__}: {str(error)[:80]})"
        raise argument_error("source", accepted, words) from error
    raise argument_error("source", accepted, f"{str(source)[:60]!r}")


def _from_dict(state: Mapping[str, Any]) -> Equation:
    fields = set(Equation.__dataclass_fields__) | {"format"}
    unknown, absent = set(state) - fields, {"terms", "link", "centre", "horizons", "baseline"} - set(state)
    if unknown or absent:
        raise argument_error(
            "source",
            "with terms, link, centre, horizons and baseline",
            f"without {sorted(absent)}, with unknown {sorted(unknown)}",
            "Ratios without a baseline or an intercept give no risk.",
        )
    rest = {
        name: state[name] for name in fields & set(state) if name not in ("format", "terms", "horizons", "baseline")
    }
    return Equation(
        terms=tuple(term_from_dict(term) for term in state["terms"]),
        horizons=tuple(map(float, state["horizons"])),
        baseline={str(label): tuple(map(float, values)) for label, values in state["baseline"].items()},
        **rest,
    )


# ---- one model -----------------------------------------------------------------------------------------------------


class _Line:
    """``coef`` by column, the centre, and the baseline by stratum, on the scale of a link."""

    def __init__(
        self,
        model: Any,
        link: str,
        baseline: list[np.ndarray],
        centre: float = 0.0,
        factor: float = 1.0,
        shape: float = 0.0,
    ) -> None:
        self.link, self.shape = link, shape
        coef = model.coef_[0] if isinstance(model, PiecewiseExponential) else model.coef_  # of the first interval
        self.coef = {name: factor * float(value) for name, value in zip(model._names(), coef)}
        self.centre = centre
        self.offset_slope = factor
        # a linear predictor that was scaled or turned is on the scale of the link
        self.scale = str(model.linear_predictor_scale or "") if factor == 1.0 else LP_SCALES.get(link, "")
        labels = [str(plain_label(label)) for label in model.strata_levels_] or [""]
        if len(set(labels)) != len(labels):
            raise NoEquation(f"`model` has strata whose labels look the same, {labels}. Use save_model.")
        self.baseline = dict(zip(labels, (np.asarray(values, dtype=float) for values in baseline)))


def _line(model: Any, times: np.ndarray) -> _Line:
    name = type(model).__name__
    if isinstance(model, PiecewiseExponential):
        return _piecewise(model, times)
    if isinstance(model, CoxPH | ElasticNetCox | PriorityCox):  # FineGray is a CoxPH
        if not isinstance(model, FineGray):
            model._check_cause(1)
        steps = [_read_steps(t, h, times) for t, h in zip(model.baseline_times_, model.baseline_hazard_)]
        return _Line(model, "cloglog", steps, float(model.centre_ @ model.coef_))
    if isinstance(model, LogisticRisk):
        return _Line(model, "logit", [np.array([model.intercept_])])
    if isinstance(model, OrdinalRegression | LinearOutcome):
        return _score(model)
    if isinstance(model, ParametricAFT):
        start = (np.log(times) - model.intercept_) / model.scale_
        shape = model.shape_ if model.distribution == "generalised_gamma" and abs(model.shape_) >= LEAST_SHAPE else 0.0
        link = "generalised_gamma" if shape else _AFT[model.distribution]
        base = np.exp(start) if link == "cloglog" else start
        return _Line(model, link, [base], factor=-1 / model.scale_, shape=shape)
    if isinstance(model, RoystonParmar):
        spline = log_time_spline(np.log(times), model.knots_)[0]
        link, values = _RP[model.scale], [spline @ gamma for gamma in model.gamma_]
        return _Line(model, link, [np.exp(v) for v in values] if link == "cloglog" else values)
    if isinstance(model, DiscreteTimeHazard) and model.causes_.size == 1:
        place = np.abs(model.visits_[:, None] - times).argmin(axis=0)
        level = period_level(model.alpha_)
        sums = np.cumsum(period_odds(model.alpha_[0], level), axis=1)
        return _Line(model, "cloglog", [row[place] for row in sums], 0.0 - level)
    raise NoEquation(f"`model` must be {_TAKEN}; got {name}. Use save_model, which stores any model of this library.")


def _piecewise(model: PiecewiseExponential, times: np.ndarray) -> _Line:
    ends = model.breakpoints_
    if ends.size and times[-1] > ends[0]:
        raise NoEquation(
            f"`model` has a linear predictor for each of {ends.size + 1} intervals, and no equation has several: it is "
            f"one up to the first breakpoint, {ends[0]:g}. Use earlier horizons, or save_model."
        )
    return _Line(model, "cloglog", [np.exp(model.intercept_[0]) * times])


def _score(model: Any) -> _Line:
    """Return P(score at most the declared cut), or at least: the threshold there, and effects on the other side."""
    cut, below = model.at_most_, True
    if cut is None:
        cut, below = model.at_least_, False
    if cut is None:
        raise NoEquation(
            "`model` must have a declared cut (Measured.at(…, at_most=)) for its risk to be an equation; got none. Use "
            "save_model."
        )
    slack = 1e-9 * max(float(np.abs(model.levels_).max()), 1.0)
    inside = model.levels_ <= cut + slack if below else model.levels_ < cut - slack
    k = int(inside.sum())
    if not 0 < k < model.levels_.size:
        raise NoEquation(f"`model` has no level on one side of the cut {cut:g}: its risk is constant.")
    sign = 1.0 if below else -1.0
    if isinstance(model, LinearOutcome):  # a normal score, cut half-way between the levels
        halfway = (model.levels_[k - 1] + model.levels_[k]) / 2
        start = sign * (halfway - model.intercept_) / model.sigma_
        return _Line(model, "probit", [np.array([start])], factor=-sign / model.sigma_)
    if model.partial_coef_.shape[1]:
        raise NoEquation(
            f"`model` has a coefficient for each threshold of {list(model.partial)}, whose lines are put in order "
            "where they cross. Use save_model, or a model with common coefficients."
        )
    start = sign * float(model.thresholds_[k - 1])
    link = model.link
    if link == "cloglog":
        link, start = ("cloglog", float(np.exp(start))) if below else ("loglog", start)
    return _Line(model, link, [np.array([start])], factor=-sign)


def _read_steps(times: np.ndarray, values: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], values])[np.searchsorted(times, at, side="right")]


def _horizons(model: Any, horizons: Any) -> np.ndarray:
    visits = getattr(model, "visits_", None)
    if visits is None and hasattr(model, "horizon_"):
        visits = np.array([model.horizon_])
    if horizons is None:
        if visits is None:
            raise argument_error(
                "horizons",
                f"given for {type(model).__name__}, which predicts at any time",
                "None",
                "Say horizons=[6, 12].",
            )
        return np.asarray(visits, dtype=float)
    times, _ = check_horizons(horizons)
    if visits is not None:
        known = np.isclose(np.asarray(visits)[:, None], times, rtol=1e-8, atol=0).any(axis=0)
        if not known.all():
            raise argument_error(
                "horizons", f"among the visits {np.asarray(visits).tolist()}", str(times[~known].tolist())
            )
    elif (times > getattr(model, "max_time_", np.inf)).any():
        raise argument_error("horizons", f"within follow-up, at most {model.max_time_:g}", str(times.tolist()))
    return times


def _stratum(model: Any) -> str:
    if not model.strata_levels_:
        return ""
    named = getattr(model, "strata", None)
    names = [named] if isinstance(named, str) else list(named or ["stratum"])
    if len(names) != 1:
        raise NoEquation(f"`model` has strata of several columns, {names}. Use save_model, or one column of strata.")
    return str(names[0])


def _pooled(bases: list[dict[str, np.ndarray]], link: str) -> dict[str, tuple[float, ...]]:
    """Average baselines on the scale on which coefficients are averaged: logs of cumulative hazards."""
    if len(bases) == 1:
        return {label: tuple(map(float, values)) for label, values in bases[0].items()}
    out = {}
    for label in bases[0]:
        stack = np.stack([base[label] for base in bases])
        with np.errstate(divide="ignore"):
            mean = np.exp(np.log(stack).mean(axis=0)) if link == "cloglog" else stack.mean(axis=0)
        out[label] = tuple(map(float, mean))
    return out


def _branches(model: Any) -> tuple[list[Any], list[dict[str, Piece]], Mapping[str, tuple[float, float]]]:
    """Return the models inside, the columns each sees as pieces of the user's columns, and the ranges of these."""
    if hasattr(model, "branches_"):
        start = raw_pieces(model.columns_)
        shared = through_steps(start, [step for _, step in model.steps_])
        pieces = [through_steps(shared, branch.steps) for branch in model.branches_]
        ranges = {name: (row[0], row[1]) for name, row in getattr(model, "training_ranges_", {}).items()}
        return [branch.model for branch in model.branches_], pieces, ranges
    if not hasattr(model, "_names") or not hasattr(model, "coef_"):
        raise NoEquation(
            f"`model` must be {_TAKEN}, fitted; got {type(model).__name__}. Use save_model for other fitted models."
        )
    names = model._names()
    table = getattr(model, "training_ranges_", np.full((len(names), 4), np.nan))
    ranges = {name: (float(row[0]), float(row[1])) for name, row in zip(names, table)}
    return [model], [raw_pieces(names)], ranges


def _term(piece: Piece, ranges: Mapping[str, tuple[float, float]], units: Mapping[str, str]) -> Term:
    unit = str(units.get(piece.source, ""))
    if piece.levels:
        effects = tuple(float(piece.effects.get(level, 0.0)) for level in piece.levels)
        return LevelTerm(piece.source, tuple(plain_label(level) for level in piece.levels), effects, unit)
    low, high = ranges.get(piece.source, (float("nan"), float("nan")))
    knots = tuple(sorted(piece.cubes))
    return NumberTerm(
        piece.source, float(piece.slope), knots, tuple(float(piece.cubes[knot]) for knot in knots), unit, low, high
    )
