"""Outcomes that hold almost nothing: a number, a reason or a clear error, never a warning or another exception."""

import numpy as np
import pytest

from lbp_prognosis import LBPError, evaluate
from lbp_prognosis.evaluation import decision_curve, risk_groups
from lbp_prognosis.survival import Surv


@pytest.mark.parametrize("n", [1, 2, 12])
@pytest.mark.parametrize("kind", ["censored", "events", "one time", "one event", "competing", "day zero"])
@pytest.mark.parametrize("risk", ["spread", "constant", "zero", "one", "binary"])
@pytest.mark.parametrize("min_at_risk", [0, 10])
def test_nothing_else_is_raised(n, kind, risk, min_at_risk):
    rng = np.random.default_rng(n)
    time = np.ceil(rng.exponential(5, n))
    event = rng.integers(0, 3 if kind == "competing" else 2, n)
    if kind == "censored":
        event[:] = 0
    elif kind == "events":
        event[:] = 1
    elif kind == "one time":
        time[:] = 4
    elif kind == "one event":
        event[:] = 0
        event[0] = 1
    elif kind == "day zero":
        time[:] = 0
    risks = {
        "spread": rng.random(n),
        "constant": np.full(n, 0.3),
        "zero": np.zeros(n),
        "one": np.ones(n),
        "binary": rng.integers(0, 2, n).astype(float),
    }[risk]
    y = Surv.right(time, event, censored=0)
    for call in (
        lambda: evaluate(y, risks, 4.0, [0.1, 0.3], min_at_risk=min_at_risk, n_resamples=3).to_frame(),
        lambda: decision_curve(y, risks, 4.0, [0.1], min_at_risk=min_at_risk, n_resamples=0).standardised().to_frame(),
        lambda: risk_groups(y, risks, 4.0, thresholds=[0.2, 0.5], min_at_risk=min_at_risk).to_frame(),
    ):
        try:
            frame = call()
        except LBPError:
            continue
        missing = frame["value"].isna() & (frame["metric"] == "net_benefit")
        assert (frame.loc[missing, "reason"] != "").all()
