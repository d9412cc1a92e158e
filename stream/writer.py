"""The order of writes: a batch goes to the log when all its recommendations and dead letters are acknowledged."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from msgspec import Struct

from stream.admin import aiokafka_options
from stream.codec import encode
from stream.config import Kafka
from stream.log import Batch, Message, encode_message
from stream.observe import Observer
from stream.topics import LOG, LOG_BYTES, Topic, prefixed

SOON_S = 0.1  # how long records may wait that nobody waits for
REQUEST_S = 40.0  # a send fails for good after so long without an acknowledgement
MAX_BATCH_BYTES = 256 * 1024


class SendError(RuntimeError):
    """A record was not acknowledged in time; the process ends, and whoever starts next goes on from the log."""

    retriable = True


class Letter(NamedTuple):
    """A record on its way out."""

    topic: Topic
    key: bytes | None
    record: Struct | None  # None: a tombstone
    partition: int | None = None  # None: by the key


class Sent(NamedTuple):
    """Batches that wait for the acknowledgements that must come before the log has them."""

    acknowledgements: list["asyncio.Future[Any]"]
    batches: list[Batch]
    written_at: list[float]  # when the events of the slates were written, unix seconds


class Writer:
    """Everything that this worker writes, through one producer.

    Parameters
    ----------
    failed : called when a send fails for good
    """

    def __init__(self, config: Kafka, observer: Observer, failed: Callable[[BaseException], None]) -> None:
        self.config, self.observer, self.failed = config, observer, failed
        self._producer: AIOKafkaProducer | None = None
        self._sent: asyncio.Queue[Sent] = asyncio.Queue()
        self._soon: list[Letter] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            **aiokafka_options(self.config), acks="all", linger_ms=0, max_batch_size=MAX_BATCH_BYTES,
            max_request_size=LOG_BYTES, request_timeout_ms=int(REQUEST_S * 1000),
        )  # fmt: skip
        await self._producer.start()
        self._tasks = [asyncio.create_task(self._write_in_order()), asyncio.create_task(self._write_soon())]

    async def stop(self) -> None:
        """Write what is under way, then disconnect."""
        if self._producer is None:
            return
        await self.settle()
        for task in self._tasks:
            task.cancel()
        await self._send_waiting()
        await self._producer.stop()

    async def settle(self) -> None:
        """Wait until everything submitted so far has been handed to the log."""
        await self._sent.join()

    async def submit(self, batches: list[Batch], letters: Sequence[Letter], written_at: list[float]) -> None:
        """Send the letters now, and the batches to the log when all letters are acknowledged. Waits for neither."""
        acknowledgements = await self.send(letters)
        self._sent.put_nowait(Sent(acknowledgements, batches, written_at))

    async def send(self, letters: Sequence[Letter]) -> list["asyncio.Future[Any]"]:
        """Send records, those of one partition in one batch; returns when they are queued."""
        producer = self._connected()
        futures: list[asyncio.Future[Any]] = []
        open_batches: dict[tuple[str, int], Any] = {}
        for letter in letters:
            name = prefixed(self.config.namespace, letter.topic)
            value = None if letter.record is None else encode(letter.record)
            if letter.partition is None:
                futures.append(self._watched(await producer.send(name, value=value, key=letter.key)))
                continue
            target = name, letter.partition
            builder = open_batches.get(target) or producer.create_batch()
            if builder.append(key=letter.key, value=value, timestamp=None) is None:  # it is full
                futures.append(self._watched(await producer.send_batch(builder, name, partition=letter.partition)))
                builder = producer.create_batch()
                builder.append(key=letter.key, value=value, timestamp=None)
            open_batches[target] = builder
        for (name, partition), builder in open_batches.items():
            futures.append(self._watched(await producer.send_batch(builder, name, partition=partition)))
        return futures

    def send_soon(self, letters: Sequence[Letter]) -> None:
        """Send records that nobody waits for, several polls' in one request."""
        self._soon += letters

    async def log(self, message: Message) -> "asyncio.Future[Any]":
        """Send one message to headwater.log; the order of calls is the order in the log."""
        name = prefixed(self.config.namespace, LOG)
        return self._watched(await self._connected().send(name, value=encode_message(message), partition=0))

    async def _write_in_order(self) -> None:
        while True:
            sent = await self._sent.get()
            try:
                for acknowledgement in sent.acknowledgements:
                    await acknowledgement
                now = time.time()
                for written_at in sent.written_at:
                    self.observer.published(now - written_at)
                for batch in sent.batches:
                    await self.log(batch)
            except Exception as error:
                self.failed(error)
                raise
            finally:
                self._sent.task_done()

    async def _write_soon(self) -> None:
        try:
            while True:
                await asyncio.sleep(SOON_S)
                await self._send_waiting()
        except Exception as error:
            self.failed(error)
            raise

    async def _send_waiting(self) -> None:
        letters, self._soon = self._soon, []
        await self.send(letters)

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("Writer: must be started before it sends; got a record before `start`")
        return self._producer

    def _watched(self, future: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
        future.add_done_callback(self._check)
        return future

    def _check(self, future: "asyncio.Future[Any]") -> None:
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self.failed(SendError(f"a record could not be written within {REQUEST_S:.0f} s: {error!r}"))
