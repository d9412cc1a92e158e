"""Handles: one per tuple, which shares its arrays; copies of a handle are empty."""

import copy
import gc
import pickle
import sys
from typing import Any

import numpy as np
from numba import njit

from learners.arrays.handle import Handle


@njit
def _total(held: Any) -> float:
    numbers, factor = held.it
    return float(factor[0] * numbers.sum())


def test_arrays_are_shared_and_not_copied() -> None:
    handle, arrays = Handle(), (np.arange(3.0), np.array([2.0]))
    held = handle.of(arrays)
    arrays[0][0] = 10.0
    assert _total(held) == 2.0 * 13.0


@njit
def _nested(held: Any) -> float:
    inner, (numbers, rate) = held.it
    return float(inner.it[0].sum() + numbers.sum() * rate)


def test_arrays_are_lent_at_any_depth_and_handles_are_held() -> None:
    numbers, others, outer = np.arange(3.0), np.ones(2), Handle()
    arrays, tuples = (numbers,), (others, 0.5)
    before = sys.getrefcount(numbers), sys.getrefcount(others)
    inner = Handle().of(arrays)
    held = outer.of((inner, tuples))
    assert (sys.getrefcount(numbers), sys.getrefcount(others)) == before, "compiled code has nothing to count"
    del inner
    gc.collect()
    assert [_nested(held) for _ in range(3)] == [4.0] * 3


def test_a_handle_is_made_again_only_for_another_tuple() -> None:
    handle, arrays = Handle(), (np.arange(3.0), np.array([2.0]))
    held = handle.of(arrays)
    assert handle.of(arrays) is held
    assert handle.of((np.ones(2), np.array([1.0]))) is not held
    assert _total(handle.of((np.ones(2), np.array([1.0])))) == 2.0


def test_copies_belong_to_the_arrays_of_the_copy() -> None:
    handle, arrays = Handle(), (np.arange(3.0), np.array([2.0]))
    handle.of(arrays)
    for twin in (copy.deepcopy(handle), pickle.loads(pickle.dumps(handle))):
        others = (np.ones(3), np.array([5.0]))
        assert _total(twin.of(others)) == 15.0
    assert _total(handle.of(arrays)) == 6.0
