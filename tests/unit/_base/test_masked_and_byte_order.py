"""Arrays that hide cells, and columns of the other byte order: neither is read as if it were plain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import CoxPH, Status, Surv
from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis._base.intake import as_labels, as_numbers, read_frame
from lbp_prognosis.evaluation import brier, concordance
from lbp_prognosis.survival import Measured
from lbp_prognosis.validation import cross_validate_risk

N = 40
RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(N, 2)), columns=["a", "b"])
TIME = np.ceil(RNG.exponential(8, N))
EVENT = (np.arange(N) % 3 > 0).astype(int)
Y = Surv.right(TIME, EVENT)
FIRST = np.arange(N) == 0


def hidden(values: np.ndarray) -> np.ma.MaskedArray:
    return np.ma.array(values, mask=np.broadcast_to(FIRST.reshape(-1, *[1] * (values.ndim - 1)), values.shape))


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("time", lambda: Surv.right(hidden(TIME), EVENT)),
        ("event", lambda: Surv.right(TIME, hidden(EVENT))),
        ("event", lambda: Surv.right(TIME, hidden(EVENT == 1))),
        ("lower", lambda: Surv.interval(hidden(TIME), TIME + 1)),
        ("risk", lambda: brier(Y, hidden(X["a"].rank(pct=True).to_numpy() / 2), 5.0)),
        ("score", lambda: concordance(Y, hidden(X["a"].to_numpy()))),
        ("sample_weight", lambda: CoxPH().fit(X, Y, sample_weight=hidden(np.ones(N)))),
        ("strata", lambda: CoxPH().fit(X, Y, strata=hidden(EVENT))),
        ("clusters", lambda: CoxPH().fit(X, Y, clusters=hidden(np.arange(N).astype("U2")))),
        ("folds", lambda: cross_validate_risk({"m": CoxPH()}, X, Y, 5.0, folds=hidden(np.arange(N) % 3))),
        ("folds", lambda: cross_validate_risk({"m": CoxPH()}, X, Y, 5.0, folds=np.r_[np.nan, np.arange(N - 1) % 3])),
        ("time", lambda: Surv.right([np.ma.masked, *TIME[1:]], EVENT)),
        ("event", lambda: Surv.right(TIME, [np.ma.masked, *EVENT[1:].tolist()])),
        ("score", lambda: concordance(Y, list(hidden(X["a"].to_numpy())))),
        ("strata", lambda: CoxPH().fit(X, Y, strata=[np.ma.masked, *("ab"[k] for k in EVENT[1:])])),
    ],
)
def test_a_masked_cell_is_missing(argument, call):
    with pytest.raises(ArgumentError, match=f"`{argument}`"):
        call()


def test_masked_rows_of_an_outcome_are_refused():
    with pytest.raises(ArgumentError, match="`y` must be free of masked rows; got masked rows 0"):
        concordance(np.ma.array(Y, mask=FIRST), X["a"].to_numpy())
    plain = concordance(np.ma.array(Y), X["a"].to_numpy())
    assert plain.value == concordance(Y, X["a"].to_numpy()).value


def test_masked_predictors_and_states_are_missing():
    for values in (X.to_numpy(), (10 * X).to_numpy().astype(int)):
        with pytest.raises(DataError, match="missing"):
            CoxPH().fit(list(hidden(values)), Y)  # a masked array per row
        with pytest.raises(DataError, match="missing"):
            CoxPH().fit(hidden(values), Y)
    assert Status.at(12, hidden(EVENT))["status"][:2].tolist() == [-1, EVENT[1]]
    assert np.isnan(Measured.at(12, hidden(TIME), lower=0, upper=99)["value"][0])


def test_nothing_masked_is_the_array():
    risk = CoxPH().fit(X.to_numpy(), Y).predict_risk(X.to_numpy(), 5.0)
    plain = np.ma.array(X.to_numpy())
    np.testing.assert_array_equal(CoxPH().fit(plain, Y).predict_risk(plain, 5.0), risk)
    assert as_numbers("x", np.ma.array([1, 2])).tolist() == [1.0, 2.0]
    assert as_numbers("x", hidden(np.arange(N)))[1:].tolist() == list(range(1, N))
    assert as_labels("x", hidden(np.arange(N)))[:2].tolist() == [None, 1]


@pytest.mark.parametrize("labelled", [False, True])
def test_columns_of_the_other_byte_order(labelled):
    index = [f"p{i}" for i in range(N)] if labelled else None
    swapped = pd.DataFrame(X.to_numpy().astype(np.dtype("f8").newbyteorder()), columns=["a", "b"], index=index)
    two = swapped.copy()
    swapped["c"], swapped.attrs["synthetic"] = np.arange(N), True
    read = read_frame(swapped)
    assert all(dtype.isnative for dtype in read.dtypes)
    assert read.attrs == {"synthetic": True}
    assert read.index.equals(swapped.index)
    np.testing.assert_array_equal(read[["a", "b"]], X.to_numpy())
    weights = pd.Series(np.arange(1, N + 1).astype(np.dtype("i4").newbyteorder()), index=index)
    found = CoxPH().fit(two, Y, sample_weight=weights.iloc[::-1] if labelled else weights)
    expected = CoxPH().fit(X, Y, sample_weight=np.arange(1, N + 1))
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-12)


@pytest.mark.parametrize("kind", ["i8", "f8"])
def test_labels_of_the_other_byte_order_are_the_same_labels(kind):
    other = pd.Index(np.arange(7, N + 7).astype(np.dtype(kind).newbyteorder()))
    y = Surv.right(TIME, EVENT, index=other)
    np.testing.assert_array_equal(y["label"], Surv.right(TIME, EVENT, index=np.arange(7, N + 7))["label"])
    shuffled = X.set_axis(np.arange(7, N + 7)).iloc[::-1]
    np.testing.assert_allclose(CoxPH().fit(shuffled, y).coef_, CoxPH().fit(X, Y).coef_, rtol=1e-9)
    np.testing.assert_allclose(CoxPH().fit(X.set_axis(other).iloc[::-1], y).coef_, CoxPH().fit(X, Y).coef_, rtol=1e-9)


def test_whole_numbers_beyond_those_of_floats_are_infinite():
    for cell in (10**400, -(10**400)):
        with pytest.raises(ArgumentError, match="finite"):
            Surv.right([cell, 2], [1, 0])


def test_categories_of_polars_do_not_depend_on_the_order_of_rows() -> None:
    pl = pytest.importorskip("polars")
    words = ["b", "c", "a", "b", None]
    for cells in (words, words[::-1]):
        table = pl.DataFrame({"g": pl.Series(cells, dtype=pl.Categorical)})
        found = read_frame(table)["g"]
        assert list(found.cat.categories) == ["a", "b", "c"]
        assert found.astype(object).where(found.notna(), None).tolist() == cells
    declared = pl.DataFrame({"g": pl.Series(words, dtype=pl.Enum(["c", "b", "a"]))})
    assert list(read_frame(declared)["g"].cat.categories) == ["c", "b", "a"]
