"""The models of the stored cases on further tables (values by r/more_tables.R)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis.models import CauseSpecificCox, CoxPH, FineGray, ParametricAFT
from lbp_prognosis.survival import Surv, kaplan_meier, nelson_aalen

R = json.loads((Path(__file__).parent / "r" / "more_tables.json").read_text(encoding="utf-8"))


def outcome(frame, given):
    entry = frame[given["entry"]] if given.get("entry") else None
    return Surv.right(frame[given["time"]], frame[given["event"]], entry=entry, censored=0)


def numbers(values) -> np.ndarray:
    return np.array([np.nan if v in (None, "NA", "NaN") else v for v in np.atleast_1d(values)], dtype=float)


def named(part: dict) -> str:
    words = [
        part["table"],
        *(part[key] for key in ("law", "ties", "entry", "strata", "weights", "offset") if key in part),
    ]
    return "-".join(map(str, words))


@pytest.mark.parametrize("want", R["cox"], ids=named)
def test_cox(want, reference_csv):
    frame = reference_csv(f"{want['table']}.csv")
    column = lambda key: frame[want[key]].to_numpy() if want.get(key) else None  # noqa: E731
    model = CoxPH(ties=want.get("ties", "efron")).fit(
        frame[np.atleast_1d(want["columns"]).tolist()].astype(float),
        outcome(frame, want),
        sample_weight=column("weights"),
        strata=column("strata"),
        offset=column("offset"),
        clusters=column("cluster"),
    )
    np.testing.assert_allclose(model.coef_, want["coef"], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_model_)), want["se"], rtol=2e-6)
    np.testing.assert_allclose([model.log_likelihood_null_, model.log_likelihood_], want["loglik"], rtol=1e-9)
    assert model.score_statistic_ == pytest.approx(want["score"], rel=1e-7)
    if want.get("robust") is not None:
        np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), want["robust"], rtol=2e-6)


@pytest.mark.parametrize("want", R["curves"], ids=named)
def test_curves(want, reference_csv):
    y = outcome(reference_csv(f"{want['table']}.csv"), want)
    curve = kaplan_meier(y, min_at_risk=0)
    found = curve.at(want["times"], min_at_risk=0)
    for field, key in (("value", "surv"), ("se", "se"), ("low", "low"), ("high", "high")):
        np.testing.assert_allclose(getattr(found, field), numbers(want[key]), rtol=1e-9, err_msg=field)
    hazard = nelson_aalen(y, min_at_risk=0).at(want["times"], min_at_risk=0)
    np.testing.assert_allclose(hazard.value, numbers(want["hazard"]), rtol=1e-9)
    np.testing.assert_allclose(curve.quantile(0.5)["time"], numbers(want["median"]), rtol=1e-9)


@pytest.mark.parametrize("want", R["parametric"], ids=named)
def test_parametric(want, reference_csv):
    frame = reference_csv(f"{want['table']}.csv")
    if want["time"] == "left":
        y = Surv.interval(frame["left"].fillna(0), frame["right"].fillna(np.inf))
    else:
        y = outcome(frame, want)
    model = ParametricAFT(want["law"]).fit(frame[np.atleast_1d(want["columns"]).tolist()].astype(float), y)
    np.testing.assert_allclose(
        [model.intercept_, *model.coef_, model.scale_], [*want["coef"], want["scale"]], rtol=1e-6
    )
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), want["se"], rtol=1e-6)
    np.testing.assert_allclose([model.log_likelihood_null_, model.log_likelihood_], want["loglik"], rtol=1e-9)


@pytest.mark.parametrize("want", R["competing"], ids=named)
def test_competing(want, reference_csv):
    frame = reference_csv(f"{want['table']}.csv")
    y, X = outcome(frame, want), frame[want["columns"]].astype(float)
    specific = CauseSpecificCox(incidence="product_limit_efron").fit(X, y)  # as riskRegression
    for cause, part in enumerate(want["causes"], start=1):
        np.testing.assert_allclose(specific.coef_[cause], part["coef"], rtol=1e-7)
        risk = specific.predict_risk(X.iloc[:5], want["times"], cause)
        inside = np.array(part["risk"]) <= 1  # R's product limit can pass 1 where the hazards of a time do
        np.testing.assert_allclose(risk[inside], np.array(part["risk"])[inside], rtol=1e-7)
        assert (risk[~inside] == 1).all()
        crr = FineGray(cause=cause, ties="breslow", censoring_ties="at_risk").fit(X, y)
        np.testing.assert_allclose(crr.coef_, part["crr"], rtol=1e-6)
        np.testing.assert_allclose(np.sqrt(np.diag(crr.covariance_)), part["crr_se"], rtol=2e-6)
        assert crr.log_likelihood_ == pytest.approx(part["crr_loglik"], rel=1e-9)
