"""``anova``: Wald tests of each predictor, of its non-linear part and of its interactions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lbp_prognosis._base import Objection, Result, TermColumns, argument_error, chi2
from lbp_prognosis._kernels import d1_test
from lbp_prognosis.validation.comparison._effects import Effects, effects_on, imputation_doubts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Anova", "anova"]


@dataclass(frozen=True, repr=False)
class Anova(Result):
    """Wald tests of a fitted model by predictor.

    Attributes
    ----------
    table : DataFrame
        One row per test: ``term, test, statistic, df, df2, p``. ``test`` is ``total`` (all columns of the predictor),
        ``all interactions``, ``nonlinear``, ``interaction`` (of a product and those that contain it), ``nonlinear
        interaction`` (where two predictors of a product are curved, also ``nonlinear interaction in`` each and
        both); for the model as a whole, with ``term`` empty: ``total nonlinear``, ``total interaction``,
        ``total nonlinear and interaction``, ``total``. ``statistic`` is χ² with ``df`` degrees of freedom and ``df2``
        infinite; with several imputations F with ``df`` and ``df2``.
    cause : int
        Event code.
    m : int
        Completed tables.
    """

    table: pd.DataFrame = field(repr=False)
    cause: int
    m: int
    objections: tuple[Objection, ...] = ()
    synthetic: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return ``table``."""
        return self.table.copy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw χ² minus its degrees of freedom by predictor, the strongest on top; F − 1 with several imputations.

        Parameters
        ----------
        ax : Axes, optional
            Axes to draw on; a new figure by default.
        """
        from lbp_prognosis._draw import draw_importance

        rows = self.table[(self.table["test"] == "total") & (self.table["term"] != "")]
        expected = rows["df"] if self.m == 1 else 1.0
        frame = pd.DataFrame({"player": rows["term"], "importance": rows["statistic"] - expected, "group": ""})
        label = "Wald χ² − df" if self.m == 1 else "pooled Wald F − 1"
        return draw_importance(frame.sort_values("importance", ascending=False, kind="stable"), label=label, ax=ax)

    def _summary(self) -> str:
        predictors = self.table.loc[self.table["test"] == "total", "term"]
        sign = "χ²" if self.m == 1 else f"F over {self.m} imputations (D1)"
        return f"{int((predictors != '').sum())} predictors, Wald {sign}"


def anova(fitted: Any, *, terms: Mapping[str, Sequence[str]] | None = None, cause: int = 1) -> Anova:
    """Test each predictor of a fitted model, its non-linear part and its interactions, as ``anova`` of rms does.

    Parameters
    ----------
    fitted : fitted RiskPipeline or model
        Unpenalised, with coefficients and their covariance. A pipeline made by `fusion.from_formula` knows its terms.
        In other pipelines, columns named in the style of `RestrictedCubicSpline` and `OneHot` (``age'``, ``grade=3``)
        belong to one predictor, and each other column is a separate predictor.
    terms : mapping of str to sequence of str, optional
        Columns of the design by predictor, in place of the names; each column of the design must occur once. The
        non-linear part cannot then be identified.
    cause : int, default 1
        Event code.

    Returns
    -------
    Anova
        Apparent tests, on the development rows of the model.

    Raises
    ------
    ArgumentError
        If the model is penalised or has no covariance, or ``terms`` are not a partition of its columns.

    Notes
    -----
    Each test is b'V⁻¹b of some coefficients b with covariance V (robust or clustered where the fit was). With several
    completed tables it is D1, F = b̄'Ū⁻¹b̄ / (k (1 + r)). A column dropped as collinear has no degree of freedom.

    References
    ----------
    Harrell FE (2015). Regression Modeling Strategies, 2nd ed. Springer, section 9.2. doi:10.1007/978-3-319-19425-7

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from lbp_prognosis import CoxPH
    >>> from lbp_prognosis.fusion import from_formula
    >>> from lbp_prognosis.validation import anova
    >>> rng = np.random.default_rng(0)
    >>> d = pd.DataFrame({"odi": rng.uniform(0, 80, 200), "sex": rng.choice(["f", "m"], 200), "status": 1})
    >>> d["months"] = rng.exponential(9 * np.exp(d["odi"] / 40))
    >>> pipeline, X, y = from_formula(CoxPH(), "Surv(months, status) ~ rcs(odi, 3) * sex", d)
    >>> anova(pipeline.fit(X, y)).to_frame()[["term", "test", "df"]].head(4)
      term              test  df
    0  odi             total   4
    1  odi  all interactions   2
    2  odi         nonlinear   2
    3  sex             total   3
    """
    effects = effects_on(fitted, cause, "fitted")
    names = effects[0].names
    said = _term_columns(fitted, names) if terms is None else _given(terms, names)
    rows = []
    for term, test, columns in (*_of_predictors(said), *_of_interactions(said), *_of_all(said)):
        rows.append({"term": term, "test": test, **_wald(effects, columns)})
    return Anova(
        table=pd.DataFrame(rows, columns=["term", "test", "statistic", "df", "df2", "p"]),
        cause=cause,
        m=len(effects),
        objections=imputation_doubts(effects),
    )


def _term_columns(fitted: Any, names: list[str]) -> list[TermColumns]:
    """Terms of a formula if the design comes from one; otherwise predictors identified by column names."""
    branches = getattr(fitted, "branches_", ())
    steps = [step for _, step in getattr(fitted, "steps_", ())] + [step for b in branches[:1] for step in b.steps]
    formula = next((step for step in steps if hasattr(step, "term_columns")), None)
    if formula is not None:
        found: list[TermColumns] = formula.term_columns()
        if [name for term in found for name in term.columns] == names:
            return found
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_root(name, names), []).append(name)
    return [
        TermColumns(
            (root,),
            tuple(columns),
            tuple(frozenset({root} if name.endswith("'") else ()) for name in columns),
        )
        for root, columns in groups.items()
    ]


def _root(name: str, names: list[str]) -> str:
    plain = name.rstrip("'")
    if plain != name and plain in names:
        return plain
    return name.split("=", 1)[0]


def _given(terms: Mapping[str, Sequence[str]], names: list[str]) -> list[TermColumns]:
    if not isinstance(terms, Mapping):
        raise argument_error("terms", "a mapping of predictors to columns of the design", terms)
    listed = [str(name) for columns in terms.values() for name in columns]
    if sorted(listed) != sorted(names):
        wrong = sorted({*listed} ^ {*names}) or [name for name in names if listed.count(name) > 1]
        raise argument_error("terms", f"every column of the design once: {names[:8]}", f"not so for {wrong[:5]}")
    return [
        TermColumns((str(term),), tuple(map(str, columns)), (frozenset(),) * len(columns))
        for term, columns in terms.items()
    ]


def _of_predictors(said: list[TermColumns]) -> Iterable[tuple[str, str, list[str]]]:
    for predictor in dict.fromkeys(name for term in said for name in term.predictors):
        mine = [term for term in said if predictor in term.predictors]
        yield predictor, "total", [name for term in mine for name in term.columns]
        shared = [name for term in mine if len(term.predictors) > 1 for name in term.columns]
        if shared:
            yield predictor, "all interactions", shared
        bent = [name for term in mine for name, of in zip(term.columns, term.bent) if predictor in of]
        if bent:
            yield predictor, "nonlinear", bent


def _of_interactions(said: list[TermColumns]) -> Iterable[tuple[str, str, list[str]]]:
    for product in (term for term in said if len(term.predictors) > 1):
        label = " * ".join(product.predictors)
        mine = [term for term in said if set(product.predictors) <= set(term.predictors)]
        yield label, "interaction", [name for term in mine for name in term.columns]
        bent = [name for term in mine for name, of in zip(term.columns, term.bent) if of]
        if bent:
            yield label, "nonlinear interaction", bent
        columns = [(name, of) for term in mine for name, of in zip(term.columns, term.bent)]
        curved = [name for name in product.predictors if any(name in of for _, of in columns)]
        if len(curved) > 1:
            both = [name for name, of in columns if set(curved) <= of]
            yield label, f"nonlinear interaction in {' and '.join(curved)}", both
            for predictor in curved:
                yield label, f"nonlinear interaction in {predictor}", [name for name, of in columns if predictor in of]


def _of_all(said: list[TermColumns]) -> Iterable[tuple[str, str, list[str]]]:
    bent = [name for term in said for name, of in zip(term.columns, term.bent) if of]
    shared = [name for term in said if len(term.predictors) > 1 for name in term.columns]
    if bent:
        yield "", "total nonlinear", bent
    if shared:
        yield "", "total interaction", shared
    if bent and shared:
        yield "", "total nonlinear and interaction", list(dict.fromkeys([*bent, *shared]))
    yield "", "total", [name for term in said for name in term.columns]


def _wald(effects: list[Effects], columns: list[str]) -> dict[str, float]:
    place = [effects[0].names.index(name) for name in columns]
    coef = np.array([fit.coef[place] for fit in effects])
    covariance = np.array([fit.covariance[np.ix_(place, place)] for fit in effects])
    # a column dropped as collinear has coefficient 0 and no variance
    kept = (np.diagonal(covariance, axis1=1, axis2=2) > 0).all(axis=0)
    k = int(kept.sum())
    if k == 0:
        return {"statistic": np.nan, "df": 0, "df2": np.inf, "p": np.nan}
    coef, covariance = coef[:, kept], covariance[:, kept][:, :, kept]
    if len(effects) > 1:
        pooled = d1_test(coef, covariance)
        return {"statistic": float(pooled.statistic), "df": k, "df2": float(pooled.df2), "p": float(pooled.p)}
    statistic = float(coef[0] @ np.linalg.solve(covariance[0], coef[0]))
    return {"statistic": statistic, "df": k, "df2": np.inf, "p": float(chi2.sf(statistic, k))}
