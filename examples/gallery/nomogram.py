"""How does the risk come about, on paper?

A nomogram is drawn from the equation: points per predictor, their sum, the risk.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.deployment import equation, nomogram
from lbp_prognosis.models import FineGray

table = lbp.schema.read_table("examples/registry.dta").frame
X = table[["age", "nrs_back", "odi", "expectation"]].dropna()
y = lbp.Surv.right(table["months"], table["status"], causes={"recovery": 1, "surgery": 2})[table.index.isin(X.index)]
model = FineGray().fit(X, y)
print(model.table().to_string())
formula = equation(model, horizons=[12], units={"age": "years"}, time_unit="months")
ax = nomogram(formula, 12).plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/nomogram.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
