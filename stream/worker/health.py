"""Health checks of the worker: whether it is alive, whether it is ready, and its lag."""

import asyncio
import logging
import time
from typing import NamedTuple

from aiokafka.errors import KafkaError

from stream.kafka.faust_polls import Positions
from stream.metrics.worker import PrometheusObserver
from stream.worker.worker import Worker

PERIOD_S = 2.0  # between two checks
STARTING_S = 600.0  # to compile kernels on a slow machine, and to connect
ENDED_AFTER = 4  # times `stuck_after_s`: a broker may be gone for a minute
SIZES_EVERY = 15  # checks
POSITIONS_TIMEOUT_S = 10.0  # a consumer that takes longer to answer counts as stuck

log = logging.getLogger(__name__)


class Verdict(NamedTuple):
    """Answer of /healthz and /readyz."""

    good: bool
    reason: str


class Health:
    """Compares the ends of the input topics with the worker's positions, from outside the intake."""

    def __init__(self, worker: Worker, observer: PrometheusObserver, positions: Positions) -> None:
        self.worker, self.observer, self.positions = worker, observer, positions
        observer.in_flight.set_function(lambda: worker.rounds.in_flight)
        observer.deferring.set_function(lambda: worker.rounds.deferring)
        self.stuck_after_s = worker.config.worker.stuck_after_s
        self._behind_since: float | None = None  # monotonic; events are waiting and none was taken in since
        self._progress = -1
        self._starting = "connecting, loading the compiled kernels"
        self._checks = 0

    async def watch(self) -> None:
        """Check every two seconds; end the process when it has been stuck for four times the limit."""
        while True:
            await asyncio.sleep(PERIOD_S)
            try:
                lag = await asyncio.wait_for(self._measure(), POSITIONS_TIMEOUT_S)
            except (TimeoutError, KafkaError):
                lag = 1  # a consumer thread that does not answer is as bad as one that does not fetch
            self._judge(lag)
            if self._stuck_s() > ENDED_AFTER * self.stuck_after_s:
                self.worker.failed(RuntimeError(f"no progress for {self._stuck_s():.0f} s with {lag} events waiting"))
                return

    def tell(self, sentence: str) -> None:
        """Say in /readyz, and in the log, how far the start is."""
        self._starting = sentence
        log.info(sentence)

    def alive(self) -> Verdict:
        """Whether the process still does its work; a supervisor should restart it otherwise."""
        silent_s = time.monotonic() - self.worker.replica.alive_at
        if not self.worker.started.is_set() and silent_s < STARTING_S:
            return Verdict(True, "starting")
        if silent_s > self.stuck_after_s:
            return Verdict(False, f"headwater.log has not been read for {silent_s:.0f} s")
        if self._stuck_s() > self.stuck_after_s:
            return Verdict(False, f"events are waiting and none was taken in for {self._stuck_s():.0f} s")
        return Verdict(True, "ok")

    def ready(self) -> Verdict:
        """Whether the worker serves its share of the users."""
        worker = self.worker
        if not worker.started.is_set():
            return Verdict(False, f"starting: {self._starting}")
        if worker.replica.waiting:
            return Verdict(False, "compiling kernels: an experiment waits for those that it may need")
        if not worker.replica.caught_up.is_set():
            return Verdict(False, f"folding headwater.log: at {worker.model.offset} of {worker.replica.log_end}")
        if problem := worker.positions.watch.problem:
            return Verdict(False, problem)
        if not worker.assigned:
            return Verdict(False, "no partitions assigned yet")
        missing = sorted(worker.assigned.keys() - worker.shards.keys())
        if missing:
            return Verdict(False, f"recovering {', '.join(missing)}")
        if waiting := worker.positions.unassigned(worker.assigned):
            return Verdict(False, f"not read yet, Kafka has not assigned them: {', '.join(waiting)}")
        return Verdict(True, f"serving {len(worker.shards)} shards at log offset {worker.model.offset}")

    def _stuck_s(self) -> float:
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    async def _measure(self) -> int:
        worker, total = self.worker, 0
        owned = {shard_id: (shard, worker.assigned.get(shard_id, set())) for shard_id, shard in worker.shards.items()}
        every = {tp for _, tps in owned.values() for tp in tps}
        ends = await self.positions.latest(every)
        read = {} if worker.taking else await self.positions.read(every)
        for shard, tps in owned.values():
            for tp in sorted(tps):
                # After the last record there may be offsets without any: transaction markers, compacted tombstones.
                reached = max(shard.next.get(worker.intake.topics[tp.topic].name, 0), read.get(tp, 0))
                waiting = max(0, ends[tp] - reached)
                self.observer.lag.labels(tp.topic, tp.partition).set(waiting)
                total += waiting
        return total

    def _judge(self, lag: int) -> None:
        worker, observer = self.worker, self.observer
        progress = sum(sum(shard.next.values()) for shard in worker.shards.values())
        if lag == 0 or worker.replica.waiting or progress != self._progress or not worker.shards:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = time.monotonic()
        self._progress = progress
        observer.shards.set(len(worker.shards))
        observer.recovering.set(len(worker.assigned.keys() - worker.shards.keys()))
        observer.ready.set(self.ready().good)
        observer.users.set(sum(len(shard.users) for shard in worker.shards.values()))
        pace = worker.rounds.pace
        observer.load.utilisation.set(pace.busy.value(time.monotonic()))
        for slates_per_event, gauge in observer.load.capacity.items():
            gauge.set(pace.capacity(slates_per_event))
        self._checks += 1
        if self._checks % SIZES_EVERY == 1:
            observer.sized(worker.model.sizes())
        observer.items.set(len(worker.model.vocabulary))
        observer.model_offset.set(worker.model.offset)
        observer.log_lag.set(max(0, worker.replica.log_end - worker.model.offset))
        observer.model_age.set(max(0.0, time.time() - worker.replica.reader.written_at))
