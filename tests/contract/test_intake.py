"""Every row-wise argument of every public function: the right number by label and by kind, or one clear error."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis import LBPError
from lbp_prognosis._base import ROLES, takes_rows
from tests.contract.intake_calls import CALLS, INDEX, ORDER, SLOW_CALLS, N, as_decimal
from tests.contract.intake_methods import METHODS, SLOW_METHODS
from tests.contract.parameters import PARAMETERS

ROOMS = (
    "survival",
    "models",
    "fusion",
    "evaluation",
    "evaluation.diagnostic",
    "evaluation.technical",
    "evaluation.prognostic",
    "evaluation.utility",
    "explain",
    "validation",
    "federation",
    "deployment",
    "cohort",
    "instruments",
    "biomechanics",
    "report",
    "study",
)
EXCEPTIONS = {
    # function: why a parameter of a row-wise name is none there
    "fusion.*.reference": "`reference` is the source of a conversion or of norms",
    "evaluation.technical.overlap": "`first` and `second` are label images",
    "evaluation.*.reference": "`reference` of a result's method names a model",
    "evaluation.Calibration.*": "`groups` is a number of groups",
    "explain.*": "`groups` and `first` name players, not rows",
    "validation.sample_size_validation": "`risk` is a distribution that is assumed",
    "study.evaluate_table": "`risks` and `clusters` name columns of a file",
    "report.evaluation_page": "`groups` are results",
    "survival.Surv.*, survival.Measured.*": "constructors of outcomes bring their arguments in order by `aligned`",
    "validation.MultiplyImputed.fit": "hands its rows to the fit of a model, which pairs them with its table",
}


def public_functions() -> dict[str, Any]:
    """All functions and methods at the doors, by name."""
    found: dict[str, Any] = {}
    for room in ROOMS:
        door = importlib.import_module(f"lbp_prognosis.{room}")
        for name in door.__all__:
            thing = getattr(door, name)
            if inspect.isclass(thing) and not issubclass(thing, Exception):
                for own in dir(thing):
                    function = inspect.getattr_static(thing, own)
                    function = getattr(function, "__func__", function)
                    if not own.startswith("_") and inspect.isfunction(function):
                        if function.__module__.startswith("lbp_prognosis"):
                            found[f"{room}.{name}.{own}"] = function
            elif inspect.isfunction(thing):
                found[f"{room}.{name}"] = thing
    return found


def excepted(name: str, parameter: str) -> bool:
    room, last = name.split(".")[0], name.split(".")[-1]
    constructors = ("survival.Surv.", "survival.Measured.")
    if name in ("fusion.Conversion.from_paired", "fusion.norms_of") or name.startswith(constructors):
        return True
    if name in EXCEPTIONS or (room == "explain" and parameter in ("groups", "first")):
        return True
    if parameter == "reference" and last in ("at", "difference", "weighted_area", "pooled"):
        return True
    return parameter == "groups" and ".Calibration." in name


def test_exceptions_are_few():
    assert len(EXCEPTIONS) <= 10


def unknown_parameters(functions: dict[str, Any]) -> list[str]:
    """Parameters that are not yet said to contain rows or not."""
    return sorted(
        {
            f"{name}: {parameter}"
            for name, function in functions.items()
            for parameter, kind in inspect.signature(function).parameters.items()
            if parameter not in ROLES and parameter not in PARAMETERS and kind.kind is not inspect.Parameter.VAR_KEYWORD
        }
    )


def test_the_role_of_every_parameter_is_known():
    """A new name is a line of ROLES, if it contains one thing a row, else of tests/contract/parameters.py."""
    assert unknown_parameters(public_functions()) == []
    assert not set(PARAMETERS) & set(ROLES)


def test_an_unknown_parameter_fails():
    def measure(y, risk, mystery, *, horizons=None, **keywords):
        return y, risk, mystery, horizons, keywords

    assert unknown_parameters({"evaluation.measure": measure}) == ["evaluation.measure: mystery"]


def test_functions_that_take_rows_take_them_by_the_intake():
    found = public_functions()
    assert len(found) > 300
    lost = [f"{name}: {lost}" for name, function in found.items() if (lost := unread(name, function))]
    assert lost == [], "decorate with `takes_rows` (`lbp_prognosis._base`), which reads and aligns these parameters"


def unread(name: str, function: Any) -> list[str]:
    """Row-wise parameters that a function reads by itself."""
    wanted = {
        p: ROLES[p]
        for p, parameter in inspect.signature(function).parameters.items()
        if p in ROLES
        and ROLES[p] != "outcome"
        and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        and not excepted(name, p)
    }
    if name.endswith((".check_weights", ".get_feature_names_out")):
        return []
    taken = getattr(function, "row_roles", {})
    return [p for p in wanted if p not in taken and p != "group_by"]


# ---- feeding -----------------------------------------------------------------------------------------------------


def digest(result: Any) -> np.ndarray:
    """What a call gave, as numbers."""
    if hasattr(result, "to_frame") and not isinstance(result, pd.Series | pd.Index):
        result = result.to_frame()
    if isinstance(result, pd.DataFrame):
        result = result.select_dtypes("number").to_numpy(dtype=float)
    return np.asarray(result, dtype=float).ravel()


def run(spec: tuple[Any, dict[str, Any], dict[str, Any]], **changed: Any) -> np.ndarray:
    call, rows, others = spec
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return digest(call(**{**rows, **others, **changed}))


def is_labels(value: Any, name: str) -> bool:
    return ROLES.get(name) == "labels"


def is_text(value: pd.Series) -> bool:
    return value.dtype == object or isinstance(value.dtype, pd.StringDtype)  # as pandas 3 stores words


def right_variants(name: str, value: Any) -> dict[str, Any]:
    """Other ways to give the same rows: each must give the same number."""
    import polars as pl
    import pyarrow as pa

    shuffled = value.iloc[ORDER]
    out = {"reordered": shuffled, "array": value.to_numpy()}
    if isinstance(value, pd.DataFrame):
        swapped = value[list(value.columns)[::-1]]
        out |= {
            "nullable": value.convert_dtypes(),
            "decimal": as_decimal(value),
            "object": value.astype(object),
            "arrow-backed": value.convert_dtypes(dtype_backend="pyarrow"),
            "columns reordered": swapped,
            "polars reordered": pl.from_pandas(swapped.reset_index(drop=True)),
            "arrow table reordered": pa.Table.from_pandas(swapped, preserve_index=False),
            "whole": shuffled.iloc[np.argsort(ORDER)],
        }
        return out
    text = is_text(value)
    out |= {
        "nullable": value.convert_dtypes(),
        "arrow-backed": value.convert_dtypes(dtype_backend="pyarrow"),
        "object": value.astype(object),
        "polars": pl.Series(value.to_list()),
        "list": value.to_list(),
        "category": value.astype("category") if text else value,
    }
    if not text and name != "event" and value.dtype != bool:
        out["decimal"] = as_decimal(value)
        out["decimal reordered"] = as_decimal(shuffled)
    return out


def with_cells(frame: pd.DataFrame, column: Any, cells: Any) -> pd.DataFrame:
    out = frame.copy()
    out[column] = cells
    return out


def wrong_variants(name: str, value: Any, others_labelled: bool) -> dict[str, Any]:
    """What can't be read rightly: one clear error each."""
    if isinstance(value, pd.DataFrame):
        first = value.columns[0]
        out = {
            "dates": with_cells(value, first, pd.date_range("2020-01-01", periods=len(value), tz="Europe/Oslo")),
            "durations": with_cells(value, first, pd.to_timedelta(np.arange(len(value)), unit="D")),
            "complex": with_cells(value, first, value[first] + 1j),
            "infinite": with_cells(value, first, [np.inf, *value[first].iloc[1:]]),
            "shorter": value.iloc[:-1],
        }
    else:
        days = pd.date_range("2020-01-01", periods=len(value), tz="Europe/Oslo")
        mixed = value.astype(object).copy()
        mixed.iloc[0] = 3 if is_text(value) else "?"
        out = {
            "dates": pd.Series(days, value.index),
            "dates as objects": pd.Series(list(days), value.index, dtype=object),
            "durations": pd.Series(pd.to_timedelta(np.arange(len(value)), unit="D"), value.index),
            "complex": pd.Series(np.arange(len(value)) + 1j, value.index),
            "mixed": mixed,
            "shorter": value.iloc[:-1],
            "one row": value.iloc[:1],
            "no row": value.iloc[:0],
        }
    if others_labelled:
        twice = value.set_axis(INDEX[np.arange(N) // 2])
        out |= {
            "labels twice, reordered": twice.iloc[ORDER],
            "numbers for labels": value.set_axis(pd.Index(ORDER)),
            "default index": value.reset_index(drop=True),
            "other labels": value.set_axis([f"q{k}" for k in range(N)]),
        }
    return out


# the same rows in the same order, stored otherwise: each argument is read by itself, so that all are given at once
IN_ORDER = ("nullable", "decimal", "object", "arrow-backed", "array", "list", "polars", "category")
OTHER_COLUMN_ORDER = ("columns reordered", "polars reordered", "arrow table reordered")
MISLABELLED = ("labels twice, reordered", "numbers for labels", "default index", "other labels")


SEES_NO_VALUE = {
    # which dates or text in a predictor can't disturb, because the function looks at no value of one
    "models.NullModel": "predicts without predictors",
    "models.NullModel.predict_risk": "predicts without predictors",
    "fusion.PatternSubmodels.pattern_of": "asks which values are missing",
    "deployment.Equation.baselines": "asks for the stratum, and this equation has none",
    "survival.CensoringKaplanMeier.survival_at": "asks for the stratum, and these curves have none",
    "survival.CensoringKaplanMeier.survival_before": "asks for the stratum, and these curves have none",
}
READS_DATES = {
    "validation.screen": "a date among the predictors is what it looks for",
    "cohort.table_one_of": "a date has a median and a range",
}
HANDED_ON = {
    "models.AdaptedModel.fit": "the other library reads the columns, dates too, and refuses in its own words",
    "models.AdaptedModel.predict_risk": "the other library reads the columns, dates too, and refuses in its own words",
}
DRAWS_BY_COLUMN = {"fusion.MultipleImputation.complete_training": "draws go from column to column, as they stand"}
KEEPS_INFINITY = {
    "cohort.table_one_of": "an infinite value is counted as missing",
    "deployment.PublishedModel.groups": "an answer outside the range of its item is none",
    "federation.table_one_sums": "as in Table 1",
    "fusion.LevelMap.cube": "puts cells into another shape",
    "fusion.LevelMap.to_long": "puts cells into another shape",
    "models.landmark": "chooses rows for a model, which refuses",
    "models.landmark_supermodel": "stacks rows for a model, which refuses",
    "validation.screen": "looks at the table as it came",
}
ROW_BY_ROW = {"utility.expected_value_of_imaging": "each risk by itself, so that one or none will do"}


def has_a_partner(title: str, rows: dict[str, Any], others: dict[str, Any]) -> bool:
    """Whether rows stand beside rows of something else, an outcome within the call included."""
    fits = title.count(".") == 1 and title.startswith(("models.", "fusion.RiskPipeline"))
    return len(rows) > 1 or bool({"y", "courses", "events"} & set(others)) or (fits and title != "models.predict_risk")


def feed(title: str, spec: tuple[Any, dict[str, Any], dict[str, Any]]) -> None:
    _, rows, others = spec
    expected = run(spec)
    assert np.isfinite(expected).any(), title
    together: dict[str, dict[str, Any]] = {}  # kind -> argument -> rows of that kind
    for name, value in rows.items():
        for kind, given in right_variants(name, value).items():
            if "reordered" in kind and len(rows) == 1 and not others and name != "X" and "columns" not in kind:
                continue  # nothing beside it to be ordered by
            if title in DRAWS_BY_COLUMN and kind in OTHER_COLUMN_ORDER:
                continue
            if kind == "array" and isinstance(value, pd.DataFrame):
                continue  # an array has no names: another question
            if kind in IN_ORDER:
                together.setdefault(kind, {})[name] = given
                continue
            found = run(spec, **{name: given})
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8, err_msg=f"{title}, {name} {kind}")
    for kind, given in together.items():
        found, told = run(spec, **given), f"{title}, {list(given)} {kind}"
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8, err_msg=told)
    for name, value in rows.items():
        labelled = has_a_partner(title, rows, others)
        for kind, given in wrong_variants(name, value, labelled).items():
            if kind == "shorter" and not labelled:
                continue  # fewer rows, and nothing beside them
            if title in SEES_NO_VALUE and name == "X" and kind != "shorter" and kind not in MISLABELLED:
                continue
            if title in READS_DATES and name == "X" and kind in ("dates", "durations"):
                continue
            if title in HANDED_ON and name == "X" and kind in ("dates", "durations", "complex", "infinite"):
                continue
            if title in KEEPS_INFINITY and name == "X" and kind == "infinite":
                continue
            if title in ROW_BY_ROW and kind in ("one row", "no row"):
                continue
            with pytest.raises(LBPError) as told:
                run(spec, **{name: given})
            assert str(told.value), (title, name, kind)


