"""``FormulaTerms``: the right side of a formula as a step that stores knots, categories and polynomials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from lbp_prognosis._base import (
    EstimationError,
    TermColumns,
    argument_error,
    categories_of,
    column_kind,
    is_number,
    numbers_in,
    plain_label,
    refused_kind,
    takes_rows,
)
from lbp_prognosis._kernels import rcs_basis, rcs_knots
from lbp_prognosis.fusion._formula_grammar import parse_terms
from lbp_prognosis.fusion._formula_nodes import Arithmetic, Category, Factor, Poly, Spline
from lbp_prognosis.fusion._frame import match_columns, training_frame

__all__ = ["FormulaTerms"]


class FormulaTerms(TransformerMixin, BaseEstimator):
    """Replace columns by the terms of a formula.

    Parameters
    ----------
    formula : str
        Right side: ``"rcs(odi, 4) + C(grade) * sex + log(weeks)"``; see `from_formula` for the grammar.

    Attributes
    ----------
    knots_ : dict of str to ndarray
        Knots of each ``rcs`` term.
    polynomials_ : dict of str to ndarray of shape (2, degree + 2)
        Recursion of each ``poly`` term: centres, and squared lengths.
    categories_ : dict of str to list
        Categories of each nominal term, the reference first.
    column_categories_ : dict of str to list
        The same by column.

    Notes
    -----
    As in R, a nominal factor with k categories has k − 1 columns if the formula contains the term without it, and k
    columns otherwise.

    Examples
    --------
    >>> import pandas as pd
    >>> from lbp_prognosis.fusion import FormulaTerms
    >>> X = pd.DataFrame({"age": [30.0, 40, 50, 60], "sex": ["m", "f", "f", "m"]})
    >>> list(FormulaTerms("log(age) * sex").fit_transform(X))
    ['log(age)', 'sex=m', 'log(age):sex=m']
    """

    def __init__(self, formula: str) -> None:
        self.formula = formula

    @property
    def nominal_columns(self) -> tuple[str, ...]:
        """Columns that are nominal in the formula, so that a preceding imputation draws categories."""
        factors = [factor for term in parse_terms(self.formula).terms for factor in term]
        return tuple(dict.fromkeys(factor.column for factor in factors if isinstance(factor, Category)))

    @takes_rows()
    def fit(self, X: Any, y: Any = None) -> FormulaTerms:
        """Estimate knots, categories and polynomials; ``y`` is not used."""
        frame = training_frame(X)
        said = parse_terms(self.formula)
        if said.strata or said.offset:
            raise argument_error("formula", "without strata() and offset()", self.formula, "They belong to the model.")
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.n_features_in_ = frame.shape[1]
        self.knots_: dict[str, np.ndarray] = {}
        self.polynomials_: dict[str, np.ndarray] = {}
        self.categories_: dict[str, list[Any]] = {}
        for factor in dict.fromkeys(factor for term in said.terms for factor in term):
            self._learn(factor, frame)
        return self

    def _learn(self, factor: Factor, frame: pd.DataFrame) -> None:
        column = _nominal(factor, frame)
        if column is not None:
            self.categories_[factor.text] = _categories(column, factor, frame)
            return
        assert not isinstance(factor, Category)
        values = _numbers(factor if isinstance(factor, Arithmetic) else factor.of, frame)
        if isinstance(factor, Spline):
            knots = np.array(factor.knots) if factor.knots else rcs_knots(values[np.isfinite(values)], factor.n_knots)
            if knots.size < factor.n_knots:
                raise EstimationError(
                    f"{factor.text} has too few distinct values for {factor.n_knots} knots (they fall together). Use "
                    "fewer knots, name them as rcs(x, c(1, 2, 3)), or leave it linear."
                )
            self.knots_[factor.text] = knots
        elif isinstance(factor, Poly):
            self.polynomials_[factor.text] = _recursion(values[np.isfinite(values)], factor)

    @takes_rows()
    def transform(self, X: Any) -> pd.DataFrame:
        """Return one column per coefficient; missing values stay missing."""
        check_is_fitted(self, "feature_names_in_")
        return self._terms(match_columns(X, self.feature_names_in_))

    def _terms(self, frame: pd.DataFrame) -> pd.DataFrame:
        blocks: dict[tuple[str, bool], list[np.ndarray]] = {}
        parts: dict[str, np.ndarray] = {}
        for label, (_, pieces) in zip(self._labels(), self._pieces()):
            value = np.ones(len(frame))
            for piece in pieces:
                block = piece.factor.text, piece.full
                if block not in blocks:
                    blocks[block] = self._block(piece.factor, frame, full=piece.full)
                value = value * blocks[block][piece.place]
            parts[label] = value
        return pd.DataFrame(parts, index=frame.index)

    def _labels(self) -> list[str]:
        """Names of the design columns, without repetition."""
        labels = [_label(pieces) for _, pieces in self._pieces()]
        twice = next((label for label, count in Counter(labels).items() if count > 1), None)
        if twice is not None:
            raise argument_error(
                "formula",
                "terms that give each column once",
                f"{twice!r} twice",
                "rcs(x) has x among its columns.",
            )
        return labels

    def _pieces(self) -> Iterator[tuple[tuple[Factor, ...], list[_Piece]]]:
        """Yield the term and the multiplied factor columns of each design column."""
        said = parse_terms(self.formula)
        present: set[frozenset[str]] = {frozenset(factor.text for factor in term) for term in said.terms}
        present.add(frozenset())
        for term in said.terms:
            names = frozenset(factor.text for factor in term)
            blocks = []
            for factor in term:
                full = names - {factor.text} not in present
                bends = isinstance(factor, Spline | Poly)
                blocks.append(
                    [
                        _Piece(factor, full, place, name, bends and place > 0)
                        for place, name in enumerate(self._block_names(factor, full=full))
                    ]
                )
            # the first factor varies fastest, as in R
            for chosen in product(*reversed(blocks)):
                yield term, list(chosen[::-1])

    def term_columns(self) -> list[TermColumns]:
        """Return the terms of the formula with the design columns of each, in the order of the design."""
        check_is_fitted(self, "feature_names_in_")
        found: dict[tuple[Factor, ...], list[tuple[str, frozenset[str]]]] = {}
        for term, pieces in self._pieces():
            bent = [column for piece in pieces if piece.bends for column in piece.factor.columns()]
            found.setdefault(term, []).append((_label(pieces), frozenset(bent)))
        return [
            TermColumns(
                tuple(dict.fromkeys(column for factor in term for column in factor.columns())),
                tuple(name for name, _ in columns),
                tuple(bent for _, bent in columns),
            )
            for term, columns in found.items()
        ]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns that `transform` returns."""
        check_is_fitted(self, "feature_names_in_")
        return np.asarray(self._labels(), dtype=object)

    @property
    def column_categories_(self) -> dict[str, list[Any]]:
        """Categories of every column that is nominal in some term."""
        check_is_fitted(self, "feature_names_in_")
        factors = dict.fromkeys(factor for term in parse_terms(self.formula).terms for factor in term)
        return {_column(factor): self.categories_[factor.text] for factor in factors if factor.text in self.categories_}

    def _block_names(self, factor: Factor, *, full: bool) -> list[str]:
        """Names of the columns of one factor."""
        if factor.text in self.categories_:
            known = self.categories_[factor.text]
            return [f"{_column(factor)}={plain_label(category)}" for category in (known if full else known[1:])]
        if isinstance(factor, Spline):
            own = factor.of.text.replace("`", "")
            return [f"{own}{chr(39) * k}" for k in range(self.knots_[factor.text].size - 1)]
        own = factor.text.replace("`", "")
        return [f"{own}{k + 1}" for k in range(factor.degree)] if isinstance(factor, Poly) else [own]

    def _block(self, factor: Factor, frame: pd.DataFrame, *, full: bool) -> list[np.ndarray]:
        """Columns of one factor."""
        if factor.text in self.categories_:
            return self._indicators(factor, frame, full)
        assert not isinstance(factor, Category)
        values = _numbers(factor if isinstance(factor, Arithmetic) else factor.of, frame)
        if isinstance(factor, Spline):
            return list(rcs_basis(values, self.knots_[factor.text]).T)
        if isinstance(factor, Poly):
            return list(_polynomials(values, self.polynomials_[factor.text]).T)
        return [values]

    def _indicators(self, factor: Factor, frame: pd.DataFrame, full: bool) -> list[np.ndarray]:
        column = _column(factor)
        known, values = self.categories_[factor.text], frame[column]
        missing = values.isna().to_numpy()
        strange = ~values.isin(known).to_numpy() & ~missing
        if strange.any():
            raise argument_error(
                "X",
                f"of the categories of the fit in {column!r}: {known[:6]}",
                f"{sorted(map(str, values[strange].unique()))[:4]}",
                "A category without a coefficient has no prediction.",
            )
        out = []
        for category in known if full else known[1:]:
            flag = (values == category).to_numpy(dtype=float)
            flag[missing] = np.nan
            out.append(flag)
        return out


