"""What `evaluate` works out once for all metrics and models changes no number."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from lbp_prognosis import Surv, evaluate
from lbp_prognosis.evaluation import brier, integrated_brier, log_score, time_dependent_auc
from lbp_prognosis.evaluation.prognostic._setting import Setting, known_order, shared_settings, stable_order
from lbp_prognosis.survival import Weights

HORIZONS = np.array([200.0, 500.0, 900.0])


def _patients(n: int = 240, seed: int = 3) -> tuple[np.ndarray, dict[str, np.ndarray], np.random.Generator]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    event, censored = rng.exponential(900 * np.exp(-x[:, 0])), np.minimum(rng.exponential(1500, n), 1600)
    y = Surv.right(np.ceil(np.minimum(event, censored)), event <= censored)
    risk = {name: -np.expm1(-np.exp(x[:, j])[:, None] * HORIZONS / 900) for j, name in enumerate("ab")}
    return y, risk, rng


@pytest.mark.parametrize("weighted", ["none", "sampling", "frequency", "clusters"])
def test_every_metric_is_that_of_its_function(weighted: str) -> None:
    y, risks, rng = _patients()
    given: dict[str, Any] = {}
    if weighted == "clusters":
        given["clusters"] = rng.integers(0, 30, 240)
    elif weighted != "none":
        given["sample_weight"] = Weights(rng.integers(0, 4, 240).astype(float), weighted)
    found = evaluate(y, risks, HORIZONS, n_resamples=5, **given)
    for name, risk in risks.items():
        alone = [
            time_dependent_auc(y, risk, HORIZONS, **given),
            brier(y, risk, HORIZONS, **given),
            log_score(y, risk, HORIZONS, **given),
            integrated_brier(y, risk, HORIZONS, rule="step", **given),
            integrated_brier(y, risk, HORIZONS, **given),
        ]
        ipa = alone[1].ipa  # type: ignore[attr-defined]
        for single in [*alone, ipa]:
            together = found.metrics[name][single.metric]
            for part in ("value", "se", "low", "high", "influence"):
                np.testing.assert_array_equal(getattr(together, part), getattr(single, part))
    for difference in found.differences:
        first, second = (found.metrics[name][difference.metric] for name in ("a", "b"))
        np.testing.assert_array_equal(difference.se, second.minus(first).se)


def _setting(y: np.ndarray, **changed: Any) -> Setting:
    given: dict[str, Any] = {
        "accepted": ("right",),
        "caller": "this test",
        "cause": 1,
        "target": "event",
        "censoring": "marginal",
        "sample_weight": None,
        "clusters": None,
        "confidence": 0.95,
        "min_at_risk": 10,
        "min_censoring_survival": 0.02,
        "horizons": HORIZONS,
    } | changed
    return Setting.check(y, given.pop("horizons"), **given)


def test_only_equal_settings_are_shared() -> None:
    y, _, rng = _patients()
    weight, other = np.ones(240), rng.uniform(1, 2, 240)
    kinds: list[dict[str, Any]] = [
        {},
        {"horizons": HORIZONS[:2]},
        {"horizons": 200.0},
        {"horizons": [200.0]},
        {"target": "no_event"},
        {"cause": 2},
        {"confidence": 0.9},
        {"min_at_risk": 0},
        {"min_censoring_survival": 0.1},
        {"sample_weight": weight},
        {"sample_weight": other},
        {"sample_weight": Weights(weight, "frequency")},
        {"clusters": np.arange(240)},
        {"clusters": np.arange(240) // 2},
    ]
    with shared_settings():
        made = [_setting(y, **changed) for changed in kinds]
        assert len({id(setting) for setting in made}) == len(kinds)
        assert all(_setting(y, **changed) is one for changed, one in zip(kinds, made))
        assert _setting(y.copy()) is not made[0]  # values that may be changed later are not compared
    assert _setting(y) is not made[0]


def test_nothing_is_kept_afterwards() -> None:
    y, risks, _ = _patients()
    found = evaluate(y, risks, HORIZONS, n_resamples=5)
    result: Any = found.metrics["a"]["brier"]
    setting = result.null.__dict__["_influence"].args[0]
    assert not setting.shared
    assert not setting.__dict__.keys() - set(setting.__dataclass_fields__)
    again = pickle.loads(pickle.dumps(result)).null
    np.testing.assert_array_equal(again.influence, result.null.influence)


def test_what_is_made_is_made_again_for_another_object() -> None:
    y, _, _ = _patients()
    asked: list[str] = []

    def make(name: str) -> str:
        asked.append(name)
        return name

    first, second, third = np.zeros(1), np.zeros(1), np.zeros(1)
    alone = _setting(y)
    assert [alone.kept("m", lambda: make("a"), first) for _ in range(2)] == ["a", "a"]
    assert asked == ["a", "a"]
    asked.clear()
    with shared_settings():
        setting = _setting(y)
        for one, name in ((first, "a"), (second, "b"), (first, "a"), (third, "c"), (second, "b"), (first, "a")):
            assert setting.kept("m", lambda name=name: make(name), one, most=2) == name
    assert asked == ["a", "b", "c", "a"]  # the last two are remembered


def test_a_remembered_order_is_the_stable_one() -> None:
    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=3000), 2)  # with ties
    with shared_settings():
        assert known_order(values) is None
        order = stable_order(values)
        np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
        assert stable_order(np.exp(values)) is order
        for other in (-values, np.append(values, 1.0), np.zeros(3000), np.round(values, 1), values + (values == 0.5)):
            np.testing.assert_array_equal(stable_order(other), np.argsort(other, kind="stable"))
        moved = values.copy()  # tied with another row now, at whose place it would be out of turn
        moved[order[10]] = moved[order[0]] if order[10] < order[0] else moved[order[10]]
        np.testing.assert_array_equal(stable_order(moved), np.argsort(moved, kind="stable"))
    assert known_order(values) is None
