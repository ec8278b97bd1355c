"""``missing_indicators``: indicators of whether a value was measured, among columns whose value is claimed."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from lbp_prognosis._base import Objection, objection

__all__ = ["missing_indicators"]

# scikit-learn's MissingIndicator, and usual names of such columns
_NAMES = re.compile(
    r"(^|_)(missing|is_missing|is_na|isna|absent|not_measured|not_imaged|imaged|has_(mri|image|images|imaging))$"
    r"|^missing(indicator)?_",
    re.IGNORECASE,
)


def missing_indicators(X: pd.DataFrame, columns: Iterable[str]) -> tuple[Objection, ...]:
    """Object to indicators of whether a measurement was made, used in place of its findings.

    A column is such an indicator if it has two values and equals the pattern of missing values of another column, or if
    its name says so (``mri_missing``, ``missingindicator_pfirrmann``, ``imaged``).

    Parameters
    ----------
    X : DataFrame of shape (n, p)
        One row per patient.
    columns : iterable of str
        Columns whose value or association is claimed, e.g. imaging columns.

    Returns
    -------
    tuple of Objection
        One objection with the code ``missing-indicator-as-imaging``, or none.

    References
    ----------
    Groenwold RHH et al. Missing covariate data in clinical research. CMAJ 2012;184:1265-1269. doi:10.1503/cmaj.110977

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.evidence import missing_indicators
    >>> X = pd.DataFrame({"age": [50.0, 61, 47], "disc": [3.0, None, 2], "no_mri": [0, 1, 0]})
    >>> [doubt.code for doubt in missing_indicators(X, ["disc", "no_mri"])]
    ['missing-indicator-as-imaging']
    >>> missing_indicators(X, ["disc"])
    ()
    """
    gaps = X.isna()
    patterns = {column: gaps[column].to_numpy() for column in X.columns if gaps[column].any()}
    found = []
    for column in columns:
        if column not in X.columns or gaps[column].any() or X[column].nunique() != 2:
            continue
        second = X[column].to_numpy() == X[column].max()
        same = any((second == pattern).all() or (second != pattern).all() for pattern in patterns.values())
        if same or _NAMES.search(str(column)):
            found.append(str(column))
    return (objection("missing-indicator-as-imaging", columns=", ".join(found)),) if found else ()
