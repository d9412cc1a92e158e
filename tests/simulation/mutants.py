"""The protocol with one rule switched off each: the simulation must notice."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from faust.types import TP

from stream.decisions.arrivals import Answer, SlateAsked
from stream.decisions.engine import Engine, Taking
from stream.decisions.recovery import Recovery
from stream.decisions.settling.settlement import silence
from stream.decisions.shard import Shard
from stream.placements import key_of
from stream.records.acceptance import Acceptance, Verdict
from stream.records.log import Batch, Claim, Decision, LoggedEvent, Message, Record, Settlement, SnapshotCommitted, Step
from stream.records.topics import EVENT_TOPICS, EXPERIMENTS, ITEMS, LOG, NUMBER, REQUESTS, ShardId
from stream.state.open_decisions import open_at
from stream.state.snapshot import UsersCopy
from stream.state.stored_users import encode_user
from stream.state.user import NOBODY
from stream.state.users import Users, close
from stream.worker.intake import Intake
from stream.worker.ownership import Ownership
from stream.worker.positions import InputPositions
from stream.worker.snapshotter import Snapshotter
from stream.worker.topic_watch import Start
from stream.worker.worker import Worker
from stream.worker.writer import OutgoingRecord, Sent, Writer
from tests.simulation.members import SESSION_S
from tests.simulation.schedule import IDLE_S, ProcessFault, Schedule, SendFault, asking, draw, dry, placed


class Mutant(NamedTuple):
    """One rule less."""

    name: str
    patches: dict[str, Any]
    suits: Callable[[Schedule], bool]  # schedules that may show it
    caught_by: frozenset[int]  # rules of `invariants.RULES`, one of which notices
    made: Callable[[int], Schedule] = draw  # of a seed


JUDGE = Acceptance.judge
ON_LOG_MESSAGE = Worker.on_log_message
ADOPT = Ownership._adopt
INIT = Recovery.__init__


def no_epoch_check(self: Acceptance, message: Message, offset: int) -> Verdict:
    """A batch of any claim is judged as one of the last."""
    if isinstance(message, Batch) and message.shard in self.shards:
        message = msgspec.structs.replace(message, epoch=self.shards[message.shard].epoch)
    return JUDGE(self, message, offset)


def no_number_check(self: Acceptance, message: Message, offset: int) -> Verdict:
    """A batch of any number is accepted."""
    old = self.shards.get(message.shard)
    if isinstance(message, Batch) and old is not None and message.epoch == old.epoch:
        self.shards[message.shard] = old._replace(seq=message.seq)
    return JUDGE(self, message, offset)


def stored_from_anybody(self: Acceptance, message: Message, offset: int) -> Verdict:
    """A snapshot counts whoever wrote it, older or not."""
    if isinstance(message, SnapshotCommitted):
        self.stored[message.subject] = message
        return "stored"
    return JUDGE(self, message, offset)


def delete_after_any(self: Snapshotter, message: Message, verdict: Verdict, offset: int) -> None:
    """Whoever wrote a snapshot that counts deletes what stands before it."""
    ON_LOG_MESSAGE_OF_SNAPSHOTTER(self, message, verdict, offset)
    if isinstance(message, SnapshotCommitted) and verdict == "stored":
        self._start(self._delete(message))


ON_LOG_MESSAGE_OF_SNAPSHOTTER = Snapshotter.on_log_message


async def submit_at_once(
    self: Writer, batch: Batch, outgoing: Sequence[OutgoingRecord], written_at: list[float]
) -> None:
    """The log has the batch before its recommendations are acknowledged."""
    await self.send(batch.shard, outgoing)
    self._sent.put_nowait(Sent([], batch, written_at))


def accepted_at_once(self: Snapshotter, shard: Shard, copy: UsersCopy) -> "asyncio.Future[int]":
    """A snapshot does not wait until its last batch is accepted."""
    del shard, copy
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    future.set_result(self.replica.delivered_to)
    return future


async def go_on_after_claims(self: Worker, message: Message, verdict: Verdict, offset: int) -> None:
    """An owner goes on when somebody else has claimed its shard, and when its batches are ignored."""
    shard = message.shard
    if isinstance(message, Claim) and shard in self.shards and message.token not in self.ownership.takeover._claims:
        return
    if isinstance(message, Batch) and verdict != "accepted":
        return
    await ON_LOG_MESSAGE(self, message, verdict, offset)


def lose_nothing(self: Worker, shard: str, error: Exception) -> None:
    """An owner goes on after a failed send."""
    del self, shard, error


def no_seek(self: Intake, tp: TP, records: list[Any], position: Any, seek: dict[TP, int]) -> list[Any]:
    """What comes is taken, wherever it stands."""
    del seek
    wanted = position[self.topics[tp.topic].name]
    return [record for record in records if record.offset >= wanted]


async def mend_nothing(self: InputPositions, shards: Any, assigned: Any) -> None:
    """The consumer's positions are not checked."""
    del self, shards, assigned


