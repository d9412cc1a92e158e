"""Which shards this worker owns.

They are claimed and recovered when Kafka assigns them, released when it revokes them, and lost when the log or a failed
write shows that they are.

A released shard keeps its users: if it is assigned again and its claim is still the last one in the log, it goes on
from there. A lost shard is thrown away; if Kafka still assigns it to this worker, it is claimed and recovered again
(`recovery.py`), after a growing pause.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from aiokafka.errors import KafkaError
from faust.types import TP

from stream.config import Config
from stream.decisions.recovery import Recovery
from stream.decisions.shard import Shard
from stream.kafka.connections import TruncatedError
from stream.observe import Observer
from stream.records.acceptance import Verdict
from stream.records.log import Batch, Claim, Message
from stream.worker.intake import Intake
from stream.worker.positions import InputPositions
from stream.worker.replica import Replica
from stream.worker.snapshotter import ECHO_TIMEOUT_S
from stream.worker.takeover import Takeover
from stream.worker.topic_watch import Limits, Start, start_of
from stream.worker.writer import Writer, outcome_records

MAX_TRUNCATIONS = 10  # in a row: what a recovery needs has been deleted
CONFIRM_S = 2.0  # until it is believed, without numbers of topics, that one is not the one that it was
PAUSE_S, LONGEST_PAUSE_S = 0.5, 8.0  # before a lost shard is claimed again: doubled with every loss

log = logging.getLogger(__name__)


class Ownership:
    """Claims, recovers, releases and loses shards.

    Parameters
    ----------
    on_gone : called with a shard when it is released or lost
    """

    def __init__(
        self, config: Config, observer: Observer, intake: Intake, positions: InputPositions, writer: Writer,
        replica: Replica, takeover: Takeover, on_gone: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.config, self.observer, self.intake, self.positions = config, observer, intake, positions
        self.writer, self.replica, self.takeover, self.on_gone = writer, replica, takeover, on_gone
        self.assigned: dict[str, set[TP]] = {}  # shards that Kafka assigns to this worker
        self.shards: dict[str, Shard] = {}  # owned and recovered
        self._released: dict[str, Shard] = {}  # still good if nobody else has claimed them
        self._losses: Counter[str] = Counter()
        self._progress_at: dict[str, float] = {}  # when the log last accepted an own batch of a shard, or none was due
        self._wanted = asyncio.Event()  # there may be shards to be claimed

    def assign(self, assigned: Iterable[TP]) -> None:
        """Kafka assigns these topic-partitions: shards that are not owned yet will be recovered."""
        self.assigned.clear()
        for tp in sorted(assigned):
            if tp.topic in self.intake.topics:
                self.assigned.setdefault(self.intake.shard_of(tp), set()).add(tp)
        self._wanted.set()

    def release(self, shard_ids: Iterable[str]) -> None:
        """Kafka no longer assigns these shards: take no more of their events."""
        for shard_id in sorted(shard_ids):
            self.assigned.pop(shard_id, None)
            shard = self.shards.pop(shard_id, None)
            if shard is not None:
                self._released[shard_id] = shard
                self.on_gone(shard_id)

    def on_lost(self, shard_id: str, why: str) -> None:
        """Throw away all users of a shard; claim it again if it is still assigned."""
        self._released.pop(shard_id, None)
        if self.shards.pop(shard_id, None) is None:
            return
        self.on_gone(shard_id)
        self._losses[shard_id] += 1
        pause = _pause(self._losses[shard_id] - 1)
        log.warning("%s: lost: %s; claimed again in %.1f s if it is still assigned", shard_id, why, pause)
        asyncio.get_running_loop().call_later(pause, self._wanted.set)

    def on_log_message(self, message: Message, verdict: Verdict, offset: int) -> bool:
        """Take note of a folded message; returns whether it is an own batch that was accepted."""
        shard_id = message.shard
        shard = self.shards.get(shard_id) or self._released.get(shard_id)
        if isinstance(message, Claim):
            if shard is not None and offset > shard.epoch:
                self.on_lost(shard_id, f"another claim stands at log offset {offset}")
            self.takeover.on_log_message(message, offset)
        elif isinstance(message, Batch) and shard is not None and message.epoch == shard.epoch:
            if verdict == "accepted":
                shard.pending -= len(message.records)
                self._progress_at[shard_id] = asyncio.get_running_loop().time()
                self._losses.pop(shard_id, None)
                return True
            if verdict != "duplicate":
                self.on_lost(shard_id, f"headwater.log ignored its batch {message.seq}: {verdict}")
        return False

    def on_truncation(self) -> None:
        """Part of the log was deleted before it was read, and with it perhaps a claim of any shard."""
        for shard_id in [*self.shards, *self._released]:
            self.on_lost(shard_id, "headwater.log was truncated before it was read: its owner is not known")

    def check_echoes(self) -> None:
        """Lose shards whose batches have not come back from the log for too long."""
        now = asyncio.get_running_loop().time()  # the wall clock may jump
        for shard_id, shard in list(self.shards.items()):
            if shard.pending == 0 or self.replica.waiting:
                self._progress_at[shard_id] = now
            elif now - self._progress_at.get(shard_id, now) > ECHO_TIMEOUT_S:
                self.on_lost(shard_id, f"its batches have not come back from headwater.log for {ECHO_TIMEOUT_S:.0f} s")

    async def run(self) -> None:
        """Claim and recover what is assigned and not owned, whenever there is such a shard."""
        failures = 0
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await self.replica.caught_up.wait()
            await self._resume_released()
            wanted = {shard_id: tps for shard_id, tps in self.assigned.items() if shard_id not in self.shards}
            if not wanted:
                continue
            try:
                await self._acquire(wanted)
                failures = 0
            except (KafkaError, TimeoutError, TruncatedError) as error:
                failures += 1
                if isinstance(error, TruncatedError) and failures > MAX_TRUNCATIONS:
                    raise
                log.warning("recovering %s: %r; trying again", ", ".join(sorted(wanted)), error)
            if self.assigned.keys() - self.shards.keys():
                asyncio.get_running_loop().call_later(_pause(failures), self._wanted.set)

    async def _resume_released(self) -> None:
        """Go on with shards that are assigned again and that nobody else has claimed."""
        for shard_id in sorted(self.assigned.keys() & self._released.keys()):
            shard = self._released.pop(shard_id, None)  # it may be lost while another one is sought
            if shard is None or shard_id not in self.assigned:
                continue
            names = {self.intake.topics[tp.topic].name for tp in self.assigned[shard_id]}
            if self.replica.acceptance.shards[shard_id].epoch == shard.epoch and names <= shard.next.keys():
                self.shards[shard_id] = shard
                await self.positions.seek(shard, self.assigned[shard_id])  # polls were dropped meanwhile

    async def _acquire(self, wanted: dict[str, set[TP]]) -> None:
        """Claim shards and recover them; the numbers are those of `recovery.py`."""
        started = asyncio.get_running_loop().time()
        recoveries = await self.takeover.recover(list(wanted))  # 1, 2, 3
        tps = set[TP]().union(*wanted.values())
        limits = await self.positions.limits(tps)
        if any(not self._start(recovery, limits).sure for recovery in recoveries):
            await asyncio.sleep(CONFIRM_S)  # after a change of leaders a topic may seem shorter for a moment
            limits = await self.positions.limits(tps)
        for recovery in recoveries:
            await self._adopt(recovery, self._start(recovery, limits))
        seconds = asyncio.get_running_loop().time() - started
        self.observer.recovered(seconds)
        log.info("recovered %d shards in %.1f s: %s", len(wanted), seconds, ", ".join(sorted(wanted)))

    def _start(self, recovery: Recovery, limits: Mapping[TP, Limits]) -> Start:
        """Where a recovered shard begins to read."""
        own = {
            self.intake.topics[tp.topic].name: limit
            for tp, limit in limits.items()
            if self.intake.shard_of(tp) == recovery.shard
        }
        return start_of(recovery.claimed.state.next, own)

    def begin(self, shard: Shard) -> Batch:
        """A batch that says nothing but where the shard stands."""
        return shard.message([], {}, last=False)

    async def _adopt(self, recovery: Recovery, start: Start) -> None:
        """Serve a recovered shard, unless somebody else has claimed it meanwhile.

        If Kafka has revoked it meanwhile, it is kept among the released ones: in a chain of rebalances each would come
        before the end of a recovery, and no recovery would ever be of use.
        """
        shard_id, claimed = recovery.shard, recovery.claimed
        for future in await self.writer.send(shard_id, outcome_records(shard_id, recovery.outcomes)):  # 5
            await future
        if self.replica.acceptance.shards[shard_id].epoch != claimed.epoch:
            return
        if start.lost:
            self.observer.skipped_offsets(start.lost)
            self.observer.lost(start.lost)
            log.error("%s: %d input records were deleted before they were read", shard_id, start.lost)
        self.positions.watch.say_remade(start.remade, self.observer)
        shard = Shard(
            shard_id, claimed.epoch, self.config.rewards, users=recovery.users, watermark=claimed.state.watermark
        )
        shard.outcomes_acked, shard.next = claimed.epoch, start.next
        if start.remade:  # at once, so that who claims it next knows it, even if no event comes until then
            await self.writer.submit(self.begin(shard), [], [])
        if shard_id not in self.assigned:
            self._released[shard_id] = shard
            return
        self.shards[shard_id] = shard
        await self.positions.seek(shard, self.assigned[shard_id])  # 4


def _pause(failures: int) -> float:
    """Seconds before the next attempt, after so many that failed."""
    return min(LONGEST_PAUSE_S, PAUSE_S * 2.0 ** min(failures, 16))
