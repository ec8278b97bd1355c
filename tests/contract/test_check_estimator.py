"""scikit-learn's own checks, on models whose ``y`` is built from the plain vector that these checks give.

What is expected to fail is listed with its reason; a check that begins to pass, or a new failure, fails this test.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from lbp_prognosis import Status, Surv
from lbp_prognosis import fusion as F
from lbp_prognosis import models as M


def _outcome(y, kind):
    y = np.asarray(y)
    if y.dtype.names:
        return y
    order = np.argsort(np.argsort(np.asarray(y, dtype=float), kind="stable"), kind="stable")
    event = (np.arange(y.size) % 3 > 0).astype(int)
    if kind == "status":
        return Status.at(12.0, (order + np.arange(y.size)) % 2)
    return Surv.right(1.0 + order, event if kind == "right" else event * (1 + np.arange(y.size) % 2), censored=0)


def of_plain_vectors(model, kind):
    """Return the model as one of a class whose methods make the outcome of a plain vector."""
    parent = type(model)

    def fit(self, X, y=None, sample_weight=None):
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None")
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        return parent.fit(self, X, _outcome(y, kind), **weights)

    def score(self, X, y, sample_weight=None):
        return parent.score(self, X, _outcome(y, kind), sample_weight=sample_weight)

    made = type(parent.__name__, (parent,), {"fit": fit, "score": score, "__init__": parent.__init__})
    return made(**model.get_params(deep=False))


WORDS = "says the same in other words"
EMPTY = "a model or a step without any column is allowed"
EXPECTED = {
    "check_n_features_in_after_fitting": WORDS,
    "check_complex_data": WORDS,
    "check_estimators_nan_inf": WORDS,
    "check_fit2d_1sample": "no event, or one state alone, is told instead",
    "check_fit2d_predict1d": WORDS,
    "check_dtype_object": "numbers and text mixed in one column are refused",
    "check_estimators_empty_data_messages": EMPTY,
    "check_estimators_pickle": "the class of this test has no name to be found by",
}
COPIES = {"check_sample_weight_equivalence_on_dense_data": "a bare array is of sampling weights, which are no copies"}
ONE_STATE = {
    f"check_{name}": "the vectors of this check make one state alone"
    for name in (
        "positive_only_tag_during_fit",
        "sample_weights_pandas_series",
        "sample_weights_not_an_array",
        "sample_weights_shape",
        "sample_weights_not_overwritten",
    )
}
RANKED = {
    f"check_sample_weight_equivalence_on_{kind}_data": "states are made of ranks here, which copies of rows change"
    for kind in ("dense", "sparse")
}
FRAMES = {
    name: reason for name, reason in EXPECTED.items() if name not in ("check_fit2d_1sample", "check_estimators_pickle")
} | {"check_transformer_preserve_dtypes": "steps return frames"}
MODELS = {
    "CoxPH": (M.CoxPH(penalty=1.0), "right", COPIES),
    "CauseSpecificCox": (M.CauseSpecificCox(penalty=1.0), "competing", COPIES),
    "ParametricAFT": (M.ParametricAFT(), "right", COPIES),
    "LogisticRisk": (M.LogisticRisk(penalty=1.0), "status", ONE_STATE | RANKED),
}


def _failed(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None, on_skip=None)
    return {each["check_name"]: str(each["exception"])[:200] for each in found if each["status"] == "failed"}


@pytest.mark.parametrize("name", MODELS)
def test_models(name):
    model, kind, more = MODELS[name]
    failed = _failed(of_plain_vectors(model, kind))
    expected = EXPECTED | more
    assert failed.keys() == expected.keys(), failed


@pytest.mark.parametrize("step", [F.Standardise(), F.OneHot()], ids=["Standardise", "OneHot"])
def test_steps(step):
    failed = _failed(step)
    assert failed.keys() == FRAMES.keys(), failed