def without_acceptance(
    self: Recovery, shard: str, claimed: Any, parts: list[bytes], session_gap_s: float, lists: tuple[str, ...]
) -> None:
    """The snapshot's users are used, but not where they stood in the numbers of their claim."""
    INIT(self, shard, claimed, parts, session_gap_s, lists)
    self._rules = Acceptance()


async def adopt_from_committed(self: Ownership, recovery: Recovery, start: Start) -> None:
    """The input is read on from the offsets that the group has committed."""
    consumer: Any = self.positions.consumer
    committed = consumer._member.group.committed
    partition = ShardId.parse(recovery.shard).partition
    next_ = {name: at if NUMBER in name else committed.get(TP(name, partition), 0) for name, at in start.next.items()}
    await ADOPT(self, recovery, start._replace(next=next_))


def no_outcomes(self: Recovery, batch: Batch, offset: int) -> None:
    """Recovery does not write outcomes again."""
    APPLY(self, batch, offset)
    self.outcomes.clear()


APPLY = Recovery._apply


def close_nothing(open_: Any, now: float) -> None:
    """A slate takes the place of another one, which is not settled."""
    del open_, now


def truncate_at_model(self: Acceptance) -> int:
    """The log is truncated up to the model's snapshot, whatever the users' snapshots need."""
    return self.stored["model"].offset if "model" in self.stored else 0


def keep_nothing(self: UsersCopy, user_id: str) -> None:
    """A copy takes each user as it is when its turn comes."""
    del self, user_id


def some_late(self: UsersCopy, count: int) -> bool:
    """Copy the next users, as they are now."""
    for user_id in self._rest:
        user = self._users.get(user_id)
        self._encoded[user_id] = msgspec.msgpack.encode(None) if user is None else encode_user(user_id, user)
        count -= 1
        if count <= 0:
            return False
    return True


def unreported(self: Intake, tp: TP, wanted: int, first: int, deleted: int = 0) -> None:
    """A gap in the input is a gap, whatever made it."""
    del deleted
    ADD_GAP(self, tp, wanted, first)


ADD_GAP = Intake.add_gap


async def never_explained(self: InputPositions, tp: TP, position: int) -> tuple[int, int]:
    """The offset of the next record is not read."""
    del self, tp
    return position, position


def close_but_keep(users: Users, batch: Batch, leaving: Any = None) -> None:
    """Recovery keeps idle users."""
    close(users, msgspec.structs.replace(batch, idle_before=0.0), leaving)


def leave_early(self: Shard, records: list[Record], next_: dict[str, int], *, last: bool) -> Batch:
    """Idle users leave at every batch of a poll, though the later ones have been applied already."""
    del last
    return MESSAGE(self, records, next_, last=True)


def leave_never(self: Shard, records: list[Record], next_: dict[str, int], *, last: bool) -> Batch:
    """Idle users stay."""
    del last
    return MESSAGE(self, records, next_, last=False)


MESSAGE = Shard.message


def forget_requests(self: Shard, records: list[Record], next_: dict[str, int], *, last: bool) -> Batch:
    """The positions of `requests` stay where they were."""
    return MESSAGE(self, records, {name: at for name, at in next_.items() if name != REQUESTS.name}, last=last)


def answer_twice(self: Engine, shard: Shard, asked: SlateAsked, name: str, taking: Taking) -> list[Step]:
    """A request gets two answers with different slates."""
    steps = ANSWER_REQUEST(self, shard, asked, name, taking)
    for step in steps:
        if step.decision is not None:
            other = msgspec.structs.replace(step.decision, decision_id=f"{step.decision.decision_id}.again")
            taking.answers[-1].append(Answer(asked, other))
    return steps


