"""Pages and forms word for word, as text: whoever changes one sees in review what its readers will see.

    python -m tests.unit.report.test_pages_in_full      writes the texts anew, from the root of the checkout

Pictures are left to their descriptions, and versions to the tests of provenance.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import lbp_prognosis.report
from lbp_prognosis import __version__
from lbp_prognosis.deployment import published_model, published_models
from lbp_prognosis.disclosure import Gate
from lbp_prognosis.report import (
    Page,
    methods_sentences,
    probast_ai,
    released_page,
    render_page,
    results_sentences,
    tripod_ai,
)
from lbp_prognosis.report._blocks import Picture
from lbp_prognosis.study import StudyResult, run_study
from tests.hostile.small_studies import KINDS, small_study, with_sections
from tests.unit.report.test_page_states import drawn, paged
from tests.unit.study.test_scores import study

HERE = Path(__file__).resolve().parent / "pages"


class _Text(HTMLParser):
    """What a page says: a line per heading, paragraph, item and row; ‖ before heads of rows and columns."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.silent += tag in ("style", "script", "svg")
        if tag == "img":
            self.parts.append(f"\n[picture: {known.get('alt')}]")
        elif tag in ("td", "th"):
            self.parts.append(" | " if tag == "td" else " ‖ ")
        elif tag in ("h1", "h2", "h3", "h4", "h5"):
            self.parts.append(f"\n\n{'#' * int(tag[1])} ")
        elif tag in ("p", "li", "tr", "caption", "figcaption", "div", "section", "summary", "dt", "dd", "a", "table"):
            self.parts.append("\n")
        if known.get("class"):
            self.parts.append(f"({known['class']}) ")
        if known.get("download"):
            self.parts.append(f"[{known['download']}] ")

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("style", "script", "svg")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def as_text(html: str) -> str:
    """Return what a page says, without empty lines."""
    reader = _Text()
    reader.feed(html)
    lines = [re.sub(r" +", " ", line).strip() for line in "".join(reader.parts).splitlines()]
    return "\n".join(line for line in lines if line) + "\n"


def _anywhere(text: str) -> str:
    """Return the text without versions and digests, which differ between machines."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", text.replace(f"lbp_prognosis {__version__}", "lbp_prognosis VERSION"))
    return re.sub(r"(Python|numpy|pandas|scikit-learn) \d+(\.\d+)+", r"\1 VERSION", text)


def _forms(page: Any) -> str:
    probast, tripod = probast_ai(page), tripod_ai(page)
    parts = [as_text(probast.to_html()), as_text(tripod.to_html())]
    parts += [f"{words(page).text}\n" for words in (methods_sentences, results_sentences)]
    return "\n".join(parts)


def _small(kind: str, n: int) -> Page:
    study = small_study(n, kind, n=n)
    return (with_sections(study, n) if kind == "right" else study).page


@cache
def _page(name: str) -> Page:
    words, _, released = name.partition(", ")
    kind, n = words.split()[0], int(words.split()[1])
    page = paged(*drawn(n)) if kind == "states" else _small(kind, n)
    return released_page(dataclasses.replace(page, gate=Gate(5))) if released else page


def _said(name: str) -> str:
    kind, _, what = name.rpartition(", ")
    return _anywhere(_forms(_page(kind)) if what == "forms" else as_text(render_page(_page(name))))


SMALL = [f"{kind} 120" for kind in (*KINDS, "states")]
RELEASED = [f"{kind} {n}, released" for kind in (*KINDS, "states") for n in (60, 120, 250)]
NAMES = [*SMALL, *RELEASED, "right 120, forms", "competing 120, released, forms"]


def _undrawn(replace: Callable[[Any, str, Any], None]) -> None:
    """Leave out what is drawn; the words beside it stay."""

    def named(draw: Any, *, alt: str, caption: str, wide: bool = False, **_: Any) -> Picture:
        return Picture("data:,", alt, caption, wide)

    for info in pkgutil.iter_modules(lbp_prognosis.report.__path__):
        module = importlib.import_module(f"lbp_prognosis.report.{info.name}")
        if info.name.startswith("_section") and hasattr(module, "figure"):
            replace(module, "figure", named)


def _published() -> str:
    parts = []
    for name in published_models()["name"]:
        parts.append(as_text(probast_ai(published_model(name)).to_html()))
    return _anywhere("\n".join(parts))


def test_published_models_word_for_word() -> None:
    assert _published().splitlines() == (HERE / "published.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", NAMES)
def test_word_for_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _undrawn(monkeypatch.setattr)
    assert _said(name).splitlines() == (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("released", [False, True])
def test_a_whole_study_word_for_word(released: bool, reported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _undrawn(monkeypatch.setattr)
    said = _study(reported, Gate(5) if released else None)
    assert said.splitlines() == (HERE / _named("study", released)).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("released", [False, True])
def test_a_study_of_scores_word_for_word(released: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _undrawn(monkeypatch.setattr)
    said = _study(_scores(tmp_path), Gate(5) if released else None)
    assert said.splitlines() == (HERE / _named("scores", released)).read_text(encoding="utf-8").splitlines()


def _named(kind: str, released: bool) -> str:
    return f"{kind}{', released' if released else ''}.txt"


def _scores(folder: Path) -> StudyResult:
    return run_study(study(folder, validation={"resamples": 0}), n_jobs=1)


def _study(result: StudyResult, gate: Gate | None = None) -> str:
    page = result.page()
    page = page if gate is None else released_page(dataclasses.replace(page, gate=gate))
    shown, _, _ = as_text(render_page(page)).partition("Seed, hashes, versions.")
    return _anywhere("\n".join([shown, _forms(page)]))


def write() -> None:
    """Write the texts anew."""
    import tempfile

    from tests.reported_study import result

    _undrawn(setattr)
    for name in NAMES:
        (HERE / f"{name}.txt").write_text(_said(name), encoding="utf-8")
    (HERE / "published.txt").write_text(_published(), encoding="utf-8")
    for kind, run in (("study", result), ("scores", _scores)):
        with tempfile.TemporaryDirectory() as folder:
            found = run(Path(folder))
            for released in (False, True):
                said = _study(found, Gate(5) if released else None)
                (HERE / _named(kind, released)).write_text(said, encoding="utf-8")


if __name__ == "__main__":
    write()
