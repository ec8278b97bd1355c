"""Randomness that does not know how many workers there are; work that survives a kill; column maps."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
import warnings
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pandas as pd
import pytest

from lbp_prognosis._base import (
    ArgumentError,
    Checkpoint,
    FeatureMap,
    Objection,
    _shared_work,
    content_hash,
    generator,
    parallel_map,
    processes_ready,
    spawn,
    surviving_map,
)


def draw(task):
    return task.random(3).tolist()


def warned(task):
    warnings.warn("the same of all", RuntimeWarning, stacklevel=1)
    warnings.warn(f"of task {task}", DeprecationWarning, stacklevel=1)
    return task


def warned_or_failed(task):
    if task == 0:
        time.sleep(2)  # joblib hands out no result after a failure: those of the others come first
    warnings.warn("the same of all", RuntimeWarning, stacklevel=1)
    return task / task


def warned_or_killed(task):
    if task == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    warnings.warn("the same of all", RuntimeWarning, stacklevel=1)
    return task


def killed_elsewhere(home):
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def where(_):
    return os.getpid()


def watches(_):
    return "end-with-parent" in {thread.name for thread in threading.enumerate()}


def threads(_):
    from threadpoolctl import threadpool_info

    np.ones((4, 4)) @ np.ones((4, 4))
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


class TestRandomness:
    def test_a_child_depends_on_seed_and_number_only(self) -> None:
        few, many = spawn(5, 3), spawn(5, 50)
        for k in (2, 0, 1):  # in any order
            assert few[k].random() == many[k].random()
        assert spawn(5, 1)[0].random() != spawn(6, 1)[0].random()

    def test_children_are_unlike_each_other_and_their_parent(self) -> None:
        firsts = [child.random() for child in spawn(0, 200)] + [generator(0).random()]
        assert len(set(firsts)) == 201

    def test_sources(self) -> None:
        assert generator(3).random() == generator(np.random.SeedSequence(3)).random()
        given = np.random.default_rng(1)
        assert generator(given) is given
        one, two = (spawn(np.random.default_rng(1), 2)[1].random() for _ in range(2))
        assert one == two
        twice = np.random.default_rng(1)
        assert spawn(twice, 1)[0].random() != spawn(twice, 1)[0].random()
        nested = np.random.SeedSequence(9, spawn_key=(4,))
        assert spawn(nested, 1)[0].random() != spawn(9, 1)[0].random()

    @pytest.mark.parametrize("wrong", [-1, True, "seed", 1.5, np.random.RandomState(0)])
    def test_other_sources_are_refused(self, wrong) -> None:
        with pytest.raises(ArgumentError, match="`random_state` must be"):
            generator(wrong)

    def test_workers_do_not_change_a_bit(self) -> None:
        alone = parallel_map(draw, spawn(11, 6), n_jobs=1)
        together = parallel_map(draw, spawn(11, 6), n_jobs=2)
        assert alone == together

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_warnings_of_workers_are_those_of_one_process(self, n_jobs) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            assert parallel_map(warned, [1, 2, 3], n_jobs=n_jobs) == [1, 2, 3]
        said = [f"{one.category.__name__}: {one.message}" for one in caught]
        of_tasks = [f"DeprecationWarning: of task {task}" for task in (1, 2, 3)]
        assert said == ["RuntimeWarning: the same of all", *of_tasks]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("error", RuntimeWarning)
            with pytest.raises(RuntimeWarning, match="the same of all"):
                parallel_map(warned, [1, 2], n_jobs=n_jobs)

    def test_a_task_that_fails_leaves_the_warnings_of_the_others(self) -> None:
        with pytest.warns(RuntimeWarning, match="the same of all"), pytest.raises(ZeroDivisionError):
            parallel_map(warned_or_failed, [1, 2, 0], n_jobs=2)

    def test_a_killed_worker_leaves_the_warnings_of_the_others(self) -> None:
        with pytest.warns(RuntimeWarning, match="the same of all"):
            found = surviving_map(warned_or_killed, [1, 2, 0], lambda task: -1, n_jobs=2)
        assert found == [1, 2, -1]

    def test_this_process_works_beside_the_others(self) -> None:
        with processes_ready(2, "json"):
            other, own = parallel_map(where, [0, 1], n_jobs=2)
        assert own == os.getpid() != other
        assert parallel_map(watches, [0, 1], n_jobs=2) == [True, False]
        assert set(parallel_map(where, [0], n_jobs=2)) == {os.getpid()}  # nobody is started for one task
        with pytest.raises(BrokenProcessPool):
            parallel_map(killed_elsewhere, [os.getpid()] * 2, n_jobs=2)
        assert parallel_map(draw, spawn(11, 2), n_jobs=2) == parallel_map(draw, spawn(11, 2), n_jobs=1)

    def test_a_process_that_was_killed_while_idle_is_replaced(self) -> None:
        """A notebook runs its next study, whatever happened to the other process of the last one."""
        other = parallel_map(where, [0, 1], n_jobs=2)[0]
        os.kill(other, signal.SIGKILL)
        pool, start = _shared_work._pools[os.getpid(), 1], time.monotonic()
        while pool._flags.broken is None and time.monotonic() - start < 60:
            time.sleep(0.01)
        with processes_ready(2, "json"):
            assert parallel_map(where, [0, 1], n_jobs=2)[0] not in (other, os.getpid())

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_fork_starts_processes_of_its_own(self) -> None:
        """Those of its parent never answer it."""
        parallel_map(where, [0, 1], n_jobs=2)
        child = os.fork()
        if child == 0:
            signal.alarm(60)
            found = 1
            try:
                found = int(len(set(parallel_map(where, [0, 1], n_jobs=2))) != 2)
                _shared_work._dismiss(1)
            finally:
                os._exit(found)
        assert os.waitpid(child, 0)[1] == 0

    @pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
    def test_a_worker_ends_with_the_process_that_was_killed(self, monkeypatch) -> None:
        monkeypatch.setattr(_shared_work, "_LOOK_SECONDS", 0.01)
        read, write = os.pipe()
        parent = os.fork()
        if parent == 0:
            home = os.getpid()
            if os.fork() == 0:
                os.write(write, b"%9d" % os.getpid())
                _shared_work.end_with_parent(home + 1)  # somebody else's: a worker of a cluster
                _shared_work.end_with_parent(home)
                os.write(write, b"%9d" % len([t for t in threading.enumerate() if t.name == "end-with-parent"]))
            time.sleep(60)
            os._exit(0)
        os.close(write)
        worker, watching = int(os.read(read, 9)), int(os.read(read, 9))
        assert watching == 1
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        start = time.monotonic()
        while (rest := os.read(read, 1)) and time.monotonic() - start < 30:  # the pipe ends with its last writer
            pass
        os.close(read)
        assert rest == b""
        assert time.monotonic() - start < 30, worker

    def test_a_child_leaves_its_jobs_to_joblib(self) -> None:
        """Its exit would wait for processes that nobody ends."""
        context = multiprocessing.get_context("fork")
        told = context.SimpleQueue()
        child = context.Process(target=lambda: told.put(_shared_work.other_processes(2)))
        child.start()
        assert told.get() == 0
        child.join()
        assert _shared_work.other_processes(2) == 1

    def test_one_thread_a_replicate(self) -> None:
        assert parallel_map(threads, [0], n_jobs=1) == [1]
        assert parallel_map(str, [1, 2], progress=True, description="Counting") == ["1", "2"]


class TestCheckpoint:
    def test_written_and_found(self, tmp_path) -> None:
        store = Checkpoint(tmp_path / "run", "key")
        assert store.load(0) is None
        store.save(0, {"value": np.array([1.5, np.nan]), "count": np.int64(3)})
        found = Checkpoint(tmp_path / "run", "key").load(0)
        assert found is not None
        np.testing.assert_array_equal(found["value"], [1.5, np.nan])
        assert found["count"] == 3

    def test_another_run_is_refused(self, tmp_path) -> None:
        Checkpoint(tmp_path, "one")
        with pytest.raises(ArgumentError, match="made for another run"):
            Checkpoint(tmp_path, "two")

    @pytest.mark.parametrize("damage", ["cut", "empty", "text", "flip"])
    def test_a_damaged_file_is_work_not_done(self, tmp_path, damage) -> None:
        store = Checkpoint(tmp_path, "key")
        store.save(1, {"value": np.arange(1000.0)})
        path = tmp_path / "task-1.npz"
        content = path.read_bytes()
        path.write_bytes(
            {
                "cut": content[: len(content) // 2],
                "empty": b"",
                "text": b"not an archive",
                "flip": content[:2000] + bytes([content[2000] ^ 255]) + content[2001:],
            }[damage]
        )
        assert store.load(1) is None
        store.save(1, {"value": np.arange(3.0)})
        assert store.load(1)["value"].size == 3

    def test_a_kill_while_writing_leaves_the_old_file(self, tmp_path, monkeypatch) -> None:
        store = Checkpoint(tmp_path, "key")
        store.save(1, {"value": np.zeros(2)})

        def killed(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            store.save(1, {"value": np.ones(2)})
        monkeypatch.undo()
        assert store.load(1)["value"].tolist() == [0, 0]
        assert sorted(path.name for path in tmp_path.glob("task-*")) == ["task-1.npz"]

    def test_objects_are_never_stored(self, tmp_path) -> None:
        with pytest.raises(ValueError, match="allow_pickle"):
            Checkpoint(tmp_path, "key").save(1, {"value": np.array([object()])})

    def test_the_note_is_readable(self, tmp_path) -> None:
        Checkpoint(tmp_path, "abc")
        assert json.loads((tmp_path / "checkpoint.json").read_text(encoding="utf-8")) == {"key": "abc"}


class TestHash:
    def test_content_counts_and_nothing_else(self) -> None:
        array = np.arange(6.0).reshape(2, 3)
        assert content_hash(array) == content_hash(np.asfortranarray(array))
        assert content_hash(array) != content_hash(array.reshape(3, 2))
        assert content_hash(array) != content_hash(array.astype("f4"))
        assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
        assert content_hash(1, 2) != content_hash(12)
        frame = pd.DataFrame({"a": [1, 2]})
        assert content_hash(frame) == content_hash(frame.set_axis([7, 8]))
        assert content_hash(frame) != content_hash(frame.rename(columns={"a": "b"}))
        assert content_hash(frame) != content_hash(frame.assign(a=[1, 3]))


class TestFeatureMap:
    def test_mapping(self) -> None:
        groups = FeatureMap({"imaging": ["dhi", "modic"], "clinical": "age"}, {"dhi": {"unit": "1"}, "age": {}})
        assert dict(groups) == {"imaging": ("dhi", "modic"), "clinical": ("age",)}
        assert groups.columns == ("dhi", "modic", "age")
        assert groups.modality_of("age") == "clinical"
        assert len(groups) == 2
        only = groups.restrict("imaging")
        assert (only.columns, list(only.provenance)) == (("dhi", "modic"), ["dhi"])

    def test_refusals(self) -> None:
        with pytest.raises(ArgumentError, match="'age' under 'imaging' and 'clinical'"):
            FeatureMap({"imaging": ["age"], "clinical": ["age"]})
        with pytest.raises(ArgumentError, match="mapped columns"):
            FeatureMap({"imaging": ["age"]}).modality_of("sex")


def test_objections_read_as_sentences() -> None:
    assert str(Objection("random-split-external", "A random split is no external validation.")).endswith("validation.")


@pytest.mark.parametrize("jobs", ["2", 2.5, 0, True, [1]])
def test_what_is_no_number_of_jobs_is_refused_by_name(jobs) -> None:
    with pytest.raises(ArgumentError, match="`n_jobs` must be a whole number other than 0"):
        parallel_map(abs, [1, -2], n_jobs=jobs)


def test_numbers_of_jobs_of_numpy_are_numbers() -> None:
    assert parallel_map(abs, [1, -2], n_jobs=np.int64(1)) == [1, 2]
