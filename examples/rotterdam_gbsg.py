"""Does a published validation come out as printed? Development in Rotterdam, external validation in the German study.

Run as ``python examples/rotterdam_gbsg.py FOLDER``, where the folder holds ``rotterdam.csv`` and ``gbsg.csv`` (breast
cancer; time to recurrence or death, follow-up cut at five years, in the columns ``ryear5`` and ``rfs5``). The printed
numbers are those of the worked example that goes with McLernon and others, Annals of Internal Medicine 2023.
"""

# %%
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.evaluation import brier, calibration, concordance, decision_curve, time_dependent_auc

BASIC = ["csize_20_50", "csize_gt50", "nodes2", "nodes3", "grade3"]
MODELS = {"basic": BASIC, "basic + PGR": [*BASIC, "pgr2", "pgr3"]}


# %%
def external(folder: Path) -> pd.DataFrame:
    """Develop both models, predict the other country's patients, and return the numbers of the external table."""
    read = {name: pd.read_csv(folder / f"{name}.csv", float_precision="round_trip") for name in ("rotterdam", "gbsg")}
    y = {name: Surv.right(table["ryear5"], table["rfs5"], censored=0) for name, table in read.items()}
    rows = []
    for model, columns in MODELS.items():
        fitted = CoxPH().fit(read["rotterdam"][columns], y["rotterdam"])
        X, outcome = read["gbsg"][columns], y["gbsg"]
        score = fitted.linear_predictor(X)
        # the censoring curve drops to zero at the cut of five years: weighted measures are taken just before it
        at5, before5 = fitted.predict_risk(X, 5), fitted.predict_risk(X, 4.99)
        fit = calibration(outcome, at5, 5, linear_predictor=score, knots=3, oe_interval="events")
        loss = brier(outcome, before5, 4.99)
        curve = decision_curve(outcome, at5, 5, [0.23], at_threshold="spare", n_resamples=0)
        found = {
            "Harrell's C": concordance(outcome, score),
            "Uno's C": concordance(outcome, score, weighting="uno"),
            "AUC at 4.99 years": time_dependent_auc(outcome, before5, 4.99),
            "Brier at 4.99 years": loss,
            "IPA at 4.99 years": loss.ipa,
            "O/E at 5 years": fit.observed_expected,
            "calibration slope": fit.calibration_slope,
            "net benefit at 0.23": curve.at(0.23, model=curve.models[0]),
        }
        for name, result in found.items():
            value, low, high = (float(np.ravel(part)[0]) for part in (result.value, result.low, result.high))
            rows.append({"model": model, "measure": name, "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)


# %%
if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data")
    absent = [name for name in ("rotterdam.csv", "gbsg.csv") if not (where / name).is_file()]
    if absent:
        print(f"skipped: {' and '.join(absent)} not in {where}")
        sys.exit(0)
    print(external(where).to_string(index=False, float_format=lambda value: f"{value:.3f}"))