UNFED = {
    # method: why nothing is fed to it
    "deployment.PublishedModel.fit": "looks whether the columns are there, and learns nothing",
    "deployment.monitor": "its rows come in batches with dates; the development rows are a table of their own",
    "models.AdaptedModel.resampler": "returns None: it stands for classes that can't be resampled",
    "report.tripod_ai_answers": "counts the columns of `X`, and looks at no row",
    "study.packet_of_study": "`site` is a name; its rows are in the files of the study",
    "study.packet_of_table": "`site` is a name; its rows are in a file",
    "validation.CalibrationInstability.of": "made by bootstrap_validate of its own arrays",
    "validation.Instability.of": "made by bootstrap_validate of its own arrays",
    "validation.WithoutTreatment.survival_at": "knows its own patients, and looks at no row of `X`",
    "evaluation.utility.imaging_band": "`spread` is one number",
}
ALSO = ("", ".fit", ".predict_risk", ".transform")


def unfed(functions: dict[str, Any], titles: set[str]) -> list[list[str]]:
    """Functions that take rows, give something back and are fed by no call: each with the names that it goes by."""
    names: dict[Any, list[str]] = {}
    for name, function in functions.items():
        silent = inspect.signature(function).return_annotation in (None, "None")
        if getattr(function, "row_roles", {}) and not silent:
            names.setdefault((function.__module__, function.__qualname__), []).append(name)
    fed = {title.split(" of ")[0] for title in titles}
    fed |= {f"evaluation.{title}" for title in fed}
    return [own for own in names.values() if not fed & {n.removesuffix(e) for n in own for e in ALSO}]


