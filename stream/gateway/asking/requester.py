"""Asks the worker of a user for a slate as of now, over the topics `requests` and `responses`.

A request is sent at once, without linger, and acknowledged by the partition's leader only: one that is lost is as late
as one that nobody answers. `responses` is read from its end on, by a consumer of its own, which no flood of events
delays. A gateway that starts again forgets what waited.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from stream.config import Config
from stream.gateway.asking.waiting import FullError, Reply, Waiting
from stream.gateway.read_model import ReadModel
from stream.kafka.security import aiokafka_options
from stream.kafka.unreadable import Unreadable, keep_unreadable
from stream.records.codec import encode
from stream.records.questions.reading import decode_answer
from stream.records.questions.records import MAX_LISTED, Question, QuestionKind
from stream.records.requests import ANYTHING, Request, Response, Wanted
from stream.records.schemas import HOME, Recommendation
from stream.records.topics import REQUESTS, RESPONSES, prefixed
from stream.serving.ending import stop_within

POLL_MS = 500
MAX_RECORDS = 500  # of one poll
RETRY_S = 1.0
STOP_S = 5.0  # to disconnect
SHARED_S = 0.2  # after an answer: its slate is read from `recommendations` a little later
SEND_MS = 5_000  # for Kafka to take a request, and for what is asked before the first

log = logging.getLogger(__name__)


class Made(NamedTuple):
    """What came of a request."""

    status: str  # of `ResponseStatus`, or full: too many wait here, nothing was sent; unsent: Kafka did not take it
    slate: Recommendation | None = None
    reason: str = ""  # why there is no slate, in words


class Failed(NamedTuple):
    """Why no reply came: full, late or unsent."""

    status: str
    reason: str


Replied = Reply | Failed


class Requester:
    """One producer and one consumer for all requests.

    Parameters
    ----------
    partitions : number of partitions of each topic, by full name
    unreadable : called with a topic, without the namespace, and how many of its offsets cannot be read
    count : called with the status of each request, and the seconds that it took
    """

    def __init__(
        self, config: Config, partitions: dict[str, int], read_model: ReadModel,
        unreadable: Callable[[str, int], None], count: Callable[[str, float], None],
    ) -> None:  # fmt: skip
        self.config, self.waiting = config, Waiting(config.gateway.max_waiting)
        self._partitions, self._read_model, self._unreadable, self._count = partitions, read_model, unreadable, count
        self._requests, self._responses = (
            prefixed(config.kafka.namespace, topic) for topic in (REQUESTS, RESPONSES)
        )  # fmt: skip
        self._mark = self.waiting.prefix.encode()
        self._refreshing: dict[tuple[str, str], asyncio.Task[Made]] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def partitions(self) -> int:
        """On which questions may be asked."""
        return self._partitions[self._requests]

    async def start(self) -> None:
        """Connect, and read the answers that come from now on."""
        options = aiokafka_options(self.config.kafka)
        self._producer = AIOKafkaProducer(**options, acks=1, linger_ms=0, request_timeout_ms=SEND_MS)
        self._consumer = AIOKafkaConsumer(
            **options, group_id=None, enable_auto_commit=False, auto_offset_reset="latest",
            fetch_max_wait_ms=POLL_MS, isolation_level="read_committed", value_deserializer=keep_unreadable,
        )  # fmt: skip
        await self._producer.start()
        await self._consumer.start()
        tps = [TopicPartition(self._responses, n) for n in range(self._partitions[self._responses])]
        self._consumer.assign(tps)
        for tp, end in (await self._consumer.end_offsets(tps)).items():
            self._consumer.seek(tp, end)
        await self._producer.partitions_for(self._requests)  # so that the first request needs not ask for them
        self._task = asyncio.create_task(self._run(), name="gateway responses")

    async def stop(self) -> None:
        """Disconnect."""
        if self._task is not None:
            tasks = self._task, *self._refreshing.values()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await stop_within(self._consumer.stop(), STOP_S)
            await stop_within(self._producer.stop(), STOP_S)

    async def ask(self, user_id: str, within_ms: int, wanted: Wanted = ANYTHING) -> Made:
        """Ask for a slate, and wait for it so many milliseconds at most."""
        begun = time.perf_counter()
        try:
            with self.waiting.one() as (request_id, answer):
                request = Request(
                    request_id=request_id, user_id=user_id, deadline_ms=within_ms,
                    timestamp=self._read_model.withheld.event_time(time.time()),
                    **{name: getattr(wanted, name) for name in Wanted.__struct_fields__},
                )  # fmt: skip
                made = _made(await self._reply(answer, within_ms, request, request.user_id.encode()))
        except FullError:
            made = Made("full", reason=f"{self.waiting.most} requests wait already")
        self._count(made.status, time.perf_counter() - begun)
        return made

    async def refreshed(self, user_id: str, within_ms: int, placement: str = HOME) -> Made:
        """The same for a user whose slate of a placement is old, once for all who ask meanwhile, or just after."""
        key, loop = (user_id, placement), asyncio.get_running_loop()
        task = self._refreshing.get(key)
        if task is None:
            task = self._refreshing[key] = asyncio.create_task(
                self.ask(user_id, within_ms, Wanted(placement=placement))
            )
            task.add_done_callback(lambda done: loop.call_later(_shared_s(done), self._refreshing.pop, key, None))
        return await asyncio.shield(task)

    async def question(
        self, kind: QuestionKind, of: str | None, category: str | None, within_ms: int, partition: int
    ) -> Replied:
        """Ask the model on one partition, which may be any for a list of items.

        Parameters
        ----------
        of : the item, or the user
        """
        try:
            with self.waiting.one() as (request_id, answer):
                question = Question(
                    request_id=request_id, question=kind, of=of, category=category, k=MAX_LISTED,
                    deadline_ms=within_ms, timestamp=self._read_model.withheld.event_time(time.time()),
                )  # fmt: skip
                return await self._reply(answer, within_ms, question, None, partition)
        except FullError:
            return Failed("full", f"{self.waiting.most} requests wait already")

    async def _reply(
        self, answer: "asyncio.Future[Reply]", within_ms: int, record: Struct, key: bytes | None,
        partition: int | None = None,
    ) -> Replied:  # fmt: skip
        try:
            async with asyncio.timeout(within_ms / 1000):
                sent = await self._producer.send(self._requests, key=key, value=encode(record), partition=partition)
                sent.add_done_callback(lambda done: _fail(answer, done))
                return await answer
        except TimeoutError:
            return Failed("late", f"no worker has answered within {within_ms} ms")
        except KafkaError as error:
            return Failed("unsent", f"Kafka did not take the request: {error!r}")

    async def _run(self) -> None:
        while True:
            try:
                polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
            except KafkaError as error:
                log.warning("reading answers: %r; trying again", error)
                await asyncio.sleep(RETRY_S)
                continue
            for records in polled.values():
                for record in records:
                    self._read(record)
            await asyncio.sleep(0)

    def _read(self, record: Any) -> None:
        """Take in one answer, if it is to one of this gateway's requests."""
        if isinstance(record.value, Unreadable):
            self._unreadable(RESPONSES.name, record.value.last + 1 - record.value.first)
            log.error("%s/%d: %s; stepped over", record.topic, record.partition, record.value)
        elif self._mark in (record.value or b""):
            try:
                response = decode_answer(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._unreadable(RESPONSES.name, 1)
                log.warning("%s/%d offset %d: cannot be read: %r", record.topic, record.partition, record.offset, error)
                return
            slate = response.recommendation if isinstance(response, Response) else None
            epochs = self._read_model.epochs
            if slate is None or slate.epoch >= epochs.get(slate.user_id, -1):  # else of a fenced owner
                self.waiting.answer(response)


def _made(reply: Replied) -> Made:
    if isinstance(reply, Response):
        return Made(reply.status, reply.recommendation, reply.reason)
    return Made(reply.status, reason=reply.reason)


def _fail(answer: "asyncio.Future[Reply]", sent: "asyncio.Future[Any]") -> None:
    """A request that Kafka did not take is not waited for."""
    if not sent.cancelled() and (error := sent.exception()) is not None and not answer.done():
        answer.set_exception(error)


def _shared_s(done: "asyncio.Task[Made]") -> float:
    """How long what came of a request is shared: a slate until it is read as the newest one."""
    failed = done.cancelled() or done.exception() is not None or done.result().slate is None
    return 0.0 if failed else SHARED_S
