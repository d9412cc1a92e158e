"""The order of writes: a batch goes to the log when its recommendations and dead letters are acknowledged."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from stream.decisions.publish import recommendations
from stream.kafka.connections import REQUEST_S, Connections
from stream.kafka.own_messages import OwnMessages
from stream.observe import Observer
from stream.placements import ASKED
from stream.records.codec import encode
from stream.records.log import Batch, Message, Step
from stream.records.schemas import HOME, Outcome
from stream.records.topics import LOG, OUTCOMES, PLACED, RECOMMENDATIONS, ShardId, Topic, prefixed

SOON_S = 0.1  # how long outcomes may wait to be sent together
# Between two writes to headwater.log. No slate waits for them; but a request of their own costs as much as one with
# slates, and slates wait behind it: a producer has one request under way to a broker. So they go with the next slates
# once the interval has passed, and alone only when none have come for twice as long.
LOG_INTERVAL_S, LOG_LATEST_S = 0.03, 0.06

Future = asyncio.Future[Any]


class SendError(RuntimeError):
    """A record was not acknowledged in time; its shard is lost, and recovered from the log."""

    retriable = True


class OutgoingRecord(NamedTuple):
    """A record on its way out."""

    topic: Topic
    key: bytes | None
    record: Struct | None  # None: a tombstone
    partition: int | None = None  # None: by the key


def slate_records(
    batch: Batch, lists: tuple[str, ...], placements: Iterable[str] = ()
) -> list[OutgoingRecord]:  # fmt: skip
    """Records of `recommendations` and, of placements, of a topic of their own: slates and tombstones, in their order.

    Further pages and what is narrowly asked for are nobody's newest slate: their response alone has them. A user who is
    forgotten leaves both topics.

    Parameters
    ----------
    placements : beside home, that there are
    """
    partition, found = ShardId.parse(batch.shard).partition, list[OutgoingRecord]()
    for user_id, slate in recommendations(batch, lists):
        if slate is None or (slate.placement == HOME and slate.page == 1):
            found.append(OutgoingRecord(RECOMMENDATIONS, user_id.encode(), slate, partition))
        if slate is None or (slate.placement not in (HOME, ASKED) and slate.page == 1):
            names = placements if slate is None else [slate.placement]
            found += [OutgoingRecord(PLACED, f"{user_id}/{name}".encode(), slate, partition) for name in names]
    return found


def outcome_records(shard: str, settled: Iterable[Outcome]) -> list[OutgoingRecord]:
    """Records of `outcomes`, of a shard's decisions."""
    partition = ShardId.parse(shard).partition
    return [OutgoingRecord(OUTCOMES, outcome.user_id.encode(), outcome, partition) for outcome in settled]


def written_at(batch: Batch, events: Mapping[tuple[int, int], float]) -> list[float]:
    """When the events were written that a batch answers with a slate; `events`: all of them, by topic and offset."""
    return [
        events[record.event.topic, record.event.offset]
        for record in batch.records
        if isinstance(record, Step) and record.event is not None and record.decision is not None
    ]


class Sent(NamedTuple):
    """A batch that waits for the acknowledgements that must come before the log has it."""

    acknowledgements: list[Future]
    batch: Batch
    written_at: list[float]  # when the events of the slates were written, unix seconds


