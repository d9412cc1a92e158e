"""Time and processes that are made up: an event loop that never waits, and runs nothing of a process that is dead."""

import asyncio
import heapq
import random
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, Literal

THREAD_S = 0.002  # until the result of `asyncio.to_thread` is known
SLOW_STEPS = (0.0, 0.02, 0.1, 0.4)  # shares of steps behind which the machine is busy with something else ...
SLOW_STEP_S = 0.04  # ... for at most so long


class Process:
    """An operating system's process: all callbacks that its code has ever scheduled."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: Literal["running", "stopped", "dead"] = "running"
        self.steps = 0  # callbacks run
        self.dies_at_step: int | None = None
        self.died: Callable[[], None] = lambda: None
        self.context = copy_context()
        self.context.run(PROCESS.set, self)
        self._held: list[asyncio.Handle] = []

    def admits(self, handle: asyncio.Handle) -> bool:
        """Whether a callback may run now; one of a stopped process is kept for later."""
        if self.state == "stopped":
            self._held.append(handle)
        if self.state != "running":
            return False
        self.steps += 1
        if self.steps == self.dies_at_step:
            self.crash()
            return False
        return True

    def crash(self) -> None:
        """Never run anything again."""
        if self.state != "dead":
            self.state = "dead"
            self._held.clear()
            self.died()

    def stop(self) -> None:
        """SIGSTOP: run nothing for now."""
        if self.state == "running":
            self.state = "stopped"

    def go_on(self) -> list[asyncio.Handle]:
        """SIGCONT: what was to run meanwhile."""
        if self.state != "stopped":
            return []
        self.state = "running"
        held, self._held = self._held, []
        return held


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs what is due in the order in which it was scheduled, and then moves the clock to what is due next."""

    _ready: "deque[asyncio.Handle]"
    _scheduled: list[asyncio.TimerHandle]

    def __init__(self, seed: str) -> None:
        super().__init__()
        self._now = 0.0
        self._rng = random.Random(f"{seed}/steps")
        self._slow_steps = self._rng.choice(SLOW_STEPS)
        self.tasks: list[asyncio.Task[Any]] = []
        self.outside = Context()  # of the brokers, which no process's fate concerns
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Seconds since the start."""
        return self._now

    def _run_once(self) -> None:
        while not self._ready or (self._scheduled and self._scheduled[0].when() <= self._now):
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # what BaseEventLoop does when a timer is due
            self._now = max(self._now, timer.when())
            self._ready.append(timer)
        handle = self._ready.popleft()
        if handle.cancelled():
            return
        process = handle._context.get(PROCESS)  # type: ignore[attr-defined]
        if process is None:
            handle._run()
        elif process.admits(handle):
            handle._run()
            if self._rng.random() < self._slow_steps:
                self._now += self._rng.random() * SLOW_STEP_S

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It stays in the heap until it is due."""

    def _write_to_self(self) -> None:
        """Nobody waits, so nobody needs to be woken."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Call it now; the result is there a little later."""
        del executor
        future = self.create_future()
        self.call_later(THREAD_S, _finish, future, func(*args))
        return future

    def create_task(self, coro: Any, **options: Any) -> Any:
        """Remember the task: one that is abandoned must not be collected at a moment of its own."""
        task = super().create_task(coro, **options)
        self.tasks.append(task)
        return task

    def start_in(self, process: Process, coro: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something as part of a process."""
        task: asyncio.Task[None] = self.create_task(coro, context=process.context.copy())
        return task

    def later(self, delay: float, callback: Callable[..., None], *args: Any) -> None:
        """Call something that belongs to no process."""
        self.call_later(delay, callback, *args, context=self.outside)

    def go_on(self, process: Process) -> None:
        """Let a stopped process go on."""
        self._ready.extend(process.go_on())

    def errors(self) -> list[str]:
        """Tasks that ended by an exception."""
        ended = [task for task in self.tasks if task.done() and not task.cancelled()]
        return [f"{task.get_coro()}: {task.exception()!r}" for task in ended if task.exception() is not None]

    def abandon(self) -> None:
        """Close what still runs, in the order in which it was started, then the loop."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of coroutines that were never started
            self._close_tasks()
        self._scheduled.clear()
        self._ready.clear()
        self.close()

    def _close_tasks(self) -> None:
        for task in self.tasks:
            if not task.done():
                task._log_destroy_pending = False  # type: ignore[attr-defined]
                with suppress(BaseException):
                    task.get_coro().close()


def _finish(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)
