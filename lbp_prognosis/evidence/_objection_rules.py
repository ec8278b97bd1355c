"""Which objections keep which claims from being supported; all others stand beside the number."""

from __future__ import annotations

from lbp_prognosis._base import OBJECTIONS

__all__ = ["BLOCKING"]

BLOCKING: dict[str, tuple[str, ...]] = {code: fact.blocks for code, fact in OBJECTIONS.items() if fact.blocks}
"""Objection code to the kinds of claim it blocks."""
