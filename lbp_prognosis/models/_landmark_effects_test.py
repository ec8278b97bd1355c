"""``landmark_effects_test``: does one effect do for all landmarks?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError, argument_error, check_number, chi2, describe, takes_rows
from lbp_prognosis.models._cox import CoxPH
from lbp_prognosis.models._dynamic_risk import DynamicRisk
from lbp_prognosis.models._landmark_supermodel import frame_at, landmark_supermodel
from lbp_prognosis.survival import Surv, check_outcome

__all__ = ["landmark_effects_test"]


@takes_rows()
def landmark_effects_test(model: DynamicRisk, X: Any, y: np.ndarray, *, cause: int = 1) -> pd.DataFrame:
    """Return Wald tests of effects that are the same at all landmarks, for each column and for all.

    Parameters
    ----------
    model : DynamicRisk
        Model whose effects are tested, fitted or not; columns in its ``interactions`` may change and are not tested.
    X : DataFrame or ndarray of shape (n, p), or mapping of float to DataFrame
        Predictors as for the fit. A patient is left out at landmarks at which a value is missing.
    y : ndarray of shape (n,)
        Made by `Surv.right`, on the clock of the study.
    cause : int, default 1
        Event code; events of other causes count as censored.

    Returns
    -------
    DataFrame
        Columns ``term, chi2, df, p``; the last row, ``"all"``, is of all tested columns together.

    Raises
    ------
    ArgumentError
        If there is one landmark, or every column is in ``interactions``.
    EstimationError
        If no patient had the event in a window, or the likelihood has no finite maximum.

    Notes
    -----
    The stacked model gets a product of each tested column with s / s_max, s the landmark; the tests are of these
    products, with the covariance robust by patient. Effects that rise and fall again between the landmarks are not
    found.

    References
    ----------
    van Houwelingen HC (2007). Scand J Stat 34:70–85. doi:10.1111/j.1467-9469.2006.00529.x

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import Surv
    >>> from lbp_prognosis.models import DynamicRisk, landmark_effects_test
    >>> rng = np.random.default_rng(0)
    >>> X = pd.DataFrame({"nrs": rng.normal(size=300)})
    >>> y = Surv.right(rng.exponential(12 * np.exp(-X["nrs"])), np.ones(300))
    >>> landmark_effects_test(DynamicRisk([0, 3, 6], 6), X, y)["df"].tolist()
    [1, 1]
    """
    if not isinstance(model, DynamicRisk):
        raise argument_error("model", "a DynamicRisk", describe(model))
    check_outcome(y, ("right",), caller="landmark_effects_test")
    code = int(check_number("cause", cause, low=1, whole=True))
    points = np.atleast_1d(np.asarray(model.landmarks, dtype=float))
    if points.size < 2:
        raise argument_error("model", "one with at least two landmarks", points.tolist())
    named = isinstance(X, pd.DataFrame | Mapping)
    frames = X if named else pd.DataFrame(np.asarray(X), columns=[f"x{k}" for k in range(np.shape(X)[1])])
    first = frame_at(frames, float(points[0]))
    tested = [name for name in first.columns if name not in model.interactions]
    if not tested:
        raise argument_error("model", "one with columns outside `interactions`", list(model.interactions))
    every = (*model.interactions, *tested)
    stack = landmark_supermodel(
        y, frames, points, model.width, interactions=every, degree=model.degree, baseline=model.baseline
    )
    known = stack.X.notna().all(axis=1).to_numpy()
    rows, event = stack.y[known], stack.y["event"][known] == code
    if not event.any():
        raise EstimationError(f"No patient with known values had an event of cause {code} in a window.")
    cox = CoxPH(ties=model.ties, collinear=model.collinear).fit(
        stack.X[known].set_axis([str(name) for name in stack.X.columns], axis=1),
        Surv.right(rows["time"], event, entry=rows["entry"]),
        strata=None if stack.strata is None else stack.strata[known],
        clusters=stack.clusters[known],
    )
    place = {str(name): k for k, name in enumerate(stack.X.columns)}
    powers = ["", "2"][: model.degree]
    own = [(str(name), [place[f"{name}:s{power}"] for power in powers]) for name in tested]
    out = []
    for term, columns in [*own, ("all", [k for _, each in own for k in each])]:
        kept = [k for k in columns if cox.covariance_[k, k] > 0]  # a dropped column has none
        b, v = cox.coef_[kept], cox.covariance_[np.ix_(kept, kept)]
        statistic = float(b @ np.linalg.solve(v, b)) if kept else np.nan
        out.append({"term": term, "chi2": statistic, "df": len(kept), "p": float(chi2.sf(statistic, len(kept)))})
    return pd.DataFrame(out, columns=["term", "chi2", "df", "p"])
