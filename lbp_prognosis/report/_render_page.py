"""``render_page``: results as one self-contained HTML file."""

from __future__ import annotations

import base64
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import cache, partial
from importlib.resources import files
from typing import Any, NamedTuple

from lbp_prognosis._base import parallel_map, require, time_words, visible
from lbp_prognosis.report._blocks import Block, Picture, Section, Table
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._released_page import released_page
from lbp_prognosis.report._section_answer import section_answer
from lbp_prognosis.report._section_decisions import section_added, section_decisions
from lbp_prognosis.report._section_explanations import section_explanations
from lbp_prognosis.report._section_ladder import doubts, ladder
from lbp_prognosis.report._section_measurement import section_measurement
from lbp_prognosis.report._section_outcome import section_outcome
from lbp_prognosis.report._section_patients import section_patients
from lbp_prognosis.report._section_performance import section_calibration, section_discrimination, section_optimism
from lbp_prognosis.report._section_provenance import section_provenance
from lbp_prognosis.report._section_release import section_release
from lbp_prognosis.report._section_scores import section_scores
from lbp_prognosis.report._section_sites import section_sites
from lbp_prognosis.report._section_states import section_states
from lbp_prognosis.report._section_subgroups import section_subgroups
from lbp_prognosis.report._section_treatment import section_treatment
from lbp_prognosis.report._section_updates import section_updates
from lbp_prognosis.report._table_file import csv_link, csv_name
from lbp_prognosis.report._wording import spoken

__all__ = ["page_sections", "render_page", "render_summary"]

_ORDER = (
    section_answer,
    section_patients,
    section_measurement,
    section_outcome,
    section_states,
    section_scores,
    section_discrimination,
    section_calibration,
    section_decisions,
    section_added,
    section_subgroups,
    section_treatment,
    section_updates,
    section_sites,
    section_explanations,
    section_optimism,
    section_release,
    section_provenance,
)
_INSUFFICIENT = (section_answer, section_release)
_LONGEST = (section_calibration, section_explanations, section_patients, section_decisions)
"""Sections that take longest, which several processes begin with: none waits for another's last one."""
_MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="460" height="300"><text x="230" y="165" text-anchor="middle" '
    'font-family="sans-serif" font-size="46" font-weight="700" letter-spacing="7" fill="#8a6a20" '
    'transform="rotate(-24 230 150)">SIMULATED</text></svg>'
)


class _Cell(NamedTuple):
    text: str
    head: bool
    classes: str


def page_sections(page: Page, n_jobs: int | None = None) -> tuple[Section, ...]:
    """Return the sections that are not empty; several processes share those of a page that is not for release."""
    page = released_page(page)
    refused = page.release is not None and page.release.insufficient
    order = _INSUFFICIENT if refused else _ORDER
    if page.release is None:
        begun = sorted(order, key=lambda build: _LONGEST.index(build) if build in _LONGEST else len(_LONGEST))
        try:
            made = parallel_map(partial(_built, page), begun, n_jobs=n_jobs)
        except BrokenProcessPool:  # one was killed: the results of hours are still to be written
            made = parallel_map(partial(_built, page), begun, n_jobs=1)
        built = dict(zip(begun, made))
    else:  # the gate counts what it has released: one section after the other
        built = {build: build(page) for build in order}
    return tuple(section for section in map(built.__getitem__, order) if section is not None)


def _built(page: Page, build: Callable[[Page], Section | None]) -> Section | None:
    return build(page)


def render_page(page: Page, sections: tuple[Section, ...] | None = None) -> str:
    """Return the page as HTML; a page for release passes the gate first.

    Parameters
    ----------
    page : Page
        The page.
    sections : tuple of Section, optional
        Sections made earlier, so that figures are drawn once.

    Raises
    ------
    MissingPackageError
        Without the extra ``report``.
    """
    return _rendered(
        "page.html",
        page,
        sections=page_sections(page) if sections is None else sections,
        rows_of=_rows,
        batches=_batches,
        csv_link=csv_link,
        csv_name=csv_name,
    )


