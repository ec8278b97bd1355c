"""Section Release: actions of the disclosure gate, and the use of the release budget."""

from __future__ import annotations

from lbp_prognosis.report._blocks import Section, Table, Words
from lbp_prognosis.report._page import Page

__all__ = ["section_release"]


def section_release(page: Page) -> Section | None:
    """Return the actions and the priority list; None for a page that is not for release."""
    release = page.release
    if release is None:
        return None
    spent, most = release.budget.spent, release.budget.most
    return Section(
        "release",
        "What was withheld?",
        (
            Words(
                "Every count on this page, and every count that follows from several of them, is 0 or at least "
                f"{release.smallest_cell}; {spent} of at most {most} numbers about {release.patients.n:,} patients "
                "were released."
            ),
            Table("release", "Actions of the disclosure gate.", release.to_frame(), head=1),
            Table(
                "release_budget",
                "Release budget, in order of priority.",
                release.budget.to_frame().astype({"numbers": str}),
                "Items that do not fit are left out. A number that appears in several places counts once.",
            ),
        ),
    )