ANSWER_REQUEST = Engine._answer_request


def settle_replaced_again(self: Engine, shard: Shard, asked: SlateAsked, name: str, taking: Taking) -> list[Step]:
    """A slate that a request's has replaced is settled once more."""
    open_ = open_at(shard.users.get(asked.user_id, NOBODY), key_of(asked.request.placement))
    steps = ANSWER_REQUEST(self, shard, asked, name, taking)
    if steps and open_ is not None:
        settled = silence(open_, self.config.rewards)
        steps.append(Step.without_event(asked.user_id, settled=settled, decision=steps[-1].decision))
        shard.apply(steps[-1])
    return steps


def forget_asked(self: Engine, shard: Shard, asked: SlateAsked, name: str, taking: Taking) -> list[Step]:
    """Pushed slates stand before those that were asked for meanwhile, though they were made after them."""
    made = ANSWER_REQUEST(self, shard, asked, name, taking)
    taking.asked.clear()
    return made


def credit_all(open_: Sequence[Decision], event: LoggedEvent, settle: Callable[[Decision], Settlement]) -> Any:
    """An item is credited to every slate that has it."""
    del event
    return [settle(each) for each in open_]


def _placed(schedule: Schedule) -> bool:
    """A placement is asked for."""
    return any(b'"placement":"side"' in (entry.value or b"") for entry in schedule.inputs)


def _asked(schedule: Schedule) -> bool:
    return any(entry.topic == REQUESTS.name for entry in schedule.inputs)


def _any(schedule: Schedule) -> bool:
    return bool(schedule.inputs)


def _overtaken(schedule: Schedule) -> bool:
    """Somebody sleeps past the session time-out while others live."""
    return schedule.workers > 1 and any(
        fault.kind == "pause" and fault.amount > SESSION_S for fault in schedule.process_faults
    )


def _unsent(schedule: Schedule) -> bool:
    """A send fails for good."""
    return any(fault.how in ("lost", "unacknowledged", "late") for fault in schedule.send_faults)


def _restarted(schedule: Schedule) -> bool:
    """Somebody must recover."""
    return any(fault.kind.startswith("crash") for fault in schedule.process_faults)


def _twice(schedule: Schedule) -> bool:
    """A message comes to the log twice."""
    return any(fault.topic == LOG.name and fault.how == "twice" for fault in schedule.send_faults)


def _away(schedule: Schedule) -> bool:
    """Somebody does not come back, while others of the same shard go on for long."""
    last: dict[tuple[int, bytes | None], float] = {}
    for entry in (entry for entry in schedule.inputs if entry.topic not in (ITEMS.name, EXPERIMENTS.name)):
        last[entry.partition, entry.key] = entry.at
    ends = {partition: max(at for (p, _), at in last.items() if p == partition) for partition, _ in last}
    return any(at + IDLE_S + 3.0 < ends[partition] for (partition, _), at in last.items())


def _sleepy(seed: int) -> Schedule:
    """Two workers fall asleep past the session time-out in the middle of a snapshot."""
    rng = random.Random(f"{seed}/sleepy")
    pauses = [ProcessFault(0.2, "pause_chunk", 0, float(rng.randint(1, 30))) for _ in range(3)]
    return draw(seed)._replace(workers=2, process_faults=tuple(pauses))


def _unreadable(seed: int) -> Schedule:
    """The claims come twice, and what follows cannot be read: batches without records, for which nobody waits."""
    schedule, topics = draw(seed), {topic.name for topic in EVENT_TOPICS.values()}
    twice = tuple(SendFault(LOG.name, nth, "twice", 1.0) for nth in range(3))
    inputs = tuple(
        entry._replace(at=entry.at + 3.0, topic=EVENT_TOPICS["click"].name, value=b"not JSON")
        for entry in schedule.inputs
        if entry.topic in topics
    )
    return schedule._replace(workers=1, process_faults=(), send_faults=twice, inputs=inputs)


