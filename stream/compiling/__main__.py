"""The child: compiles, says which kernels on standard output, one JSON a line, and ends with its parent."""

import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from numba.core.dispatcher import Dispatcher

from stream.compiling.warm_up import compile_all, compile_own
from stream.config import PREFIX, load
from stream.kernels import cache

LOWEST = 19  # steps of priority down


def main(arguments: Sequence[str]) -> None:
    """Compile the kernels of a configuration.

    Parameters
    ----------
    arguments : `learning`: those that learn first; `whole`: then those of any experiment; `beside`: at the lowest
        priority, beside a worker that serves
    """
    if "beside" in arguments:
        os.nice(LOWEST)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _say("functions", _functions())
    cache.watching.append(lambda name: _say("compiled", name))
    settings = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    (compile_all if "whole" in arguments else compile_own)(load(None, settings), learning_first="learning" in arguments)
    _say("used", sorted(map(str, cache.used)))


def _functions() -> int:
    """How many functions may be compiled, about: some are for several kinds of arguments, some are never called."""
    modules = [module for name, module in sys.modules.items() if Path(getattr(module, "__file__", None) or "").suffix]
    kernels = {id(value) for module in modules for value in vars(module).values() if isinstance(value, Dispatcher)}
    return len(kernels)


def _say(what: str, content: object) -> None:
    sys.stdout.write(json.dumps({what: content}) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """The parent holds the other end of standard input for as long as it lives."""
    while os.read(0, 1024):
        continue
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
