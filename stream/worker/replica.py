"""The log reader: folds headwater.log into this worker's model, and passes on each message and its verdict once."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from stream.compiling.later import Later
from stream.errors import HeadwaterError
from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.own_messages import OwnMessages
from stream.kafka.snapshots import newest_model
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.records.acceptance import Acceptance, Verdict
from stream.records.log import Batch, ExperimentChange, Message
from stream.records.topics import LOG

FOLD_AT_ONCE = 100  # records folded before other tasks get their turn: some 20 ms
ATTEMPTS = 5  # to find a snapshot newer than the start of the log, which may be truncated meanwhile
CHECK_INTERVAL_S = 0.5
PROGRESS_INTERVAL_S = 5.0  # between two log lines while starting

log = logging.getLogger(__name__)

KERNELS_CHECK_S = 0.5  # between two signs of life while an experiment waits for its kernels
OnLogMessage = Callable[[Message, Verdict, int], Awaitable[None]]


class LogTruncatedError(HeadwaterError):
    """The log no longer holds what a fold needs, and no snapshot replaces it."""


class Replica:
    """The model of this worker, as far as the log has been folded, and the rules of the log as far as it was passed on.

    The two differ only while the model is being rebuilt: no message is passed on twice.

    Parameters
    ----------
    on_log_message : called once for each message after it was folded, with the fold's verdict and the offset
    on_truncation : called when messages were deleted before they were read
    failed : called when reading or folding ends for good
    own : the batches that this worker has written, which it need not decode
    """

    def __init__(
        self, connections: Connections, model: Model, on_log_message: OnLogMessage, on_truncation: Callable[[], None],
        failed: Callable[[BaseException], None], own: OwnMessages | None = None,
    ) -> None:  # fmt: skip
        self.connections, self.model, self.failed = connections, model, failed
        self.own = own or OwnMessages()
        self.timer: Callable[[], float] = time.monotonic  # seconds
        self.on_fold: Callable[[float, int], None] = lambda *_: None  # called with the seconds that records took
        self.kernels: Later | None = None  # None: all are there
        self.waiting = False  # for kernels, with an experiment that begins
        self.on_log_message, self.on_truncation = on_log_message, on_truncation
        self.caught_up = asyncio.Event()  # the log has been folded up to its end at the start
        self.log_end = 0
        self.delivered_to = 0  # offset after the last message passed on
        self.alive_at = time.monotonic()  # when the log was last read, even if it held nothing new
        self.reader = connections.reader(LOG)
        self._rebuild = False
        self._before_rebuild: Acceptance | None = None  # until the model has caught up again
        self._task: asyncio.Task[None] | None = None

    @property
    def acceptance(self) -> Acceptance:
        """The rules of the log after the last message passed on."""
        return self._before_rebuild or self.model.acceptance

    async def start(self) -> None:
        """Load the newest snapshot, connect to the log after it and begin to fold."""
        await self._load()
        self._task = asyncio.create_task(self._run(), name="headwater.log reader")

    async def stop(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            await self.reader.stop()

    def rebuild(self) -> None:
        """Throw the model away and fold it again from the newest snapshot."""
        self._rebuild = True

    async def _load(self) -> None:
        """Go to the log after the newest whole snapshot of the model.

        Raises
        ------
        LogTruncatedError
            if the log starts after it, or ends before it
        """
        for attempt in range(1, ATTEMPTS + 1):
            whole = await newest_model(self.connections)
            start, self.log_end = await self.reader.start(0 if whole is None else whole.offset)
            offset = 0 if whole is None else whole.offset
            if start <= offset:
                break
            await self.reader.stop()
            if attempt == ATTEMPTS:
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
        if offset < self.delivered_to and self._before_rebuild is None:
            self._before_rebuild = Acceptance()
            self._before_rebuild.restore(self.model.acceptance.snapshot())
        if saved is not None and saved.parts["experiment"]["running"][0]:
            await self._kernels_there()
        self.model.restore(saved)
        if saved is not None and saved.offset > self.delivered_to:
            self._before_rebuild = None
            if self.delivered_to > 0:
                self.on_truncation()
            self.delivered_to = saved.offset
        log.info("folding headwater.log from %d to %d", offset, self.log_end)

    async def _run(self) -> None:
        try:
            async for offset, message in self._messages():
                if self.kernels is not None and begins_experiment(message):
                    await self._kernels_there()
                began = self.timer()
                verdict = self.model.fold(message, offset)
                self.on_fold(self.timer() - began, len(message.records) if isinstance(message, Batch) else 0)
                if offset + 1 >= self.delivered_to:
                    self._before_rebuild = None
                if offset >= self.delivered_to:
                    self.delivered_to = offset + 1
                    await self.on_log_message(message, verdict, offset)
        except Exception as error:
            self.failed(error)
            raise

    async def _kernels_there(self) -> None:
        """Wait for what an experiment may run: compiled here, it would stop everything for seconds."""
        while self.kernels is not None:
            if self.kernels.there:
                self.kernels = None
                break
            self.waiting = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.kernels.wait(), KERNELS_CHECK_S)
            self.alive_at = time.monotonic()
        self.waiting = False

    async def _messages(self) -> AsyncIterator[tuple[int, Message]]:
        logged_at = time.monotonic()
        while True:
            if self.model.offset >= self.log_end:
                self.caught_up.set()
            if self._rebuild:
                self._rebuild = False
                await self.reader.stop()
                await self._load()
            try:
                records = await self.reader.read()
            except TruncatedError as error:  # stopped for so long that the log was truncated: there is a newer snapshot
                log.warning("%s; starting from a snapshot", error)
                self._rebuild = True
                continue
            self.alive_at = time.monotonic()
            if not self.caught_up.is_set() and self.alive_at > logged_at + PROGRESS_INTERVAL_S:
                logged_at = self.alive_at
                log.info("folding headwater.log: at %d of %d", self.model.offset, self.log_end)
            folded = 0
            for offset, data in records:
                message = self.own.decode(data, offset)
                yield offset, message
                folded += 1 + (len(message.records) if isinstance(message, Batch) else 0)
                if folded >= FOLD_AT_ONCE:
                    folded = 0
                    await asyncio.sleep(0)


def begins_experiment(message: Message) -> bool:
    """Whether an experiment begins in a message."""
    records = message.records if isinstance(message, Batch) else ()
    return any(isinstance(each, ExperimentChange) and each.experiment is not None for each in records)
