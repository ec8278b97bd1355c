"""Pain scores at three visits in 603 patients with neck pain (painr): models, attrition, and a published equation.

    python examples/neck_pain_scores.py FOLDER [FIGURE.png]

FOLDER contains ``painr_raw_603.csv`` of the repository uashogeschoolutrecht/painr (doi:10.5281/zenodo.13744555), which
is not part of this project. Prints the numbers of ``docs/howto/scores.md``.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import lbp_prognosis as lbp
from lbp_prognosis.deployment import published_model
from lbp_prognosis.evaluation import crps, evaluate
from lbp_prognosis.fusion import MultipleImputation, RiskPipeline
from lbp_prognosis.models import (
    LinearOutcome,
    LongitudinalOutcome,
    OrdinalRegression,
    TwoPartOutcome,
    proportional_odds_test,
)
from lbp_prognosis.survival import measured_at, measured_to_status
from lbp_prognosis.validation import attrition_weights, cross_validate_scores, delta_sensitivity

VISITS = {1.5: "painint_6weeks", 3.0: "painint_3months", 6.0: "painint_6months"}  # months
COLUMNS = ["pain_intensity", "age", "duration_beliefs", "treatment_beliefs", "distress", "self_efficacy"]


def main(folder: str, figure: str = "") -> dict[str, pd.DataFrame]:
    """Return the tables that are printed."""
    path = Path(folder) / "painr_raw_603.csv"
    if not path.is_file():
        print(f"skipped: {path.name} is not in {folder}")
        return {}
    table = pd.read_csv(path)
    X = table[COLUMNS].astype(float)
    y = lbp.Measured.at_visits({t: table[name] for t, name in VISITS.items()}, lower=0, upper=10, at_most=2)
    found = {
        "who was seen": attendance(y),
        "models out of fold": compared(X, y),
        "proportional odds at 6 months": odds(X, measured_at(y, 6)),
        "after a visit": updated(X, y),
        "attrition at 6 months": attrition(X, measured_at(y, 6)),
        "published equation": published(table, X, y),
    }
    for title, frame in found.items():
        print(f"{title}\n{frame.round(3).to_string(index=False)}\n")
    if figure:
        forecast = pipeline(OrdinalRegression()).fit(X, measured_at(y, 6)).predict_forecast(X)
        ax = lbp.evaluation.mean_calibration(measured_at(y, 6), forecast).plot()
        ax.figure.savefig(figure, dpi=100, bbox_inches="tight")
    return found


def pipeline(model):
    """Impute predictors inside the fold."""
    return RiskPipeline([("fill", MultipleImputation(m=2, iterations=5, random_state=0))], model)


def attendance(y) -> pd.DataFrame:
    """Scores, missing scores, and shares at the floor and of at most 2 by visit."""
    rows = []
    for k, visit in enumerate(VISITS):
        score = y["values"][:, k]
        seen = score[~np.isnan(score)]
        row = {"months": visit, "seen": seen.size, "missing": np.isnan(score).mean()}
        rows.append({**row, "mean": seen.mean(), "at 0": (seen == 0).mean(), "at most 2": (seen <= 2).mean()})
    return pd.DataFrame(rows)


def compared(X, y) -> pd.DataFrame:
    """Out-of-fold performance of three models at each visit."""
    models = {"ordinal": OrdinalRegression(), "linear": LinearOutcome(), "two parts": TwoPartOutcome()}
    rows = []
    for visit in VISITS:
        score = measured_at(y, visit)
        forecasts = cross_validate_scores({k: pipeline(m) for k, m in models.items()}, X, score, n_splits=5)
        judged = evaluate(score, forecasts, n_resamples=0).metrics
        for name in models:
            names = ("crps", "dxy", "score_r2", "auc", "brier")
            rows.append({"months": visit, "model": name} | {m: judged[name][m].rows()[0]["value"] for m in names})
    return pd.DataFrame(rows)


def odds(X, score) -> pd.DataFrame:
    """The score test of proportional odds in complete rows, and the gain of relaxing what it doubts."""
    whole = X.notna().all(axis=1) & ~np.isnan(score["value"])
    rows, outcome = X[whole].reset_index(drop=True), score[whole.to_numpy()]
    table = proportional_odds_test(OrdinalRegression().fit(rows, outcome), rows, outcome)
    doubted = table.loc[(table["term"] != "all") & (table["p"] < 0.05), "term"].tolist()
    models = {"common odds": OrdinalRegression(), "two parts": TwoPartOutcome()}
    forecasts = cross_validate_scores(models, rows, outcome, n_splits=5)
    table["doubted"] = table["term"].isin(doubted)
    gain = crps(outcome, forecasts["two parts"]).value - crps(outcome, forecasts["common odds"]).value
    last = {"term": "CRPS, two parts less common odds", "chi2": gain, "df": np.nan, "p": np.nan, "doubted": False}
    return pd.concat([table, pd.DataFrame([last])], ignore_index=True)


def updated(X, y) -> pd.DataFrame:
    """Error at six months with and without the score of six weeks (a mixed model; complete predictors)."""
    whole = X.notna().all(axis=1).to_numpy()
    rows, scores = X[whole].reset_index(drop=True), y[whole]
    model, last = LongitudinalOutcome().fit(rows, scores), measured_at(scores, 6)
    seen = {1.5: scores["values"][:, 0]}
    out = {"baseline": model.predict_forecast(rows, 6), "and 6 weeks": model.predict_forecast(rows, 6, observed=seen)}
    return pd.DataFrame([{"known": name, "crps (apparent)": crps(last, part).value} for name, part in out.items()])


def attrition(X, score) -> pd.DataFrame:
    """Share of at most 2 among those seen, weighted for who came, and the risks under departures from that."""
    whole = X.notna().all(axis=1).to_numpy()
    rows, outcome = X[whole].reset_index(drop=True), score[whole]
    status, weights = measured_to_status(outcome), attrition_weights(outcome, rows).weights
    state, seen = status["status"], status["status"] >= 0
    risk = OrdinalRegression().fit(rows, outcome).predict_risk(rows)[:, 0]
    told = delta_sensitivity(status, rows, risk, deltas=(-1.0, 0.0, 1.0), imputations=20).to_frame()
    said = told[told["metric"] == "observed_expected"][["delta", "value"]]
    shares = [state[seen].mean(), np.average(state[seen], weights=weights.values[seen])]
    names = ["share seen at most 2", "the same, weighted for attendance", *[f"O/E, delta {d:g}" for d in said["delta"]]]
    return pd.DataFrame({"what": names, "value": [*shares, *said["value"]]})


def published(table, X, y) -> pd.DataFrame:
    """The published binary model of pain of 3 or more at all visits, beside the ordinal model at six months."""
    names = ("duration_beliefs", "concerns", "treatment_beliefs", "distress", "identity_beliefs", "self_efficacy")
    rows = table[["pain_intensity", *names]].astype(float)
    rows["female"] = (table["sex"] == 2).astype(float)
    rows["other_body_regions"] = (table["wide_spread_pain"] == 2).astype(float)
    rows["headache"] = table["headache"].map({1: "none", 2: "accompanying", 3: "chronic"})
    rows["posture_at_work"] = table["posture_work"].map({1: "good", 2: "neutral or impossible", 3: "not working"})
    score = measured_at(y, 6)
    whole = rows.notna().all(axis=1).to_numpy() & ~np.isnan(score["value"]) & X.notna().all(axis=1).to_numpy()
    outcome = lbp.Status.at(6, (score["value"][whole] >= 3).astype(int))
    equation = published_model("verwoerd_2024").predict_risk(rows[whole], 6)[:, 0]
    forecast = cross_validate_scores(OrdinalRegression(), X[whole].reset_index(drop=True), score[whole], n_splits=5)
    own = forecast["OrdinalRegression"].at_least(3)
    judged = evaluate(outcome, {"published (pain at all visits)": equation, "ordinal, out of fold": own}, n_resamples=0)
    metrics = ("auc", "brier", "observed_expected", "calibration_slope")
    return pd.DataFrame(
        [{"model": name} | {m: found[m].rows()[0]["value"] for m in metrics} for name, found in judged.metrics.items()]
    )


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "../shared/data/painr", *sys.argv[2:3])
