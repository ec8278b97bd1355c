"""Objections that block claims; all others are printed next to the number."""

from __future__ import annotations

from lbp_prognosis._base import OBJECTIONS

__all__ = ["BLOCKING"]

BLOCKING: dict[str, tuple[str, ...]] = {code: fact.blocks for code, fact in OBJECTIONS.items() if fact.blocks}
"""Objection code to the kinds of claim it blocks."""
