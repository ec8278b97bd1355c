"""Of attributions the means leave: no patient, nothing of fewer than fifty, and no mean that one patient makes up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
from small_models import Hazard

from lbp_prognosis.disclosure import Gate, Patients
from lbp_prognosis.explain import ShapAverages, shap_values
from lbp_prognosis.report._released_page import _explanations


def test_means_alone_leave() -> None:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["age", "pain", "rare"])
    X["rare"] = 0.0
    X.loc[7, "rare"] = 1.0
    result = shap_values(Hazard(coef=[0.3, 0.4, 2.0]), X[:60], X[60:])
    release = Gate().open(Patients(np.arange(120) % 2, {"model": rng.uniform(size=120)}))
    few = replace(
        result,
        values=result.values[:49],
        base=result.base[:49],
        prediction=result.prediction[:49],
        rows=result.rows[:49],
        data=None,
        missing=None,
    )
    page = SimpleNamespace(explanations={"columns": result, "trees": few})
    found = _explanations(page, release)
    assert list(found) == ["columns"]
    assert isinstance(found["columns"], ShapAverages)
    assert found["columns"].players == ("age", "pain")
    said = release.to_frame()
    assert said["where"].str.contains("rare").any()
    assert said["where"].str.contains("trees").any()
