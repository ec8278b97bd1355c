"""``write_forms``: the reporting forms of a study, as Word and HTML, in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lbp_prognosis._base import DocumentResult, check_writable, folder_lock, write_file
from lbp_prognosis.report._manuscript_text import page_of
from lbp_prognosis.report._methods_sentences import methods_sentences
from lbp_prognosis.report._probast_ai import probast_ai
from lbp_prognosis.report._results_sentences import results_sentences
from lbp_prognosis.report._tripod_form import tripod_ai

__all__ = ["write_forms"]


def write_forms(result: Any, folder: str | os.PathLike[str]) -> tuple[Path, ...]:
    """Write PROBAST+AI, TRIPOD+AI, Methods and Results of a study as ``.docx`` and ``.html``; returns the paths.

    Parameters
    ----------
    result : StudyResult or Page
        Result of a study, or its page. If the page is released, the forms contain only numbers of that page.
    folder : path
        Created if absent; files with these names in it are replaced.

    Raises
    ------
    MissingPackageError
        Without the extra ``report``.
    """
    page = page_of(result)
    forms: dict[str, DocumentResult] = {
        "probast_ai": probast_ai(page),
        "tripod_ai": tripod_ai(page),
        "methods": methods_sentences(page),
        "results": results_sentences(page),
    }
    made: dict[str, bytes | str] = {}
    for name, form in forms.items():
        made[f"{name}.docx"] = form.document().word(caller="write_forms")
        made[f"{name}.html"] = form.to_html()
    private = page.release is None  # as the page's own files
    target = check_writable("folder", folder, private=private)
    with folder_lock("folder", target):
        return tuple(write_file(target / name, content, private=private) for name, content in made.items())