class _Piece(NamedTuple):
    """One column of a factor, as a part of a product.

    ``full``: one column per category. ``place`` is the position in the block of the factor; ``bends`` marks the
    non-linear part of a spline or polynomial.
    """

    factor: Factor
    full: bool
    place: int
    name: str
    bends: bool


def _label(pieces: list[_Piece]) -> str:
    return ":".join(piece.name for piece in pieces)


def _column(factor: Factor) -> str:
    """Return the column of a nominal factor."""
    return factor.column if isinstance(factor, Category) else str(factor.value)  # type: ignore[union-attr]


def _nominal(factor: Factor, frame: pd.DataFrame) -> str | None:
    """Return the column of a factor that is nominal by C() or because it contains categories."""
    if isinstance(factor, Category):
        _there((factor.column,), frame)
        return factor.column
    if isinstance(factor, Arithmetic) and factor.kind == "column":
        _there(factor.columns(), frame)
        column = str(factor.value)
        return None if is_number(frame[column]) else column
    return None


def _there(columns: tuple[str, ...], frame: pd.DataFrame) -> None:
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise argument_error("formula", f"of columns of the table, {list(frame.columns)[:8]}", f"{absent[:5]}")


def _categories(column: str, factor: Factor, frame: pd.DataFrame) -> list[Any]:
    kind = column_kind(frame[column])
    if kind in ("date", "duration", "complex", "mixed"):
        raise refused_kind("X", kind, "numbers and categories", column=column)
    known = categories_of(frame[column])
    reference = factor.reference if isinstance(factor, Category) else None
    if reference is not None:
        found = [c for c in known if str(plain_label(c)) == reference]
        if not found:
            raise argument_error("formula", f"a reference among {known[:6]} in {factor.text}", reference)
        known = [found[0], *[c for c in known if c is not found[0]]]
    if len(known) < 2:
        raise EstimationError(f"The column {column!r} has one category: no coefficient can be estimated. Drop it.")
    return known


