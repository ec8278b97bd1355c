"""Request of the centre and answer of a site, as plain JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lbp_prognosis._base import argument_error
from lbp_prognosis.federation._canonical import as_read, canonical, digest, sealed

__all__ = ["Round", "RoundRequest"]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_vector(values: Any) -> bool:
    return isinstance(values, list) and all(map(_is_number, values))


def _is_word(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_vector, value))


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _check_kinds(found: Mapping[str, Any], kinds: Mapping[str, Callable[[Any], bool]], what: str) -> None:
    """Refuse fields of a wrong type before they are used."""
    wrong = [name for name, fits in kinds.items() if not fits(found[name])]
    if wrong:
        raise argument_error(
            "text", f"{what} whose fields are finite numbers, lists of them and words", f"other {wrong}"
        )


@dataclass(frozen=True)
class RoundRequest:
    """Coefficients at which all sites are asked for their sums.

    Attributes
    ----------
    agreement : str
        Digest of the settings agreed by all sites: kind of model, columns, ties, penalty.
    number : int
        Round, from 1.
    coef : tuple of float
        Coefficients, in the order of the agreed columns.
    """

    agreement: str
    number: int
    coef: tuple[float, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the request."""
        return digest(asdict(self))

    def to_json(self) -> str:
        """Return canonical JSON."""
        return canonical(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RoundRequest:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str
            JSON.
        """
        found = as_read("text", text)
        if set(found) != {"agreement", "number", "coef"}:
            raise argument_error("text", "a request with agreement, number and coef", f"the keys {sorted(found)[:8]}")
        _check_kinds(found, {"agreement": _is_word, "number": _is_count, "coef": _is_vector}, "a request")
        return cls(found["agreement"], found["number"], tuple(float(value) for value in found["coef"]))


@dataclass(frozen=True)
class Round:
    """A site's answer: log-likelihood, score and information at the requested coefficients, or the reason for none.

    Attributes
    ----------
    site : str
        Pseudonym.
    agreement, request : str
        Digests of the agreement and of the request answered.
    number : int
        Round, from 1.
    coef : tuple of float
        Coefficients asked.
    n, n_events : int
        Patients and events (sums of frequency weights); 0 if the answer is withheld.
    loglik : float
        Log-likelihood, without penalty.
    score : tuple of float
        Its first derivatives (p).
    information : tuple of tuple of float
        Its negative second derivatives (p × p).
    withheld : str
        Reason for sending nothing; empty for an answer.
    version : str
        Version of the library.
    seal : str
        HMAC-SHA-256 under the key that the sites and the centre share; empty without a key.
    """

    site: str
    agreement: str
    request: str
    number: int
    coef: tuple[float, ...]
    n: int = 0
    n_events: int = 0
    loglik: float = 0.0
    score: tuple[float, ...] = ()
    information: tuple[tuple[float, ...], ...] = ()
    withheld: str = ""
    version: str = ""
    seal: str = ""

    @property
    def numbers(self) -> int:
        """Number of distinct values in the answer: p(p + 3)/2 + 1."""
        p = len(self.score)
        return p * (p + 3) // 2 + 1 if p else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain values."""
        return asdict(self)

    def to_json(self) -> str:
        """Return canonical JSON."""
        return canonical(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Round:
        """Read what `to_json` wrote.

        Parameters
        ----------
        text : str
            JSON.
        """
        found = as_read("text", text)
        if set(found) != set(cls.__dataclass_fields__):
            raise argument_error(
                "text",
                "an answer of this version of the library",
                f"one with the keys {sorted(found)[:12]}",
                "All sites and the centre use one version.",
            )
        _check_kinds(found, _KINDS, "an answer")
        found["coef"], found["score"] = tuple(found["coef"]), tuple(found["score"])
        found["information"] = tuple(tuple(row) for row in found["information"])
        return cls(**found)

    def sealed(self, key: bytes | None) -> Round:
        """Return the answer with the seal of a key.

        Parameters
        ----------
        key : bytes or None
            At least 16 bytes that the sites and the centre share.
        """
        return Round(**{**self.to_dict(), "seal": sealed(self._content(), key)})

    def holds(self, key: bytes | None) -> bool:
        """Whether the seal is that of the key and the content.

        Parameters
        ----------
        key : bytes or None
            As for `sealed`.
        """
        return self.seal == sealed(self._content(), key)

    def _content(self) -> dict[str, Any]:
        return {name: value for name, value in self.to_dict().items() if name != "seal"}

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return score (p,) and information (p, p)."""
        return np.array(self.score, dtype=float), np.array(self.information, dtype=float)


_KINDS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("site", "agreement", "request", "withheld", "version", "seal"), _is_word),
    **dict.fromkeys(("number", "n", "n_events"), _is_count),
    **dict.fromkeys(("coef", "score"), _is_vector),
    "loglik": _is_number,
    "information": _is_table,
}
