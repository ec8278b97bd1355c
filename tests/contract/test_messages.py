"""Ten misuses of the engine: each is refused, or carries an objection, in words that say what to do instead."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from lbp_prognosis import CoxPH, Reference, Status, Surv, evaluate
from lbp_prognosis._base import LBPError
from lbp_prognosis.evaluation import brier, calibration, concordance, decision_curve, risk_groups, time_dependent_auc
from lbp_prognosis.evaluation.diagnostic import roc
from lbp_prognosis.models import ElasticNetCox, FineGray, LogisticRisk
from lbp_prognosis.survival import Weights, aalen_johansen, kaplan_meier, log_rank, rmst
from lbp_prognosis.validation import cross_validate_risk

RNG = np.random.default_rng(3)
N = 120
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
TIME = np.round(RNG.exponential(10 * np.exp(-X["a"])) + 0.1, 1)
STOP = np.round(RNG.uniform(2, 20, N), 1)
EVENT = (TIME <= STOP).astype(int)
SEEN = np.minimum(TIME, STOP)
Y = Surv.right(SEEN, EVENT)
TWO = Surv.right(SEEN, np.where(EVENT == 1, 1 + (np.arange(N) % 2), 0))
NAMED = Surv.right(SEEN, TWO["event"], causes={"recovery": 1, "surgery": 2})
MODEL = CoxPH().fit(X, Y)
RISK = MODEL.predict_risk(X, 5)[:, 0]
HOLES = np.where(np.isin(np.arange(N), [3, 7]), np.nan, RISK)

MISUSES = {
    "bare 0/1": (
        r"`y`.*bare 0/1 vector.*Status\.at.*Surv\.right.*Reference\.now",
        [
            lambda: concordance(EVENT, RISK),
            lambda: time_dependent_auc(EVENT, RISK),
            lambda: brier(EVENT, RISK, 5),
            lambda: calibration(EVENT, RISK),
            lambda: decision_curve(EVENT, RISK, 5, [0.2]),
            lambda: evaluate(EVENT, RISK),
            lambda: roc(EVENT, RISK),
            lambda: kaplan_meier(EVENT),
            lambda: CoxPH().fit(X, EVENT),
        ],
    ),
    "a pair": (
        r"`y`.*tuple of 2 sequences.*write Surv\.right\(time, event\)",
        [
            lambda: concordance((SEEN, EVENT), RISK),
            lambda: CoxPH().fit(X, (SEEN, EVENT)),
        ],
    ),
    "a frame": (
        r"`y`.*DataFrame.*Surv\.right\(frame\[time\], frame\[event\]\)",
        [
            lambda: brier(pd.DataFrame({"time": SEEN, "event": EVENT}), RISK, 5),
        ],
    ),
    "an outcome of scikit-survival": (
        r"from_sksurv",
        [
            lambda: CoxPH().fit(X, np.array(list(zip(EVENT > 0, SEEN)), dtype=[("death", bool), ("days", float)])),
        ],
    ),
    "missing risks": (
        r"(risk|risks|risks\['m'\]|score)`.*rows 3, 7\. ",
        [
            lambda: concordance(Y, HOLES),
            lambda: brier(Y, HOLES, 5),
            lambda: calibration(Y, HOLES, 5),
            lambda: decision_curve(Y, HOLES, 5, [0.2]),
            lambda: evaluate(Y, {"m": HOLES}, 5),
        ],
    ),
    "a linear predictor, or per cent": (
        r"`risks?`.*probability in \[0, 1\].*predict_risk",
        [
            lambda: calibration(Y, MODEL.linear_predictor(X), 5),
            lambda: brier(Y, 100 * RISK, 5),
            lambda: decision_curve(Y, 100 * RISK, 5, [0.2]),
        ],
    ),
    "no horizon": (
        r"`horizons` must be given",
        [
            lambda: brier(Y, RISK),
            lambda: time_dependent_auc(Y, RISK),
            lambda: calibration(Y, RISK),
            lambda: evaluate(Y, RISK),
            lambda: decision_curve(Y, RISK, None, [0.2]),
        ],
    ),
    "wrong shapes": (
        rf"(of shape \({N}, |of length {N}|of {N} rows)",
        [
            lambda: brier(Y, RISK[:50], 5),
            lambda: brier(Y, RISK, [3, 5]),
            lambda: concordance(Y, RISK[:50]),
            lambda: CoxPH().fit(X[:50], Y),
            lambda: concordance(Y, RISK, sample_weight=np.ones(5)),
        ],
    ),
    "several models in a table": (
        r"mapping from model name to risks.*named",
        [
            lambda: evaluate(Y, np.column_stack([RISK, RISK**2]), 5),
            lambda: evaluate(Y, [RISK, RISK**2], 5),
            lambda: decision_curve(Y, np.column_stack([RISK, RISK**2]), 5, [0.2]),
        ],
    ),
    "columns": (
        r"`X` must be.*(without \['b'\]|of 2 columns)",
        [
            lambda: MODEL.predict_risk(X[["a"]], 5),
            lambda: MODEL.predict_risk(X.to_numpy()[:, :1], 5),
        ],
    ),
    "text": (
        r"columns 's' \((text|category)\)\. Encode text and categories with OneHot\(\) in a RiskPipeline",
        [
            lambda: CoxPH().fit(X.assign(s="m"), Y),
            lambda: CoxPH().fit(X.assign(s=pd.Categorical([1] * N)), Y),
        ],
    ),
    "missing predictors": (
        r"columns 's' \(missing\)\. Impute with MultipleImputation\(\) in a RiskPipeline",
        [
            lambda: CoxPH().fit(X.assign(s=np.nan), Y),
            lambda: CoxPH().fit(X.assign(s=pd.array([pd.NA] * N, "Int64")), Y),
        ],
    ),
    "text and holes": (
        r"'s' \(text\), 'a' \(missing\)\. Encode .* and impute with",
        [
            lambda: CoxPH().fit(X.assign(s="m", a=np.nan), Y),
        ],
    ),
    "dates and infinities": (
        r"columns 's' \(date\), 'a' \(infinite\)\. Turn dates.*Correct infinite",
        [
            lambda: CoxPH().fit(X.assign(s=pd.Timestamp("2020-01-01"), a=np.inf), Y),
        ],
    ),
    "a formula": (
        r"`X`.*'Surv\(time, event\) ~ a'\. There is no formula",
        [
            lambda: CoxPH().fit("Surv(time, event) ~ a", X),
            lambda: CoxPH().fit("Surv(time, event) ~ a", Y),
        ],
    ),
    "outcome before predictors": (r"order is fit\(X, y\)", [lambda: CoxPH().fit(Y, X)]),
    "one patient": (
        r"`X`.*(X\.iloc\[\[0\]\]|pd\.DataFrame\(\[patient\]\))",
        [
            lambda: MODEL.predict_risk(X.iloc[0], 5),
            lambda: MODEL.predict_risk({"a": 1.0, "b": 2.0}, 5),
        ],
    ),
    "a model for its risks": (
        r"`risks?`.*CoxPH\(\).*Evaluation takes risks, not models",
        [
            lambda: evaluate(Y, MODEL, 5),
            lambda: brier(Y, MODEL, 5),
        ],
    ),
    "a model of another library": (
        r"`risks`.*Evaluation takes risks.*as_risk_model",
        [
            lambda: evaluate(Y, LogisticRegression(), 5),
        ],
    ),
    "both columns of predict_proba": (
        r"`risks`.*pass the second, \[:, 1\]",
        [
            lambda: evaluate(Y, np.c_[1 - RISK, RISK], 5),
            lambda: decision_curve(Y, np.c_[1 - RISK, RISK], 5, [0.2]),
        ],
    ),
    "a frame of survival functions": (
        r"`risks`.*frame of shape \(1, 120\).*risks\.T.*1 − it is the risk",
        [
            lambda: evaluate(Y, pd.DataFrame([1 - RISK]), 5),
        ],
    ),
    "a class for an object": (
        r"`models`.*the class CoxPH\. Make one of it: CoxPH\(\)",
        [
            lambda: cross_validate_risk(CoxPH, X, Y, 5),
        ],
    ),
    "per cent": (r"`risks?`.*divide by 100", [lambda: brier(Y, 100 * RISK, 5), lambda: evaluate(Y, 100 * RISK, 5)]),
    "a list of models": (
        r"`risks`.*Several models are named",
        [
            lambda: evaluate(Y, [np.c_[RISK, RISK], np.c_[RISK, RISK]], [5, 6]),
        ],
    ),
    "a cause by name": (
        r"`cause`.*'surgery' has the code 2: cause=2",
        [
            lambda: evaluate(NAMED, RISK, 5, cause="surgery"),
            lambda: aalen_johansen(NAMED, cause="surgery"),
            lambda: concordance(NAMED, RISK, cause="surgery"),
            lambda: decision_curve(NAMED, RISK, 5, [0.2], cause="surgery"),
        ],
    ),
    "event before time": (
        r"order is Surv\.right\(time, event\)",
        [
            lambda: Surv.right(EVENT > 0, SEEN),
            lambda: Surv.right(EVENT, np.round(10 * SEEN) + 1),
        ],
    ),
    "not fitted": (
        r"is not fitted yet\. Call fit\(X, y\) first",
        [
            lambda: CoxPH().predict_risk(X, 5),
            lambda: ElasticNetCox().linear_predictor(X),
            lambda: FineGray().to_frame(),
            lambda: CoxPH().baseline_cumulative_hazard(5),
        ],
    ),
    "competing events as if there were none": (
        r"(CauseSpecificCox or FineGray|aalen_johansen)",
        [
            lambda: CoxPH().fit(X, TWO).predict_risk(X, 5),
            lambda: kaplan_meier(TWO, cause=1),
        ],
    ),
    "thresholds": (
        r"`thresholds` must be.*(0 and 1|given).*Declare the range",
        [
            lambda: decision_curve(Y, RISK, 5, [0, 0.2]),
            lambda: decision_curve(Y, RISK, 5, [0.2, 1]),
            lambda: decision_curve(Y, RISK, 5, [10, 20]),
            lambda: decision_curve(Y, RISK, 5, [0.2, 0.2]),
            lambda: decision_curve(Y, RISK, 5),
            lambda: risk_groups(Y, RISK, 5, [0.5, 0.2]),
        ],
    ),
    "weights": (
        r"`sample_weight` must be",
        [
            lambda: concordance(Y, RISK, sample_weight=-np.ones(N)),
            lambda: brier(Y, RISK, 5, sample_weight=np.zeros(N)),
            lambda: CoxPH().fit(X, Y, sample_weight=np.r_[np.nan, np.ones(N - 1)]),
            lambda: kaplan_meier(Y, sample_weight="w"),
        ],
    ),
    "fractions as counts": (r"whole numbers for frequency weights", [lambda: Weights(np.full(N, 0.5), "frequency")]),
    "arguments in the wrong order": (r"order is Status\.at\(horizon, value\)", [lambda: Status.at(EVENT, 12)]),
    "the wrong model for the outcome": (r"LogisticRisk.*Surv\.right.*CoxPH", [lambda: LogisticRisk().fit(X, Y)]),
    "R's codes": (r"codes \[1, 2\].*censored=1", [lambda: Surv.right(SEEN, EVENT + 1)]),
    "states in words": (
        r"`value` must be 0, 1.*If 'Yes' is the event, say .*map\(\{'No': 0, 'Yes': 1\}\)",
        [
            lambda: Status.at(12, ["No", "Yes", None]),
            lambda: Reference.now(["Yes", "No"]),
        ],
    ),
    "states coded 1 and 2": (
        r"If 2 is the event, say .*\{1: 0, 2: 1\}",
        [
            lambda: Status.at(12, [1.0, 2.0, np.nan]),
            lambda: Reference.now([2, 1]),
        ],
    ),
    "level in per cent": (r"`confidence`.*below 1; got 95", [lambda: concordance(Y, RISK, confidence=95)]),
    "one group": (r"`groups`.*two labels", [lambda: log_rank(Y, np.ones(N))]),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_a_misuse_is_refused_in_one_clear_sentence(misuse):
    pattern, calls = MISUSES[misuse]
    for call in calls:
        with pytest.raises((LBPError, ValueError), match=pattern) as raised:
            call()
        words = str(raised.value)
        assert " ".join(words.split()) == words
        assert len(words) < 420, words


def test_survival_given_as_risk_is_said_by_every_door():
    upside_down = 1 - MODEL.predict_risk(X, 2)[:, 0]
    for result in (
        brier(Y, upside_down, 2),
        time_dependent_auc(Y, upside_down, 2),
        calibration(Y, upside_down, 2),
        concordance(Y, upside_down),
        decision_curve(Y, upside_down, 2, [0.2]),
        evaluate(Y, upside_down, 2),
    ):
        assert any("survival" in str(o) for o in result.objections), result


def test_beyond_follow_up_the_reason_stands_in_the_line():
    for result in (
        brier(Y, RISK, 500),
        time_dependent_auc(Y, RISK, 500),
        decision_curve(Y, RISK, 500, [0.2]),
        rmst(Y, 500),
    ):
        assert "not estimable: " in repr(result)
        assert "500" in repr(result)
    assert np.isnan(kaplan_meier(Y).at(500).value)
    assert "at risk" in kaplan_meier(Y).at(500).reason
    assert np.isnan(MODEL.predict_risk(X, [5, 500])[:, 1]).all()


def test_a_cause_nobody_has_is_an_objection():
    for result in (brier(TWO, RISK, 5, cause=3), time_dependent_auc(TWO, RISK, 5, cause=3)):
        assert "cause-not-seen" in {o.code for o in result.objections}
        assert "[1, 2]" in str([str(o) for o in result.objections])
    assert "cause-not-seen" not in {o.code for o in brier(TWO, RISK, 5, cause=2).objections}
    assert not np.isnan(aalen_johansen(TWO, cause=3).at(5).value)  # an incidence of zero is one


def test_a_reference_is_no_outcome():
    with pytest.raises(LBPError, match="Reference.now"):
        evaluate(Reference.now(EVENT), RISK)