def _numbers(node: Arithmetic, frame: pd.DataFrame) -> np.ndarray:
    """Evaluate a tree of arithmetic over the columns of a frame."""
    _there(node.columns(), frame)
    columns = {name: numbers_in(frame, [name])[:, 0] for name in node.columns()}
    value = np.asarray(_value(node, columns), dtype=float)
    out = np.array(np.broadcast_to(value, (len(frame),)))
    missing = np.zeros(len(frame), dtype=bool)
    for part in columns.values():
        missing |= np.isnan(part)
    bad = np.flatnonzero(~np.isfinite(out) & ~missing)
    if bad.size:
        raise argument_error(
            "X",
            f"values for which {node.text} is a number",
            f"others at rows {bad[:5].tolist()} ({bad.size} in all)",
            "log1p takes zeros; a column that is divided by must not be 0.",
        )
    return out


def _value(node: Arithmetic, columns: dict[str, np.ndarray]) -> Any:
    if node.kind == "number":
        return node.value
    if node.kind == "column":
        return columns[str(node.value)]
    parts = [_value(part, columns) for part in node.parts]
    with np.errstate(all="ignore"):
        if node.kind == "negative":
            return -parts[0]
        if node.kind in ("log", "log1p", "sqrt"):
            return {"log": np.log, "log1p": np.log1p, "sqrt": np.sqrt}[node.kind](parts[0])
        left, right = parts
        if node.kind == "+":
            return left + right
        if node.kind == "-":
            return left - right
        return left * right if node.kind == "*" else np.divide(left, right)


def _recursion(x: np.ndarray, factor: Poly) -> np.ndarray:
    """Centres and squared lengths of the orthogonal polynomials over ``x`` (Kennedy and Gentle), as R's ``poly``."""
    if np.unique(x).size <= factor.degree:
        raise EstimationError(f"{factor.text} needs more than {factor.degree} distinct values.")
    centre, length = np.zeros(factor.degree + 2), np.zeros(factor.degree + 2)
    length[0], before, now = 1.0, np.zeros(x.size), np.ones(x.size)
    for k in range(factor.degree + 1):
        length[k + 1] = now @ now
        centre[k + 1] = (x * now) @ now / length[k + 1]
        before, now = now, (x - centre[k + 1]) * now - length[k + 1] / length[k] * (before if k else 0.0)
    return np.stack([centre, length])


def _polynomials(x: np.ndarray, recursion: np.ndarray) -> np.ndarray:
    centre, length = recursion
    degree = centre.size - 2
    out, before, now = np.empty((x.size, degree)), np.zeros(x.size), np.ones(x.size)
    for k in range(degree):
        before, now = now, (x - centre[k + 1]) * now - length[k + 1] / length[k] * (before if k else 0.0)
        out[:, k] = now / np.sqrt(length[k + 2])
    return out
