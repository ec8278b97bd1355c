"""``PacketCall``: statements of a site in every packet, and the first and last steps of a packet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

import lbp_prognosis
from lbp_prognosis._base import argument_error, content_hash, labels_of
from lbp_prognosis.disclosure import ReleaseLedger
from lbp_prognosis.federation._packet import SCHEMA, Packet
from lbp_prognosis.federation._packet_layers import packet_layers
from lbp_prognosis.federation._policy import Policy

__all__ = ["PacketCall"]

_NO_LEDGER = "differences between releases are not protected: no ledger was given"


@dataclass(frozen=True)
class PacketCall:
    """The site, its policy, and its ledger.

    Attributes
    ----------
    site, study : str
        Their names.
    policy : Policy
        Of the site.
    model_id, comparator_id : str
        Names of the models, for those without a digest.
    ledger : ReleaseLedger or None
        Of earlier releases.
    key : bytes or None
        The packet is signed with it.
    """

    site: str
    study: str
    policy: Policy
    model_id: str
    comparator_id: str
    ledger: ReleaseLedger | None
    key: bytes | None

    def begin(self, model: Any, comparator: Any, described: dict[str, Any]) -> dict[str, Any]:
        """Return a packet without numbers.

        Parameters
        ----------
        model, comparator : fitted models
            The second may be None.
        described : dict
            Kind, cause and horizon of the outcome.
        """
        named = {
            "name": type(model).__name__,
            "digest": self.model_id or _identity("model_id", model),
            "comparator": "" if comparator is None else self.comparator_id or _identity("comparator_id", comparator),
        }
        return {
            "schema": SCHEMA,
            "version": lbp_prognosis.__version__,
            "study": str(self.study),
            "site": str(self.site),
            "model": {**named, **described, "calibration": ""},
            "policy": self.policy.to_dict(),
            "cohort": {},
            "sums": {},
            "estimates": {},
            "pairs": [],
            "taylor": {},
            "decisions": {},
            "paired": {},
            "subgroups": {},
            "covariance": {},
            "budget": {"numbers": 0, "most": 0},
            "withheld": [],
            "signed_by": "",
        }

    def refused(self, content: dict[str, Any], reason: str) -> Packet:
        """Return the packet that gives the reason and no numbers."""
        content["withheld"].append({"item": "everything", "reason": reason})
        return Packet.of(content, self.key)

    def layers(
        self, content: dict[str, Any], table: Any, n: int, insufficient: Callable[[np.ndarray], str]
    ) -> np.ndarray:
        """Return the layer of each row; without a ledger there is one layer, which the packet states.

        Parameters
        ----------
        content : dict
            The packet, which is changed.
        table : frame
            Whose index names the patients.
        n : int
            Rows.
        insufficient : callable
            Reason why the numbers of some rows may not leave; empty where they may.
        """
        if self.ledger is None:
            content["withheld"].append({"item": "-", "reason": _NO_LEDGER})
        return packet_layers(self.ledger, lambda: _ids(table, n), n, insufficient)

    def released(self, content: dict[str, Any], table: Any, layers: np.ndarray) -> Packet:
        """Return the packet, entered in the ledger of the site."""
        packet = Packet.of(content, self.key)
        if self.ledger is not None:
            told = packet.content["sha256"]
            self.ledger.add(f"packet {told[:12]}", _ids(table, layers.size), self.policy.min_cell, told, layers)
        return packet


def _identity(name: str, model: Any) -> str:
    """Return the digest that identifies the model."""
    if hasattr(model, "to_dict") and not getattr(model, "fixed", False):
        return content_hash(model.to_dict())
    told = f"a {type(model).__name__} that does not say which model it is"
    accepted = "a name or digest of the model, or a model with to_dict"
    raise argument_error(name, accepted, told, f"Give {name}=, the same at all sites.")


def _ids(table: Any, n: int) -> list[str]:
    index = labels_of(table)
    if index is None or isinstance(index, pd.RangeIndex):
        raise argument_error("X", "a frame whose index names the patients, for a ledger", "rows without names")
    return [str(label) for label in index[:n]]
