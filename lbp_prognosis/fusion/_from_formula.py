"""``from_formula``: a model from a formula in R's notation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone

from lbp_prognosis._base import argument_error
from lbp_prognosis.fusion._formula_grammar import parse_formula, parse_terms
from lbp_prognosis.fusion._formula_nodes import Formula, Response
from lbp_prognosis.fusion._formula_terms import FormulaTerms
from lbp_prognosis.fusion._frame import as_frame
from lbp_prognosis.fusion._risk_pipeline import RiskPipeline
from lbp_prognosis.survival import Measured, Status, Surv

__all__ = ["TermsAndModel", "from_formula", "terms_and_model"]


def from_formula(estimator: Any, formula: str, data: Any) -> tuple[RiskPipeline, pd.DataFrame, np.ndarray]:
    """Return an unfitted pipeline, its table and its outcome.

    Parameters
    ----------
    estimator : estimator
        A model with ``fit`` and ``predict_risk``; ``strata()`` and ``offset()`` set its parameters of these names.
    formula : str
        ``"Surv(months, status) ~ rcs(odi, 4) + C(grade) * sex + strata(site)"``, at most 10,000 characters. Left:
        ``Surv(time, status)``, ``Surv(start, stop, status)``, ``Interval(lower, upper)``, ``Status(state, horizon)``,
        ``Measured(score, horizon, lower, upper)``. Right: columns, ``rcs(x, knots)`` (a number, 5 by default, or
        ``c(…)``), ``C(x, ref="a")``, ``log``, ``log1p``, ``sqrt``, ``poly(x, degree)``, ``I`` of ``+ - * /``,
        ``strata``, ``offset``, joined by ``+``, ``-`` (removes), ``:`` and ``*``. Names with other characters are
        written in backticks. Columns of text are nominal, as are those in ``C()``.
    data : DataFrame
        One row per patient.

    Returns
    -------
    tuple of (RiskPipeline, DataFrame, ndarray)
        The columns are those named in the formula; missing values stay missing, and an imputation can precede the step.

    Raises
    ------
    ArgumentError
        For text outside the grammar. No code in the text is run, and only columns of ``data`` are looked up.

    See Also
    --------
    lbp_prognosis.fusion.RiskPipeline : How do preparation and model become one estimator?

    Notes
    -----
    The terms are a step (`FormulaTerms`) that estimates knots, categories and polynomials from the training rows of
    each fold. Knots are at Harrell's quantiles, the basis is that of ``rms``, and ``poly`` equals R's.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import CoxPH
    >>> from lbp_prognosis.fusion import from_formula
    >>> rng = np.random.default_rng(0)
    >>> d = pd.DataFrame({"months": rng.exponential(9, 90), "status": 1, "odi": rng.uniform(0, 80, 90)})
    >>> pipeline, X, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(odi, 4)", d)
    >>> pipeline.fit(X, y).models_[0].feature_names_in_.tolist()
    ['odi', "odi'", "odi''"]
    """
    said = parse_formula(formula)
    frame = as_frame(data, "data")
    named = _columns(said)
    response = said.response
    assert response is not None
    absent = [name for name in (*response.columns, *named) if name not in frame.columns]
    if absent:
        raise argument_error("formula", f"of columns of `data`, {list(frame.columns)[:8]}", f"{absent[:5]}")
    leaked = [name for name in named if name in response.columns]
    if leaked:
        raise argument_error("formula", "predictors that are not part of the outcome", f"{leaked}")
    step, model = _parts(said, estimator)
    pipeline = RiskPipeline([("formula", step)], model)
    return pipeline, frame[named], _outcome(response, frame)


class TermsAndModel(NamedTuple):
    """Parsed right side: a step, a model with its strata and offset, and the named columns.

    Attributes
    ----------
    step : FormulaTerms
        Unfitted.
    model : estimator
        Unfitted, with ``strata`` and ``offset`` set.
    predictors, others : tuple of str
        Columns of the terms, and columns of strata and offset.
    """

    step: FormulaTerms
    model: Any
    predictors: tuple[str, ...]
    others: tuple[str, ...]


def terms_and_model(estimator: Any, formula: str) -> TermsAndModel:
    """Read the right side of a formula; the outcome is passed separately.

    Parameters
    ----------
    estimator : estimator
        As for `from_formula`.
    formula : str
        ``"rcs(odi, 4) + C(grade) * sex + strata(site)"``.

    Raises
    ------
    ArgumentError
        For text outside the grammar, and for strata or an offset that the model cannot use.
    """
    said = parse_terms(formula)
    step, model = _parts(said, estimator)
    named = tuple(_term_columns(said))
    return TermsAndModel(step, model, named, tuple(name for name in _columns(said) if name not in named))


def _parts(said: Formula, estimator: Any) -> tuple[FormulaTerms, Any]:
    """Return the step of the terms, and a clone of the model with its strata and offset."""
    if not said.terms:
        raise argument_error("formula", "at least one predictor on the right", repr(said.right[-40:]))
    model = clone(estimator)
    for parameter, wanted in (("strata", list(said.strata) or None), ("offset", said.offset)):
        if wanted is None:
            continue
        if parameter not in model.get_params(deep=False):
            raise argument_error(
                "formula",
                f"without {parameter}() for {type(estimator).__name__}, which can't use it",
                f"{parameter}({wanted if isinstance(wanted, str) else ', '.join(wanted)})",
            )
        model.set_params(**{parameter: wanted})
    terms = set(said.strata) | ({said.offset} if said.offset else set())
    both = [name for name in _term_columns(said) if name in terms]
    if both:
        raise argument_error("formula", "columns that are a predictor, a stratum or the offset, one of them", f"{both}")
    return FormulaTerms(said.right), model


def _term_columns(said: Formula) -> list[str]:
    return list(dict.fromkeys(name for term in said.terms for factor in term for name in factor.columns()))


def _columns(said: Formula) -> list[str]:
    offset = [] if said.offset is None else [said.offset]
    return list(dict.fromkeys([*_term_columns(said), *said.strata, *offset]))


def _outcome(response: Response, frame: pd.DataFrame) -> np.ndarray:
    parts = [frame[name].to_numpy() for name in response.columns]
    if response.kind == "Surv":
        if len(parts) == 3:
            return Surv.right(parts[1], parts[2], entry=parts[0])
        return Surv.right(parts[0], parts[1])
    if response.kind == "Interval":
        return Surv.interval(parts[0], parts[1])
    if response.kind == "Status":
        return Status.at(response.numbers[0], parts[0])
    horizon, lower, upper = response.numbers
    return Measured.at(horizon, parts[0], lower=lower, upper=upper)
