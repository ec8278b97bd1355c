"""The collector rests while a kernel of ours is compiled, and only then."""

import gc
from types import SimpleNamespace

import pytest
from numba.core import event

from lbp_prognosis._kernels._compile_pause import CompilePause
from lbp_prognosis._kernels._tiers import natural_log


def happening(function):
    return SimpleNamespace(data={"dispatcher": SimpleNamespace(py_func=function)})


OWN, FOREIGN = happening(natural_log.py_func), happening(gc.collect.__class__)


def test_until_the_outermost_compilation_ends():
    pause = CompilePause()
    assert gc.isenabled()
    pause.on_start(OWN)
    pause.on_start(OWN)
    assert not gc.isenabled()
    pause.on_end(OWN)
    assert not gc.isenabled()
    pause.on_end(OWN)
    assert gc.isenabled()


def test_others_compile_as_they_did():
    pause = CompilePause()
    pause.on_start(FOREIGN)
    assert gc.isenabled()
    pause.on_end(FOREIGN)


def test_a_collector_that_was_off_stays_off():
    pause = CompilePause()
    gc.disable()
    try:
        pause.on_start(OWN)
        pause.on_end(OWN)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_listens_and_a_failure_ends_it():
    seen = []

    def fails():
        with event.trigger_event("numba:compile", data=OWN.data):
            seen.append(gc.isenabled())
            raise TypeError

    assert sum(isinstance(each, CompilePause) for each in event._registered["numba:compile"]) == 1
    with pytest.raises(TypeError):
        fails()
    assert seen == [False]
    assert gc.isenabled()
