"""Doubtful practice is computed where it has meaning, and carries an objection that travels with the number."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Objection"]


@dataclass(frozen=True)
class Objection:
    """A reason to doubt a result, in one sentence, with its source.

    Attributes
    ----------
    code : str
        Stable machine-readable name, e.g. ``"imputed-outside-resampling"``.
    sentence : str
        What is doubtful and why, for a reader of the page.
    source : str
        Where the reason is argued (DOI or citation); empty if it is arithmetic.
    """

    code: str
    sentence: str
    source: str = ""

    def __str__(self) -> str:
        return self.sentence
