"""Every picture of attributions, on simulated patients: ``python examples/explanations.py OUT``.

600 patients with five discs of three measures; imaging is missing in a fifth. Pain and fear slow recovery, grade and
height of L4–L5 do, and an end-plate change of L5–S1 in those with much pain. Nothing here is evidence about anyone.
"""

# %%
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from lbp_prognosis import CoxPH, Surv
from lbp_prognosis.explain import (
    feature_effect,
    prediction_shapley,
    shap_interactions,
    shap_stability,
    shap_values,
    tree_shap,
)
from lbp_prognosis.models import BoostedCox

LEVELS = ("l1l2", "l2l3", "l3l4", "l4l5", "l5s1")
MEASURES = ("pfirrmann", "disc_height", "modic")
MODALITIES = {
    "clinical": ["age", "sex"],
    "patient_reported": ["pain", "fear"],
    "imaging": [f"{measure}__{level}" for measure in MEASURES for level in LEVELS],
}
HORIZON = 12.0


def patients(n: int = 600, seed: int = 5) -> tuple[pd.DataFrame, np.ndarray]:
    """Return predictors, with the imaging of a fifth of the patients missing, and months to recovery."""
    rng = np.random.default_rng(seed)
    age, sex = rng.normal(47, 12, n).round(), rng.integers(0, 2, n)
    pain = np.clip(rng.normal(5.5, 2, n).round(), 0, 10)
    fear = (40 + 3 * (pain - 5.5) + rng.normal(0, 8, n)).round()
    X = pd.DataFrame({"age": age, "sex": sex, "pain": pain, "fear": fear})
    worn = 0.03 * (age - 47)[:, None] + rng.normal(size=(n, 5)) + np.array([-0.8, -0.5, 0.0, 0.5, 0.6])
    grade = np.clip(np.round(2.7 + 0.8 * worn + 0.4 * rng.normal(size=(n, 5))), 1, 5)
    height = (9 - 0.9 * worn + rng.normal(size=(n, 5))).round(1)
    modic = (worn + rng.normal(size=(n, 5)) > 1.6).astype(float)
    for measure, values in zip(MEASURES, (grade, height, modic)):
        X[[f"{measure}__{level}" for level in LEVELS]] = values
    slow = (
        0.16 * (pain - 5.5)
        + 0.03 * (fear - 40)
        + 0.35 * (grade[:, 3] - 3)
        - 0.12 * (height[:, 3] - 9)
        + 0.7 * modic[:, 4] * (pain > 6)
        + 0.015 * (age - 47)
    )
    time, leave = rng.exponential(11 * np.exp(slow)), rng.uniform(6, 30, n)
    X.loc[rng.random(n) < 0.2, MODALITIES["imaging"]] = np.nan
    X.attrs["synthetic"] = True
    return X, Surv.right(np.minimum(time, leave), (time <= leave).astype(int))


# %%
def pictures() -> dict:
    """Return what draws each picture, by the name of its file."""
    X, y = patients()
    complete = X.dropna()
    background, rows = complete.iloc[:100], X.iloc[:250]
    trees = BoostedCox(rounds=150, early_stopping=15, folds=3).fit(X, y)
    seen = tree_shap(trees, rows, background)
    place = int(np.flatnonzero(rows["modic__l5s1"].eq(1) & rows["pain"].gt(6))[0])
    lacking = int(np.flatnonzero(rows["pfirrmann__l4l5"].isna())[0])
    shares = prediction_shapley(trees, rows, MODALITIES, background, horizons=HORIZON)
    few = ["pain", "fear", "age", "pfirrmann__l4l5", "disc_height__l4l5", "modic__l5s1"]
    pairs = shap_interactions(
        BoostedCox(rounds=150, early_stopping=15, folds=3).fit(X[few], y), complete[few].iloc[:60], background[few]
    )
    known = X["pfirrmann__l4l5"].notna().to_numpy()
    cox = CoxPH(penalty=20.0).fit(complete, y[known])
    risk = shap_values(cox, complete.iloc[:60], background, scale="risk", horizons=HORIZON)
    stability = shap_stability(
        CoxPH(penalty=20.0),
        complete,
        y[known],
        complete.iloc[[3]],
        background,
        scale="risk",
        horizons=np.arange(1.0, 25.0, 1.0),
        groups=MODALITIES,
        players="groups",
        n_bootstrap=40,
    )
    print(f"risks of a Cox model with {len(risk.players)} columns: {risk!r}")
    return {
        "beeswarm": seen.plot_beeswarm,
        "bar": lambda: seen.plot_bar(modalities=MODALITIES, most=12),
        "modalities": shares.plot_bar,
        "waterfall": lambda: seen.plot_waterfall(row=place),
        "waterfall_missing": lambda: shares.plot_waterfall(row=lacking),
        "scatter": lambda: seen.plot_scatter("pfirrmann__l4l5", color="pain"),
        "heatmap": seen.plot_heatmap,
        "spine_map": seen.plot_spine_map,
        "spine_map_patient": lambda: seen.plot_spine_map(row=place),
        "interactions": pairs.plot,
        "over_time": stability.plot,
        "effect": lambda: feature_effect(trees, complete, "pain", horizons=[3.0, 12.0]).plot(),
    }


# %%
def main(folder: str) -> None:
    """Draw all of them into a folder."""
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, draw in pictures().items():
        axes = draw()
        axes.figure.savefig(target / f"explain_{name}.png", dpi=80, metadata={"Software": None})
        plt.close("all")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "out/explanations")
