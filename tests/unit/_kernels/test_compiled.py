"""Entries of compiled functions: one from Python for kernels, none for what only kernels call."""

import importlib
import pkgutil

import numpy as np
import pytest
from numba.core.registry import CPUDispatcher

import lbp_prognosis._kernels as room
from lbp_prognosis._kernels import points
from lbp_prognosis._kernels._cholesky import factorise
from lbp_prognosis._kernels._compiled import Inner, compiled, inner
from lbp_prognosis._kernels._tiers import Tiered


@inner(cache=False)  # what is read from disk calls no function that it contains
def half(x):
    return x / 2.0


@compiled(cache=False)
def quarter(x):
    return half(half(x))


@compiled(cache=False)
def ratio(a, b):
    return a / b


def own_functions():
    for place in (room, points):
        for found in pkgutil.iter_modules(place.__path__):
            module = importlib.import_module(f"{place.__name__}.{found.name}")
            for name, value in vars(module).items():
                kernel = value.compiled if isinstance(value, Tiered) else value
                if isinstance(kernel, CPUDispatcher) and kernel.py_func.__module__ == module.__name__:
                    yield name, kernel


def test_an_inner_function_works_inside_a_kernel_and_refuses_python():
    assert quarter(6.0) == 1.5
    assert len(half.signatures) == 1
    with pytest.raises(TypeError, match=r"half is called by compiled functions only; .* call half\.py_func"):
        half(6.0)
    matrix = np.array([[4.0, 0.0], [2.0, 5.0]])
    with pytest.raises(TypeError, match="factorise is called by compiled"):
        factorise(matrix)
    factorise.py_func(matrix)
    np.testing.assert_array_equal(matrix, [[2.0, 0.0], [1.0, 2.0]])


def test_division_by_zero_is_infinite():
    assert ratio(1.0, 0.0) == np.inf
    assert np.isnan(ratio(0.0, 0.0))


def test_all_functions_share_their_options():
    found = dict(own_functions())
    assert len(found) > 70
    for name, kernel in found.items():
        options = {key: value for key, value in kernel.targetoptions.items() if key not in ("fastmath", "boundscheck")}
        common = {"nopython": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
        assert options == common | ({"no_cpython_wrapper": True} if isinstance(kernel, Inner) else {}), name
    assert any(isinstance(kernel, Inner) for kernel in found.values())
