"""Time that learners take, by a clock that is an argument."""

from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from learners import Source

VERBS = {"learn_one": "learn", "learn_many": "learn", "top_k": "query"}


class Stopwatch:
    """Durations by learner and verb, 8 bytes each; without a clock nothing is measured.

    >>> ticks = iter([1.0, 1.5])
    >>> watch = Stopwatch(lambda: next(ticks))
    >>> with watch.time("engine", "query"):
    ...     pass
    >>> watch.report()["engine"]["query"]["mean_us"]
    500000.0
    """

    def __init__(self, clock: Callable[[], float] | None) -> None:
        self.clock = clock
        self.durations: dict[tuple[str, str], array[float]] = {}

    @property
    def runs(self) -> bool:
        """Whether there is a clock."""
        return self.clock is not None

    @contextmanager
    def time(self, name: str, verb: str) -> Iterator[None]:
        """Measure the body of the `with` statement."""
        if self.clock is None:
            yield
            return
        start = self.clock()
        yield
        self._add(name, verb, self.clock() - start)

    def watch(self, source: Source, name: str) -> None:
        """Measure every call of the `VERBS` of a source from here on."""
        if self.clock is not None:
            for method, verb in VERBS.items():
                if hasattr(source, method):
                    setattr(source, method, self._timed(getattr(source, method), name, verb, self.clock))

    def report(self) -> dict[str, dict[str, dict[str, float]]]:
        """Calls, mean and median in microseconds; the first call may compile, which hardly changes the median."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for (name, verb), durations in self.durations.items():
            seconds = np.array(durations)
            found.setdefault(name, {})[verb] = {
                "calls": len(seconds), "mean_us": float(seconds.mean() * 1e6),
                "median_us": float(np.median(seconds) * 1e6),
            }  # fmt: skip
        return found

    def _timed(
        self, method: Callable[..., Any], name: str, verb: str, clock: Callable[[], float]
    ) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            start = clock()
            answer = method(*arguments)
            self._add(name, verb, clock() - start)
            return answer

        return timed

    def _add(self, name: str, verb: str, seconds: float) -> None:
        self.durations.setdefault((name, verb), array("d")).append(seconds)
