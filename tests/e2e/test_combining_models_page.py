"""The page on averages and stacks: its block runs, and its words are true."""

import re
from pathlib import Path

import numpy as np

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
