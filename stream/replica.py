"""Reads headwater.log and folds it into this worker's copy of the model; every worker reads all of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.admin import aiokafka_options
from stream.config import Kafka
from stream.log import Message, Verdict, decode_message
from stream.model import Model
from stream.topics import LOG, prefixed

IDLE_MS = 100  # an idle read waits so long; data ends the wait at once
FOLD_AT_ONCE = 50  # log messages folded before other tasks get their turn

Heard = Callable[[Message, Verdict, int], Awaitable[None]]


class LogReader:
    """A consumer of headwater.log from its beginning, without a group."""

    def __init__(self, config: Kafka) -> None:
        self._tp = TopicPartition(prefixed(config.namespace, LOG), 0)
        self._options = aiokafka_options(config)
        self.written_at = 0.0  # when the newest message read was written, unix seconds

    async def start(self) -> int:
        """Connect and go to the first message; returns the offset after the last one."""
        self._consumer = AIOKafkaConsumer(
            **self._options, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            fetch_max_wait_ms=IDLE_MS, max_partition_fetch_bytes=16 * 1024 * 1024,
        )  # fmt: skip
        await self._consumer.start()
        self._consumer.assign([self._tp])
        await self._consumer.seek_to_beginning(self._tp)
        return await self.end()

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def end(self) -> int:
        """Offset of the next message to be written."""
        ends = await self._consumer.end_offsets([self._tp])
        return int(ends[self._tp])

    async def read(self) -> list[tuple[int, Message]]:
        """The next messages with their offsets; empty after a while without any."""
        found = await self._consumer.getmany(self._tp, timeout_ms=IDLE_MS)
        if found:
            self.written_at = found[self._tp][-1].timestamp / 1000
        return [(record.offset, decode_message(record.value, record.offset)) for record in found.get(self._tp, [])]


class Replica:
    """The model of this worker, as far as the log has been folded.

    Parameters
    ----------
    heard : called for each message after it was folded, with the fold's verdict and the offset
    failed : called when reading or folding ends for good
    """

    def __init__(self, config: Kafka, model: Model, heard: Heard, failed: Callable[[BaseException], None]) -> None:
        self.model, self.heard, self.failed = model, heard, failed
        self.caught_up = asyncio.Event()  # the log's end at the start has been folded
        self.log_end = 0
        self.alive_at = time.monotonic()  # when the log was last read, even if it held nothing new
        self.reader = LogReader(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin to fold."""
        self.log_end = await self.reader.start()
        self._task = asyncio.create_task(self._run(), name="headwater.log reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
        await self.reader.stop()

    async def _run(self) -> None:
        try:
            async for offset, message in self._messages():
                verdict = self.model.fold(message, offset)
                await self.heard(message, verdict, offset)
        except Exception as error:
            self.failed(error)
            raise

    async def _messages(self) -> AsyncIterator[tuple[int, Message]]:
        while True:
            if self.model.offset >= self.log_end:
                self.caught_up.set()
            messages = await self.reader.read()
            self.alive_at = time.monotonic()
            for n, entry in enumerate(messages):
                yield entry
                if n % FOLD_AT_ONCE == FOLD_AT_ONCE - 1:
                    await asyncio.sleep(0)
