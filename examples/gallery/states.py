"""Who will be recovered at twelve months, when recovery does not last?

A page of states: occupancy over time, and predictions of one state. A study file has no courses; a script makes it.
"""

import sys
from pathlib import Path

import numpy as np

from lbp_prognosis.evaluation import evaluate_state
from lbp_prognosis.models import MultiStateCox
from lbp_prognosis.report import PageStates, evaluation_page, render_page
from lbp_prognosis.survival import MultiState

rng = np.random.default_rng(11)
fear, end = rng.normal(size=600), rng.uniform(12, 24, (600, 1))
waits = rng.exponential([6, 15, 30], (600, 3)) * np.exp([0.8, -0.4, 0.0] * fear[:, None])  # months in each state
stops = waits.cumsum(axis=1)
into = np.where(stops <= end, ["recovered", "relapse", "surgery"], "censored")
starts, stops = np.insert(stops[:, :2], 0, 0, axis=1), np.minimum(stops, end)
begun = np.nonzero(starts < stops)
courses = MultiState.from_long(begun[0], starts[begun], stops[begun], into[begun], initial="pain")
old, new = courses.take(np.arange(300)), courses.take(np.arange(300, 600))
model = MultiStateCox().fit(fear[:300][old.patient, None], old)
risk = model.predict_risk(fear[300:, None], 12, state="recovered")[:, 0]
found = evaluate_state(new, {"fear": risk}, 12, "recovered", [0.4, 0.6], n_resamples=50)
states = PageStates.of(new, "recovered", 12)
html = render_page(evaluation_page(found, unit="months", sample="external", states=states))  # `write_page` keeps it
print(states.transitions)
print(*(f"{name}: {found.metric(name).value:.2f}" for name in ("auc", "observed_occupancy")), sep="\n")
ax = states.plot(unit="months")

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/states.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
