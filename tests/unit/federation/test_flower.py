"""Flower as transport: against a stand-in of its Message API, and in its simulation engine where it is installed.

The engine brings packages of its own (Ray): ``FLOWER_PYTHON`` names the interpreter of an environment with
``flwr[simulation]`` and this library. ``make flower`` makes one and runs this file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis._base import ArgumentError, EstimationError
from lbp_prognosis.federation import FederatedCox, Policy, flower_client, flower_fit
from lbp_prognosis.models import CoxPH

COLUMNS = ["c1", "p1"]
D = syn(360, sites=3)
SITES = sorted(D["site"].unique())
MODEL = FederatedCox(COLUMNS)


class Record(dict):
    """A record that takes only what Flower's takes."""

    def __init__(self, values: dict[str, Any]) -> None:
        for value in values.values():
            assert isinstance(value, str) or all(isinstance(each, str) for each in value)
        super().__init__(values)


class Message:
    """A message to a node, or the reply to one."""

    def __init__(
        self,
        content: dict[str, Record],
        dst_node_id: int | None = None,
        message_type: str | None = None,
        *,
        reply_to: Message | None = None,
    ) -> None:
        assert (reply_to is None) != (dst_node_id is None)
        self.content, self.node, self.kind = content, dst_node_id, message_type
        self.error: Any = None

    def has_error(self) -> bool:
        return self.error is not None


class Grid:
    """Nodes in this process, each with a context of its own."""

    def __init__(self, handler: Any, broken: int | None = None) -> None:
        self.handler, self.broken = handler, broken
        self.contexts = {node: SimpleNamespace(state={}, node_config={"partition-id": node}) for node in range(3)}

    def get_node_ids(self) -> list[int]:
        return list(self.contexts)

    def send_and_receive(self, messages: list[Message], *, timeout: float) -> list[Message]:
        replies = []
        for message in messages:
            assert message.kind == "train"
            if message.node == self.broken:
                continue
            replies.append(self.handler(message, self.contexts[message.node]))
        return replies


def load(context: Any) -> tuple[str, Any, np.ndarray]:
    part = D[D["site"] == SITES[context.node_config["partition-id"]]]
    return f"s{SITES[context.node_config['partition-id']]}", part, Surv.right(part["time"], part["event"])


@pytest.fixture
def flower(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("flwr.app")
    module.Message, module.ConfigRecord, module.RecordDict = Message, Record, dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "flwr", ModuleType("flwr"))
    monkeypatch.setitem(sys.modules, "flwr.app", module)


def pooled() -> CoxPH:
    return CoxPH(strata="site").fit(D[[*COLUMNS, "site"]], Surv.right(D["time"], D["event"]))


@pytest.mark.usefixtures("flower")
def test_rounds_give_the_fit_of_all_rows() -> None:
    policy = Policy(digits=17)
    grid = Grid(flower_client(MODEL, load, policy=policy, key=b"sixteen bytes or more"))
    found = flower_fit(MODEL, grid, 3, key=b"sixteen bytes or more")
    assert found.converged
    assert found.sites == ("s1", "s2", "s3")
    np.testing.assert_allclose(found.coef, pooled().coef_, atol=1e-8)
    kept = [len(context.state["lbp_prognosis.answered"]["answers"]) for context in grid.contexts.values()]
    assert kept == [found.number] * 3


@pytest.mark.usefixtures("flower")
def test_a_node_remembers_what_it_answered() -> None:
    handler = flower_client(MODEL, load)
    grid = Grid(handler)
    flower_fit(MODEL, grid, 3)
    probe = Message({"request": Record({"json": MODEL.start([9.0, -9.0]).to_json()})}, 0, "train")
    reply = json.loads(handler(probe, grid.contexts[0]).content["answer"]["json"])
    assert reply["withheld"].startswith("probing")
    assert reply["score"] == []


@pytest.mark.usefixtures("flower")
def test_who_does_not_answer_is_counted() -> None:
    with pytest.raises(EstimationError, match="1 of 3 nodes"):
        flower_fit(MODEL, Grid(flower_client(MODEL, load), broken=1), 3)
    found = flower_fit(MODEL, Grid(flower_client(MODEL, load), broken=1), 2, nodes=[0, 2])
    assert found.sites == ("s1", "s3")
    with pytest.raises(EstimationError, match="No convergence in 1 rounds"):
        flower_fit(MODEL, Grid(flower_client(MODEL, load)), 3, max_rounds=1)
    for wanted, given in ((4, None), (2, None), (3, [0, 2])):
        with pytest.raises(ArgumentError, match="n_nodes"):
            flower_fit(MODEL, Grid(flower_client(MODEL, load)), wanted, nodes=given, timeout=0)


@pytest.mark.usefixtures("flower")
def test_nodes_connect_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Grid(flower_client(MODEL, load))
    seen = iter([[], [0], [0, 1, 2]])
    monkeypatch.setattr(grid, "get_node_ids", lambda: next(seen))
    monkeypatch.setattr("lbp_prognosis.federation._flower._PAUSE", 0.0)
    assert flower_fit(MODEL, grid, 3).sites == ("s1", "s2", "s3")


@pytest.mark.slow
def test_in_the_simulation_engine_of_flower() -> None:
    python = os.environ.get("FLOWER_PYTHON")
    if python is None:
        pytest.skip("FLOWER_PYTHON names no interpreter with flwr[simulation]")
    tests = Path(__file__).parents[2]
    paths = os.pathsep.join([str(tests.parent), str(tests)])
    told = subprocess.run(
        [python, str(tests / "e2e" / "flower_study.py")],
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert told.returncode == 0, told.stderr[-2000:]
    coef = json.loads(told.stdout.splitlines()[-1])
    np.testing.assert_allclose(coef, pooled().coef_, atol=1e-8)