def test_every_function_that_takes_rows_is_fed():
    titles = {*CALLS, *SLOW_CALLS, *METHODS, *SLOW_METHODS}
    left = unfed(public_functions(), titles)
    assert [own for own in left if not set(own) & set(UNFED)] == []
    assert set(UNFED) <= {name for own in left for name in own}
    assert len(UNFED) <= 10


def test_a_new_function_that_nobody_feeds_fails():
    @takes_rows()
    def measure(y, risk):
        return y, risk

    assert unfed({"evaluation.measure": measure}, {"evaluation.brier"}) == [["evaluation.measure"]]
    assert unfed({"evaluation.measure": measure}, {"evaluation.measure"}) == []


@pytest.mark.parametrize("title", METHODS)
def test_methods_pair_their_rows_and_read_them_by_kind(title):
    feed(title, METHODS[title])


@pytest.mark.slow
@pytest.mark.parametrize("title", SLOW_METHODS)
def test_rows_of_long_methods(title):
    feed(title, SLOW_METHODS[title])


@pytest.mark.parametrize("title", CALLS)
def test_rows_are_paired_by_label_and_read_by_kind(title):
    feed(title, CALLS[title])


@pytest.mark.slow
@pytest.mark.parametrize("title", SLOW_CALLS)
def test_rows_of_long_calls(title):
    feed(title, SLOW_CALLS[title])


WITH_LABELS = {
    f"{title}, {name}": (spec, name)
    for title, spec in {**CALLS, **METHODS}.items()
    for name, value in spec[1].items()
    if is_labels(value, name) and not isinstance(value, pd.DataFrame)
}


@pytest.mark.parametrize("title", WITH_LABELS)
def test_a_missing_label_is_an_answer_or_words(title):
    """``pd.NA`` in strata, clusters, groups and sites: counted as missing or refused, never another program's error."""
    spec, name = WITH_LABELS[title]
    value = spec[1][name]
    objects = value.astype(object).copy()
    objects.iloc[3] = pd.NA
    nullable = pd.Series(pd.array(objects.factorize()[0], dtype="Int64"), value.index)
    nullable.iloc[3] = pd.NA
    for given in (objects, nullable, objects.where(objects.notna(), None), objects.astype("category")):
        with contextlib.suppress(LBPError):
            assert np.isfinite(run(spec, **{name: given})).any()
