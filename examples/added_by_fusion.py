"""What does a second modality add, and does the answer depend on how it is joined? Four real tables, four ways.

Run as ``python examples/added_by_fusion.py FOLDER``; each table that is in the folder, at any depth, is used:
``TRACE.csv`` (R package timereg), ``glow500.csv`` (aplore3), ``painr_raw_603.csv`` (doi:10.5281/zenodo.13744555),
``lbp_chronic_missing.csv`` (psfmi). None of them has imaging of the spine. Prints cross-fitted differences between a
way with the modality and the same way without it.
"""

# %%
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lbp_prognosis import RiskPipeline, Status, Surv
from lbp_prognosis.fusion import MultipleImputation
from lbp_prognosis.models import AverageRisk, CoxPH, LogisticRisk, MultimodalNet, PriorityCox, StackedRisk
from lbp_prognosis.validation import AddedValue, added_value


class Question(NamedTuple):
    """A table, and the modality in question."""

    X: pd.DataFrame
    y: np.ndarray
    modalities: dict[str, list[str]]
    horizon: float
    threshold: float


# %%
def trace(rows: pd.DataFrame) -> Question:
    """Death by one year; the wall-motion index of echocardiography."""
    groups = {"clinical": ["age", "sex", "diabetes", "chf", "vf"], "imaging": ["wmi"]}
    return _question(rows, Surv.right(rows["time"], rows["status"] > 0), groups, 1.0, 0.2)


def glow(rows: pd.DataFrame) -> Question:
    """A fracture in the first year, of a sample drawn by outcome; how patients rate their own risk."""
    signs = ["priorfrac", "premeno", "momfrac", "armassist", "smoke"]
    groups = {"clinical": ["age", "weight", "height", *signs], "patient_reported": ["rated"]}
    rows = rows.assign(**{name: (rows[name] == "Yes").astype(float) for name in signs})
    rows["rated"] = rows["raterisk"].map({"Less": -1.0, "Same": 0.0, "Greater": 1.0})
    return _question(rows, Status.at(12, (rows["fracture"] == "Yes").astype(int)), groups, 12.0, 0.25)


def painr(rows: pd.DataFrame) -> Question:
    """Neck pain of 3 or more at 3 months, of those who were seen; beliefs, distress and confidence."""
    beliefs = ["catastrophizing", "duration_beliefs", "treatment_beliefs", "kinesiophobia", "distress", "self_efficacy"]
    clinical = ["age", "sex", "pain_intensity", "duration", "recurrence", "wide_spread_pain", "headache", "disability"]
    rows = rows[rows["painint_3months"].notna()]
    y = Status.at(3, (rows["painint_3months"] >= 3).astype(int))
    return _question(rows, y, {"clinical": clinical, "patient_reported": beliefs}, 3.0, 0.35)


def chronic(rows: pd.DataFrame) -> Question:
    """Chronic low back pain at 12 months; fear of movement and work."""
    groups = {
        "clinical": ["Gender", "Age", "Pain", "Function", "Radiation", "Smoking"],
        "patient_reported": ["Tampascale", "JobControl", "JobDemands", "SocialSupport"],
    }
    return _question(rows, Status.at(12, rows["Chronic"]), groups, 12.0, 0.45)


TABLES = {
    "TRACE.csv": trace,
    "glow500.csv": glow,
    "painr_raw_603.csv": painr,
    "lbp_chronic_missing.csv": chronic,
}


def _question(rows: pd.DataFrame, y: np.ndarray, groups: dict[str, list[str]], when: float, cut: float) -> Question:
    X = rows[[column for columns in groups.values() for column in columns]].astype(float).reset_index(drop=True)
    return Question(X, y, groups, when, cut)


# %%
def ways(asked: Question) -> dict[str, Any]:
    """Return a model per way of joining; scattered cells are imputed inside the fold."""
    times = asked.y.dtype.names is not None and "event" in asked.y.dtype.names
    learner = CoxPH() if times else LogisticRisk(penalty=1.0)
    groups = asked.modalities
    names = [*groups, "+".join(groups)]  # a learner of each modality: the shares need every modality by itself
    found = {
        "one model": learner,
        "mean": AverageRisk(learner, modalities=groups, cv=3),
        "stack": StackedRisk({name: learner for name in names}, modalities=groups, cv=3),
    }
    if times:
        found["net"] = MultimodalNet(groups, seeds=2, max_epochs=100)
        found["priority"] = PriorityCox(groups, unpenalised=tuple(groups))
    if asked.X.isna().to_numpy().any():
        return {name: RiskPipeline([MultipleImputation(m=1, iterations=3)], model) for name, model in found.items()}
    return found


def answered(asked: Question, model: Any) -> AddedValue:
    """Return the added value of the second modality, out of fold."""
    modality = list(asked.modalities)[1]
    given = (asked.X, asked.y, asked.modalities, asked.horizon, [asked.threshold])
    return added_value(model, *given, modality=modality, n_splits=5, n_repeats=1, random_state=1)


def line(found: AddedValue, threshold: float) -> str:
    """Say the two differences that decide, and what they show."""
    parts = []
    for metric, at in (("ipa", None), ("net_benefit", threshold)):
        row = found.difference(metric, threshold=at)
        parts.append(f"{metric} {row['value']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})")
    return ", ".join([*parts, "a gain" if found.gains else "no gain shown"])


def main(folder: str) -> None:
    """Print a paragraph per table."""
    for name, read in TABLES.items():
        places = sorted(Path(folder).rglob(name))
        if not places:
            print(f"skipped: {name} is not in the folder")
            continue
        asked = read(pd.read_csv(places[0]))
        told = (read.__doc__ or "").rstrip(".")
        print(f"{name}, {len(asked.X)} patients. {told}")
        for way, model in ways(asked).items():
            found = answered(asked, model)
            print(f"  {way:<10} {line(found, asked.threshold)}")
        print(f'  "adds value" supported: {"yes" if found.supported else "no"}', end="")
        print(f" (not in the comparator: {', '.join(found.missing)})" if found.missing else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
