"""What does the model look at?

Contributions to the risk of recovery at 12 months: one point per patient and predictor.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.explain import shap_values
from lbp_prognosis.models import CauseSpecificCox

table = lbp.schema.read_table("examples/registry.dta").frame.dropna()
y = lbp.Surv.right(table["months"], table["status"], causes={"recovery": 1, "surgery": 2})
X = table[["age", "nrs_back", "odi", "expectation", "pfirrmann__mean", "fat_fraction__mean"]]
model = CauseSpecificCox(penalty=5.0).fit(X, y)
found = shap_values(model, X.head(80), X.tail(40), scale="risk", horizons=[12])
for name, size in zip(found.players, found.averages().mean_size[:, 0], strict=True):
    print(f"{name}: {size:.3f} on average")
ax = found.plot_beeswarm()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/shap_beeswarm.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
