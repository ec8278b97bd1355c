"""Write a stored model file: run once, with the version that the file is to be of (python -m … FOLDER)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lbp_prognosis import __version__, models
from lbp_prognosis.deployment import load_model, save_model
from lbp_prognosis.fusion import MultipleImputation, OneHot, RestrictedCubicSpline, RiskPipeline, Standardise
from tests.unit.deployment.stored_models import holes, table


def main(folder: Path) -> None:
    """Write ``pipeline.lbpm`` and the risks it gave."""
    X, y = table(160)
    X = holes(X)
    steps = [
        MultipleImputation(1, draws=5),
        OneHot(["grade", "site"]),
        Standardise(["c1"]),
        RestrictedCubicSpline(["c2"]),
    ]
    model = RiskPipeline(steps, models.CoxPH()).fit(X, y)
    save_model(model, folder / "pipeline.lbpm", reason="stored by an earlier version")
    rows, horizons = X.head(6), [6, 12]
    kept = {
        "library": __version__,
        "horizons": horizons,
        "rows": json.loads(rows.to_json(orient="split", double_precision=15)),
        "risks": load_model(folder / "pipeline.lbpm").predict_risk(rows, horizons).tolist(),
    }
    (folder / "pipeline.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