class Writer:
    """Everything that this worker writes, through one producer.

    Parameters
    ----------
    clock : unix seconds
    on_send_error : called with the shard of a record that could not be written
    own : keeps the batches that are written
    """

    def __init__(
        self, connections: Connections, namespace: str, observer: Observer, clock: Callable[[], float],
        on_send_error: Callable[[str, SendError], None], own: OwnMessages | None = None,
    ) -> None:  # fmt: skip
        self.connections, self.namespace, self.observer = connections, namespace, observer
        self.clock, self.on_send_error = clock, on_send_error
        self.own = own or OwnMessages()
        self._producer: Any = None
        self._sent: asyncio.Queue[Sent] = asyncio.Queue()
        self._acknowledged: deque[Batch] = deque()  # may go to the log
        self._any_acknowledged = asyncio.Event()
        self._logging, self._logged_at = asyncio.Lock(), -math.inf  # when batches went to the log; monotonic seconds
        self.outcomes_acked: dict[str, int] = {}  # shard -> log offset before which all its outcomes are acknowledged
        self._soon: dict[str, tuple[int, list[OutgoingRecord]]] = {}
        self._any_soon, self._flushing = asyncio.Event(), asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect."""
        self._producer = await self.connections.producer()
        running = self._acknowledge_in_order(), self._log_in_order(), self._write_soon()
        self._tasks = [asyncio.create_task(each) for each in running]

    async def stop(self) -> None:
        """Write everything submitted, then disconnect."""
        if self._producer is None:
            return
        await self.drain()
        for task in self._tasks:
            task.cancel()
        await self.flush_soon()
        await self._producer.stop()

    async def drain(self) -> None:
        """Wait until everything submitted so far has been handed to the log."""
        await self._sent.join()

    async def submit(self, batch: Batch, outgoing: Sequence[OutgoingRecord], written_at: list[float]) -> None:
        """Send the outgoing records now, and the batch when all of them are acknowledged. Waits for neither.

        With them go batches of before that may go to the log.
        """
        if outgoing and self._acknowledged and not self._logging.locked() and self._log_in_s(LOG_INTERVAL_S) <= 0:
            await self._write_log()
        self._sent.put_nowait(Sent(await self.send(batch.shard, outgoing), batch, written_at))

    async def send(self, shard: str, outgoing: Sequence[OutgoingRecord]) -> list[Future]:
        """Send records of a shard, those of one partition in one batch; returns when they are queued."""
        producer = self._connected()
        futures: list[Future] = []
        open_batches: dict[tuple[str, int], Any] = {}
        for record in outgoing:
            name = prefixed(self.namespace, record.topic)
            value = None if record.record is None else encode(record.record)
            if record.partition is None:
                futures.append(await producer.send(name, value=value, key=record.key))
                continue
            target = name, record.partition
            builder = open_batches.get(target) or producer.create_batch()
            if builder.append(key=record.key, value=value, timestamp=None) is None:  # it is full
                futures.append(await producer.send_batch(builder, name, partition=record.partition))
                builder = producer.create_batch()
                builder.append(key=record.key, value=value, timestamp=None)
            open_batches[target] = builder
        for (name, partition), builder in open_batches.items():
            futures.append(await producer.send_batch(builder, name, partition=partition))
        return [self._watched(shard, future) for future in futures]

    async def send_chunk(self, topic: Topic, partition: int, data: bytes) -> int:
        """Send one chunk of a snapshot; returns its position when it is acknowledged."""
        future = await self._connected().send(prefixed(self.namespace, topic), value=data, partition=partition)
        return int((await future).offset)

    def send_soon(self, shard: str, outgoing: Sequence[OutgoingRecord], offset: int) -> None:
        """Send outcomes, those of several polls in one request; does not wait.

        Parameters
        ----------
        offset : of the log; all outcomes of the shard before it have been passed in with these
        """
        _, waiting = self._soon.get(shard, (0, []))
        self._soon[shard] = offset, [*waiting, *outgoing]
        self._any_soon.set()

    async def flush_soon(self) -> None:
        """Return when all that was given to `send_soon` so far is acknowledged, or its shard is lost."""
        async with self._flushing:
            waiting, self._soon = self._soon, {}
            self._any_soon.clear()
            sent = {shard: await self._send_safely(shard, outgoing) for shard, (_, outgoing) in waiting.items()}
            for shard, futures in sent.items():
                done = await asyncio.gather(*futures, return_exceptions=True)
                if not any(isinstance(result, BaseException) for result in done):
                    self.outcomes_acked[shard] = waiting[shard][0]

    async def log(self, message: Message) -> Future:
        """Send one message to headwater.log; the order of calls is the order in the log."""
        name = prefixed(self.namespace, LOG)
        future = await self._connected().send(name, value=self.own.encode(message), partition=0)
        return self._watched(message.shard, future)

    async def _acknowledge_in_order(self) -> None:
        while True:
            sent = await self._sent.get()
            try:
                for acknowledgement in sent.acknowledgements:
                    await acknowledgement
            except Exception as error:
                # The batches after it may still go out: they come after a gap, and nobody accepts them.
                self.on_send_error(sent.batch.shard, _send_error(error))
                self._sent.task_done()
                continue
            now = self.clock()
            for written_at in sent.written_at:
                self.observer.published(now - written_at)
            self._acknowledged.append(sent.batch)
            self._any_acknowledged.set()

    async def _log_in_order(self) -> None:
        """Send the batches that may go to the log and that have gone with no slates."""
        while True:
            await self._any_acknowledged.wait()
            await asyncio.sleep(self._log_in_s(LOG_LATEST_S))  # below 0: no longer than others need to go on
            if self._log_in_s(LOG_LATEST_S) <= 0:  # else some have gone meanwhile
                await self._write_log()

    async def _write_log(self) -> None:
        async with self._logging:  # the order of batches is that of their acknowledgements
            self._logged_at = asyncio.get_running_loop().time()
            while self._acknowledged:
                batch = self._acknowledged.popleft()
                try:
                    await self.log(batch)
                except Exception as error:
                    self.on_send_error(batch.shard, _send_error(error))
                finally:
                    self._sent.task_done()
            self._any_acknowledged.clear()

    def _log_in_s(self, interval_s: float) -> float:
        return self._logged_at + interval_s - asyncio.get_running_loop().time()

    async def _write_soon(self) -> None:
        while True:
            await self._any_soon.wait()
            await asyncio.sleep(SOON_S)
            await self.flush_soon()

    async def _send_safely(self, shard: str, outgoing: Sequence[OutgoingRecord]) -> list[Future]:
        try:
            return await self.send(shard, outgoing)
        except Exception as error:
            self.on_send_error(shard, _send_error(error))
            failed: Future = asyncio.get_running_loop().create_future()
            failed.set_exception(error)
            return [failed]

    def _connected(self) -> Any:
        if self._producer is None:
            raise RuntimeError("Writer: must be started before it sends; got a record before `start`")
        return self._producer

    def _watched(self, shard: str, future: Future) -> Future:
        def check(done: Future) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                self.on_send_error(shard, _send_error(error))

        future.add_done_callback(check)
        return future


def _send_error(error: BaseException) -> SendError:
    return SendError(f"a record could not be written within {REQUEST_S:.0f} s: {error!r}")
