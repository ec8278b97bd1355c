"""How many patients do I need?

Riley's criteria for a model of twelve clinical and twelve imaging parameters, and what a validation needs.
"""

import sys
from pathlib import Path

from lbp_prognosis.validation import sample_size_development, sample_size_validation

develop = sample_size_development(
    "binary", {"clinical": 12, "imaging": 12}, c_statistic=0.72, prevalence=0.4, shrinkage=0.9
)
validate = sample_size_validation("binary", prevalence=0.4, c_statistic=0.72)
for plan in (develop, validate):
    print(f"{plan.purpose}: {plan.n} patients, {plan.events:.0f} events")
    for row in plan.criteria:
        print(f"  {row['criterion']}: {row['n']}")
ax = develop.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/sample_size.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
