"""What tests of whole runs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

EXPLAINED = "lbp_prognosis.study._run_study._explanations"


@pytest.fixture
def unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the explanations of a run, which test_study.py and the examples look at."""
    monkeypatch.setattr(EXPLAINED, lambda *given: [])


@pytest.fixture(scope="module")
def unexplained_module() -> Iterator[None]:
    """The same for runs that a whole file reads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EXPLAINED, lambda *given: [])
        yield
