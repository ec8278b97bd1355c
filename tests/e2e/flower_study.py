"""Three hospitals in Flower's simulation engine; prints the coefficients (see tests/unit/federation/test_flower.py)."""

from __future__ import annotations

import json
from typing import Any

from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.simulation import run_simulation
from syn import syn

from lbp_prognosis import Surv
from lbp_prognosis.federation import FederatedCox, Policy, flower_client, flower_fit

MODEL = FederatedCox(["c1", "p1"])
client, server, found = ClientApp(), ServerApp(), []


def load(context: Any) -> tuple[str, Any, Any]:
    """Read the part of one hospital."""
    data = syn(360, sites=3)
    site = sorted(data["site"].unique())[int(context.node_config["partition-id"])]
    part = data[data["site"] == site]
    return f"s{site}", part, Surv.right(part["time"], part["event"])


client.train()(flower_client(MODEL, load, policy=Policy(digits=17)))


@server.main()
def main(grid: Any, context: Any) -> None:
    """Run the rounds."""
    found.append(flower_fit(MODEL, grid, 3).coef.tolist())


if __name__ == "__main__":
    run_simulation(server, client, num_supernodes=3)
    print(json.dumps(found[0]))
