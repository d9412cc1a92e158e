"""References to arrays counted in plain numbers: compiled code runs under Python's lock, one kernel at a time.

numba counts with atomic instructions, since a kernel may be declared to run without that lock (`nogil`, `parallel`).
None of headwater's is, a test sees to it; atomic counting took 4 % of the time of a slate and of the fold. What is
replaced is numba's own, hence its exact version in pyproject.toml. Its own switch for it returns the number before.
"""

import sys
from typing import Any


def adapt(runtime: Any) -> None:
    """Replace the additions in `numba.core.runtime.nrtdynmod`, from which numba makes its counting."""
    ir: Any = sys.modules["llvmlite.ir"]

    def define(module: Any, op: str, ordering: str) -> Any:
        word = runtime._word_type  # noqa: SLF001
        function = ir.Function(module, ir.FunctionType(word, [word.as_pointer()]), name=f"nrt_atomic_{op}")
        builder = ir.IRBuilder(function.append_basic_block())
        changed = getattr(builder, op)(builder.load(function.args[0]), ir.Constant(word, 1))
        builder.store(changed, function.args[0])
        builder.ret(changed)
        return function

    runtime._define_atomic_inc_dec = define  # noqa: SLF001
