"""Compiles kernels in child processes: the compiler takes 400 MB that a process never gives back."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from numba.core import config as numbas

from stream.compiling import record
from stream.compiling.warm_up import compile_all, load_own
from stream.config import PREFIX, Config, to_environment
from stream.kernels.place import LOCATORS
from stream.processes.supervisor import Supervised

FIRST = ("slates", "learning")  # what each child begins with; more of them would wait for each other
PROGRESS_S = 5.0  # between two sentences
CHECK_S = 0.1
STOP_S = 2.0

log = logging.getLogger(__name__)


class Compilation:
    """Kernels being compiled, at most one child a core. Nothing is started if all that the settings need is there.

    Parameters
    ----------
    config : which sources, policy and rules; the children see neither the cluster nor a secret
    whole : with what any experiment may need, or else what this configuration needs to serve and to learn
    beside : by one child of the lowest priority, beside a worker that serves
    """

    def __init__(self, config: Config, *, whole: bool = False, beside: bool = False) -> None:
        self._key = record.key(config, whole=whole)
        self._began = time.monotonic()
        self._used: set[Path] = set()
        self._compiled: list[str] = []
        self._functions = 0
        kept = not os.environ.get(LOCATORS)  # else nothing can be written: a child would compile for itself alone
        self.needed = not getattr(numbas, "DISABLE_JIT", False) and not record.complete(self._key)
        firsts = FIRST[: 1 if beside else len(os.sched_getaffinity(0))] if self.needed and kept else ()
        words = [word for word, wanted in (("whole", whole), ("beside", beside)) if wanted]
        self._children = [_child(config, first, *words) for first in firsts]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._children:
            child.close(STOP_S if error is None else 0.0)

    def wait(self, tell: Callable[[str], None], leave: Callable[[], bool] = lambda: False) -> bool:
        """Return when the children have ended; whether all kernels are there now.

        Parameters
        ----------
        tell : called with a sentence on how far it is, every five seconds
        leave : asked now and then whether to return before that
        """
        running, told = list(self._children), self._began
        while running:
            if leave():
                return False
            for child in list(running):
                if line := child.read_line(CHECK_S):
                    self._take(json.loads(line))
                elif child.ended:
                    while line := child.read_line(0.0):  # said since the look before
                        self._take(json.loads(line))
                    running.remove(child)
            if time.monotonic() - told >= PROGRESS_S:
                told = time.monotonic()
                tell(f"compiling kernels, this once: {len(self._compiled)} of {self._most()}, {self._taken()}")
        if not self._children:
            return not self.needed
        if codes := [child.exit_code for child in self._children if child.exit_code]:
            log.warning(
                "compiling kernels: a child process must end with exit code 0; got %s: the rest is compiled here", codes
            )
            return False
        record.write(self._key, self._used)
        if self._compiled:
            tell(f"compiled {len(self._compiled)} kernels: {self._taken()}")
        return True

    def _take(self, said: dict[str, Any]) -> None:
        self._functions = said.get("functions", self._functions)
        self._used |= set(map(Path, said.get("used", ())))
        if name := said.get("compiled"):
            self._compiled.append(name)

    def _most(self) -> str:
        return f"about {max(self._functions, len(self._compiled))}" if self._functions else "many"

    def _taken(self) -> str:
        return f"{time.monotonic() - self._began:.0f} s"


def prepare(config: Config, tell: Callable[[str], None] = log.info) -> None:
    """Have the kernels compiled that this configuration needs, and load them."""
    with Compilation(config) as compilation:
        done = compilation.wait(tell)
    if done:
        load_own(config)
    else:
        tell("compiling kernels in this process, a minute or two")
        compile_all(config)


def _child(config: Config, *words: str) -> Supervised:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= to_environment(record.model_settings(config))
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
    return Supervised([sys.executable, "-P", "-m", "stream.compiling", *words], 2, environment=environment)
