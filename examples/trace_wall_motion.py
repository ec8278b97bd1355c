"""TRACE: an imaging finding with p = 2e-19, and what it is worth for decisions.

Run as ``python examples/trace_wall_motion.py FOLDER [FIGURE]``, where the folder contains ``TRACE.csv`` (R package
timereg): 1,878 patients after a myocardial infarction, with the wall-motion index of echocardiography. The disease is
another one. The lesson holds for images of the spine: an association, however strong, is not yet a reason to image.
"""

# %%
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lbp_prognosis import RiskPipeline, Surv
from lbp_prognosis.evaluation import Evaluation
from lbp_prognosis.models import CoxPH
from lbp_prognosis.validation import AssociationTest, association_test, cross_validate_risk

CLINICAL = ["age", "sex", "diabetes", "chf", "vf"]
IMAGING = ["wmi"]
HORIZON = 1
THRESHOLDS = np.arange(1, 13) / 20
SHOWN = (0.1, 0.2, 0.3, 0.4)


PAIR = {
    "clinical": RiskPipeline([], CoxPH(), modalities={"clinical": CLINICAL}),
    "with imaging": RiskPipeline([], CoxPH(), modalities={"clinical": CLINICAL, "imaging": IMAGING}),
}


# %%
def table(folder: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Return predictors and time to death; 12 of the deaths had another cause, too few for a model of their own."""
    rows = pd.read_csv(folder / "TRACE.csv").set_index("id")
    return rows[[*CLINICAL, *IMAGING]], Surv.right(rows["time"], rows["status"] > 0)


def associated(folder: Path) -> AssociationTest:
    """Return the association of the index with death, beyond the clinical predictors."""
    return association_test(*PAIR.values(), *table(folder))


def out_of_fold(folder: Path) -> Evaluation:
    """Return the performance in patients that the models have not seen."""
    X, y = table(folder)
    return cross_validate_risk(PAIR, X, y, [HORIZON], n_splits=5, random_state=1).evaluate(THRESHOLDS)


def main(folder: str, figure: str = "") -> None:
    """Print the association, then its worth for prediction and for decisions; draw the latter."""
    place = Path(folder)
    if not (place / "TRACE.csv").is_file():
        print("skipped: TRACE.csv is not in the folder (R package timereg)")
        return
    association, found = associated(place), out_of_fold(place)
    hazard = association.coefficients.iloc[0]
    print(f"patients {association.n}, deaths {association.n_events}")
    print(f"association: likelihood ratio {association.statistic:.1f}, p = {association.p:.0e}")
    print(f"hazard ratio per unit of the index {hazard['ratio']:.2f} ({hazard['low']:.2f} to {hazard['high']:.2f})")
    for name in ("concordance", "auc", "ipa"):
        row = next(iter(found.difference(name, "with imaging", "clinical").rows()))
        print(f"difference in {name}: {row['value']:+.4f} ({row['low']:+.4f} to {row['high']:+.4f})")
    pair = next(d for d in found.net_benefit_differences if (d.model, d.reference) == ("with imaging", "clinical"))
    for threshold in SHOWN:
        k = int(np.abs(pair.thresholds - threshold).argmin())
        value, low, high = (part[0, k] for part in (pair.value, pair.low, pair.high))
        print(f"difference in net benefit at {threshold:.0%}: {value:+.4f} ({low:+.4f} to {high:+.4f})")
    if figure:
        pair.plot(label="death by one year").figure.savefig(figure, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
