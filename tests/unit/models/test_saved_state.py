"""A saved model is the one that was saved: whatever was changed in its dictionary is refused."""

from __future__ import annotations

import copy
import json

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.models import CoxPH, NullModel

_RNG = np.random.default_rng(5)
X = pd.DataFrame({"pain": _RNG.normal(size=60), "age": _RNG.normal(size=60)})
Y = Surv.right(_RNG.exponential(10 * np.exp(-X["pain"])), np.ones(60))
MODEL = CoxPH().fit(X, Y)


def items_of(saved):
    """The list within a saved array."""
    return saved["values"]


def swapped_names(state):
    items_of(state["learned"]["feature_names_in_"]).reverse()


def negative_hazard(state):
    items_of(state["learned"]["baseline_hazard_"][0])[0] = -1.0


def a_digit(state):
    items_of(state["learned"]["coef_"])[0] += 1e-9


def another_class(state):
    state["class"] = "FineGray"


def another_parameter(state):
    state["params"]["ties"] = "breslow"


def a_key_less(state):
    del state["learned"]


def a_key_more(state):
    state["learned"]["owner_"] = "me"


def no_digest(state):
    del state["digest"]


CHANGES = [swapped_names, negative_hazard, a_digit, another_class, another_parameter, a_key_less, a_key_more, no_digest]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_changed_state_is_refused(change):
    state = copy.deepcopy(MODEL.to_dict())
    change(state)
    with pytest.raises(ArgumentError, match="state"):
        CoxPH.from_dict(state)


def test_what_json_does_to_a_state_is_no_change():
    state = json.loads(json.dumps(MODEL.to_dict(), indent=3, sort_keys=True, allow_nan=False))
    np.testing.assert_array_equal(CoxPH.from_dict(state).predict_risk(X, 5.0), MODEL.predict_risk(X, 5.0))


def test_a_state_of_another_class_is_none_of_this():
    with pytest.raises(ArgumentError, match="state"):
        CoxPH.from_dict(NullModel().fit(X, Y).to_dict())
