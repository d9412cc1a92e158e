"""Batch delivery inside Faust: one Faust event per *poll*, not per message.

Stock Faust creates four asyncio tasks for every message and so takes in about 10,000 events/s whatever one does; one
event per poll takes in 270,000. To get there, private methods of Faust are overridden, all of them in this file, each
with its reason (those of aiokafka in `aiokafka_changes.py`). The versions are pinned exactly, and a test fails when
what is overridden changes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import faust
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaFaustConsumer
from faust.types import TP, ConsumerMessage

from stream.kafka.fetch_sessions import keep_sessions
from stream.kafka.polls import Poll
from stream.kafka.unreadable import keep_unreadable

FETCH_WAIT_MS = 100  # an empty fetch waits so long at the broker; data ends the wait at once


class PollSchema(faust.Schema[Any, Any]):
    """Hands a `Poll` through to the agent. Faust never decodes: one bad record would stop its stream for ever."""

    def compile(
        self,
        app: Any,
        *,
        on_key_decode_error: Any = None,
        on_value_decode_error: Any = None,
        default_propagate: bool = False,
    ) -> Any:
        """Faust asks for a decoder; this one changes nothing."""

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(message.key, message.value, message.headers, message)

        return decode


class PollConsumer(AIOKafkaFaustConsumer):
    """Consumer whose stream holds polls. It keeps no positions: the worker seeks."""

    interval_s: Callable[[], float] = staticmethod(
        lambda: 0.004
    )  # between polls: one costs 2-3 ms, whatever it carries
    max_records = 300  # of one poll, so that no other task waits longer than their model work takes
    fetches = 0  # begun so far
    _last_poll = 0.0

    _prepared: "asyncio.Future[None] | None" = None

    async def before_joining(self) -> None:
        """What must be done before the group gives partitions to this consumer."""

    async def on_start(self) -> None:
        """Overridden: preparations begin here. Faust sleeps a second before it subscribes."""
        self._prepared = asyncio.ensure_future(self.before_joining())
        await super().on_start()

    async def on_stop(self) -> None:
        """Overridden: preparations end with the consumer."""
        if self._prepared is not None:
            self._prepared.cancel()
        await super().on_stop()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group. Overridden: Faust joins first, and then the shards assigned to it wait for its start."""
        if self._prepared is not None:
            await self._prepared
        await super().subscribe(topics)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield polls. Overridden: the base class yields single messages (10,000/s)."""
        pause = self._last_poll + self.interval_s() - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        self.fetches += 1
        records, active = await self._wait_next_records(timeout)
        self._last_poll = time.monotonic()
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active:  # a rebalance began meanwhile; the base class does the same
            await self.perform_seek()
            return
        for poll in self._polls(records, active):
            if self._is_current(generation):
                poll.fetch, poll.fetched_at = self.fetches, self._last_poll
                yield self._carry(poll, generation)

    async def perform_seek(self) -> None:
        """Forget what was read. Overridden: the base class seeks to committed offsets, and fails in a rebalance."""
        self._read_offset.clear()

    async def _drain_messages(self, fetcher: Any) -> None:
        """Deliver polls. Overridden: the base class makes five tasks and a timer for each, to see what ends the wait.

        They are needed only while the agent's short queue is full.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=1.0):
                    delivered = asyncio.ensure_future(self.callback(message))
                    try:
                        await asyncio.sleep(0)
                        if delivered.done():
                            delivered.result()
                        else:
                            await self.wait_first(delivered, self.suspend_flow.wait())
                    finally:
                        delivered.cancel()
        except (ConsumerStoppedError, asyncio.CancelledError):
            if not self.transport.app.should_stop:
                raise

    async def read_to(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Offset up to which each topic-partition has been fetched, asked of the thread in one call."""
        return dict(await self._thread.call_thread(self._thread.read_to, tps))  # type: ignore[attr-defined]  # ours

    def _is_current(self, generation: int) -> bool:
        """Whether the assignment is still the one that the records were fetched under."""
        return self.flow_active and self.app.consumer_generation_id == generation

    def _polls(self, records: Mapping[TP, list[Any]], active: set[TP] | None) -> list[Poll]:
        polls, poll, room = [], Poll(), self.max_records
        ends: dict[TP, int] = {}
        for tp, found in records.items():
            if active is not None and tp not in active:
                continue
            ends[tp] = self.highwater(tp)
            self.app.monitor.track_tp_end_offset(tp, ends[tp])
            while found:
                poll.append((tp, found[:room]))
                room -= len(poll[-1][1])
                found = found[len(poll[-1][1]) :]
                if room == 0:
                    polls.append(poll)
                    poll, room = Poll(), self.max_records
        if len(poll) > 0:
            polls.append(poll)
        for each in polls:
            each.ends = ends
        return polls

    def _carry(self, poll: Poll, generation: int) -> tuple[TP, ConsumerMessage]:
        """Wrap a poll as one Faust message, which looks like the last record in it."""
        for tp, found in poll:
            self._read_offset[tp] = found[-1].offset
        tp, found = poll[-1]
        last = found[-1]
        headers: dict[str, bytes] = {}
        value: Any = poll  # typed as bytes, but only our own schema and agent read it
        message = ConsumerMessage(
            last.topic, last.partition, last.offset, last.timestamp / 1000, last.timestamp_type,
            headers, None, value, None, 0, 0, tp, generation_id=generation,
        )  # fmt: skip
        return tp, message

    def ack(self, message: Any) -> bool:
        """Acknowledge every partition of the poll. Overridden: the base class would book one message."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self._n_acked += 1
        for tp, found in message.value:
            self._acked[tp] = [found[-1].offset]
        waiting = self._waiting_for_ack
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        return True

    def _new_offset(self, tp: TP) -> int | None:
        """Next offset to commit. Overridden: polls are acknowledged in order, so the last one is enough."""
        acked = self._acked.get(tp)
        if not acked:
            return None
        self._acked[tp] = []
        return int(acked[-1]) + 1

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing. Overridden: offsets inside a poll are no gaps."""

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing. Overridden: the base class stops fetching and sleeps; here the short queue blocks instead."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Nothing, see `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Overridden: Faust asserts that the position is known, and ended a worker whose position was being reset.

        What it would find, partitions that are not read, `stream/worker/health.py` finds.
        """

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return PollThread(self, loop=self.loop, beacon=self.beacon)

    async def _seek(self, partition: TP, offset: int) -> None:
        """Seek in the thread that fetches. Overridden: the base class reaches into that thread's records from this one.

        Now and then they were being handed out at that moment (KeyError: the worker ended), or the fetching thread
        slept on and the seek was without effect.
        """
        await self._thread.call_thread(self._thread.seek, partition, offset)  # type: ignore[arg-type]  # takes both


class PollThread(AIOKafkaConsumerThread):
    """The thread that fetches."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        """Overridden: Faust lets an empty fetch wait 1.5 s, which delays seeks and shutdown as long.

        It reads aborted transactions, gives no record for an unreadable batch (positions must move over both), and
        fetches without sessions: two fifths of what a fetch costs.
        """
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # noqa: SLF001  no public setting reaches it through Faust
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        consumer._value_deserializer = keep_unreadable  # noqa: SLF001
        keep_sessions(consumer)
        return consumer

    async def getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        """Fetch in the thread. Overridden: in its queue of calls each fetch made three tasks to wait for its turn."""
        consumer = self._ensure_consumer()
        most = consumer._max_poll_records  # noqa: SLF001  nothing public says it
        fetching = self._fetch_records(consumer, active_partitions or set(), timeout, most)  # none: all
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetching, self.thread_loop))

    async def read_to(self, tps: Iterable[TP]) -> dict[TP, int]:
        """Offset up to which each topic-partition has been fetched, of those that this consumer has."""
        consumer, found = self._ensure_consumer(), {}
        for tp in tps:
            with suppress(IllegalStateError):  # Kafka has just taken it away
                found[tp] = int(await consumer.position(tp) or 0)
        return found

    def highwater(self, tp: TP) -> int:
        """Overridden: what an open transaction holds back cannot be read yet, and is no backlog."""
        stable = self._ensure_consumer().last_stable_offset(tp)
        return int(stable) if stable is not None and stable >= 0 else int(super().highwater(tp))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, but not while joining the group. Overridden: offsets are a hint for lag monitors, a lost join is not.

        A commit sent then waits behind the JoinGroup on the coordinator's connection and fails: the generation is new.
        aiokafka then forgets that it has joined, joins anew, and all members wait a session time-out for the old one.
        """
        joining = self._ensure_consumer()._coordinator._performed_join_prepare  # noqa: SLF001  nothing public says it
        return False if joining else await super()._commit(offsets)


class Positions:
    """Positions of Faust's consumer, and the first and last offsets of its topic-partitions."""

    def __init__(self, app: Any) -> None:
        self._app = app

    @property
    def fetches(self) -> int:
        """Fetches begun so far; later ones follow every seek made until now."""
        return int(self._app.consumer.fetches)

    async def earliest(self, tps: set[TP]) -> dict[TP, int]:
        """First offset that each topic-partition still has."""
        found = await self._app.consumer.earliest_offsets(*sorted(tps))
        return {tp: int(found[tp]) for tp in tps}

    async def latest(self, tps: set[TP]) -> dict[TP, int]:
        """Offset of the next record to be written to each topic-partition."""
        found = await self._app.consumer.highwaters(*sorted(tps))
        return {tp: int(found[tp]) for tp in tps}

    async def read(self, tps: set[TP]) -> dict[TP, int]:
        """Offset up to which each topic-partition has been fetched; 0 where nothing was."""
        return dict(await self._app.consumer.read_to(sorted(tps)))

    async def seek(self, tp: TP, position: int) -> None:
        """Read on from this position; nothing happens if Kafka has just taken the topic-partition away."""
        with suppress(IllegalStateError):
            await self._app.consumer.seek(tp, position)
