"""``DocumentResult``: a result that is read as a text."""

from __future__ import annotations

import os
from abc import abstractmethod
from pathlib import Path

from lbp_prognosis._base._document import Document
from lbp_prognosis._base._result import Result
from lbp_prognosis._base._write_file import write_file

__all__ = ["DocumentResult"]


class DocumentResult(Result):
    """Base of results that are read as a text: subclasses return it from `document`."""

    @abstractmethod
    def document(self) -> Document:
        """Return the text."""

    def to_html(self) -> str:
        """Return one self-contained page."""
        return self.document().html()

    def to_markdown(self) -> str:
        """Return Markdown."""
        return self.document().markdown()

    def to_word(self, path: str | os.PathLike[str]) -> Path:
        """Write a Word document and return its path; the same content gives the same bytes.

        Only the owner may read a document that is not for release (0600).

        Parameters
        ----------
        path : path
            Of the file; its folder must be there.

        Raises
        ------
        MissingPackageError
            Without the extra ``report``.
        """
        content = self.document().word(caller=f"{type(self).__name__}.to_word")
        return write_file(path, content, private=self._shows_patients())

    def _shows_patients(self) -> bool:
        """Return whether the text shows counts of single patients."""
        return False
