"""The log reader: folds headwater.log into this worker's model, and tells whom it concerns what was accepted."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from stream.errors import HeadwaterError
from stream.kafka.connections import Connections, TruncatedError
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.records.acceptance import Acceptance, Verdict
from stream.records.log import Batch, Message, decode_message
from stream.records.topics import LOG, MODEL_SNAPSHOTS
from stream.state.snapshot import Assembly, Whole

FOLD_AT_ONCE = 100  # records of the log folded before other tasks get their turn: some 20 ms
LOOKS = 5  # for a snapshot that is newer than the start of the log: it may be cut while one looks
CHECK_INTERVAL_S = 0.5
PROGRESS_INTERVAL_S = 5.0  # between two lines about the progress of a start

log = logging.getLogger(__name__)

OnLogMessage = Callable[[Message, Verdict, int], Awaitable[None]]


class LogTruncatedError(HeadwaterError):
    """The log no longer holds what a fold needs, and no snapshot replaces it."""


class Replica:
    """The model of this worker, as far as the log has been folded; and the log's rules, as far as it has been heard.

    The two differ only while the model is being rebuilt: what was heard stays heard.

    Parameters
    ----------
    on_log_message : called once for each message after it was folded, with the fold's verdict and the offset
    on_truncation : called when messages were cut off that nobody here has heard
    failed : called when reading or folding ends for good
    """

    def __init__(
        self, connections: Connections, model: Model, on_log_message: OnLogMessage, on_truncation: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:  # fmt: skip
        self.connections, self.model, self.on_log_message, self.on_truncation, self.failed = (
            connections,
            model,
            on_log_message,
            on_truncation,
            failed,
        )
        self.acceptance = Acceptance()
        self.caught_up = asyncio.Event()  # the log's end at the start has been folded
        self.log_end = 0
        self.delivered_to = 0  # offset after the last message that others were told of
        self.alive_at = time.monotonic()  # when the log was last read, even if it held nothing new
        self.reader = connections.reader(LOG)
        self._rebuild = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the newest snapshot, connect to the log behind it and begin to fold."""
        await self._load()
        self._task = asyncio.create_task(self._run(), name="headwater.log reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await self.reader.stop()

    def rebuild(self) -> None:
        """Throw the model away and fold it again from the newest snapshot; nobody is told anything twice."""
        self._rebuild = True

    async def _load(self) -> None:
        """Go to the log behind the newest whole snapshot of the model.

        Raises
        ------
        LogTruncatedError
            if the log starts behind it, or ends before it
        """
        for look in range(LOOKS):
            whole = await newest_model(self.connections)
            start, self.log_end = await self.reader.start(0 if whole is None else whole.offset)
            offset = 0 if whole is None else whole.offset
            if start <= offset:
                break
            await self.reader.stop()
            if look == LOOKS - 1:
                raise LogTruncatedError(
                    f"headwater.log: must start at or before offset {offset}, where the newest whole snapshot of the "
                    f"model ends; it starts at {start}: restore a saved model with `headwater model load`"
                )
            await asyncio.sleep(CHECK_INTERVAL_S)
        if self.log_end < offset:
            raise LogTruncatedError(
                f"headwater.log: must reach offset {offset} of the newest snapshot; it ends at {self.log_end}: the "
                "broker has lost acknowledged messages (an unclean leader election?)"
            )
        saved = None if whole is None else ModelCopy.decode(whole.parts)
        self.model.restore(saved)
        if saved is not None and saved.offset > self.delivered_to:
            self.acceptance.restore(saved.acceptance)
            if self.delivered_to > 0:
                self.on_truncation()
            self.delivered_to = saved.offset
        log.info("folding headwater.log from %d to %d", offset, self.log_end)

    async def _run(self) -> None:
        try:
            async for offset, message in self._messages():
                began = time.perf_counter()
                self.model.fold(message, offset)
                self.model.observer.busy("fold", time.perf_counter() - began)
                if offset >= self.delivered_to:
                    self.delivered_to = offset + 1
                    await self.on_log_message(message, self.acceptance.judge(message, offset), offset)
        except Exception as error:
            self.failed(error)
            raise

    async def _messages(self) -> AsyncIterator[tuple[int, Message]]:
        said_at = time.monotonic()
        while True:
            if self.model.offset >= self.log_end:
                self.caught_up.set()
            if self._rebuild:
                self._rebuild = False
                await self.reader.stop()
                await self._load()
            try:
                records = await self.reader.read()
            except TruncatedError as error:  # asleep for so long that the log has been cut: a newer snapshot is there
                log.warning("%s; starting from a snapshot", error)
                self._rebuild = True
                continue
            self.alive_at = time.monotonic()
            if not self.caught_up.is_set() and self.alive_at > said_at + PROGRESS_INTERVAL_S:
                said_at = self.alive_at
                log.info("folding headwater.log: at %d of %d", self.model.offset, self.log_end)
            folded = 0
            for offset, data in records:
                message = decode_message(data, offset, sealed=True)
                yield offset, message
                folded += 1 + (len(message.records) if isinstance(message, Batch) else 0)
                if folded >= FOLD_AT_ONCE:
                    folded = 0
                    await asyncio.sleep(0)


async def newest_model(connections: Connections) -> Whole | None:
    """The newest whole snapshot of the model, if there is one."""
    reader, newest = connections.reader(MODEL_SNAPSHOTS), None
    position, end = await reader.start()
    assembly = Assembly()
    try:
        while position < end:
            for at, record in await reader.read():
                whole = assembly.add(at, record)
                if whole is not None and (newest is None or whole.offset > newest.offset):
                    newest = whole
                position = at + 1
    except TruncatedError:
        pass  # a newer one is whole; the caller looks again if it needs it
    finally:
        await reader.stop()
    return newest
