"""``Packet``: one hospital's aggregates about a model, as canonical JSON with a digest and a readable text."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lbp_prognosis
from lbp_prognosis._base import argument_error, write_file
from lbp_prognosis.federation._canonical import as_read, canonical, digest, sealed
from lbp_prognosis.federation._packet_checks import checks_of

__all__ = ["SCHEMA", "Packet"]

SCHEMA = "lbp_prognosis site packet 1"
_PARTS: dict[str, type] = {
    "schema": str,
    "version": str,
    "study": str,
    "site": str,
    "model": dict,
    "policy": dict,
    "cohort": dict,
    "sums": dict,
    "estimates": dict,
    "pairs": list,
    "taylor": dict,
    "decisions": dict,
    "paired": dict,
    "subgroups": dict,
    "covariance": dict,
    "budget": dict,
    "withheld": list,
    "signed_by": str,
    "sha256": str,
    "seal": str,
}


@dataclass(frozen=True, repr=False)
class Packet:
    """Aggregates of a site that have passed its disclosure gate.

    Attributes
    ----------
    content : mapping
        ``schema, version, study, site, model, policy, cohort, sums, estimates, pairs, taylor, decisions, paired,
        subgroups, covariance, budget, withheld, signed_by, sha256, seal``; a site below its minimum has only
        ``withheld``.
    """

    content: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, content: Mapping[str, Any], key: bytes | None = None) -> Packet:
        """Return the packet of a content, with its digest and seal.

        Parameters
        ----------
        content : mapping
            All parts but ``sha256`` and ``seal``.
        key : bytes, optional
            Shared by the sites and the centre.
        """
        bare = {name: value for name, value in content.items() if name not in ("sha256", "seal")}
        return cls({**bare, "sha256": digest(bare), "seal": sealed(bare, key)})

    @property
    def site(self) -> str:
        """Pseudonym of the site."""
        return str(self.content["site"])

    @property
    def insufficient(self) -> str:
        """Reason for a packet without numbers; else empty."""
        return next((str(row["reason"]) for row in self.content["withheld"] if row["item"] == "everything"), "")

    def signed(self, name: str, key: bytes | None = None) -> Packet:
        """Return the packet with the name of the person who read and releases it.

        Parameters
        ----------
        name : str
            Name of the person who signs.
        key : bytes, optional
            As for `site_packet`; a packet that was sealed needs its key again.

        Raises
        ------
        ArgumentError
            If the name is empty or the packet was changed (see `verify`).
        """
        if not isinstance(name, str) or not name.strip():
            raise argument_error("name", "the name of a person", name)
        return Packet.of({**self.verify(key).content, "signed_by": name.strip()}, key)

    def to_json(self) -> str:
        """Return canonical JSON: equal contents have equal bytes."""
        return canonical(dict(self.content))

    @classmethod
    def from_json(cls, text: str) -> Packet:
        """Read the output of `to_json`; `verify` checks that it is consistent.

        Parameters
        ----------
        text : str
            JSON.

        Raises
        ------
        ArgumentError
            If it is none, or was written by another version.
        """
        found = as_read("text", text)
        if found.get("schema") != SCHEMA:
            raise argument_error(
                "text",
                f"a packet of the form {SCHEMA!r}",
                repr(str(found.get("schema"))[:60]),
                f"Write it again with version {lbp_prognosis.__version__} of the library.",
            )
        if set(found) != set(_PARTS):
            odd = sorted(set(found) ^ set(_PARTS))[:6]
            raise argument_error("text", "a whole packet", f"parts {odd} too many or too few")
        wrong = [name for name, kind in _PARTS.items() if not isinstance(found[name], kind)]
        rows = found["withheld"] if not wrong else []
        if wrong or not all(isinstance(row, dict) and set(row) == {"item", "reason"} for row in rows):
            raise argument_error("text", "a packet whose parts have their shapes", f"others: {wrong or ['withheld']}")
        return cls(found)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the packet, and next to it a readable text with the ending ``.txt``.

        Parameters
        ----------
        path : path
            Of the JSON file.
        """
        target = Path(path)
        write_file(target.with_suffix(".txt"), self.to_text())
        return write_file(target, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Packet:
        """Read a file that `save` wrote.

        Parameters
        ----------
        path : path
            Of the JSON file.
        """
        target = Path(path)
        if not target.is_file():
            raise argument_error("path", "a file that is there", str(target))
        if target.stat().st_size > 4_000_000:
            raise argument_error("path", "a packet of at most 4 MB", f"{target.name!r}, which is larger")
        try:
            return cls.from_json(target.read_bytes().decode("utf-8"))
        except UnicodeDecodeError:
            raise argument_error("path", "a JSON file in UTF-8", f"{target.name!r}, which is none") from None

    def verify(self, key: bytes | None = None) -> Packet:
        """Return the packet if it is consistent; every number that follows from others is recomputed.

        Parameters
        ----------
        key : bytes, optional
            Key with which the packet was sealed. A digest detects accidental changes; a seal shows that the packet was
            not changed in transit.

        Raises
        ------
        ArgumentError
            If a part is inconsistent; the message names the first: digest, seal, version, O/E, Brier score, IPA, AUC,
            net benefit, counts, budget.
        """
        bare = {name: value for name, value in self.content.items() if name not in ("sha256", "seal")}
        if self.content["sha256"] != digest(bare):
            raise argument_error(
                "packet", "unchanged since the site wrote it", f"one of site {self.site!r} that was changed (digest)"
            )
        if self.content["seal"] != sealed(bare, key):
            raise argument_error(
                "packet", "sealed with this key", f"one of site {self.site!r} with another seal or none"
            )
        if self.content["version"] != lbp_prognosis.__version__:
            raise argument_error(
                "packet",
                f"written by version {lbp_prognosis.__version__}",
                f"one of site {self.site!r} by version {self.content['version']!r}",
            )
        if not self.insufficient:
            try:
                told = next((word for word in (check(self.content) for check in checks_of(self.content)) if word), "")
            except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
                told = f"a part of another shape ({type(error).__name__})"
            if told:
                raise argument_error("packet", "consistent in itself", f"one of site {self.site!r}: {told}")
        return self

    def to_text(self) -> str:
        """Return the packet as text for the person who releases it."""
        c = self.content
        lines = [
            f"Site {c['site']}: what leaves",
            f"Model {c['model'].get('name', '')}, {c['model'].get('digest', '')[:12]}",
            f"Horizon {c['model'].get('horizon')}",
            f"Policy: cells of at least {c['policy']['min_cell']}, sites of at least {c['policy']['min_n']} patients",
            "",
        ]
        if self.insufficient:
            lines.append(f"Nothing: {self.insufficient}.")
        else:
            lines += [f"{name}: {value}" for name, value in c["cohort"].items()]
            lines += [f"sum, {name}: {value}" for name, value in c["sums"].items()]
            lines += [f"{name}: {value} (SE {se})" for name, (value, se) in c["estimates"].items()]
            if c["pairs"]:
                lines.append("pairs concordant, discordant, tied: " + ", ".join(map(str, c["pairs"])))
            if c["taylor"]:
                lines += [f"calibration, {name}: {value}" for name, value in c["taylor"].items()]
            lines += [
                f"threshold {cut}: {row[0]} above, net benefit {row[1]} (SE {row[2]})"
                for cut, row in c["decisions"].items()
            ]
            lines += [f"less comparator, {name}: {value} (SE {se})" for name, (value, se) in c["paired"].items()]
            for group, levels in c["subgroups"].items():
                for level, row in levels.items():
                    lines.append(f"subgroup {group} = {level}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
            if c["covariance"]:
                lines.append(f"covariance of {', '.join(c['covariance']['names'])}: sent")
        lines += ["", f"{c['budget']['numbers']} numbers of at most {c['budget']['most']}", ""]
        lines += [f"Withheld: {row['item']} ({row['reason']})" for row in c["withheld"]]
        lines.append(f"Signed by: {c['signed_by'] or '-'}")
        lines.append(f"SHA-256 {c['sha256']}")
        return "\n".join(_plain(line) for line in lines) + "\n"

    def __repr__(self) -> str:
        if self.insufficient:
            return f"<Packet: site {self.site}, {self.insufficient}>"
        cohort = self.content["cohort"]
        return f"<Packet: site {self.site}, {cohort['n']} patients, {self.content['budget']['numbers']} numbers>"

    @property
    def fingerprint(self) -> str:
        """Digest of the numbers without the site's name: two sites cannot share it."""
        parts = {name: self.content[name] for name in ("cohort", "sums", "estimates", "pairs", "taylor")}
        return hashlib.sha256(canonical(parts).encode("utf-8")).hexdigest()


def _plain(line: str) -> str:
    """Return the line without control or direction characters, which names may carry."""
    return "".join(sign if sign.isprintable() else "?" for sign in line)
