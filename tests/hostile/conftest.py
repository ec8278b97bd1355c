"""What all attacks on releases share."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from lbp_prognosis.report import (
    _section_decisions,
    _section_outcome,
    _section_patients,
    _section_performance,
    _write_page,
)
from lbp_prognosis.report._blocks import Picture


@pytest.fixture
def unread_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what the attacker never opens: the Word file, and pictures of which the words beside them are read.

    The picture of the risk groups, off which times are read, is drawn.
    """
    for section in (_section_decisions, _section_patients, _section_performance):
        monkeypatch.setattr(section, "figure", _named)
    monkeypatch.setattr(_write_page, "_tables_word", lambda *_: b"")


@pytest.fixture
def pictures_left_out(unread_left_out: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the picture of the risk groups too, for those who read no times."""
    monkeypatch.setattr(_section_outcome, "figure", _named)


def _named(draw: Any, *, alt: str, caption: str, wide: bool = False, **_: Any) -> Picture:
    blank = "data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode()
    return Picture(blank, alt, caption, wide)
