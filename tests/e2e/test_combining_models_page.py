"""The page on averages and stacks: its block runs, and its words are true."""

import re
import tomllib
from pathlib import Path

import numpy as np

from lbp_prognosis.study import ModelPlan

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "howto" / "combining_models.md").read_text(encoding="utf-8")


def test_the_page_runs():
    names: dict = {}
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)):
        exec(compile(block, f"combining_models.md, block {number}", "exec"), names)
    stack, mean = names["stack"], names["mean"]
    assert mean.recalibration_["slope"] > 1  # one learner of three knows nothing: the mean is too cautious
    assert stack.weights_.set_index("learner")["weight"]["null"] < 0.2
    loss = stack.cross_validated_loss_.set_index("learner")["loss"]
    assert loss["stack"] <= loss.iloc[:3].min()
    assert np.isfinite(stack.predict_risk(names["X"], 12)).all()
    weights = names["start"].weights_["weight"]
    assert (weights >= 1000 / 5 / 1400 - 1e-12).all()  # what equal weights leave each learner of, with 400 patients
    assert abs(weights.sum() - 1) < 1e-12


def test_the_study_file_has_the_same_model():
    (entry,) = tomllib.loads(re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0])["model"]
    plan = ModelPlan(**{**entry, "modalities": tuple(entry["modalities"])})
    modalities = {"clinical": ["age", "pain_nrs"], "imaging": ["grade"]}
    made = plan.pipeline(modalities, incomplete=True, visits=None, nominal=False, random_state=0).model
    assert (made.shrink, made.cv) == (1000, 3)
    for name, l1_ratio, bent in (
        ("ridge", 0.0, []),
        ("elastic_net", 0.5, []),
        ("ridge_splines", 0.0, ["age", "pain_nrs"]),
        ("net_splines", 0.5, ["age", "pain_nrs"]),
    ):
        step, *splines = made.learners[name].steps
        assert (step.m, step.use_outcome) == (1, False)
        assert [(each.columns, each.n_knots) for each in splines] == ([(bent, 3)] if bent else [])
        assert (made.learners[name].model.penalty, made.learners[name].model.l1_ratio) == ("cv", l1_ratio)
    assert made.learners["trees"].steps == []
