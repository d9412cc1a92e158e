"""Tuples of arrays as compiled code holds them: passed once, not array by array with every call."""

from typing import Any, NamedTuple

from numba import config, njit, types
from numba.experimental import structref
from numba.extending import intrinsic

_UNCOMPILED: bool = config.DISABLE_JIT  # type: ignore[attr-defined]  # numba sets it when it is imported


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


class _Plain(NamedTuple):
    """The same where numba is told not to compile (`NUMBA_DISABLE_JIT`): kernels are Python then."""

    it: Any


def _lend(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Write code that returns a tuple with its arrays lent: without an owner whose references kernels would count.

    Counting takes some 10 ns an array and use, half of the time of a kernel that reads ninety of them.
    """
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value)
        array.meminfo, array.parent = array.meminfo.type(None), array.parent.type(None)
        return array._getvalue()  # noqa: SLF001  numba has no other name for it
    if isinstance(kind, types.BaseTuple):
        parts: Any = kind
        for place, each in enumerate(parts.types):
            lent = _lend(context, builder, each, builder.extract_value(value, place))
            value = builder.insert_value(value, lent, place)
        return value
    context.nrt.incref(builder, kind, value)
    return value


@intrinsic
def _lent(typing: Any, it: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _lend(context, builder, signature.args[0], values[0])

    return it(it), code


@njit(cache=True)
def _hold(it: Any) -> Any:
    return _Held(_lent(it))  # type: ignore[call-arg]  # compiled code does not pass the first argument


def same_arrays(one: Any, other: Any) -> bool:
    """Whether two tuples, of tuples and arrays, hold the same arrays: not equal ones, the very same.

    >>> import numpy as np
    >>> held = np.zeros(2)
    >>> same_arrays((held, (held, 1)), (held, (held, 1))), same_arrays((held,), (held.copy(),))
    (True, False)
    """
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same_arrays, one, other))
    return one is other or (isinstance(one, int | float) and one == other)


class Handle:
    """The newest tuple of arrays that a learner computes with, for compiled code.

    Unboxing a tuple of twenty arrays takes longer than many queries, and the tuple changes only when an array grows.
    So a kernel takes the handle and reads the tuple from its field `it`. The arrays are shared, not copied, and lent:
    the learner owns them, kernels do not count references to them, and must not return a view of one. A copy or a
    pickle of a handle is an empty one.

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
        """Keep nothing: the arrays belong to the learner."""
        return {"_arrays": None, "_held": None}

    def of(self, arrays: Any) -> Any:
        """Return what a kernel takes for these arrays; created again if the tuple is not that of the last call."""
        if arrays is not self._arrays:
            self._arrays, self._held = arrays, (_Plain if _UNCOMPILED else _hold)(arrays)
        return self._held
