"""Tuples of arrays as compiled code holds them: passed once, not array by array with every call.

The same as `learners.arrays.handle`, since the two packages know nothing of each other.
"""

from typing import Any

from numba import njit, types
from numba.experimental import structref


@structref.register
class _HeldType(types.StructRef):
    """Numba's type of `_Held`."""

    def preprocess_fields(self, fields: Any) -> Any:
        return tuple((name, types.unliteral(kind)) for name, kind in fields)  # type: ignore[no-untyped-call]


class _Held(structref.StructRefProxy):
    """A tuple on numba's own heap; compiled code reads it as `.it`."""

    def __new__(cls, it: Any) -> Any:
        return structref.StructRefProxy.__new__(cls, it)  # type: ignore[no-untyped-call]


structref.define_proxy(_Held, _HeldType, ["it"])  # type: ignore[no-untyped-call]  # numba leaves it unannotated


@njit(cache=True)
def _hold(it: Any) -> Any:
    return _Held(it)


class Handle:
    """The newest tuple of arrays that a policy learns with; a kernel reads it from the handle's field `it`.

    The arrays are shared, not copied. A copy or a pickle of a handle is an empty one.

    Examples
    --------
    >>> import numpy as np
    >>> @njit
    ... def total(held):
    ...     numbers, factor = held.it
    ...     return factor[0] * numbers.sum()
    >>> arrays, handle = (np.arange(3.0), np.array([2.0])), Handle()
    >>> total(handle.of(arrays))
    6.0
    """

    def __init__(self) -> None:
        self._arrays: Any = None
        self._held: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Keep nothing: the arrays belong to the policy."""
        return {"_arrays": None, "_held": None}

    def of(self, arrays: Any) -> Any:
        """Return what a kernel takes for these arrays; created again if the tuple is not that of the last call."""
        if arrays is not self._arrays:
            self._arrays, self._held = arrays, _hold(arrays)
        return self._held
