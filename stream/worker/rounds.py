"""Rounds of work: the events of one shard in a poll with their slates, or deferred slates in a pause between polls.

Measures what each part costs, so that `Pace` can say how many slates fit, and says so when the worker is at its limit.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, TypeVar

from faust.types import TP

from stream.decisions.arrivals import Answer
from stream.decisions.engine import Engine, Taking
from stream.decisions.shard import Shard
from stream.kafka.polls import Poll
from stream.observe import Step
from stream.records.log import Batch
from stream.records.topics import DEAD
from stream.worker.asking.questions import Questions
from stream.worker.asking.requests import refuse, response_records
from stream.worker.intake import Intake, Reading
from stream.worker.pace import OVERDUE_S, PAUSE, Pace, Round
from stream.worker.writer import OutgoingRecord, Writer, slate_records, written_at

AT_ONCE = 200  # deferred slates of a shard in one message: as many as `intake.BATCH_RECORDS`

T = TypeVar("T")

log = logging.getLogger(__name__)


class Rounds:
    """Takes in polls and makes deferred slates, through the engine, for the shards that the worker owns now.

    Parameters
    ----------
    shards : by id, as they change
    clock : unix seconds, of the times that events are given
    timer : monotonic seconds, the same as `Poll.fetched_at`
    """

    def __init__(
        self, engine: Engine, intake: Intake, writer: Writer, shards: Mapping[str, Shard],
        clock: Callable[[], float], timer: Callable[[], float],
    ) -> None:  # fmt: skip
        self.engine, self.intake, self.writer, self.shards = engine, intake, writer, shards
        self.clock, self.timer, self.observer = clock, timer, engine.observer
        self.questions = Questions(engine.model, writer, clock, engine.observer)
        self.pace = Pace(engine.config.slate.wait_ms / 1000)
        self._behind = 0  # records that waited in Kafka after the newest poll
        self._each = 1 + len(engine.config.pushed)  # slates of an event: of home, and of placements that push
        self._at_once = max(1, AT_ONCE // self._each)
        self._rounds, self._round_s = 0, 0.0  # so far; seconds of the newest
        self._ended: float | None = None  # when it ended, if slates were deferred then
        self._folded_s = 0.0  # since then

    @property
    def in_flight(self) -> int:
        """Records of batches that have not come back from the log yet."""
        return sum(shard.pending for shard in self.shards.values())

    @property
    def deferring(self) -> int:
        """Users whose slates are deferred."""
        return sum(len(shard.deferred) for shard in self.shards.values())

    @property
    def poll_interval_s(self) -> float:
        """Seconds between two polls: what comes while a round is under way is fetched at once after it."""
        least = self.engine.config.kafka.poll_interval_s
        return max(least, min(self._round_s, self.pace.round_s)) if self.pace.target_s else least

    async def take(self, poll: Poll, seek: Callable[[Poll, Reading], Any]) -> None:
        """Take in one poll: all events, and as many slates as there is room for; the others are deferred.

        Parameters
        ----------
        seek : awaited after each shard with what was read of it
        """
        began = self._begin()
        arrived = min(began, poll.fetched_at)
        taken, unread = 0, sum(len(records) for _, records in poll)
        self._behind = poll.waiting(tp for tp, _ in poll)
        for shard_id, fetched in self._in_turn(list(self.intake.by_shard(poll))):
            records = sum(len(found) for _, found in fetched)
            share, taken, unread = records / unread, taken + records, unread - records
            shard = self.shards.get(shard_id)
            if shard is not None:  # else not recovered yet: it will be read again from its exact position
                round_ = Round(began, taken, unread + self._behind)
                await seek(poll, await self._take(shard, fetched, round_, share, arrived))
        self._end(began)

    async def _take(
        self, shard: Shard, fetched: Sequence[tuple[TP, list[Any]]], round_: Round, share: float, arrived: float
    ) -> Reading:
        began = self.timer()
        reading = self.intake.read(shard.next, fetched, self.clock())
        self.questions.take(shard, [asked for part in reading.parts for asked in part.questions])
        if reading.parts and not any(part.arrivals or part.dead for part in reading.parts):  # nothing for the log
            for part in reading.parts:
                shard.pass_over(part.next)
            return reading
        shard.outcomes_acked = max(shard.outcomes_acked, self.writer.outcomes_acked.get(shard.id, 0))
        decoded = self.timer()
        fits = self.pace.room(decoded, round_, share)
        refused = refuse([part.arrivals for part in reading.parts], self.clock(), fits)
        taking = self.engine.take_in(shard, [(part.arrivals, part.next) for part in reading.parts])  # 1
        asked = sum(map(len, taking.answers))
        taken = self.timer()
        room = self.pace.room(taken, round_, share)
        room = None if room is None else self.pace.least(room, taken - began)
        late = self._late(shard, taking, room)
        if room is not None:
            room -= len(late)
        batches = self.engine.decide(shard, taking, room, deferred=[user_id for user_id, _ in late], arrived=arrived)
        drawn = self.timer()
        lists = self.engine.model.lists
        for part, batch, *answers in zip(reading.parts, batches, taking.answers, refused, strict=True):
            outgoing = [OutgoingRecord(DEAD, key, record) for key, record in part.dead]
            outgoing += slate_records(batch, lists, self.engine.config.placements)
            outgoing += self._respond(batch, [*chain(*answers)])
            await self.writer.submit(batch, outgoing, written_at(batch, part.written_at))  # 2, 3
        sent = self.timer()
        self._busy("decode", decoded - began)
        self._busy("decide", drawn - decoded)
        self._busy("publish", sent - drawn)
        events = sum(len(part.arrivals) for part in reading.parts)
        slates = len(taking.newest) if room is None else min(room, len(taking.newest))
        self.pace.rate.add(sent, events)
        spent = (taken if slates or late else sent) - began
        self.pace.events.add(max(0.0, spent - asked * self.pace.slates.each_s), events)
        self.pace.slates.add(sent - taken, slates + len(late))
        self.observer.waited(sent - arrived, slates)
        self._waited(sent, late)
        return reading

    def _respond(self, batch: Batch, answers: Sequence[Answer]) -> list[OutgoingRecord]:
        now = self.clock()
        for answer in answers:
            self.observer.responded(answer.status, now - answer.asked.written)
        return response_records(batch, answers, self.engine.model.lists)

    def _late(self, shard: Shard, taking: Taking, room: int | None) -> list[tuple[str, float]]:
        """Take out who gets a deferred slate in this round: for whom there is room, and in turn who waited too long."""
        if room is None or not shard.deferred or not taking.made:
            return []
        newest = list(taking.newest)
        for user_id in newest[max(0, len(newest) - room) :]:
            shard.deferred.discard(user_id)  # they get a slate for their event
        left, overdue = room - len(newest), self.timer() - OVERDUE_S
        if left > 0:
            return shard.deferred.take(max(0, min(left, self._at_once - len(taking.made[-1]))), overdue)
        return shard.deferred.take_overdue(room, overdue)

    async def catch_up(self) -> None:
        """Make as many deferred slates as fit into a round, and at least one: of few shards, many of each."""
        began = self._begin()
        least = 1
        for shard_id, shard in self._in_turn([each for each in sorted(self.shards.items()) if each[1].deferred]):
            room = self.pace.room(self.timer(), Round(began, length=PAUSE))
            most = self._at_once if room is None else min(self._at_once, max(room, least))
            if most == 0:
                break
            if shard_id in self.shards:  # Kafka may have taken it away meanwhile
                await self._make_deferred(shard, most)
                least = 0
        self._end(began)

    async def _make_deferred(self, shard: Shard, most: int) -> None:
        began = self.timer()
        late = shard.deferred.take(most, began - OVERDUE_S)
        batch = self.engine.make_deferred(shard, [user_id for user_id, _ in late])
        drawn = self.timer()
        self._busy("decide", drawn - began)
        if batch is not None:
            outgoing = slate_records(batch, self.engine.model.lists, self.engine.config.placements)
            await self.writer.submit(batch, outgoing, [])
            sent = self.timer()
            self._busy("publish", sent - drawn)
            self.pace.slates.add(sent - began, max(1, len(batch.records) // self._each))
            self._waited(sent, late)

    def on_fold(self, seconds: float, records: int) -> None:
        """Records of the log were folded in so many seconds."""
        self._folded_s += seconds
        self.pace.folds.add(seconds, records)
        self._busy("fold", seconds)

    def look(self) -> None:
        """Say so when the limit is reached, or left."""
        now, pace, deferring = self.timer(), self.pace, self.deferring
        self._ended = self._ended if deferring else None  # else nothing may have been waiting
        change = pace.look(now, deferring, self._behind)
        if change is None:
            return
        self.observer.at_limit(reached=pace.at_limit)
        if change.to == "left":
            log.info("no longer at the limit, after %.0f s: every event gets its slate at once", change.after_s)
            return
        log.warning(
            "at the limit: %.0f events/s come, a slate takes %.2f ms, all else of an event %.2f ms; %d users wait for "
            "a slate, %d records in Kafka; who acted last is served first. Start another worker, let this one learn "
            "less (ranking.units, sources) or allow more waiting (slate.wait_ms): deploy/README.md#headwateratlimit",
            pace.rate.value(now), 1e3 * pace.slates.each_s, 1e3 * pace.event_s, deferring, self._behind,
        )  # fmt: skip

    def _begin(self) -> float:
        now = self.timer()
        if self._ended is not None:
            self.pace.gaps.add(max(0.0, now - self._ended - self._folded_s), 1)
        self._ended, self._rounds = None, self._rounds + 1
        return now

    def _end(self, began: float) -> None:
        now = self.timer()
        self._round_s, self._folded_s = now - began, 0.0
        self._ended = now
        self.look()

    def _in_turn(self, found: list[T]) -> list[T]:
        """Another one first in each round: the last ones find less room."""
        first = self._rounds % len(found) if found else 0
        return found[first:] + found[:first]

    def _busy(self, step: Step, seconds: float) -> None:
        self.observer.busy(step, seconds)
        self.pace.busy.add(self.timer(), seconds)

    def _waited(self, now: float, late: Sequence[tuple[str, float]]) -> None:
        for _, since in late:
            if since > -math.inf:  # else a former owner deferred it, nobody knows when
                self.observer.waited(now - since, 1)
