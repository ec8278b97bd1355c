"""Can I stay in Stata?

Put the lines below between ``python:`` and ``end`` of a do-file; ``sfi.Data.get`` takes the place of the file.
"""

import sys
from pathlib import Path

import lbp_prognosis as lbp
from lbp_prognosis.survival import aalen_johansen

table = lbp.schema.read_table("examples/registry.dta").frame  # labels and missing codes of Stata are kept
y = lbp.Surv.right(table["months"], table["status"], causes={"recovery": 1, "surgery": 2})
print(len(table), "patients,", int((y["event"] == 1).sum()), "recovered,", int((y["event"] == 2).sum()), "operated")
curve = aalen_johansen(y, cause=1)
for month in (6, 12):
    at = curve.at(month)
    print(f"recovery by month {month}: {at.value:.3f} ({at.low:.3f} to {at.high:.3f})")
ax = curve.plot(unit="months")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/from_stata.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
