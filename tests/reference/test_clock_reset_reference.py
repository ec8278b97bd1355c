"""Cox models of gap times and occupancy under a clock that starts anew, against R's survival."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis.models import MultiStateCox
from lbp_prognosis.survival import MultiState

VALUES = Path(__file__).parent / "r" / "clock_reset.json"


def test_clock_reset_of_pbcseq() -> None:
    ref = json.loads(VALUES.read_text())
    d = pd.DataFrame(ref["rows"])
    states = ("low", "high", "death")
    courses = MultiState.from_long(d["id"], d["start"], d["stop"], d["state"], initial=d["here"], states=states)
    model = MultiStateCox(clock="reset", incidence="exponential").fit(d[["age", "albumin"]], courses)
    assert model.step_ == 1.0
    pairs = [(states.index(j), states.index(k)) for j, k in ref["pairs"]]
    # R stops its iterations on the likelihood, so that its covariance is that of the step before
    se, naive = (np.sqrt(np.diag(part)) for part in (model.covariance_, model.covariance_model_))
    for pair, coef, robust, plain in zip(pairs, ref["coef"], ref["robust"], ref["model"]):
        t = model.transitions_.index(pair)
        arrow = f"{states[pair[0]]} → {states[pair[1]]}"
        place = [model.terms_.index(f"{name}: {arrow}") for name in ("age", "albumin")]
        np.testing.assert_allclose(model.coef_[t], coef, rtol=1e-8)
        np.testing.assert_allclose(se[place], robust, rtol=1e-7)
        np.testing.assert_allclose(naive[place], plain, rtol=1e-7)
    assert model.log_likelihood_ == pytest.approx(sum(last for _, last in ref["loglik"]), rel=1e-10)
    new = pd.DataFrame(ref["new"])
    found = model.predict_occupancy(new, ref["at"], from_state="low")
    np.testing.assert_allclose(found, ref["low"], rtol=1e-8, atol=1e-11)
    later = model.predict_occupancy(new, ref["at"], from_state="high", start=200)
    np.testing.assert_allclose(later, ref["high_200"], rtol=1e-8, atol=1e-11)
