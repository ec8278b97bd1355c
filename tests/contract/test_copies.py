"""Whole-number weights are copies of rows, in the value and the standard error of every metric that takes weights."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from lbp_prognosis._base import MetricResult
from lbp_prognosis.survival import Weights
from tests.contract.intake_calls import CALLS, ROWS

COPIES = ROWS.weight.to_numpy(dtype=int)


def _is_metric(function: Any) -> bool:
    made = str(inspect.signature(function).return_annotation)
    found = getattr(inspect.getmodule(inspect.unwrap(function)), made, None)
    return inspect.isclass(found) and issubclass(found, MetricResult)


METRICS = sorted(
    name
    for name, (function, rows, _) in CALLS.items()
    if name.startswith("evaluation.") and "sample_weight" in rows and _is_metric(function)
)


def asked(name: str, copied: bool) -> Any:
    function, rows, others = CALLS[name]
    one = {key: value.to_numpy() for key, value in rows.items() if key not in ("sample_weight", "clusters")}
    given = {key: np.asarray(value) if np.ndim(value) else value for key, value in others.items()}
    if not copied:
        return function(**one, **given, sample_weight=Weights(COPIES, "frequency"))
    long = {key: np.repeat(value, COPIES) for key, value in {**one, **given}.items() if np.ndim(value) == 1}
    return function(**{**given, **long})


def test_the_metrics_are_found() -> None:
    assert {"evaluation.brier", "evaluation.log_score", "evaluation.time_dependent_auc"} <= set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_weights_are_copies(name: str) -> None:
    """A metric whose influence values are not put on the scale of the rows (`Setting.scale`) fails here."""
    weighted, copied = asked(name, False), asked(name, True)
    assert isinstance(weighted, MetricResult)
    assert np.isfinite(np.ravel(weighted.se)).any()
    for field in ("value", "se", "low", "high"):
        np.testing.assert_allclose(getattr(weighted, field), getattr(copied, field), rtol=1e-6, err_msg=field)
