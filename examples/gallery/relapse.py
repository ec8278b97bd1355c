"""What is the course, when recovery does not last?

State occupancy: the share of patients in pain, recovered, relapsed and operated at each time.
"""

import sys
from pathlib import Path

import numpy as np

from lbp_prognosis.survival import MultiState, state_occupancy

rng, rows = np.random.default_rng(9), []
wait = {"pain": {"recovered": 7, "surgery": 60}, "recovered": {"relapse": 15}, "relapse": {"recovered": 9}}  # months
for patient in range(200):
    at, state, end = 0.0, "pain", rng.uniform(12, 24)
    while at < end and state in wait:
        entered = {name: at + rng.exponential(mean) for name, mean in wait[state].items()}
        state = min(entered, key=entered.__getitem__)
        stop = min(entered[state], end)
        rows.append((patient, at, stop, state if entered[state] <= end else "censored"))
        at = stop
courses = MultiState.from_long(*zip(*rows, strict=True), initial="pain")
found = state_occupancy(courses, [6, 12]).to_frame()
print(found[["time", "state", "value", "low", "high"]].round(3).to_string(index=False))
ax = state_occupancy(courses, np.arange(0.5, 20.5, 0.5)).plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/relapse.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
