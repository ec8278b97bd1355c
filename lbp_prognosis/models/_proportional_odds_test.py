"""``proportional_odds_test``: does one coefficient do for all thresholds of a score?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import EstimationError, OutcomeError, argument_error, check_number, chi2, describe, takes_rows
from lbp_prognosis._kernels import ordinal_fit, partial_odds_score
from lbp_prognosis.models._ordinal_regression import OrdinalRegression
from lbp_prognosis.survival import check_outcome

__all__ = ["proportional_odds_test"]

_MOST_CLASSES = 20


@takes_rows()
def proportional_odds_test(
    model: OrdinalRegression, X: Any, y: np.ndarray, *, offset: Any = None, min_count: int = 20
) -> pd.DataFrame:
    """Return the score tests of common coefficients, for each column and for all.

    Parameters
    ----------
    model : OrdinalRegression
        Fitted without weights, penalty and ``partial``.
    X : DataFrame or ndarray of shape (n, p)
        The predictors of the fit.
    y : ndarray of shape (n,)
        The outcome of the fit, made by `Measured.at`.
    offset : array-like of shape (n,), optional
        The offset of the fit.
    min_count : int, default 20
        Neighbouring scores are made one class until each has this many patients, and until there are 20 classes at
        most: common coefficients hold for classes where they hold for scores, and a threshold beyond which two
        patients lie has no test.

    Returns
    -------
    DataFrame
        Columns ``term, chi2, df, p``; the last row, ``"all"``, is of all columns together.

    Raises
    ------
    EstimationError
        If there is only one threshold between classes with enough patients.

    Notes
    -----
    Rao's test of the model with a coefficient for each threshold, at the estimates with common ones and with the
    expected information. In large samples it finds differences that predictions do not feel: compare the CRPS of
    ``OrdinalRegression(partial=…)`` too.

    References
    ----------
    Peterson B, Harrell FE (1990). J R Stat Soc C 39:205–217. doi:10.2307/2347760

    Examples
    --------
    >>> import numpy as np
    >>> from lbp_prognosis import Measured
    >>> from lbp_prognosis.models import OrdinalRegression, proportional_odds_test
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 1))
    >>> y = Measured.at(12, np.clip(np.round(1 + x[:, 0] + rng.logistic(size=300)), 0, 3), lower=0, upper=3)
    >>> proportional_odds_test(OrdinalRegression().fit(x, y), x, y)["df"].tolist()
    [2, 2]
    """
    if not isinstance(model, OrdinalRegression):
        raise argument_error("model", "an OrdinalRegression", describe(model))
    model._check_fitted()
    if model.penalty > 0 or model.partial_coef_.shape[1]:
        raise argument_error("model", "one without penalty and `partial`", repr(model))
    check_outcome(y, ("measured",), caller="proportional_odds_test")
    matrix, _, shift = model._start_predict(X, None, offset)
    used = ~np.isnan(y["value"])
    levels, level = np.unique(y["value"][used], return_inverse=True)
    if int(used.sum()) != model.n_ or not np.array_equal(levels, model.levels_):
        raise argument_error(
            "y", f"the outcome of the fit ({model.n_} rows)", f"{int(used.sum())} rows", kind=OutcomeError
        )
    level = _classes(level, int(check_number("min_count", min_count, low=1, whole=True)))
    cuts, names = int(level.max()), np.array(model._names(), dtype=object)
    if cuts < 2:
        raise EstimationError(
            f"Classes of at least {min_count} patients leave one threshold or none: there is nothing to test."
        )
    rows = matrix[used][:, model.coef_ != 0]
    names = names[model.coef_ != 0]
    inner = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    own = None if shift is None else shift[used]
    null = ordinal_fit(inner, level, cuts + 1, link=model.link, offset=own)
    out = []
    for name in [*names, "all"]:
        free = np.ones(names.size, dtype=bool) if name == "all" else names == name
        theta = np.concatenate([null.alpha, np.tile(null.beta[free], cuts), null.beta[~free]])
        gradient, information = partial_odds_score(
            theta, inner[:, ~free], inner[:, free], level, cuts + 1, link=model.link, offset=own
        )
        statistic = float(gradient @ np.linalg.solve(information, gradient))
        df = int(free.sum()) * (cuts - 1)
        out.append({"term": str(name), "chi2": statistic, "df": df, "p": float(chi2.sf(statistic, df))})
    return pd.DataFrame(out, columns=["term", "chi2", "df", "p"])


def _classes(level: np.ndarray, least: int) -> np.ndarray:
    """Neighbouring levels joined until each class has ``least`` rows, and there are 20 classes at most."""
    counts = np.bincount(level)
    least = max(least, int(np.ceil(level.size / _MOST_CLASSES)))
    out, now, held = np.empty(counts.size, dtype=np.int64), 0, 0
    for k, count in enumerate(counts):
        out[k] = now
        held += int(count)
        if held >= least:
            now, held = now + 1, 0
    if 0 < held < least:  # remaining scores at the top join the preceding class
        out[out == now] = max(now - 1, 0)
    return out[level]
