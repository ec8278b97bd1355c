"""Keywords that stand at many functions have one default, so that the same call means the same everywhere."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re

import pytest

ROOMS = (
    *("survival", "models", "fusion", "evaluation", "validation", "explain", "evidence", "report", "cohort"),
    *("evaluation.technical", "evaluation.diagnostic", "study", "biomarkers", "biomechanics", "datasets"),
    *("deployment", "federation", "disclosure", "schema", "instruments"),
)
DEFAULTS = {
    "n_resamples": 200,
    "random_state": 0,
    "min_at_risk": 10,
    "confidence": 0.95,
    "cause": 1,
    "n_jobs": None,
    "checkpoint": None,
    "progress": False,
    "sample_weight": None,
    "clusters": None,
    "show_values": False,
}
EXCEPTIONS = {
    # curves are drawn to their end; a metric is judged where enough are left
    ("StepCurve.at", "min_at_risk"): 1,
    ("rmst", "min_at_risk"): 1,
    ("mean_cumulative", "min_at_risk"): 1,
    # of any event
    ("kaplan_meier", "cause"): None,
    ("log_rank", "cause"): None,
    ("nelson_aalen", "cause"): None,
    ("turnbull", "cause"): None,
    # the cause that the equation is of
    ("Equation.predict_risk", "cause"): None,
    # names of columns of a table, "" for none
    ("evaluate_table", "clusters"): "",
    # called with a sentence at each step; elsewhere a bar is shown or not
    ("run_study", "progress"): None,
}


def _calls():
    for room in ROOMS:
        module = importlib.import_module(f"lbp_prognosis.{room}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing):
                yield from (
                    (f"{name}.{method}".removesuffix(".__init__"), function)
                    for method, function in inspect.getmembers(thing, inspect.isfunction)
                    if not re.match("_|set_[a-z_]+_request$", method)  # scikit-learn's routing has defaults of its own
                    or (method == "__init__" and not dataclasses.is_dataclass(thing))
                )
            elif inspect.isfunction(thing):
                yield name, thing


def _found():
    for called, function in _calls():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name in DEFAULTS and parameter.default is not inspect.Parameter.empty:
                yield called, parameter.name, parameter.default


@pytest.mark.parametrize("name", DEFAULTS)
def test_one_default(name):
    other = {
        f"{called}({name}={default!r})"
        for called, parameter, default in _found()
        if parameter == name and default != EXCEPTIONS.get((called, name), DEFAULTS[name])
    }
    assert not other


def test_exceptions_are_still_there():
    found = {(called, parameter) for called, parameter, _ in _found()}
    assert set(EXCEPTIONS) <= found
