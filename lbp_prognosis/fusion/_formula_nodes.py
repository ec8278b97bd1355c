"""Parts of a parsed formula."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Arithmetic", "Category", "Factor", "Formula", "Poly", "Response", "Spline"]


@dataclass(frozen=True)
class Arithmetic:
    """Node of arithmetic: a number, a column, an operation or a function.

    Attributes
    ----------
    kind : str
        ``"number"``, ``"column"``, ``"negative"``, one of ``+ - * /``, ``"log"``, ``"log1p"`` or ``"sqrt"``.
    value : float or str
        Value of a number, or name of a column.
    parts : tuple of Arithmetic
        Operands.
    text : str
        As written, without spaces.
    """

    kind: str
    value: float | str
    parts: tuple[Arithmetic, ...]
    text: str

    def columns(self) -> tuple[str, ...]:
        """Columns in the order of their appearance."""
        own = (str(self.value),) if self.kind == "column" else ()
        return tuple(dict.fromkeys((*own, *(name for part in self.parts for name in part.columns()))))


@dataclass(frozen=True)
class Spline:
    """``rcs(x, 4)`` or ``rcs(x, c(10, 20, 40))``."""

    of: Arithmetic
    n_knots: int
    knots: tuple[float, ...]
    text: str

    def columns(self) -> tuple[str, ...]:
        """Columns of the table."""
        return self.of.columns()


@dataclass(frozen=True)
class Poly:
    """``poly(x, 2)``, orthogonal over the training rows."""

    of: Arithmetic
    degree: int
    text: str

    def columns(self) -> tuple[str, ...]:
        """Columns of the table."""
        return self.of.columns()


@dataclass(frozen=True)
class Category:
    """``C(grade)``, ``C(grade, ref="b")``."""

    column: str
    reference: str | None
    text: str

    def columns(self) -> tuple[str, ...]:
        """Columns of the table."""
        return (self.column,)


Factor = Arithmetic | Spline | Poly | Category


@dataclass(frozen=True)
class Response:
    """Left side: ``Surv(months, status)``, ``Status(state, 12)``, ``Measured(score, 12, 0, 10)``."""

    kind: str
    columns: tuple[str, ...]
    numbers: tuple[float, ...]


@dataclass(frozen=True)
class Formula:
    """A parsed formula.

    Attributes
    ----------
    response : Response or None
        Left side.
    terms : tuple of tuple of Factor
        Main effects first, then interactions by order, each as its factors.
    strata : tuple of str
        Columns of separate baselines.
    offset : str or None
        Column with coefficient 1.
    right : str
        Right side without strata and offset, in a standard form.
    """

    response: Response | None
    terms: tuple[tuple[Factor, ...], ...]
    strata: tuple[str, ...]
    offset: str | None
    right: str
