"""``ManuscriptText``: paragraphs for a manuscript, from the numbers of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from lbp_prognosis._base import Document, DocumentResult, argument_error
from lbp_prognosis.report._page import Page
from lbp_prognosis.report._released_page import released_page
from lbp_prognosis.report._reporting_form import banners

__all__ = ["ManuscriptText", "page_of", "text_of"]


@dataclass(frozen=True, repr=False)
class ManuscriptText(DocumentResult):
    """Paragraphs for Methods or Results.

    Attributes
    ----------
    title : str
        ``Methods`` or ``Results``, and the study.
    paragraphs : dict of str to str
        Heading to paragraph, in order.
    released : bool
        Whether all numbers passed the disclosure gate, so that the text may be released.
    synthetic : bool
        Whether the data were simulated.
    """

    title: str
    paragraphs: dict[str, str]
    released: bool = False
    synthetic: bool = False

    def _shows_patients(self) -> bool:
        return not self.released

    @property
    def text(self) -> str:
        """The paragraphs without their headings, an empty line between."""
        return "\n\n".join(self.paragraphs.values())

    def to_frame(self) -> pd.DataFrame:
        """Return one row per paragraph: ``heading, text``."""
        return pd.DataFrame(list(self.paragraphs.items()), columns=["heading", "text"])

    def document(self) -> Document:
        """Return the paragraphs with their headings."""
        parts: list[Any] = []
        for heading, paragraph in self.paragraphs.items():
            parts += [(1, heading), paragraph]
        top = banners(released=self.released, synthetic=self.synthetic)
        return Document(self.title, tuple(parts), top)

    def _summary(self) -> str:
        return f"{self.title!r}, {len(self.paragraphs)} paragraphs"


def page_of(result: Any) -> Page:
    """Return the page of a study's result, or the given page, after the disclosure gate.

    Parameters
    ----------
    result : StudyResult or Page
        Result with ``page()``, or a page.
    """
    page = result if isinstance(result, Page) else result.page() if hasattr(result, "page") else None
    if not isinstance(page, Page):
        raise argument_error("result", "the result of a study, or its page", result)
    return released_page(page)


def text_of(title: str, page: Page, paragraphs: Mapping[str, list[str]]) -> ManuscriptText:
    """Return the text of sentences by heading; headings without sentences are left out.

    Parameters
    ----------
    title : str
        Of the text.
    page : Page
        Source of the text.
    paragraphs : mapping of str to list of str
        Sentences by heading.
    """
    made = {heading: " ".join(one for one in said if one) for heading, said in paragraphs.items()}
    return ManuscriptText(
        f"{title}: {page.title}",
        {heading: words for heading, words in made.items() if words},
        page.release is not None,
        page.synthetic,
    )
