"""Whether memory stays flat: one worker, with users and items that reach their bounds within minutes.

* regulars: few users who act all the time; after some minutes each has touched as many items as are kept of a user
* guests: each comes once, and leaves the working memory after `IDLE_S`, by the rule of the fold
* more items than the worker may learn

What still grows then has no bound.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

import msgspec

from stream.bench.kafka.load import prepared, send_steadily
from stream.bench.workloads import KINDS
from stream.config import Config
from stream.processes.servers import WorkerProcess
from stream.records.schemas import Event, EventType

REGULARS, ITEMS, MAX_ITEMS = 50, 1_200, 1_000  # the worker may learn fewer items than there are
NEIGHBOURS = 5_000  # sessions and users kept as neighbours
GUESTS = 0.5  # share of the events: at 200/s, `engine.SHOWN_USERS` and NEIGHBOURS have come after a minute
IDLE_S = 60.0
SNAPSHOT_S = 30.0  # everything is stored twice a minute
SAMPLE_S = 2.0
SETTLED_MINUTE = 5  # by then everything is at its bound
BACKLOG_S = 10.0  # if more than so many seconds of events wait, the worker does not keep up
GROWTH = 1.05  # limit of the last minute's memory over that of `SETTLED_MINUTE`: what the allocator may need


class Minute(NamedTuple):
    """Figures of the worker in one minute."""

    minute: int
    resident_mb: float  # median
    most_mb: float
    events: int  # taken in since the start
    waiting: int  # records not taken in yet, at the end


class Soak(NamedTuple):
    """A whole run."""

    rate: float
    minutes: list[Minute]

    @property
    def most_waiting(self) -> int:
        """Most records that waited at the end of a minute: a backlog fills buffers, which are bounded but large."""
        return max((minute.waiting for minute in self.minutes), default=0)

    @property
    def growth(self) -> float:
        """Memory of the last minute over that of minute 5, or over the last one in a shorter run.

        >>> minutes = [Minute(n, 400.0 + n, 500.0, 0, 0) for n in range(1, 31)]
        >>> round(Soak(300.0, minutes).growth, 3)
        1.062
        """
        first = self.minutes[min(SETTLED_MINUTE, len(self.minutes)) - 1]
        return self.minutes[-1].resident_mb / first.resident_mb

    @property
    def flat(self) -> bool:
        """Whether memory did not grow; a run that is too short to tell counts as flat."""
        return len(self.minutes) <= SETTLED_MINUTE or self.growth <= GROWTH


def population(name: str = "soak-1") -> Iterator[tuple[EventType, Event]]:
    """Generate events without end.

    >>> events = population()
    >>> [next(events)[1].user_id for _ in range(6)]
    ['u18', 'u45', 'u33', 'g3', 'u43', 'g5']
    """
    rng, n = random.Random(f"headwater/{name}"), 0
    while True:
        user = f"g{n}" if rng.random() < GUESTS else f"u{int(REGULARS * rng.random())}"
        item = f"i{int(ITEMS * rng.random() ** 1.5)}"
        yield rng.choice(KINDS), Event(event_id=f"{name}-{n}", user_id=user, item_id=item, timestamp=time.time())
        n += 1


async def measure_soak(
    config: Config, minutes: int, rate: float, tell: Callable[[Minute], None], minute_s: float = 60.0
) -> Soak:
    """Send at a steady rate and sample the worker's memory; `tell` is called after each minute."""
    replace = msgspec.structs.replace
    config = replace(
        prepared(config, "soak"),
        rewards=replace(config.rewards, idle_s=IDLE_S, attribution_window_s=IDLE_S / 2),
        sources=replace(config.sources, max_items=MAX_ITEMS, max_sessions=NEIGHBOURS, max_users=NEIGHBOURS),
        worker=replace(config.worker, snapshot_s=SNAPSHOT_S),
    )
    found: list[Minute] = []
    with WorkerProcess(config) as worker:
        await asyncio.to_thread(worker.wait_ready)
        sending = asyncio.create_task(send_steadily(config, population(), rate))
        try:
            for n in range(minutes):
                found.append(await _watch(worker, n + 1, minute_s))
                tell(found[-1])
                if sending.done():
                    break
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    return Soak(rate, found)


async def _watch(worker: WorkerProcess, minute: int, seconds: float) -> Minute:
    end, sizes, page = time.monotonic() + seconds, list[float](), dict[str, float]()
    while time.monotonic() < end:
        await asyncio.sleep(min(SAMPLE_S, max(0.0, end - time.monotonic())))
        page = await asyncio.to_thread(worker.metrics) or page
        if size := page.get("process_resident_memory_bytes"):
            sizes.append(size / 1e6)
    events, waiting = (int(page.get(f"headwater_{name}", 0.0)) for name in ("events_total", "consumer_lag_events"))
    return Minute(minute, median(sizes), max(sizes), events, waiting)
