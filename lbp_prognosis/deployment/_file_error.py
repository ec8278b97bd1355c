"""Error of invalid model files."""

from __future__ import annotations

from lbp_prognosis._base import DataError

__all__ = ["ModelFileError"]


class ModelFileError(DataError):
    """A model file is damaged, forged, too large, or of another kind."""
