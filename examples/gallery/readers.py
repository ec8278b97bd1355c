"""Do readers agree?

The intraclass correlation of a grade by three readers, and the smallest change beyond reading error.
"""

import sys
from pathlib import Path

import numpy as np

from lbp_prognosis.evaluation.technical import agreement, icc, weighted_kappa

rng = np.random.default_rng(19)
true = rng.normal(3, 1, 80)
readings = true[:, None] + rng.normal([0.0, 0.2, -0.1], 0.5, size=(80, 3))
found = icc(readings, form="2,1")
print(f"ICC(2,1) {found.value:.3f} ({found.low:.3f} to {found.high:.3f}), smallest change {found.sdc_agreement:.2f}")
grades = np.clip(readings.round(), 1, 5).astype(int)
kappa = weighted_kappa(grades[:, 0], grades[:, 1])
print(f"weighted kappa {kappa.value:.3f} ({kappa.low:.3f} to {kappa.high:.3f})")
limits = agreement(readings[:, 0], readings[:, 1])
print(f"limits of agreement {limits.lower:.2f} to {limits.upper:.2f}, bias {limits.bias:.2f}")
ax = limits.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/readers.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
