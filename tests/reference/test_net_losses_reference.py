"""Likelihoods and gate of MultimodalNet on stored numbers; none of it needs torch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis import Surv
from lbp_prognosis._kernels import categorical_probabilities, discrete_hazard_gradient
from lbp_prognosis.models._design import Design
from lbp_prognosis.models._net_losses import EfronLoss
from lbp_prognosis.models._net_shape import NetShape, gate_weights, net_outputs
from lbp_prognosis.models._period_effects import incidence_at
from lbp_prognosis.models._person_periods import person_periods

STORED = Path(__file__).resolve().parents[3] / "shared" / "reference" / "round2" / "net_losses.json"
BINS = np.array([1.0, 2.0, 3.0])
LOGITS = np.array(
    [
        [[0.0, -1.0, -2.0], [0.0, -0.5, -2.0], [0.0, -1.5, -1.0]],
        [[0.0, -2.0, -2.0], [0.0, -1.0, -1.0], [0.0, 0.0, -3.0]],
    ]
)
CIF = [
    [
        [0.24472847105479764, 0.09003057317038046],
        [0.4763703131880658, 0.14171685450265387],
        [0.5299314427784946, 0.23002422814111986],
    ],
    [
        [0.10650697891920073, 0.10650697891920073],
        [0.2733020265178352, 0.2733020265178352],
        [0.4944937561179953, 0.28431451428184445],
    ],
]
SURVIVAL = [
    [0.6652409557748218, 0.38191283230928025, 0.24004432908038545],
    [0.7869860421615984, 0.4533959469643295, 0.22119172960016012],
]
NLL = {
    "nll_exact_cause1_bin2_patient0": (0, (1.0, 2.0, 1), 1.4625628840863711),
    "nll_interval_cause1_bins2to3_patient0": (0, (1.0, 3.0, 1), 1.2545541707077232),
    "nll_censored_after_bin2_patient1": (1, (2.0, np.inf, 0), 0.7909894801539358),
}
UNKNOWN = 0.5695246721951704
EFRON = {
    "time": [1.0, 1.0, 2.0, 3.0, 3.0, 4.0],
    "event": [1, 1, 0, 1, 0, 1],
    "eta": [0.2, -0.1, 0.4, 0.0, 0.3, -0.5],
    "loglik": -4.573967078953695,
    "gradient": [
        0.7034116404902591,
        0.7802819390612115,
        -0.49759535958315837,
        0.32820142870093605,
        -0.906833218294878,
        -0.40746643081845946,
    ],
}
GATE = {
    "V": [[0.5, -0.2], [0.1, 0.3]],
    "u": [0.7, -0.4],
    "encodings": [[1.0, 0.0], [0.5, 0.5], [0.0, 2.0]],
    "scores": [0.28361481223202445, 0.025269395446360962, -0.4807841003778715],
    "all": [0.44683907845175674, 0.3451065153574592, 0.20805440619078414],
    "second_missing": [0.6823080224956795, 0.0, 0.31769197750432043],
    "fused_all": [0.6193923361304863, 0.5886620700602978],
    "fused_second_missing": [0.6823080224956795, 0.6353839550086409],
}


def survival_and_hazards() -> tuple[np.ndarray, np.ndarray]:
    p = categorical_probabilities(LOGITS[:, :, 1:].reshape(-1, 2), "logit").reshape(2, 3, 3)
    return np.cumprod(p[:, :, 0], axis=1), p[:, :, 1:]


def test_the_numbers_here_are_those_of_the_file() -> None:
    if not STORED.is_file():
        pytest.skip("the reference values are absent")
    stored = json.loads(STORED.read_text())
    assert stored["efron"] == EFRON
    assert stored["gate"] == GATE
    discrete = stored["discrete_competing"]
    assert (discrete["logits"], discrete["cif"], discrete["surv"]) == (LOGITS.tolist(), CIF, SURVIVAL)
    assert {name: discrete[name] for name in NLL} == {name: value for name, (_, _, value) in NLL.items()}
    assert discrete["nll_interval_unknown_cause_bins2to3_patient1"] == UNKNOWN


def test_efron_and_its_gradient() -> None:
    y = Surv.right(EFRON["time"], EFRON["event"])
    design = Design(np.empty((6, 0)), y, "right", None, None, None, None, [], None, None)
    loglik, gradient = EfronLoss(design)(np.array(EFRON["eta"])[:, None])
    assert loglik == pytest.approx(EFRON["loglik"], abs=1e-12)
    np.testing.assert_allclose(gradient[:, 0], EFRON["gradient"], atol=1e-12)


def test_incidence_and_survival() -> None:
    survival, hazards = survival_and_hazards()
    np.testing.assert_allclose(survival, SURVIVAL, atol=1e-14)
    for cause in (0, 1):
        found = incidence_at(hazards, survival, cause, BINS, BINS, "refuse")
        np.testing.assert_allclose(found, np.array(CIF)[:, :, cause], atol=1e-14)


@pytest.mark.parametrize("name", NLL)
def test_likelihoods_of_competing_causes(name) -> None:
    patient, (lower, upper, event), expected = NLL[name]
    y = Surv.interval([lower], [upper], [event])
    rows = person_periods(y, "interval", BINS, 0.0, np.array([1, 2]))
    eta = LOGITS[patient, rows.period, 1:]

    def loss(at: np.ndarray) -> float:
        return -discrete_hazard_gradient(at, rows.response, rows.span, np.ones(at.shape[0]), "logit")[0]

    assert loss(eta) == pytest.approx(expected, abs=1e-13)
    gradient = discrete_hazard_gradient(eta, rows.response, rows.span, np.ones(eta.shape[0]), "logit")[1]
    for place in np.ndindex(eta.shape):
        step = np.zeros_like(eta)
        step[place] = 1e-5
        slope = (loss(eta + step) - loss(eta - step)) / 2e-5
        assert -gradient[place] == pytest.approx(slope, abs=1e-6)


def test_an_interval_of_unknown_cause_is_what_survival_lost() -> None:
    survival, _ = survival_and_hazards()
    assert -np.log(survival[1, 0] - survival[1, 2]) == pytest.approx(UNKNOWN, abs=1e-13)


def test_gate() -> None:
    encodings, V, u = np.array([GATE["encodings"]] * 2), np.array(GATE["V"]), np.array(GATE["u"])
    present = np.array([[True, True, True], [True, False, True]])
    np.testing.assert_allclose(np.tanh(encodings[0] @ V.T) @ u, GATE["scores"], atol=1e-14)
    gates = gate_weights(encodings, present, V, u)
    np.testing.assert_allclose(gates, [GATE["all"], GATE["second_missing"]], atol=1e-14)
    shape = NetShape({"a": 2, "b": 2, "c": 2}, (), 2, 2)
    weights = {
        f"{name}.0.{part}": value for name in "abc" for part, value in (("weight", np.eye(2)), ("bias", np.zeros(2)))
    }
    weights |= {"gate.V": V, "gate.u": u, "head.weight": np.eye(2), "head.bias": np.zeros(2)}
    fused, _ = net_outputs(shape, weights, [encodings[:, m] for m in range(3)], present)
    np.testing.assert_allclose(fused, [GATE["fused_all"], GATE["fused_second_missing"]], atol=1e-14)
