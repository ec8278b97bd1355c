"""Movement tests: from single trials to what they add to a clinical model. Simulated; nothing here is evidence.

python examples/movement_and_decisions.py [NUMBER OF PATIENTS]

In the simulation movement follows present severity and age and has no part in recovery of its own: beside pain,
disability and age it should add nothing, and without them it seems to.
"""

# %%
import sys

import numpy as np
import pandas as pd

from lbp_prognosis import CoxPH, RiskPipeline, Surv, ThresholdRange, added_value, simulate_cohort
from lbp_prognosis.biomechanics import motion_measures, summarise_trials
from lbp_prognosis.evaluation.technical import icc
from lbp_prognosis.fusion import Standardise

DECISION = ThresholdRange(0.3, 0.6, 0.45, "Offer a rehabilitation programme to those unlikely to have recovered.")
MINIMUM = {
    "pain": "nrs_back",
    "disability": "odi",
    "duration": "log_duration",
    "leg_pain": "leg_pain",
    "expectation": "expectation",
    "distress": "phq9",
    "previous_episodes": "log_previous",
    "age": "age",
    "sex": "female",
}
SPREAD = {"flexion_rom": 3.0, "sorensen_time": 11.6, "gait_speed": 0.06}  # SD of a trial about its session


def trials(X: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """Return two trials per patient and measure, as a motion lab would send them: its speeds are in km/h."""
    rng = np.random.default_rng(seed)
    known = motion_measures()
    parts = []
    for measure, sd in SPREAD.items():
        low, high = known[measure].minimum, known[measure].maximum
        for trial in (1, 2):
            values = np.clip(X[measure] + rng.normal(0, sd, len(X)), low, high)
            unit = "km/h" if measure == "gait_speed" else known[measure].unit
            values = values * 3.6 if measure == "gait_speed" else values
            part = {"patient_id": X.index, "session_id": "M1", "measure": measure, "trial": trial, "value": values}
            parts.append(pd.DataFrame({**part, "unit": unit, "method_id": "lab"}))
    table = pd.concat(parts, ignore_index=True)
    table.attrs["synthetic"] = True
    return table


def study(n: int = 900, seed: int = 11) -> dict:
    """Simulate, summarise the trials, and ask what movement adds: to the clinical minimum, and to age alone."""
    registry = simulate_cohort(n, seed, sites=5, imaging="all", surgery=0.0, attrition=0.1, missingness=0.0)
    X, y, modalities = registry.wide()
    y = Surv.right(y["time"], y["event"] == 1)
    moved = summarise_trials(trials(X), summary={"sorensen_time": "best"})
    wide = moved.wide(patients=X.index)
    X = X.drop(columns=list(modalities["biomechanical"])).join(wide.X[list(wide.modalities["biomechanical"])])
    X.attrs["synthetic"] = True
    groups = {**modalities, **wide.modalities}
    model = RiskPipeline([Standardise()], CoxPH(penalty=1.0))
    shared = {"modality": "biomechanical", "clinical_minimum": MINIMUM, "target": "no_event", "n_repeats": 1}
    full = added_value(model, X, y, groups, 12.0, DECISION, **shared, sites=registry.site, random_state=3)
    weak = {"clinical": ("age", "female"), "biomechanical": groups["biomechanical"]}
    columns = [c for group in weak.values() for c in group]
    alone = added_value(model, X[columns], y, weak, 12.0, DECISION, **shared, random_state=3)
    return {"moved": moved, "errors": wide.errors, "full": full, "alone": alone}


# %%
if __name__ == "__main__":
    found = study(int(sys.argv[1]) if len(sys.argv) > 1 else 900)
    print(found["moved"].errors[["measure", "sd_trial", "low", "high", "mdc", "unit"]].round(3).to_string(index=False))
    flexion = icc(found["moved"].ratings("flexion_rom"))
    low, high = flexion.limits["sdc_agreement"]
    print(f"lumbar flexion: {flexion}")
    print(f"   smallest detectable change {flexion.sdc_agreement:.1f} ({low:.1f} to {high:.1f}) deg")
    for name, added in (("beside the clinical minimum", found["full"]), ("beside age and sex", found["alone"])):
        gain = added.difference("ipa", 12.0)
        print(f"{name}: ΔIPA {gain['value']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f})")
        for doubt in added.objections:
            if doubt.code == "state-not-trait":
                print("  ", doubt)
