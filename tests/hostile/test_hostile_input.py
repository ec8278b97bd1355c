"""The package that malformed ones start from is valid; each malformed wide table gives one clear error."""

import re

import pytest
from hostile.cases import PACKAGES, WIDE_TABLES, PackageCase

from lbp_prognosis._base import ArgumentError, DataError, LBPError, check_risk
from lbp_prognosis.schema import FAILURE_COLUMNS, read_table, validate_package
from lbp_prognosis.survival import Surv


def test_the_package_all_cases_start_from_is_valid(tmp_path):
    report = validate_package(PackageCase("nothing", "", {}).write(tmp_path))
    assert report.ok, report.failures.to_string()
    assert list(report.failures.columns) == list(FAILURE_COLUMNS)


def open_predictions(path):
    """What any caller does with a table of predictions."""
    frame = read_table(path).frame
    for column in ("time", "event", "risk"):
        if column not in frame.columns:
            raise DataError(f"The table has no column {column!r}; it has {', '.join(map(repr, frame.columns))}.")
    if frame.empty:
        raise DataError("The table has no rows.")
    return Surv.right(frame["time"], frame["event"]), check_risk("risk", frame["risk"], n=len(frame), n_horizons=1)


@pytest.mark.parametrize("case", WIDE_TABLES, ids=lambda case: case.name)
def test_malformed_wide_table(case, tmp_path):
    with pytest.raises(LBPError) as raised:
        open_predictions(case.write(tmp_path))
    assert isinstance(raised.value, ArgumentError | DataError)
    assert re.search(case.message, str(raised.value), re.DOTALL), str(raised.value)
    assert "\n" not in str(raised.value)


def test_there_are_at_least_sixty():
    assert len(PACKAGES) >= 60
    assert len({case.name for case in PACKAGES}) == len(PACKAGES)
    assert len({case.name for case in WIDE_TABLES}) == len(WIDE_TABLES)


@pytest.mark.parametrize("path", ["nowhere.csv", "bad\x00name.csv", "x" * 5000 + ".csv", ".", "../../../../etc"])
def test_paths_that_are_no_files(path):
    with pytest.raises(DataError, match=r"is not there|is a folder"):
        read_table(path)


def test_a_folder_that_is_not_there(tmp_path):
    for source in (tmp_path / "nowhere", "bad\x00name"):
        with pytest.raises(ArgumentError, match="source"):
            validate_package(source)
    with pytest.raises(ArgumentError, match="path"):
        read_table(3)
