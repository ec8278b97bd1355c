"""Files are complete or absent, private where they hold patients, held by one run, and say when they were changed."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from lbp_prognosis._base import (
    LOCK,
    TEMPORARY,
    ArgumentError,
    Checkpoint,
    check_writable,
    folder_lock,
    row_level_files,
    word_file,
    write_file,
)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestWriteFile:
    @pytest.mark.parametrize("content", ["größer\n", "größer\n".encode(), lambda file: file.write("größer\n".encode())])
    def test_text_bytes_and_writers_give_the_same_file(self, tmp_path, content) -> None:
        assert write_file(tmp_path / "a.txt", content).read_bytes() == "größer\n".encode()
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]

    @pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    @pytest.mark.parametrize("where", ["os.fsync", "os.replace", "writer"])
    def test_what_stood_there_stays(self, tmp_path, monkeypatch, fault, where) -> None:
        path = write_file(tmp_path / "a.txt", "old")

        def fail(*_):
            raise fault

        if where != "writer":
            monkeypatch.setattr(where, fail)
        with pytest.raises(type(fault)) as raised:
            write_file(path, fail if where == "writer" else "new")
        monkeypatch.undo()
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]
        if isinstance(fault, OSError):
            assert raised.value.filename == str(path)  # the message names the file that was meant

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    @pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
    def test_permissions(self, tmp_path, umask) -> None:
        before = os.umask(umask)
        try:
            assert _mode(write_file(tmp_path / "a", "")) == 0o666 & ~umask
            assert _mode(write_file(tmp_path / "b", "", private=True)) == 0o600
            assert _mode(check_writable("out", tmp_path / "c" / "d", private=True)) == 0o700
        finally:
            os.umask(before)

    def test_a_folder_that_cannot_be_written(self, tmp_path) -> None:
        (tmp_path / "file").write_text("")
        for path in (tmp_path / "file", tmp_path / "file" / "below", "nul\x00"):
            with pytest.raises(ArgumentError, match="`out`"):
                check_writable("out", path)
        check_writable("out", tmp_path / "new")
        assert list((tmp_path / "new").iterdir()) == []

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_read_only_folder(self, tmp_path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(ArgumentError, match="can be written"):
            check_writable("out", tmp_path)


class TestFolderLock:
    def test_one_run_a_folder(self, tmp_path) -> None:
        code = (
            "import sys\nfrom lbp_prognosis._base import ArgumentError, folder_lock\n"
            f"try:\n    with folder_lock('out', {str(tmp_path)!r}): print('free')\n"
            "except ArgumentError as error: print('held' if '`out`' in str(error) else error)\n"
        )

        def other() -> str:
            return subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stdout.strip()

        with folder_lock("out", tmp_path):
            with folder_lock("out", tmp_path):  # the same run may hold it again
                pass
            assert other() == "held"
        assert other() == "free"
        assert list(tmp_path.iterdir()) == []

    def test_what_a_killed_run_left_is_removed(self, tmp_path) -> None:
        (tmp_path / f"{TEMPORARY}abc-task-1.npz").write_bytes(b"half")
        (tmp_path / LOCK).write_bytes(b"")
        (tmp_path / "mine.txt").write_text("mine")
        with folder_lock("out", tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_let_go_after_an_error(self, tmp_path) -> None:
        with pytest.raises(ZeroDivisionError), folder_lock("out", tmp_path):
            raise ZeroDivisionError
        with folder_lock("out", tmp_path):
            pass


def _edit(path: Path, change) -> None:
    """Change arrays of a file as someone would who knows NumPy, its digest left as it was."""
    with np.load(path) as stored:
        arrays = dict(stored)
    np.savez(path, **change(arrays))


def _huge(path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**32,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("risk.npy", header.getvalue() + b"\0" * 64)


DAMAGE = {
    "halved": lambda path: _edit(path, lambda a: {**a, "risk": a["risk"] / 2}),
    "seven": lambda path: _edit(path, lambda a: {**a, "risk": a["risk"] * 0 + 7}),
    "reversed": lambda path: _edit(path, lambda a: {**a, "risk": a["risk"][::-1]}),
    "wrong shape": lambda path: _edit(path, lambda a: {**a, "risk": a["risk"][:, None]}),
    "other type": lambda path: _edit(path, lambda a: {**a, "risk": a["risk"].astype("f4")}),
    "missing key": lambda path: _edit(path, lambda a: {k: v for k, v in a.items() if k != "risk"}),
    "another key": lambda path: _edit(path, lambda a: {**a, "more": np.zeros(1)}),
    "no digest": lambda path: _edit(path, lambda a: {k: v for k, v in a.items() if k != "_digest"}),
    "exchanged": lambda path: path.write_bytes(path.with_name("task-2.npz").read_bytes()),
    "32 GB": _huge,
    "empty": lambda path: path.write_bytes(b""),
    "compressed": lambda path: np.savez_compressed(path, risk=np.zeros(100000)),
    "objects": lambda path: np.savez(path, risk=np.array([{}], dtype=object), allow_pickle=True),
}


class TestCheckpoint:
    @pytest.mark.parametrize("damage", list(DAMAGE))
    def test_changed_files_are_said_and_not_taken(self, tmp_path, caplog, damage) -> None:
        store = Checkpoint(tmp_path, "key")
        for task in (1, 2):
            store.save(task, {"risk": np.linspace(0.1, 0.9, 5) / task, "n": np.int64(task)})
        assert store.load(1) is not None
        assert not caplog.records
        DAMAGE[damage](tmp_path / "task-1.npz")
        assert store.load(1) is None
        assert len(caplog.records) == 1
        assert "task-1.npz" in caplog.text
        assert store.load(2)["n"] == 2  # the others stay

    def test_files_of_another_work_are_not_taken(self, tmp_path) -> None:
        one, two = Checkpoint(tmp_path / "a", "one"), Checkpoint(tmp_path / "b", "two")
        one.save(1, {"risk": np.zeros(3)})
        (tmp_path / "b" / "task-1.npz").write_bytes((tmp_path / "a" / "task-1.npz").read_bytes())
        assert two.load(1) is None

    @pytest.mark.parametrize("note", [b"", b"{", b"[]", b"{}", b'"key"', b"\xff\xfe", b"[" * 100000])
    def test_a_broken_note_is_one_clear_error(self, tmp_path, note) -> None:
        Checkpoint(tmp_path, "key")
        (tmp_path / "checkpoint.json").write_bytes(note)
        with pytest.raises(ArgumentError, match="`checkpoint`"):
            Checkpoint(tmp_path, "key")

    @pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
    def test_readable_by_the_owner_alone(self, tmp_path) -> None:
        store = Checkpoint(tmp_path / "run", "key")
        store.save(1, {"risk": np.zeros(2)})
        assert _mode(tmp_path / "run") == 0o700
        assert {_mode(path) for path in (tmp_path / "run").iterdir()} == {0o600}

    def test_the_same_arrays_come_back(self, tmp_path) -> None:
        store = Checkpoint(tmp_path, "key")
        arrays = {
            "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            "words": np.array([["a", "größer"]]),
            "none": np.empty((0, 3)),
            "one": np.float64(np.nan),
            "record": np.array([(1.5, 2)], dtype=[("time", "f8"), ("event", "i1")]),
        }
        store.save("x", arrays)
        found = store.load("x")
        assert set(found) == set(arrays)
        for name, values in arrays.items():
            assert found[name].dtype == values.dtype
            assert found[name].flags.writeable
            np.testing.assert_array_equal(found[name], values)


def test_row_level_files_are_found_and_no_others(tmp_path) -> None:
    Checkpoint(tmp_path / "c", "key").save(1, {"risk": np.zeros(2)})
    for name in ("evidence.html", "study.toml", "task-1.npz", f"{TEMPORARY}1-x", "c/notes.txt", "c/task-a b.npz"):
        (tmp_path / name).write_text("")
    extracted = tmp_path / "e"
    (extracted / "pictures").mkdir(parents=True)
    for name in ("provenance.json", "biomarker.csv", "imaging_study.csv", "failures.csv", "pictures/a.png", "own.csv"):
        (extracted / name).write_text("")
    (tmp_path / "link").symlink_to(extracted)
    found = {path.relative_to(tmp_path).as_posix(): kind for path, kind in row_level_files(tmp_path)}
    assert found == {
        f"{TEMPORARY}1-x": "unfinished",
        "c/checkpoint.json": "checkpoint",
        "c/task-1.npz": "checkpoint",
        "e/biomarker.csv": "result",
        "e/imaging_study.csv": "result",
        "e/failures.csv": "result",
        "e/pictures/a.png": "result",
    }


def test_a_word_file_has_the_same_bytes_at_any_time(monkeypatch) -> None:
    pytest.importorskip("docx")
    parts = [(1, "Title"), "words\x07", [["a", "b"], ["1", "2\ud800"]]]
    first = word_file("Title\x00", parts, caller="test")
    monkeypatch.setattr("time.localtime", lambda *_: (2031, 1, 1, 1, 1, 2, 0, 1, 0))
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert word_file("Title\x00", parts, caller="test") == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert "words" in archive.read("word/document.xml").decode()
