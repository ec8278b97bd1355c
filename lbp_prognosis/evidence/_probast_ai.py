"""``probast_ai_items``: the signalling questions of PROBAST+AI, by number and in our own words."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import pandas as pd

__all__ = ["probast_ai_items"]

_COLUMNS = ["part", "domain", "item", "kind", "question", "computes", "field"]


@cache
def _questions() -> tuple[dict[str, str], ...]:
    text = (files("lbp_prognosis.evidence") / "probast_ai.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["question"])


def probast_ai_items() -> pd.DataFrame:
    """Return the questions of PROBAST+AI: ``part, domain, item, kind, question, computes, field``.

    ``part`` is ``development`` (whose questions are about quality) or ``evaluation`` (about risk of bias), ``kind`` is
    ``signalling`` or ``applicability``. ``question`` is a paraphrase of ours: consult the tool before an assessment.
    ``computes`` names the quantity that a run can count or check (empty if none), ``field`` where the run reports it.

    Examples
    --------
    >>> from lbp_prognosis.evidence import probast_ai_items
    >>> items = probast_ai_items()
    >>> items[items["kind"] == "signalling"].groupby("part").size().to_dict()
    {'development': 16, 'evaluation': 18}

    References
    ----------
    Moons KGM, Damen JAA, Kaul T, et al. PROBAST+AI. BMJ 2025;388:e082505. doi:10.1136/bmj-2024-082505
    """
    rows = [
        {
            **{name: found[name] for name in ("part", "domain", "item")},
            "kind": found.get("kind", "signalling"),
            "question": found["asks"],
            "computes": found.get("computes", ""),
            "field": found.get("field", ""),
        }
        for found in _questions()
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)
