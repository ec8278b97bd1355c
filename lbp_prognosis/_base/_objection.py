"""Doubtful practice is computed where it has meaning, and carries an objection that travels with the number.

What an objection says, where it is argued and which claims it blocks stands once, in ``objections.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any

from lbp_prognosis._base._errors import argument_error

__all__ = ["OBJECTIONS", "Objection", "ObjectionFact", "objection"]


@dataclass(frozen=True)
class ObjectionFact:
    """Registry entry of one objection code.

    Attributes
    ----------
    code : str
        Stable machine-readable name.
    tier : str
        ``"technical"``, ``"diagnostic"``, ``"prognostic"`` or ``"utility"``; empty where it concerns data or any tier.
    sentence : str
        Template of the sentence, with named fields.
    variants : mapping of str to str
        Other templates of the same code, by name.
    source : str
        Where the reason is argued; empty if it is arithmetic.
    blocks : tuple of str
        Kinds of claim that it keeps from being supported.
    """

    code: str
    tier: str
    sentence: str
    variants: Mapping[str, str]
    source: str
    blocks: tuple[str, ...]

    def fields(self, variant: str = "") -> tuple[str, ...]:
        """Return the names of the fields of a template, in order of appearance."""
        template = self.variants[variant] if variant else self.sentence
        return tuple(dict.fromkeys(name for _, name, _, _ in Formatter().parse(template) if name))


def _read() -> Mapping[str, ObjectionFact]:
    text = (Path(__file__).parent / "objections.toml").read_text(encoding="utf-8")
    facts = {}
    for code, entry in tomllib.loads(text).items():
        facts[code] = ObjectionFact(
            code=code,
            tier=entry.pop("tier"),
            sentence=entry.pop("sentence"),
            variants=MappingProxyType(entry.pop("variants", {})),
            source=entry.pop("source", ""),
            blocks=tuple(entry.pop("blocks", ())),
        )
        if entry:
            raise ValueError(f"objections.toml, [{code}]: unknown keys {sorted(entry)}")
    return MappingProxyType(facts)


OBJECTIONS: Mapping[str, ObjectionFact] = _read()
"""All objections by code."""


@dataclass(frozen=True)
class Objection:
    """A reason to doubt a result, in one sentence, with its source.

    Attributes
    ----------
    code : str
        Stable machine-readable name, e.g. ``"imputed-outside-resampling"``; one of the registered codes.
    sentence : str
        What is doubtful and why, for a reader of the page.
    source : str
        Where the reason is argued (DOI or citation); empty if it is arithmetic.

    Raises
    ------
    ArgumentError
        If the code is not registered.
    """

    code: str
    sentence: str
    source: str = ""

    def __post_init__(self) -> None:
        _fact(self.code)

    def __str__(self) -> str:
        return self.sentence


def objection(code: str, /, *, variant: str = "", **fields: Any) -> Objection:
    """Return the objection of a code, its sentence filled in.

    Parameters
    ----------
    code : str
        A code of ``objections.toml``.
    variant : str, optional
        Name of another sentence of the same code.
    **fields
        One value for each field of the sentence.

    Raises
    ------
    ArgumentError
        If the code or the variant is not registered, or the fields are not those of the sentence.

    Examples
    --------
    >>> from lbp_prognosis._base import objection
    >>> objection("weak-comparator", lacking="age").sentence
    'The comparator does not contain age: a modality easily adds value to a weak comparator.'
    """
    fact = _fact(code)
    if variant and variant not in fact.variants:
        raise argument_error("variant", f"one of {sorted(fact.variants)} for {code!r}", variant)
    if set(fields) != set(fact.fields(variant)):
        raise argument_error("fields", f"{sorted(fact.fields(variant))} for {code!r}", f"{sorted(fields)}")
    template = fact.variants[variant] if variant else fact.sentence
    return Objection(code, template.format(**fields), fact.source)


def _fact(code: str) -> ObjectionFact:
    if code not in OBJECTIONS:
        raise argument_error(
            "code", "a registered code of objection", code, "New ones are added to lbp_prognosis/_base/objections.toml."
        )
    return OBJECTIONS[code]