MUTANTS = [
    Mutant(
        "no epoch check",
        {"stream.records.acceptance.Acceptance.judge": no_epoch_check},
        _overtaken,
        frozenset({1, 2, 5}),
    ),
    Mutant(
        "no number check", {"stream.records.acceptance.Acceptance.judge": no_number_check}, _twice, frozenset({1, 2, 5})
    ),
    Mutant("log before recommendations", {"stream.worker.writer.Writer.submit": submit_at_once}, _any, frozenset({4})),
    Mutant("no responses", {"stream.worker.rounds.response_records": lambda *_: []}, _any, frozenset({11})),
    Mutant(
        "positions of requests are forgotten",
        {"stream.decisions.shard.Shard.message": forget_requests},
        _asked,
        frozenset({7, 11}),
        asking,
    ),
    Mutant(
        "requests are answered twice",
        {"stream.decisions.engine.Engine._answer_request": answer_twice},
        _asked,
        frozenset({11}),
        asking,
    ),
    Mutant(
        "what a request replaces is settled twice",
        {"stream.decisions.engine.Engine._answer_request": settle_replaced_again},
        _asked,
        frozenset({5}),
        asking,
    ),
    Mutant(
        "pushed slates come too early",
        {"stream.decisions.engine.Engine._answer_request": forget_asked},
        _placed,
        frozenset({2, 5}),
        placed,
    ),
    Mutant(
        "credit for all slates",
        {"stream.decisions.settling.steps.settle_all": credit_all},
        _placed,
        frozenset({5}),
        placed,
    ),
    Mutant("strangers stay", {"stream.state.user.User.unknown": property(lambda _: False)}, _any, frozenset({10})),
    Mutant(
        "snapshot before acceptance",
        {"stream.worker.snapshotter.Snapshotter._accepted": accepted_at_once},
        _any,
        frozenset({3}),
    ),
    Mutant(
        "snapshots of fenced owners count",
        {
            "stream.records.acceptance.Acceptance.judge": stored_from_anybody,
            "stream.worker.snapshotter.Snapshotter.on_log_message": delete_after_any,
        },
        _any,
        frozenset({3, 8}),
        _sleepy,
    ),
    Mutant(
        "owner ignores claims",
        {"stream.worker.worker.Worker.on_log_message": go_on_after_claims},
        _any,
        frozenset({7}),
        _unreadable,
    ),
    Mutant(
        "owner ignores failed sends",
        {"stream.worker.worker.Worker._on_send_error": lose_nothing},
        _unsent,
        frozenset({7}),
    ),
    Mutant("no seek back", {"stream.worker.intake.Intake._at_position": no_seek}, _any, frozenset({1})),
    Mutant("lost seeks stay lost", {"stream.worker.positions.InputPositions.mend": mend_nothing}, _any, frozenset({7})),
    Mutant(
        "no state of acceptance",
        {"stream.decisions.recovery.Recovery.__init__": without_acceptance},
        _any,
        frozenset({2, 5}),
    ),
    Mutant(
        "from committed offsets",
        {"stream.worker.ownership.Ownership._adopt": adopt_from_committed},
        _any,
        frozenset({1, 2}),
    ),
    Mutant("no outcomes again", {"stream.decisions.recovery.Recovery._apply": no_outcomes}, _restarted, frozenset({7})),
    Mutant(
        "refreshed slates leave the old one open",
        {"stream.decisions.engine.replaced": close_nothing},
        _any,
        frozenset({5}),
    ),
    Mutant(
        "log truncated at the model",
        {"stream.records.acceptance.Acceptance.cut": property(truncate_at_model)},
        _any,
        frozenset({8}),
    ),
    Mutant(
        "copy while users change",
        {"stream.state.snapshot.UsersCopy.keep": keep_nothing, "stream.state.snapshot.UsersCopy.some": some_late},
        _any,
        frozenset({3}),
    ),
    Mutant("retention is not reported", {"stream.worker.intake.Intake.add_gap": unreported}, _any, frozenset({9}), dry),
    Mutant(
        "gaps are not explained",
        {"stream.worker.positions.InputPositions.next_record": never_explained},
        _any,
        frozenset({7}),
        dry,
    ),
    Mutant(
        "recovery keeps idle users", {"stream.decisions.recovery.close": close_but_keep}, _restarted, frozenset({2, 3})
    ),
    Mutant(
        "idle users leave early",
        {"stream.decisions.shard.Shard.message": leave_early},
        _any,
        frozenset({2, 3, 10}),
    ),
    Mutant("idle users stay", {"stream.decisions.shard.Shard.message": leave_never}, _away, frozenset({10})),
]
