"""Patients who do not come back, events dated at visits, and images taken for a reason: bias without and with defaults.

Every number is printed; `docs/explain/bias.md` holds the table.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from lbp_prognosis.evaluation import brier, calibration, time_dependent_auc
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import CoxPH, LogisticRisk, ParametricAFT
from lbp_prognosis.survival import Status, Surv
from lbp_prognosis.validation import attrition_weights

pytestmark = pytest.mark.slow


def _said(title: str, bias: dict[str, list[float]]) -> dict[str, tuple[float, float]]:
    out = {}
    for name, values in bias.items():
        out[name] = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
        print(f"{title} | {name}: {out[name][0]:+.4f} (Monte-Carlo error {out[name][1]:.4f})")
    return out


def test_informative_attrition() -> None:
    """Those with much pain and distress come back more often; pain predicts, distress too but is not in the model."""
    rng = np.random.default_rng(41)
    hows, whats = ("seen only", "weighted"), ("O/E", "AUC", "Brier")
    bias: dict[str, list[float]] = {f"{what}, {how}": [] for what in whats for how in hows}
    for _ in range(200):
        x = rng.normal(size=(1000, 2))
        risk = expit(-0.3 + 0.8 * x[:, 0])
        event = (rng.random(1000) < expit(-0.3 + 0.8 * x[:, 0] + 0.9 * x[:, 1])).astype(int)
        seen = rng.random(1000) < expit(0.3 + 0.8 * x[:, 0] + 1.0 * x[:, 1])
        full, y = Status.at(12, event), Status.at(12, np.where(seen, event, -1))
        weights = attrition_weights(y, pd.DataFrame(x, columns=["pain", "distress"])).weights
        for how, chosen in (("seen only", None), ("weighted", weights)):
            oe = calibration(y, risk, 12, sample_weight=chosen, n_resamples=0).observed_expected.value
            bias[f"O/E, {how}"].append(oe - calibration(full, risk, 12, n_resamples=0).observed_expected.value)
            auc = time_dependent_auc(y, risk, 12, sample_weight=chosen).value
            bias[f"AUC, {how}"].append(auc - time_dependent_auc(full, risk, 12).value)
            bias[f"Brier, {how}"].append(brier(y, risk, 12, sample_weight=chosen).value - brier(full, risk, 12).value)
    table = _said("attrition", bias)
    for what in ("O/E", "AUC", "Brier"):
        value, error = table[f"{what}, weighted"]
        assert abs(value) < 3 * error + 0.002
        assert abs(table[f"{what}, seen only"][0]) > 3 * abs(value)


def test_events_dated_at_visits() -> None:
    """Recovery seen at visits at 3, 6, 12 and 24 months: risk by 9 months, dated at the visit or by interval."""
    rng = np.random.default_rng(42)
    visits = np.array([0.0, 3.0, 6.0, 12.0, 24.0])
    bias: dict[str, list[float]] = {"visit date as event date": [], "interval-censored": []}
    for _ in range(100):
        x = rng.normal(size=400)
        t = (rng.exponential(size=400) / (0.08 * np.exp(0.6 * x))) ** (1 / 0.9)
        place = np.searchsorted(visits, t, side="left")
        lower, upper = visits[place - 1], np.where(place < visits.size, visits[np.minimum(place, 4)], np.inf)
        truth = np.mean(-np.expm1(-0.08 * np.exp(0.6 * x) * 9.0**0.9))
        y = Surv.interval(lower, upper)
        X = pd.DataFrame({"x": x})
        right = Surv.interval_to_right(y, at="visit")
        bias["visit date as event date"].append(CoxPH().fit(X, right).predict_risk(X, 9.0).mean() - truth)
        bias["interval-censored"].append(ParametricAFT("weibull").fit(X, y).predict_risk(X, 9.0).mean() - truth)
    table = _said("visits", bias)
    assert abs(table["interval-censored"][0]) < 3 * table["interval-censored"][1]
    assert table["visit date as event date"][0] < -0.05


def test_images_taken_for_a_reason() -> None:
    """The worse are imaged, and imaging has an effect: risks for all patients from the imaged, or by imputation."""
    rng = np.random.default_rng(43)
    whats = ("mean risk", "effect of imaging")
    bias: dict[str, list[float]] = {f"{how}, {what}": [] for how in ("imaged only", "imputed") for what in whats}
    for _ in range(60):
        pain, unseen = rng.normal(size=400), rng.normal(size=400)
        image = 0.4 * pain + rng.normal(size=400)
        event = (rng.random(400) < expit(-0.5 + 0.6 * pain + 0.5 * image + 0.8 * unseen)).astype(int)
        # referral follows pain and what the clinician sees (recorded as severity)
        imaged = rng.random(400) < expit(-0.5 + 1.0 * pain + 1.2 * unseen)
        X = pd.DataFrame({"pain": pain, "severity": unseen, "image": np.where(imaged, image, np.nan)})
        y = Status.at(12, event)
        base = event.mean()
        whole = LogisticRisk().fit(X.drop(columns="severity").assign(image=image), y)
        few = LogisticRisk().fit(X.loc[imaged, ["pain", "image"]], y[imaged])
        bias["imaged only, mean risk"].append(few.predict_risk(X.loc[imaged, ["pain", "image"]], 12).mean() - base)
        bias["imaged only, effect of imaging"].append(few.coef_[1] - whole.coef_[1])
        fitted = RiskPipeline([MultipleImputation(5, iterations=5)], LogisticRisk()).fit(X, y)
        bias["imputed, mean risk"].append(fitted.predict_risk(X, 12).mean() - base)
        effect = np.mean([model.coef_[2] for model in fitted.models_])
        bias["imputed, effect of imaging"].append(effect - LogisticRisk().fit(X.assign(image=image), y).coef_[2])
    table = _said("imaged for a reason", bias)
    assert table["imaged only, mean risk"][0] > 0.1
    for name in ("imputed, mean risk", "imputed, effect of imaging"):
        assert abs(table[name][0]) < 3 * table[name][1] + 0.01
