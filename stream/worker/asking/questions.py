"""Questions to the model: answered between polls, in at most a fifth of the loop's time; refused beyond a short queue.

Those about items take one short part each. Those about users look at all users of the shard, in many parts, and have a
queue of their own: nobody waits behind them for similar items.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence

from stream.decisions.arrivals import QuestionAsked
from stream.decisions.questions.answers import answer_parts
from stream.decisions.shard import Shard
from stream.model.fold import Model
from stream.observe import Observer
from stream.records.questions.records import OF_USERS, AnswerStatus, QuestionAnswer
from stream.records.topics import RESPONSES, ShardId
from stream.serving.turns import BusyError, Turns
from stream.worker.writer import OutgoingRecord, Writer

SHORT, LONG = 64, 8  # questions that may wait, about items and about users

log = logging.getLogger(__name__)


class Questions:
    """Answers questions on `responses`, where nothing else waits for them.

    Parameters
    ----------
    clock : unix seconds, by which deadlines are judged
    """

    def __init__(self, model: Model, writer: Writer, clock: Callable[[], float], observer: Observer) -> None:
        self.model, self.writer, self.clock, self.observer = model, writer, clock, observer
        self._short, self._long = Turns(SHORT), Turns(LONG)
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, shard: Shard, asked: Sequence[QuestionAsked]) -> None:
        """Take questions that came on the shard's partition; returns at once."""
        refused, free = (
            list[QuestionAnswer](),
            {turns: turns.most - turns.waiting for turns in (self._short, self._long)},
        )
        for each in asked:
            turns = self._long if each.question.question in OF_USERS else self._short
            if late := self._late(each):
                refused.append(late)
            elif free[turns] <= 0:
                refused.append(self._refused(each, "busy", f"{turns.most} questions wait already"))
            else:
                free[turns] -= 1
                self._start(self._answer(shard, each, turns))
        if refused:
            self._start(self._send(shard, refused))

    @property
    def open(self) -> int:
        """Questions under way, and refusals on their way out."""
        return len(self._tasks)

    def stop(self) -> None:
        """Answer nothing more."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a question was not answered: %r", error, exc_info=error)

    async def _answer(self, shard: Shard, asked: QuestionAsked, turns: Turns) -> None:
        try:
            found = await turns.last(self.parts(shard, asked))
        except BusyError as error:
            found = self._refused(asked, "busy", str(error))
        if found is not None:
            await self._send(shard, [found])

    def parts(self, shard: Shard, asked: QuestionAsked) -> Iterator[QuestionAnswer | None]:
        """None after each part of the work, at last the answer; `late` as soon as nobody waits any more."""
        for found in answer_parts(self.model, shard, asked):
            if late := self._late(asked):
                yield late
                return
            yield found

    async def _send(self, shard: Shard, answers: Sequence[QuestionAnswer]) -> None:
        for each in answers:
            self.observer.questioned(each.question, each.status)
        partition = ShardId.parse(shard.id).partition
        await self.writer.send(shard.id, [OutgoingRecord(RESPONSES, None, each, partition) for each in answers])

    def _late(self, asked: QuestionAsked) -> QuestionAnswer | None:
        late_s = self.clock() - asked.written - asked.question.deadline_ms / 1000
        return (
            self._refused(asked, "late", f"the deadline had passed {1000 * late_s:.0f} ms ago") if late_s > 0 else None
        )

    def _refused(self, asked: QuestionAsked, status: AnswerStatus, reason: str) -> QuestionAnswer:
        question = asked.question
        return QuestionAnswer(
            request_id=question.request_id, question=question.question, status=status,
            model_version=self.model.offset, reason=reason,
        )  # fmt: skip
