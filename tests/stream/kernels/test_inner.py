"""Functions that only kernels call are compiled into them alone, and still work when Python calls them after all."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

from numba.core import caching, callwrapper, codegen, dispatcher, typed_passes

ROOT = Path(__file__).resolve().parents[3]
KERNELS = """
import stream
import warnings
import numpy as np
from typing import NamedTuple
from numba import njit, types
from stream.kernels import cache
from stream.kernels.inner import is_inner

warnings.simplefilter("ignore")  # of numba, on functions that are passed as values

@njit(cache=True)
def root(x, n):
    if x[n] < 0.0:
        raise ValueError("x must not be negative", n)
    return np.sqrt(x[n])

@njit(cache=True)
def total(x):
    found = 0.0
    for n in range(len(x)):
        found += root(x, n)
    return found

class Pair(NamedTuple):
    halves: np.ndarray
    whole: float

@njit(cache=True)
def split(x):
    return Pair(x[:1].astype(np.float32), total(x))

@njit(cache=True)
def twice(x):
    return total(x) + split(x).whole

numbers = types.float64[::1]

@njit(types.float64(types.FunctionType(types.float64(numbers)), numbers))
def applied(function, x):
    return function(x)

compiled = []
cache.watching.append(lambda name: compiled.append(name.rpartition(".")[2]))
x = np.array([4.0, 9.0])

def failing(function, *arguments):
    try:
        function(*arguments)
    except ValueError as error:
        return error.args
"""
FROM_OUTSIDE = """
assert twice(x) == 10.0
assert all(is_inner(each.library) for function in (root, total) for each in function.overloads.values())
assert not is_inner(twice.overloads[twice.signatures[0]].library)
assert failing(twice, -x) == ("x must not be negative", 0)
print(*compiled)
"""
FROM_WITHIN = """
assert twice(x) == 10.0
assert total(x) == 5.0
assert root(x, 1) == 3.0
assert split(x).halves.tolist() == [4.0]
assert split(x).whole == 5.0
assert not any(is_inner(f.overloads[f.signatures[0]].library) for f in (root, total, twice))
assert failing(root, -x, 1) == failing(total, np.array([4.0, -9.0])) == ("x must not be negative", 1)
print(*compiled)
"""
AS_VALUES = """
assert twice(x) == 10.0
assert applied(total, x) == 5.0
assert applied(twice, x) == 10.0
print(*compiled)
"""


def run(folder: Path, program: str) -> list[str]:
    """Names of what was compiled, innermost first."""
    path = folder / "kernels.py"
    path.write_text(KERNELS + program)
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import kernels"],
        cwd=ROOT, env={**os.environ, "NUMBA_CACHE_DIR": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_what_a_kernel_calls_is_compiled_into_it_alone(tmp_path: Path) -> None:
    assert run(tmp_path, FROM_OUTSIDE) == ["root", "total", "split", "twice"]
    assert run(tmp_path, FROM_OUTSIDE) == []


def test_what_is_called_from_python_after_all_gets_a_way_in(tmp_path: Path) -> None:
    assert run(tmp_path, FROM_WITHIN) == ["root", "total", "split", "twice", "total", "root", "split"]
    assert run(tmp_path, FROM_WITHIN) == []


def test_a_function_that_is_a_value_has_an_address(tmp_path: Path) -> None:
    assert run(tmp_path, AS_VALUES) == ["root", "total", "split", "twice", "total"]


def test_what_is_replaced_in_numba_is_what_it_was() -> None:
    assert "compiler.compile_extra(" in inspect.getsource(dispatcher)
    assert "targetctx.get_executable(library, fndesc, env)" in inspect.getsource(typed_passes.BaseNativeLowering)
    assert (
        "call_helper"
        not in inspect.getsource(callwrapper.PyCallWrapper).replace("call_helper=None", "").partition("def build")[2]
    )
    assert "self._index_key(sig" in inspect.getsource(caching.Cache)
    finalize = inspect.getsource(codegen.CPUCodeLibrary.finalize)
    assert finalize.rstrip().endswith("self._finalize_final_module()")
