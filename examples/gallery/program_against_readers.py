"""Does the program find what readers find?

AUC of each reader with and without the program, readers and patients random (Obuchowski and Rockette).
"""

import sys
from pathlib import Path

import numpy as np

import lbp_prognosis as lbp
from lbp_prognosis.evaluation.diagnostic import reader_study

rng = np.random.default_rng(20)
fracture = rng.integers(0, 2, 120)
scores = {}
for modality, strength in {"image alone": 1.0, "with program": 1.6}.items():
    case = rng.normal(size=120)
    scores[modality] = {f"reader {k}": strength * fracture + 0.6 * case + rng.normal(0, 0.8, 120) for k in range(1, 5)}
study = reader_study(lbp.Reference.now(fracture), scores)
print(study.modalities[["modality", "auc", "low", "high"]].round(3).to_string(index=False))
row = study.differences.iloc[0]
print(f"{row['first']} less {row['second']}: {row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})")
ax = study.plot()

out = Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery/program_against_readers.png")
out.parent.mkdir(parents=True, exist_ok=True)
ax.figure.savefig(out, dpi=100, bbox_inches="tight")
