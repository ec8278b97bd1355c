"""Six hospitals from files alone: processes that share packets, and the verbs by themselves."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command import call
from forked import ForkedCommand
from syn import syn

from lbp_prognosis import Status, Surv
from lbp_prognosis.cli import _demo_federated
from lbp_prognosis.deployment import equation, save_model
from lbp_prognosis.models import CauseSpecificCox, LogisticRisk
from lbp_prognosis.study._packet_of_table import subgroup_labels

pytest.importorskip("matplotlib").use("Agg")

C = ["c1", "c2", "p1"]
DEV, D = syn(400, 11), syn(900, 5, 3)


@pytest.fixture(scope="module")
def files(tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("sites")
    model = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"]))
    (folder / "model.json").write_text(equation(model).to_json(), encoding="utf-8")
    for site, part in D.groupby("site"):
        part.assign(sex=np.where(part["c3"] > 0, "f", "m")).to_csv(folder / f"s{site}.csv", index=False)
    (folder / "key").write_text("a key of the study\n", encoding="utf-8")
    return folder


def packet(capsys: Any, monkeypatch: Any, files: Path, site: str, *more: object) -> Any:
    options = ("--site", site, "--status", "y", "--horizon", 12, "--thresholds", "0.4", "--study", "t")
    paths = (files / "model.json", files / f"{site}.csv")
    return call(capsys, monkeypatch, "packet", *paths, *options, "-o", files / f"{site}.json", *more)


def test_packets_and_their_page(files: Path, capsys: Any, monkeypatch: Any) -> None:
    for site in ("s1", "s2", "s3"):
        done = packet(
            capsys, monkeypatch, files, site, "--subgroups", "sex", "--key-file", files / "key", "--sign", "A. R."
        )
        assert done.status == 0
        assert "Signed by: A. R." in done.out
    content = json.loads((files / "s1.json").read_text(encoding="utf-8"))
    assert set(content["subgroups"]["sex"]) == {"f", "m"}
    paths = [files / f"s{k}.json" for k in (1, 2, 3)]
    done = call(capsys, monkeypatch, "pool", *paths, "--key-file", files / "key", "-o", files / "out")
    assert done.status == 0
    assert "auc:" in done.out
    assert "new hospital" in done.out
    page = (files / "out" / "pooled.html").read_text(encoding="utf-8")
    assert page.count("<img") >= 8
    assert "sex = f" in page
    assert "http" not in page.replace("http-equiv", "")
    frame = pd.read_csv(files / "out" / "pooled.csv")
    assert {"prediction_low", "probability_useful"} <= set(frame.columns)
    # without the key nobody's packet is taken
    assert call(capsys, monkeypatch, "pool", *paths, "-o", files / "out").status == 2


def test_a_model_file_is_taken_too(files: Path, capsys: Any, monkeypatch: Any) -> None:
    model = LogisticRisk().fit(DEV[C], Status.at(12, DEV["y"]))
    save_model(model, files / "model.lbpm", reason="for the test")
    call_of = ("--site", "s1", "--status", "y", "--horizon", 12, "-o", files / "l1.json")
    done = call(capsys, monkeypatch, "packet", files / "model.lbpm", files / "s1.csv", *call_of)
    assert done.status == 0, done.err
    content = json.loads((files / "l1.json").read_text(encoding="utf-8"))
    assert content["model"]["name"] == "LockedModel"
    own = call(capsys, monkeypatch, "packet", files / "model.json", files / "s1.csv", *call_of[:-1], files / "l2.json")
    assert own.status == 0
    other = json.loads((files / "l2.json").read_text(encoding="utf-8"))
    assert content["estimates"]["brier"][0] == pytest.approx(other["estimates"]["brier"][0], abs=1e-4)


STUDY = """
title = "Six hospitals"
[table]
wide = "s1.csv"
time = "time"
event = "status"
id = "id"
[outcome]
name = "chronic pain"
definition = "Pain on most days."
polarity = "bad"
time_zero = "first visit"
unit = "months"
horizons = [6, 12]
primary_horizon = 12
[decision]
low = 0.2
primary = 0.4
high = 0.5
rationale = "The harms were weighed."
[modalities]
clinical = ["c1", "c2"]
pain = ["p1"]
[[model]]
name = "clinical"
kind = "cox"
modalities = ["clinical"]
"""


def test_a_protocol_in_place_of_columns(files: Path, capsys: Any, monkeypatch: Any) -> None:
    """``packet MODEL study.toml -o s1.json``: outcome, horizon and thresholds are those of the protocol."""
    y = Surv.right(DEV["time"], DEV["status"])
    for name, columns in (("full", C), ("clinical", C[:2])):
        save_model(CauseSpecificCox().fit(DEV[columns], y), files / f"{name}.lbpm", reason="for the test")
    (files / "study.toml").write_text(STUDY, encoding="utf-8")
    verb = ("packet", files / "full.lbpm")
    done = call(
        capsys,
        monkeypatch,
        *verb,
        files / "study.toml",
        "--comparator",
        files / "clinical.lbpm",
        "-o",
        files / "one.json",
    )
    assert done.status == 0, done.err
    told = json.loads((files / "one.json").read_text(encoding="utf-8"))
    assert (told["site"], told["study"], told["model"]["horizon"]) == ("one", "Six hospitals", 12.0)
    assert told["policy"]["thresholds"] == [0.2, 0.4, 0.5]
    assert "auc" in told["paired"]
    columns = ("--time", "time", "--event", "status", "--horizon", 12, "--thresholds", "0.2,0.4,0.5")
    more = ("--comparator", files / "clinical.lbpm", "--study", "Six hospitals", "-o", files / "one_table.json")
    done = call(capsys, monkeypatch, *verb, files / "s1.csv", *columns, *more)
    assert done.status == 0, done.err
    other = json.loads((files / "one_table.json").read_text(encoding="utf-8"))
    assert {k: v for k, v in other.items() if k not in ("site", "sha256")} == {
        k: v for k, v in told.items() if k not in ("site", "sha256")
    }
    # another horizon, and a ledger, which knows the patients by [table] id
    kept = ("--horizon", 6, "--ledger", files / "own.json", "-o", files / "six.json")
    assert call(capsys, monkeypatch, *verb, files / "study.toml", *kept).status == 0
    six = json.loads((files / "six.json").read_text(encoding="utf-8"))
    assert six["model"]["horizon"] == 6.0
    assert not any("no ledger" in row["reason"] for row in six["withheld"])
    for wrong in (("--time", "time"), ("--study", "x"), ("--subgroups", "none")):
        done = call(capsys, monkeypatch, *verb, files / "study.toml", *wrong, "-o", files / "x.json")
        assert done.status in (1, 2), wrong
        assert "Traceback" not in done.err
    (files / "anonymous.toml").write_text(STUDY.replace('id = "id"\n', ""), encoding="utf-8")
    assert call(capsys, monkeypatch, *verb, files / "anonymous.toml", *kept).status == 2
    assert call(capsys, monkeypatch, *verb, files / "anonymous.toml", "-o", files / "y.json").status == 0
    # without a name of the site or the file; without a horizon for a table
    assert call(capsys, monkeypatch, *verb, files / "study.toml").status == 2
    assert call(capsys, monkeypatch, *verb, files / "s1.csv", *columns[:4], "-o", files / "x.json").status == 2


def test_a_ledger_refuses_a_release_that_differs_by_a_few(files: Path, capsys: Any, monkeypatch: Any) -> None:
    more = ("--id", "id", "--ledger", files / "ledger.json")
    assert packet(capsys, monkeypatch, files, "s1", *more).status == 0
    whole = (files / "s1.csv").read_text(encoding="utf-8")
    (files / "s1.csv").write_text("\n".join(whole.splitlines()[:-2]) + "\n", encoding="utf-8")
    done = packet(capsys, monkeypatch, files, "s1", *more)
    (files / "s1.csv").write_text(whole, encoding="utf-8")
    assert done.status != 0
    assert "patients" in done.err
    assert packet(capsys, monkeypatch, files, "s1", "--ledger", files / "ledger.json").status == 2


def test_what_is_no_call(files: Path, capsys: Any, monkeypatch: Any) -> None:
    broken = files / "broken.json"
    broken.write_text('{"format": "other"}', encoding="utf-8")
    table = files / "s1.csv"
    base = ("--site", "a", "--horizon", 12)
    for arguments, status in (
        (("packet", files / "none.json", table, *base, "--status", "y"), 2),
        (("packet", broken, table, *base, "--status", "y"), 1),
        (("packet", files / "model.json", table, *base), 2),
        (("packet", files / "model.json", table, *base, "--status", "none"), 1),
        (("packet", files / "model.json", table, *base, "--status", "y", "--thresholds", "0.1,0.2,0.3,0.4"), 2),
        (("pool", broken, "-o", files / "o2"), 2),
        (("pool", files / "none.json", "-o", files / "o2"), 2),
    ):
        done = call(capsys, monkeypatch, *arguments)
        assert done.status == status, (arguments, done.err)
        assert "Traceback" not in done.err


def test_demo_of_six_folders_and_six_processes(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    """The first process is started as users start it; the others are processes too, with everything imported."""
    started: list[list[str]] = []

    def start(call: list[str], **given: Any) -> Any:
        started.append(call)
        return (subprocess.Popen if len(started) == 1 else ForkedCommand)(call, **given)

    monkeypatch.setattr(_demo_federated, "subprocess", SimpleNamespace(Popen=start, PIPE=subprocess.PIPE))
    done = call(capsys, monkeypatch, "demo", "--federated", "--patients", 900, "-o", tmp_path, "--quiet")
    assert done.status == 0, done.err
    assert len(started) == 6
    folders = sorted(path.name for path in tmp_path.iterdir() if path.is_dir())
    assert len([name for name in folders if name != "packets"]) == 6
    assert len(list((tmp_path / "packets").glob("*.json"))) == 6
    page = (tmp_path / "pooled.html").read_text(encoding="utf-8")
    assert "not evidence about any patient" in page
    for path in (tmp_path / "packets").glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        table = pd.read_csv(tmp_path / content["site"] / "patients.csv")
        assert content["cohort"]["n"] == len(table)
        text = path.read_text(encoding="utf-8")
        assert not any(f"{value!r}" in text for value in table["odi"].astype(float) if value != round(value))


def test_groups_have_the_same_names_at_sites_with_and_without_missing_labels() -> None:
    whole, holed = pd.Series([1, 2, 2]), pd.Series([1, np.nan, 2])
    assert subgroup_labels(whole).tolist() == ["1", "2", "2"]
    assert subgroup_labels(holed).tolist() == ["1", "missing", "2"]
    assert subgroup_labels(pd.Series(["f", None, "m"])).tolist() == ["f", "missing", "m"]
