"""Flower as transport of rounds: one function for a site, one for the centre; the messages are our JSON.

Written against Flower's Message API (``flwr.app``, version 1.21 and later). Flower runs the processes and moves the
text; what may leave a site is decided by its `Policy`, here as with files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lbp_prognosis._base import EstimationError, argument_error, check_number, require
from lbp_prognosis.federation._federated_fit import FederatedFit
from lbp_prognosis.federation._federated_likelihood import FederatedLikelihood
from lbp_prognosis.federation._policy import Policy
from lbp_prognosis.federation._round import Round, RoundRequest

__all__ = ["flower_client", "flower_fit"]

_STATE = "lbp_prognosis.answered"
_RETURNED = 600.0
_PAUSE = 0.5  # seconds between two checks of the connected nodes


def flower_client(
    model: FederatedLikelihood,
    load: Callable[[Any], tuple[str, Any, np.ndarray]],
    *,
    policy: Policy | None = None,
    key: bytes | None = None,
) -> Callable[[Any, Any], Any]:
    """Return the function with which a site answers a round in Flower.

    Parameters
    ----------
    model : FederatedCox, FederatedLogistic or FederatedDiscreteHazard
        As agreed, the same line at all sites and at the centre.
    load : callable
        From Flower's ``Context`` to the site's pseudonym, predictors and outcome: ``f(context) -> (site, X, y)``. It
        runs at the site.
    policy : Policy, optional
        Disclosure rules of the site.
    key : bytes, optional
        Shared with the centre, to seal answers.

    Returns
    -------
    callable
        ``f(message, context) -> Message``, to be registered: ``app = ClientApp(); app.train()(f)``. Earlier answers
        are kept in the context of the node, which limits rounds and refuses probing.

    Raises
    ------
    MissingPackageError
        When it is called, without the package ``flwr``.
    """

    def answer(message: Any, context: Any) -> Any:
        app = require("flwr.app", caller="flower_client", extra="flower")
        site, X, y = load(context)
        kept = list(context.state[_STATE]["answers"]) if _STATE in context.state else []
        request = RoundRequest.from_json(str(message.content["request"]["json"]))
        own = [Round.from_json(text) for text in kept]
        given = model.round(X, y, request, site=site, policy=policy, answered=own, key=key).to_json()
        context.state[_STATE] = app.ConfigRecord({"answers": [*kept, given]})
        content = app.RecordDict({"answer": app.ConfigRecord({"json": given})})
        return app.Message(content=content, reply_to=message)

    return answer


def flower_fit(
    model: FederatedLikelihood,
    grid: Any,
    n_nodes: int,
    *,
    nodes: Sequence[int] | None = None,
    max_rounds: int = 20,
    timeout: float = _RETURNED,
    key: bytes | None = None,
) -> FederatedFit:
    """Run rounds until the model has converged, at the centre, inside the main function of a Flower ``ServerApp``.

    Parameters
    ----------
    model : FederatedCox, FederatedLogistic or FederatedDiscreteHazard
        As agreed.
    grid : flwr.serverapp.Grid
        What Flower hands to the main function.
    n_nodes : int
        Number of participating sites. Nodes connect one after the other; the function waits until all are connected.
    nodes : sequence of int, optional
        Nodes to be asked, ``n_nodes`` of them; by default all that are connected.
    max_rounds : int, default 20
        Largest number of rounds.
    timeout : float, default 600
        Seconds to wait for nodes, and for the answers of a round.
    key : bytes, optional
        Key with which answers are sealed.

    Returns
    -------
    FederatedFit
        After the last round.

    Raises
    ------
    ArgumentError
        If more or fewer nodes are there, or answers are not those of the request (see ``step``).
    EstimationError
        If a node fails or does not answer, or the rounds do not converge.
    """
    app = require("flwr.app", caller="flower_fit", extra="flower")
    check_number("max_rounds", max_rounds, low=1, whole=True)
    check_number("n_nodes", n_nodes, low=1, whole=True)
    end = time.monotonic() + check_number("timeout", timeout, low=0)
    asked = list(grid.get_node_ids() if nodes is None else nodes)
    while nodes is None and len(asked) < n_nodes and time.monotonic() < end:
        time.sleep(_PAUSE)
        asked = list(grid.get_node_ids())
    if len(asked) != n_nodes:
        raise argument_error("n_nodes", "the number of nodes", f"{n_nodes}, but {len(asked)} are there")
    request, fit = model.start(), None
    for _ in range(int(max_rounds)):
        messages = []
        for node in asked:
            content = app.RecordDict({"request": app.ConfigRecord({"json": request.to_json()})})
            messages.append(app.Message(content=content, dst_node_id=node, message_type="train"))
        replies = list(grid.send_and_receive(messages, timeout=timeout))
        failed = [each for each in replies if each.has_error()]
        if failed or len(replies) < len(asked):
            told = f": {failed[0].error.reason}" if failed else ""
            raise EstimationError(
                f"{len(asked) - len(replies) + len(failed)} of {len(asked)} nodes gave no answer{told}. Sums of other "
                "sites are another likelihood: begin again with `nodes=` of those that answer."
            )
        answers = [Round.from_json(str(each.content["answer"]["json"])) for each in replies]
        fit = model.step(answers, fit, key=key)
        request = fit.request
        if fit.converged:
            return fit
    raise EstimationError(f"No convergence in {max_rounds} rounds. Raise `max_rounds`, or penalise the columns.")
