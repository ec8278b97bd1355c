"""Chronic low back pain: develop on 159 patients with missing values, validate on 80 others.

Run as ``python examples/lbp_chronic.py FOLDER OUT``, where the folder holds ``lbp_chronic_missing.csv`` and
``lbp_chronic_extval.csv`` (R package psfmi). Do beliefs and work add to the clinical picture? Missing values are
imputed inside the pipeline, in every fold and resample; the external patients come imputed five times, so that their
numbers are pooled and marked.
"""

# %%
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from sklearn.base import clone

from lbp_prognosis import Status
from lbp_prognosis.evaluation import ThresholdRange
from lbp_prognosis.evidence import Claim, Evidence
from lbp_prognosis.fusion import MultipleImputation, OneHot, RiskPipeline, Standardise
from lbp_prognosis.models import LogisticRisk
from lbp_prognosis.report import evaluation_page, write_page
from lbp_prognosis.validation import (
    MultiplyImputed,
    OnColumns,
    bootstrap_validate,
    cross_validate_risk,
    external_validate,
    pool_performance,
    sample_size_support,
)

CLINICAL = ["Gender", "Age", "Pain", "Function", "Radiation", "Carrying", "Smoking"]
FULL = [*CLINICAL, "Tampascale", "Satisfaction", "JobControl", "JobDemands", "SocialSupport"]
MINIMUM = {"pain": "Pain", "disability": "Function", "leg_pain": "Radiation", "age": "Age", "sex": "Gender"}
DECISION = ThresholdRange(
    0.3, 0.6, 0.45, "A programme before pain becomes chronic; a needless one costs about as much as a missed one."
)


def pipeline(nominal: list[str]) -> RiskPipeline:
    """Impute, encode, standardise, and fit with a light ridge: all of it is learned anew in every resample."""
    methods = {name: "nominal" for name in nominal}
    steps = [MultipleImputation(5, iterations=5, methods=methods), OneHot(nominal), Standardise()]
    return RiskPipeline(steps, LogisticRisk(penalty=2.0), combine="logit")


# %%
def study(folder: Path, resamples: int = 50, repeats: int = 2) -> dict:
    """Develop, correct for optimism, validate on the other patients; return the results by name."""
    development = pd.read_csv(folder / "lbp_chronic_missing.csv").set_index("row")
    X, y = development[FULL], Status.at(12, development["Chronic"])
    models = {
        "clinical": OnColumns(pipeline(["Carrying"]), CLINICAL),
        "with beliefs and work": OnColumns(pipeline(["Carrying", "Satisfaction"]), FULL),
    }
    support = sample_size_support(y, {"clinical": 8, "beliefs and work": 6}, c_statistic=0.75)
    folds = cross_validate_risk(models, X, y, 12, n_splits=5, n_repeats=repeats, random_state=1)
    corrected = {
        name: bootstrap_validate(model, X, y, 12, thresholds=[0.45], n_resamples=resamples, random_state=2, name=name)
        for name, model in models.items()
    }
    other = MultiplyImputed.from_long(pd.read_csv(folder / "lbp_chronic_extval.csv"), imputation="Impnr", patient="ID")
    new_y = Status.at(12, other.observed(["Chronic"])["Chronic"])
    fitted = {name: clone(model).fit(X, y) for name, model in models.items()}
    external = [
        external_validate(fitted, table, new_y, 12, DECISION, kind="setting", description="80 other patients")
        for table in other[FULL].tables
    ]
    return {
        "support": support,
        "folds": folds,
        "internal": folds.evaluate(DECISION),
        "corrected": corrected,
        "external": external,
        "pooled": pool_performance(external),
    }


def page(found: dict):
    """The page leads with the first imputation of the external patients; the pooled numbers are its evidence."""
    evidence = Evidence(models={"clinical": CLINICAL, "with beliefs and work": FULL}, clinical_minimum=MINIMUM)
    evidence = evidence.with_result(found["internal"], sample="internal")
    evidence = evidence.with_result(found["pooled"], sample="external", setting="setting")
    base = evaluation_page(
        found["external"][0].evaluation,
        title="Who will have chronic low back pain? 159 patients, and 80 others",
        horizon=12.0,
        unit="months",
        sample="external",
        setting="setting",
    )
    claims = (*base.claims, Claim.adds_value("with beliefs and work", "clinical", 12.0, unit="months"))
    doubts = dict.fromkeys(
        (*base.objections, *found["support"].objections, *found["pooled"].objections, *found["external"][0].objections)
    )
    return replace(
        base,
        evidence=evidence,
        claims=claims,
        thresholds=DECISION,
        how="The models were developed on 159 other patients; shown is the first of five imputations, pooled numbers "
        "decide the claims.",
        objections=tuple(doubts),
        absent=("The data contain no imaging.", *found["support"].sentences),
    )


# %%
if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data")
    if not (where / "lbp_chronic_missing.csv").is_file():
        print(f"skipped: lbp_chronic_missing.csv not in {where}")
        sys.exit(0)
    results = study(where)
    print(*results["support"].sentences, sep="\n")
    for name, result in results["corrected"].items():
        print(
            name,
            *(
                f"{metric} {result.at(metric)['apparent']:.3f} → {result.at(metric)['corrected']:.3f}"
                for metric in ("auc", "calibration_slope", "ipa")
            ),
            sep=", ",
        )
    for metric in ("auc", "observed_expected", "calibration_slope", "ipa"):
        for name in ("clinical", "with beliefs and work"):
            row = results["pooled"].metric(metric, model=name)
            print(f"external, pooled: {name}: {metric} {row['value']:.3f} ({row['low']:.3f} to {row['high']:.3f})")
    print(write_page(page(results), Path(sys.argv[2] if len(sys.argv) > 2 else "out/lbp_chronic")))
