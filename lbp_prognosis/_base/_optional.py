"""Optional packages are imported in the function that needs them, through one helper."""

from __future__ import annotations

import importlib
from types import ModuleType

from lbp_prognosis._base._errors import MissingPackageError

__all__ = ["require"]


def require(module: str, *, caller: str, extra: str) -> ModuleType:
    """Import an optional package, or say which command installs it.

    Parameters
    ----------
    module : str
        Name to import, e.g. ``"xgboost"``.
    caller : str
        Public name of the caller, e.g. ``"BoostedCox"``.
    extra : str
        The extra of this package that holds it, e.g. ``"boost"``.

    Raises
    ------
    MissingPackageError
        If the package cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"`{caller}` needs the package `{module.split('.')[0]}`, which is not installed. "
            f"Install it with: pip install 'lbp-prognosis[{extra}]'."
        ) from error
