"""Public tables: listed with source and licence, read only when the file is the one that is known."""

from __future__ import annotations

import shutil

import pytest

from lbp_prognosis._base import ArgumentError, DataError
from lbp_prognosis.datasets import load_public, public_datasets


def test_every_entry_says_where_from_and_under_what() -> None:
    listed = public_datasets()
    assert listed["name"].is_unique
    for column in ("title", "file", "source", "licence", "citation"):
        assert (listed[column].str.len() > 3).all(), column
    assert listed["sha256"].str.fullmatch("[0-9a-f]{64}").all()


@pytest.mark.parametrize("name", public_datasets()["name"])
def test_files_beside_the_checkout_load(shared, name: str) -> None:
    frame = load_public(name, shared)
    assert len(frame) > 50
    assert frame.attrs["licence"]
    assert frame.attrs["synthetic"] is False


def test_angles_add_up(shared) -> None:
    spine = load_public("vertebral_column", shared)
    gap = spine["pelvic_incidence"] - spine["pelvic_tilt"] - spine["sacral_slope"]
    assert gap.abs().max() < 0.0101
    assert (spine["slip"] > 400).sum() == 1


def test_sentinels_are_kept(shared) -> None:
    trial = load_public("prt_trial", shared)
    assert trial.shape == (341, 35)
    assert (trial["current_opioid_use"] == "<undefined>").any()


def test_an_absent_file_names_its_source(tmp_path) -> None:
    with pytest.raises(DataError, match="Get it from"):
        load_public("glow", tmp_path)
    with pytest.raises(DataError, match="Get it from"):
        load_public("glow", tmp_path / "nowhere")


def test_a_changed_file_is_refused(shared, tmp_path) -> None:
    copy = tmp_path / "column_3C.dat"
    shutil.copyfile(shared / "data" / "uci_vertebral_column" / "column_3C.dat", copy)
    copy.chmod(0o644)
    with open(copy, "a", encoding="utf-8") as handle:
        handle.write("\n1 1 1 1 1 1 NO")
    with pytest.raises(DataError, match="SHA-256"):
        load_public("vertebral_column", tmp_path)


def test_an_unknown_name_is_refused(tmp_path) -> None:
    with pytest.raises(ArgumentError, match="prt_trial"):
        load_public("nothing", tmp_path)