def render_summary(page: Page, sections: tuple[Section, ...] | None = None) -> str:
    """Return the page in short, one screen for a meeting, as HTML; a page for release passes the gate first.

    The short page shows the headline numbers, the first figures of calibration and of clinical utility, and for each
    claim whether it is supported.

    Parameters
    ----------
    page : Page
        The page.
    sections : tuple of Section, optional
        Sections of the whole page, made earlier.

    Raises
    ------
    MissingPackageError
        Without the extra ``report``.
    """
    found = {section.key: section for section in (page_sections(page) if sections is None else sections)}
    keys = ("calibration", "decisions") if "calibration" in found else ("scores",)
    pictures = [_picture(found[key], page) for key in keys if key in found]
    shown = [picture for picture in pictures if picture is not None]
    return _rendered("summary.html", page, answer=found["answer"], pictures=shown)


def _picture(section: Section, page: Page) -> Picture | None:
    """Return the figure of the larger model, or the first."""
    pictures = [block for block in section.blocks if isinstance(block, Picture)]
    main = page.comparison[1] if page.comparison else ""
    return next((p for p in pictures if main and p.caption.startswith(f"{main}:")), next(iter(pictures), None))


def _rendered(name: str, page: Page, **parts: Any) -> str:
    from lbp_prognosis import __version__

    jinja2 = require("jinja2", caller="render_page", extra="report")
    markup = require("markupsafe", caller="render_page", extra="report")
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalized,
    )
    environment.filters["capfirst"] = lambda text: text[:1].upper() + text[1:]
    environment.filters["spoken"] = spoken
    environment.filters["drawn"] = markup.Markup
    page = released_page(page)
    template = environment.from_string(_file(name))
    mark = "data:image/svg+xml;base64," + base64.b64encode(_MARK.encode()).decode("ascii")
    return str(
        template.render(
            page=page,
            ladder=ladder(page),
            doubts=doubts(page.objections, page.evaluation.models),
            facts=_facts(page),
            css=markup.Markup(_file("page.css")),
            watermark=mark,
            version=__version__,
            **parts,
        )
    )


def _finalized(value: Any) -> Any:
    return visible(value) if type(value) is str else value  # markup of the templates is unchanged


@cache
def _file(name: str) -> str:
    return (files("lbp_prognosis.report") / "templates" / name).read_text(encoding="utf-8")


def _facts(page: Page) -> list[tuple[str, str]]:
    found = page.evaluation
    if page.release is not None and page.release.insufficient:
        return [("patients", f"fewer than {page.release.min_n}, or too few with the outcome")]
    events = found.n_events if page.release is None else page.n_events
    shown = "not told" if events is None else f"{events:,}"
    facts = [
        ("patients", f"{found.n:,}"),
        *([("events" if page.release is None else f"events {page.when}", shown)] if found.calibrations else []),
        ("horizons", time_words(found.horizons, page.unit)),
        ("main", page.time),
        ("models", str(len(found.models))),
    ]
    return [*facts, ("numbers", page.sample)]


def _rows(block: Table) -> list[list[_Cell]]:
    out = []
    columns = list(block.frame.columns)
    widths = [max(map(len, column), default=0) for column in zip(*block.cells)]
    last: Any = None
    for row in block.cells:
        cells = []
        for k, text in enumerate(row):
            classes = ["words"] if widths[k] > 34 else ["interval"] if " to " in text and "(" in text else []
            if block.group == columns[k]:
                if text == last:
                    text = ""
                else:
                    last = text
            cells.append(_Cell(text, k < block.head, " ".join(classes)))
        out.append(cells)
    return out


def _batches(section: Section) -> list[list[Block]]:
    """Return blocks in runs, so that neighbouring figures are printed in one row."""
    runs: list[list[Block]] = []
    for block in section.blocks:
        if runs and runs[-1][0].kind == "picture" and block.kind == "picture":
            runs[-1].append(block)
        else:
            runs.append([block])
    return runs
