"""Every metric that a frame can hold has its line, and the page of metrics is written from these lines."""

import ast
import importlib.util
from pathlib import Path

from lbp_prognosis.evaluation import METRICS, metric

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("evaluation", "validation")


def emitted() -> dict[str, str]:
    """Literal names of metrics in the code of the rooms that make them, and where each stands."""
    found = {}
    for room in ROOMS:
        for path in sorted((ROOT / "lbp_prognosis" / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Dict):
                    pairs = [(key, value) for key, value in zip(node.keys, node.values, strict=True)]
                    values = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "metric"]
                elif isinstance(node, ast.Call):
                    values = [keyword.value for keyword in node.keywords if keyword.arg == "metric"]
                    if isinstance(node.func, ast.Attribute) and node.func.attr == "result" and node.args:
                        values += node.args[:1]
                else:
                    continue
                for value in values:
                    if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                        found[value.value] = path.name
    return found


def test_every_metric_of_the_code_is_registered():
    names = emitted()
    assert len(names) > 40
    assert {name: place for name, place in names.items() if name not in METRICS} == {}


def test_metrics_of_results_are_registered():
    import numpy as np

    from lbp_prognosis import Reference, Status
    from lbp_prognosis.evaluation import diagnostic, evaluate, technical
    from lbp_prognosis.models import LogisticRisk
    from lbp_prognosis.validation import bootstrap_validate, meta_analysis

    rng = np.random.default_rng(3)
    score = rng.normal(size=80)
    state = (rng.random(80) < 1 / (1 + np.exp(-score))).astype(int)
    y, truth = Status.at(12, state), Reference.now(state)
    results = [
        evaluate(y, 1 / (1 + np.exp(-score)), thresholds=[0.3], n_resamples=0),
        bootstrap_validate(LogisticRisk(), score[:, None], y, 12, thresholds=[0.3], n_resamples=20, random_state=0),
        meta_analysis([0.7, 0.6, 0.8], [0.05, 0.05, 0.05]),
        diagnostic.accuracy(truth, (score > 0).astype(int)),
        diagnostic.roc(truth, score),
        technical.icc(rng.normal(size=(9, 1)) + rng.normal(size=(9, 3))),
        technical.weighted_kappa([1, 2, 3, 1, 2], [1, 2, 3, 2, 2]),
        technical.agreement(score, score + 0.1 * state),
        technical.overlap(np.ones((2, 3, 3), int), np.ones((2, 3, 3), int), (1.0, 1.0, 1.0)),
    ]
    for result in results:
        for row in result.to_frame().itertuples():
            entry = metric(row.metric)
            assert not row.value < entry.low - 1e-12, row.metric
            assert not row.value > entry.high + 1e-12, row.metric


def test_page_of_metrics_lists_each_once():
    spec = importlib.util.spec_from_file_location("write_metrics", ROOT / "docs" / "write_metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = module.metrics_page().splitlines()
    listed = [line.split("`")[1] for line in lines if line.startswith("| `")]
    assert sorted(listed) == sorted(METRICS)
    brier = next(line for line in lines if line.startswith("| `brier` "))
    assert (
        brier
        == "| `brier` | Brier score | right, interval, status | lower | 0 to 1 | yes | Graf 1999, Stat Med 18:2529 |"
    )
