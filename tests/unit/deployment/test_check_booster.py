"""Boosters of a model file with numbers that point elsewhere, and boosters of columns with categories."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import RiskPipeline, Surv, models
from lbp_prognosis._base import ArgumentError
from lbp_prognosis.deployment import ModelFileError, load_model, predict_rows, save_model
from lbp_prognosis.deployment._check_booster import check_booster
from lbp_prognosis.deployment._container import read_container, written_container

pytest.importorskip("xgboost")


def patients(n: int = 160) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(4)
    X = pd.DataFrame({"age": rng.normal(size=n), "modic": pd.Categorical(rng.choice(list("abcd"), n))})
    X["grade"] = pd.Categorical(rng.choice(["I", "II"], n), categories=["I", "II"], ordered=True)
    time = rng.exponential(np.exp(-X["age"] - (X["modic"] == "b")))
    return X, Surv.right(time, np.ones(n, dtype=int))


def grown(**options: Any) -> models.BoostedCox:
    return models.BoostedCox(rounds=6, select_rounds=False, average=False, folds=2, repeats=1, **options)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("booster") / "model.lbpm"
    X, y = patients()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save_model(grown().fit(X, y), path, reason="first")
    return path


def _texts(held: Any) -> list[tuple[Any, Any]]:
    """Return the places of long texts in the contents of a file."""
    pairs = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
    found = [(held, key) for key, value in pairs if isinstance(value, str) and len(value) > 200]
    inside = held.values() if isinstance(held, dict) else held if isinstance(held, list) else ()
    return found + [place for value in inside for place in _texts(value)]


def booster_of(file: Path) -> dict[str, Any]:
    holder, key = _texts(read_container(file.read_bytes())[1])[0]
    return json.loads(holder[key])


def _set(*path: Any) -> Callable[[Any], None]:
    *way, last, value = path

    def change(model: Any) -> None:
        for step in way:
            model = model[step]
        model[last] = value

    return change


FORGED = {
    "child beyond the nodes": _set("trees", 0, "left_children", 0, 99999),
    "child below": _set("trees", 0, "right_children", 0, -5),
    "one child": _set("trees", 0, "right_children", 0, -1),
    "circle": _set("trees", 0, "left_children", 0, 0),
    "one child twice": _set("trees", 0, "right_children", 0, 1),
    "parent": _set("trees", 0, "parents", 1, 2),
    "parent of the first": _set("trees", 0, "parents", 0, 0),
    "column beyond": _set("trees", 0, "split_indices", 0, 3),
    "column below": _set("trees", 0, "split_indices", 0, -1),
    "a column as a fraction": _set("trees", 0, "split_indices", 0, 0.5),
    "way of missing values": _set("trees", 0, "default_left", 0, 2),
    "kind of split": _set("trees", 0, "split_type", 0, 7),
    "nodes told": _set("trees", 0, "tree_param", "num_nodes", "999999"),
    "columns told": _set("trees", 0, "tree_param", "num_feature", "9"),
    "leaf of many values": _set("trees", 0, "tree_param", "size_leaf_vector", "4000"),
    "number of a tree": _set("trees", 0, "id", 5),
    "infinite for xgboost": _set("trees", 0, "split_conditions", -1, 1e39),
    "short": _set("trees", 0, "sum_hessian", []),
    "codes beyond": _set("trees", 0, "categories", [2**31 - 2]),
    "trees told": _set("gbtree_model_param", "num_trees", "1000000"),
    "output of a tree": _set("tree_info", 0, 2**31 - 1),
    "rounds": _set("iteration_indptr", 1, -5),
    "rounds beyond": _set("iteration_indptr", -1, 99),
    "categories of columns": _set("cats", {"enc": [1], "feature_segments": [0], "sorted_idx": []}),
    "no trees": _set("trees", None),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_booster_is_refused(name: str, file: Path, tmp_path: Path) -> None:
    """With digests that fit; xgboost ended the process, or read memory of others."""
    manifest, params, arrays = read_container(file.read_bytes())
    holder, key = _texts(params)[0]
    booster = json.loads(holder[key])
    FORGED[name](booster["learner"]["gradient_booster"]["model"])
    holder[key] = json.dumps(booster)
    del manifest["members"]
    (tmp_path / "forged.lbpm").write_bytes(written_container(manifest, params, arrays))
    with pytest.raises(ModelFileError, match="booster"):
        load_model(tmp_path / "forged.lbpm")


@pytest.mark.parametrize("again", ["left_children", "left\\u005fchildren"])
def test_a_name_twice_is_refused(again: str, file: Path) -> None:
    """xgboost follows the nodes under the plain name, Python the last ones."""
    text = json.dumps(booster_of(file))
    check_booster(text, 3)
    nodes = json.loads(text)["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"]
    good = f'"left_children": {json.dumps(nodes)}'
    bad = f'"left_children": [99999{", -1" * (len(nodes) - 1)}]'
    assert good in text
    with pytest.raises(ModelFileError, match="cannot be read"):
        check_booster(text.replace(good, f"{bad}, {good.replace('left_children', again)}", 1), 3)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text, ""),
        (lambda text: "", ""),
        (lambda text: text[:-9], "cannot be read"),
        (lambda text: "[" * 100_000, "cannot be read"),
        (lambda text: text.replace('"num_class": "0"', '"num_class": "3"'), "another number"),
        (lambda text: text.replace('gbtree"', 'dart"'), "of a kind|cannot be read"),
    ],
)
def test_what_is_a_booster(change: Callable[[str], str], told: str, file: Path) -> None:
    text = change(json.dumps(booster_of(file)))
    if not told:
        check_booster(text, 3)
    else:
        with pytest.raises(ModelFileError, match=told):
            check_booster(text, 3)


def test_of_other_columns(file: Path) -> None:
    with pytest.raises(ModelFileError, match="another number of columns"):
        check_booster(json.dumps(booster_of(file)), 4)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("inside", [False, True])
def test_a_booster_of_categories_is_saved(inside: bool, tmp_path: Path) -> None:
    """The synthetic rows of the lock had numbers in columns of categories."""
    X, y = patients()
    fitted = (RiskPipeline([], grown()) if inside else grown()).fit(X, y)
    file = save_model(fitted, tmp_path / "model.lbpm", reason="first")
    assert file.manifest["columns"]
    locked = load_model(tmp_path / "model.lbpm")
    assert np.abs(locked.predict_risk(X, [0.5]) - fitted.predict_risk(X, [0.5])).max() < 0.15
    new = X.head(3).astype({"modic": object, "grade": object})
    assert np.array_equal(
        predict_rows(locked, new, [0.5]).frame["risk_0.5"], locked.predict_risk(X.head(3), [0.5])[:, 0]
    )
    with pytest.raises(ArgumentError, match="known categories in 'modic'"):
        predict_rows(locked, new.assign(modic="e"), [0.5])
