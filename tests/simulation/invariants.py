"""What must always hold, checked after every append and every deletion; the numbers are those of `RULES`."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping

import msgspec

from stream.config import Config
from stream.decisions.publish import outcomes, recommendations
from stream.decisions.shard import Shard
from stream.model.copy import ModelCopy
from stream.model.fold import Model
from stream.records.acceptance import ShardState
from stream.records.codec import encode
from stream.records.log import (
    Batch,
    Decision,
    ExperimentChange,
    FingerprintReport,
    ItemChange,
    Message,
    ProfileChange,
    SnapshotCommitted,
    Step,
    decode_message,
)
from stream.records.requests import Request, Response
from stream.records.topics import (
    DEAD,
    EVENT_TOPICS,
    EXPERIMENTS,
    ITEMS,
    LOG,
    MODEL_SNAPSHOTS,
    NUMBER,
    OUTCOMES,
    PLACED,
    RECOMMENDATIONS,
    REQUESTS,
    RESPONSES,
    USER_SNAPSHOTS,
    USER_TOPICS,
    USERS,
    ShardId,
)
from stream.state.snapshot import SNAPSHOT_VERSION, Assembly, Whole, users_of
from stream.state.stored_users import read_users, stored
from stream.state.users import Users, apply, close
from tests.simulation.kafka import Cluster, Written
from tests.simulation.members import SHARDS, Member
from tests.simulation.schedule import PARTITIONS

RULES = {
    1: "accepted shard offsets: no repeat, no gap, in order",
    2: "an owner's memory is the fold of the log and its own batches under way",
    3: "a whole snapshot is the fold of the log up to its offset",
    4: "a decision in the log was published before, with the same propensities",
    5: "a decision is settled at most once, by an event after the record that made it; a place has one that is open",
    6: "what is on outcomes is what the log settled, at least once, always the same",
    7: "everything is accepted in the end, all models are equal, nobody ends by an error",
    8: "what a recovery needs is never deleted",
    9: "what retention took unread is reported as lost, and nothing else is left out",
    10: "idle users leave by the fold's rule, and strangers whose slate is settled by silence, and only they",
    11: "a request is decided at most once, answered before the log has its slate, or without one, by an owner once",
}


class Violation(AssertionError):  # noqa: N818  a rule is violated; no code has erred
    """A rule that does not hold."""

    def __init__(self, rule: int, text: str) -> None:
        super().__init__(f"({rule}) {RULES[rule]}: {text}")
        self.rule = rule


class Checker:
    """Folds the whole log on its own, from the first message on.

    Parameters
    ----------
    broken : called with the first violation
    members : the live members
    """

    def __init__(
        self, config: Config, broken: Callable[[Violation], None], members: Callable[[], Iterable[Member]]
    ) -> None:
        self.config, self.members, self._broken = config, members, broken
        self.cluster: Cluster  # set by who makes both
        self.model = Model(config)
        self.users: dict[str, Users] = {shard_id: Users() for shard_id in SHARDS}
        self.violation: Violation | None = None
        self.proposed: dict[tuple[str, int], list[Batch]] = {}  # (shard, base) -> what the owner made
        self.settled: dict[str, bytes] = {}  # decision -> its outcome
        self.accepted = 0
        self.lost = 0  # input records that retention took unread, but for those before a shard's first batch
        self.reported = 0  # and how many of them the workers reported
        self.left = 0  # users who were idle
        self.corrupted = False  # whether a model was made wrong: until the end it may differ
        self._empty = encoded(Users())
        self._histories: dict[str, list[tuple[int, bytes]]] = {shard_id: [] for shard_id in SHARDS}
        self._states: dict[str, list[tuple[int, ShardState]]] = {shard_id: [] for shard_id in SHARDS}
        self._digests = [self.model.fingerprint()]
        self._acceptances = [self.model.acceptance.snapshot()]
        self._published: dict[str, bytes] = {}
        self._answered: set[str] = set()  # decisions on outcomes
        self._open: dict[str, dict[str, str]] = {}  # user -> placement -> open decision
        # request -> epoch -> decision that answers it; -1: none was made
        self._responses: dict[str, dict[int, str]] = {}
        self._decided: set[str] = set()  # requests with a decision in the log
        self._described: set[str] = set()  # users of whom the catalogue says something
        self._known: dict[str, set[str]] = {}  # user -> accepted event ids since the user was forgotten, or left
        self._touched: dict[str, dict[str, float]] = {shard_id: {} for shard_id in SHARDS}  # user -> watermark then
        self._ever: set[str] = set()
        self._dead: set[tuple[str, int, int]] = set()
        self._assemblies = {partition: Assembly() for partition in range(len(SHARDS))}
        self._model_assembly = Assembly()
        self._wholes: dict[tuple[str, int], list[Whole]] = {}  # (subject, offset) -> snapshots stored

    # Notifications

    def appended(self, record: Written, by: str) -> None:
        """A record was written."""
        del by
        value = record.value or b""
        try:
            if record.topic == LOG.name:
                self._fold(decode_message(value, record.offset), record.offset)
            elif record.topic in (RECOMMENDATIONS.name, PLACED.name) and record.value is not None:
                self._publish(msgspec.json.decode(value)["decision_id"], value)
            elif record.topic == RESPONSES.name:
                self._respond(msgspec.json.decode(value, type=Response))
            elif record.topic == OUTCOMES.name:
                self._answer(msgspec.json.decode(value)["decision_id"], value)
            elif record.topic == DEAD.name:
                letter = msgspec.json.decode(value)
                self._dead.add((letter["topic"], letter["partition"], letter["offset"]))
            elif record.topic == USER_SNAPSHOTS.name:
                self._users_snapshot(self._assemblies[record.partition].add(record.offset, value))
            elif record.topic == MODEL_SNAPSHOTS.name:
                self._model_snapshot(self._model_assembly.add(record.offset, value))
        except Violation as violation:
            self.fail(violation)

    def deleted(self, topic: str, partition: int, start: int) -> None:
        """Records before `start` were deleted."""
        try:
            self._check_truncation(topic, partition, start)
        except Violation as violation:
            self.fail(violation)

    def fail(self, violation: Violation) -> None:
        """Keep the first violation."""
        if self.violation is None:
            self.violation = violation
            self._broken(violation)

    # The log

    def _fold(self, message: Message, offset: int) -> None:
        before = self.model.acceptance.shards.get(message.shard, ShardState(-1, 0, {}, 0.0))
        verdict = self.model.fold(message, offset)
        state = self.model.acceptance.shards.get(message.shard)
        if state is not None and message.shard:
            self._states[message.shard].append((offset + 1, state))
        if isinstance(message, Batch) and verdict == "accepted":
            self.accepted += 1
            self._check_offsets(message, before, offset)
            self._check_decisions(message, offset)
            self._fold_users(message, offset)
        self._digests.append(self.model.fingerprint())
        self._acceptances.append(self.model.acceptance.snapshot())
        if isinstance(message, SnapshotCommitted) and verdict == "stored" and message.what == "users":
            self._check_stored(message)
            self._check_truncation(LOG.name, 0, self.cluster.partitions[LOG.name, 0].start)
        if (
            isinstance(message, FingerprintReport)
            and not self.corrupted
            and message.digest != self._digests[message.offset]
        ):
            raise Violation(7, f"{message.worker} has another model at log offset {message.offset}")
        for member in self.members():
            self.check_memory(member)

    def _fold_users(self, batch: Batch, offset: int) -> None:
        users = self.users[batch.shard]
        for record in batch.records:
            if isinstance(record, Step | ProfileChange):
                apply(users, record, self.config.rewards.session_gap_s)
        close(users, batch)
        self._check_idle(batch, offset)
        self._histories[batch.shard].append((offset + 1, encoded(users)))

    def _check_idle(self, batch: Batch, offset: int) -> None:
        """The rule in other words: who stays has been touched since `idle_before`, who leaves has not.

        Who came before the first event is touched by the first batch that would let them go.
        """
        touched, users = self._touched[batch.shard], self.users[batch.shard]
        for record in batch.records:
            if isinstance(record, ProfileChange) and record.attributes is None:
                touched.pop(record.user_id, None)
                self._described.discard(record.user_id)
            elif isinstance(record, Step | ProfileChange):
                touched[record.user_id] = batch.watermark
                if isinstance(record, ProfileChange):
                    self._described.add(record.user_id)
                elif self._ends_stranger(record):
                    del touched[record.user_id]
        for user_id in [user_id for user_id, at in touched.items() if at < batch.idle_before]:
            if touched[user_id] == 0.0:
                touched[user_id] = batch.watermark
                continue
            del touched[user_id]
            self._known.pop(user_id, None)
            self._open.pop(user_id, None)
            self._described.discard(user_id)
            self.left += 1
        if touched.keys() != users.keys():
            raise Violation(10, f"log offset {offset}: {sorted(touched)} must be there; got {sorted(users)}")

    def _ends_stranger(self, step: Step) -> bool:
        """Whether silence settles the last slate of somebody of whom nothing else is known."""
        silent = step.event is None and step.decision is None and not self._open.get(step.user_id)
        return silent and not self._known.get(step.user_id) and step.user_id not in self._described

    def _users_at(self, shard_id: str, offset: int) -> bytes:
        history = self._histories[shard_id]
        at = bisect_right(history, offset, key=lambda entry: entry[0])
        return history[at - 1][1] if at else self._empty

    def _state_at(self, shard_id: str, offset: int) -> ShardState:
        states = self._states[shard_id]
        return states[bisect_right(states, offset, key=lambda entry: entry[0]) - 1][1]

    def _check_offsets(self, batch: Batch, before: ShardState, offset: int) -> None:
        partition = ShardId.parse(batch.shard).partition
        before = before._replace(next=self._in_same_topics(before.next, batch.next))
        numbers = before.next | batch.next
        for topic, end in sorted(positions(batch.next).items()):
            start = before.next.get(topic, 0)
            if end < start:
                raise Violation(1, f"log offset {offset}: {topic}/{partition} goes back from {start} to {end}")
            log = self.cluster.of_number(topic, partition, numbers.get(topic + NUMBER))
            records = log.records[start:end]
            if topic == USERS.name:
                found = [(r.user_id, r.attributes is None) for r in batch.records if isinstance(r, ProfileChange)]
            elif topic == ITEMS.name:
                found = [(r.item_id, r.item is None) for r in batch.records if isinstance(r, ItemChange)]
            elif topic == EXPERIMENTS.name:
                found = [(r.name, r.experiment is None) for r in batch.records if isinstance(r, ExperimentChange)]
            else:
                continue
            wanted = [((record.key or b"").decode(), record.value is None) for record in records]
            gone = len(wanted) - len(found)
            if gone > max(0, log.start - start) or found != wanted[max(0, gone) :]:
                raise Violation(1, f"log offset {offset}: {topic} must be {wanted}; got {found}")
            self.lost += gone if topic in before.next else 0
        self._check_events(batch, before, offset, partition)

    def _check_events(self, batch: Batch, before: ShardState, offset: int, partition: int) -> None:
        seen: dict[str, int] = {}
        taken: dict[tuple[str, int], str] = {}
        for record in batch.records:
            if isinstance(record, ProfileChange) and record.attributes is None:
                self._known.pop(record.user_id, None)
            if not isinstance(record, Step) or record.event is None:
                continue
            event, topic = record.event, USER_TOPICS[record.event.topic].name
            if not seen.get(topic, before.next.get(topic, 0) - 1) < event.offset < batch.next.get(topic, 0):
                raise Violation(1, f"log offset {offset}: {topic}/{partition} offset {event.offset} is out of order")
            known = self._known.setdefault(record.user_id, set())
            if event.event_id in known:
                raise Violation(1, f"log offset {offset}: event {event.event_id} of {record.user_id} comes twice")
            known.add(event.event_id)
            self._ever.add(event.event_id)
            seen[topic] = event.offset
            taken[topic, event.offset] = event.event_id
        for topic in (topic.name for topic in EVENT_TOPICS.values()):
            log = self.cluster.of_number(topic, partition, (before.next | batch.next).get(topic + NUMBER))
            gone = 0  # at the beginning: the rest must be there as a whole
            for at in range(before.next.get(topic, 0), batch.next.get(topic, 0)):
                try:
                    self._check_event(log.records[at], taken.get((topic, at)), offset)
                except Violation:
                    gone += 1
                    if at >= log.start:
                        raise
                    if any(name == topic and position < at for name, position in taken):
                        raise
            self.lost += gone if topic in before.next else 0

    def _in_same_topics(self, old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
        """Positions before a batch; 0 in a topic that is another one than before."""
        return {
            topic: 0 if topic + NUMBER in old and old[topic + NUMBER] != new.get(topic + NUMBER, at) else position
            for topic, position in old.items()
            for at in [old.get(topic + NUMBER)]
        }

    def _check_event(self, record: Written, taken: str | None, offset: int) -> None:
        """One input record below the new position: it is in the batch, or there is a reason."""
        value, topic, partition, at = record.value or b"", record.topic, record.partition, record.offset
        try:
            wanted = msgspec.json.decode(value)["event_id"]
        except msgspec.DecodeError:
            if taken is not None or (topic, partition, at) not in self._dead:
                raise Violation(1, f"log offset {offset}: {topic}/{partition} {at} is not a dead record") from None
            return
        if taken != wanted and (taken is not None or wanted not in self._ever):
            raise Violation(1, f"log offset {offset}: {topic}/{partition} {at} must be event {wanted}; got {taken}")

    # Decisions

    def _publish(self, decision_id: str, value: bytes) -> None:
        if self._published.setdefault(decision_id, value) != value:
            raise Violation(4, f"decision {decision_id} is published with different contents")

    def _check_decisions(self, batch: Batch, offset: int) -> None:
        for user_id, made in recommendations(batch, self.model.lists):
            if made is not None and self._published.get(made.decision_id) != encode(made):
                raise Violation(4, f"log offset {offset}: decision {made.decision_id} of {user_id} was not published")
        for record in batch.records:
            if isinstance(record, ProfileChange) and record.attributes is None:
                self._open.pop(record.user_id, None)
            if isinstance(record, Step) and record.settled is not None:
                wanted = self._open.get(record.user_id, {}).pop(record.settled.placement, None)
                if wanted != record.settled.decision_id:
                    raise Violation(
                        5, f"log offset {offset}: {record.settled.decision_id} of {record.user_id} is settled; "
                        f"open is {wanted}",
                    )  # fmt: skip
                if record.settled.outcome == "hit" and record.event is None:
                    raise Violation(5, f"log offset {offset}: {record.settled.decision_id} is a hit beside its event")
            if isinstance(record, Step) and record.decision is not None:
                opened, open_ = record.decision, self._open.setdefault(record.user_id, {})
                if opened.placement in open_:
                    raise Violation(5, f"log offset {offset}: {record.user_id} has two open decisions of one place")
                open_[opened.placement] = opened.decision_id
                self._check_request(record.decision, offset)
        for outcome in outcomes(batch, self.model.lists):
            if outcome.decision_id in self.settled:
                raise Violation(5, f"log offset {offset}: {outcome.decision_id} is settled twice")
            self.settled[outcome.decision_id] = encode(outcome)

    def _check_request(self, decision: Decision, offset: int) -> None:
        request = decision.request_id
        if request in self._decided:
            raise Violation(11, f"log offset {offset}: request {request} is decided twice")
        if request:
            self._decided.add(request)
            if decision.decision_id not in self._responses.get(request, {}).values():
                raise Violation(11, f"log offset {offset}: {decision.decision_id} was not sent to request {request}")

    def _respond(self, response: Response) -> None:
        slate = response.recommendation
        if (slate is None) != (response.status != "fresh"):
            raise Violation(11, f"response to {response.request_id} is {response.status}, with slate {slate}")
        epoch, decision_id = (-1, "") if slate is None else (slate.epoch, slate.decision_id)
        first = self._responses.setdefault(response.request_id, {}).setdefault(epoch, decision_id)
        if first != decision_id:
            raise Violation(11, f"request {response.request_id} is answered by {first}, and then by {decision_id}")

    def _answer(self, decision_id: str, value: bytes) -> None:
        if self.settled.get(decision_id) != value:
            raise Violation(6, f"outcome of {decision_id} is not what the log says")
        self._answered.add(decision_id)

    # Memory

    def check_memory(self, member: Member) -> None:
        """Compare what an owner holds with the fold."""
        for shard_id, shard in sorted(member.worker.shards.items()):
            state = self.model.acceptance.shards[shard_id]
            if state.epoch == shard.epoch:
                self._check_shard(member.process.name, shard, state)

    def _check_shard(self, name: str, shard: Shard, state: ShardState) -> None:
        users = Users()
        read_users(users, self._users_at(shard.id, self.model.offset), version=SNAPSHOT_VERSION)
        next_, watermark = dict(state.next), state.watermark
        for batch in self.proposed.get((shard.id, shard.epoch), [])[state.seq :]:
            for record in batch.records:
                if isinstance(record, Step | ProfileChange):
                    apply(users, record, self.config.rewards.session_gap_s)
            close(users, batch)
            next_ |= batch.next
            watermark = max(watermark, batch.watermark)
        held = self._held(shard.id, shard.next, next_)
        ours = (encoded(users), {k: v for k, v in positions(next_).items() if v}, watermark)
        if ours != (encoded(shard.users), held, shard.watermark):
            what = [a == b for a, b in zip(ours, (encoded(shard.users), held, shard.watermark))]
            raise Violation(2, f"{name}: {shard.id}: users, positions, watermark equal: {what}")

    def _held(self, shard_id: str, held: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
        """Positions of an owner; where only what has been deleted lies between, those that the log says."""
        found = {}
        for topic, position in positions(held).items():
            logged = wanted.get(topic, 0)
            start = self.cluster.partitions[topic, ShardId.parse(shard_id).partition].start
            found[topic] = logged if logged < position <= start else position
        return {topic: position for topic, position in found.items() if position}

    # Snapshots

    def _users_snapshot(self, whole: Whole | None) -> None:
        if whole is None:
            return
        self._wholes.setdefault((whole.subject, whole.offset), []).append(whole)
        state, users = users_of(whole.parts)
        if encoded(users) != self._users_at(whole.subject, whole.offset):
            raise Violation(3, f"snapshot of {whole.subject} at {whole.offset}: other users than the log says")
        wanted = self._state_at(whole.subject, whole.offset)
        held = self._held(whole.subject, state.next, wanted.next)
        logged = {topic: position for topic, position in positions(wanted.next).items() if position}
        if (state.epoch, state.seq, held, state.watermark) != (*wanted[:2], logged, wanted.watermark):
            raise Violation(3, f"snapshot of {whole.subject} at {whole.offset}: state {state}, the log says {wanted}")

    def _check_stored(self, stored: SnapshotCommitted) -> None:
        """A snapshot that the log names must be there, and be what a recovery from its offset needs."""
        whole = self._read(stored)
        if whole is None:
            raise Violation(3, f"{stored}: no whole snapshot is there")
        state, users = users_of(whole.parts)
        wanted = self._state_at(stored.shard, stored.offset)
        if encoded(users) != self._users_at(stored.shard, stored.offset):
            raise Violation(3, f"{stored}: other users than the log says")
        if whole.offset != stored.offset and (state.epoch, state.seq) != (wanted.epoch, wanted.seq):
            raise Violation(3, f"{stored}: its state is {state}; the log says {wanted}")

    def _read(self, stored: SnapshotCommitted) -> Whole | None:
        """What a recovery finds at the place that the log names."""
        assembly = Assembly()
        records = self.cluster.partitions[USER_SNAPSHOTS.name, ShardId.parse(stored.shard).partition].records
        for record in records[stored.first :]:
            whole = assembly.add(record.offset, record.value or b"")
            if whole is not None and (whole.subject, whole.first) == (stored.shard, stored.first):
                return whole
        return None

    def _model_snapshot(self, whole: Whole | None) -> None:
        if whole is None:
            return
        self._wholes.setdefault((whole.subject, whole.offset), []).append(whole)
        copy = ModelCopy.decode(whole.parts)
        if copy.fingerprint() != self._digests[whole.offset] or copy.acceptance != self._acceptances[whole.offset]:
            raise Violation(3, f"snapshot of the model at {whole.offset} is not the fold of the log")

    def _check_truncation(self, topic: str, partition: int, start: int) -> None:
        """What is named as stored must be left, and the log behind it."""
        stored = self.model.acceptance.stored
        log_start = self.cluster.partitions[LOG.name, 0].start
        for shard_id in self.model.acceptance.shards:
            if not shard_id.startswith("users/"):
                continue
            known = stored.get(shard_id)
            if known is None:
                first = self._histories[shard_id][0][0] - 1 if self._histories[shard_id] else log_start
                if log_start > first:
                    raise Violation(8, f"{topic} truncated at {start}: {shard_id} has no snapshot")
                continue
            if log_start > known.offset:
                raise Violation(8, f"log truncated at {start}: {shard_id} needs it from {known.offset}")
            first = self.cluster.partitions[USER_SNAPSHOTS.name, ShardId.parse(shard_id).partition].start
            if first > known.first:
                raise Violation(8, f"{topic}/{partition} truncated at {start}: {shard_id} needs it from {known.first}")
        first = self.cluster.partitions[MODEL_SNAPSHOTS.name, 0].start
        offsets = [
            whole.offset
            for (subject, _), found in self._wholes.items()
            for whole in found
            if subject == "model" and whole.first >= first
        ]
        if log_start > max(offsets, default=0):
            raise Violation(
                8, f"{topic} truncated at {start}: no snapshot of the model reaches the log's start {log_start}"
            )

    # The end

    def unfinished(self) -> list[str]:
        """What has not been accepted or folded yet."""
        found = []
        for shard_id, tps in SHARDS.items():
            state = self.model.acceptance.shards.get(shard_id, ShardState(-1, 0, {}, 0.0))
            for tp in tps:
                log = self.cluster.partitions[tp.topic, tp.partition]
                end = log.end
                if max(state.next.get(tp.topic, 0), log.start) != end:
                    found.append(f"{tp.topic}/{tp.partition} accepted to {state.next.get(tp.topic, 0)} of {end}")
        for member in self.members():
            worker, name = member.worker, member.process.name
            if not worker.ready:
                found.append(f"{name} is not ready: assigned {sorted(worker.assigned)}, has {sorted(worker.shards)}")
            if worker.rounds.in_flight:
                found.append(f"{name} has {worker.rounds.in_flight} records under way")
            if worker.model.offset != self.model.offset:
                found.append(f"{name} has folded {worker.model.offset} of {self.model.offset}")
        missing = sorted(self.settled.keys() - self._answered)
        if missing:
            found.append(f"settled, but not on outcomes: {missing}")
        return found

    def check_end(self) -> None:
        """Everything has been read, nothing is under way."""
        if self.reported < self.lost:
            raise Violation(9, f"{self.lost} records were deleted unread; the workers report {self.reported}")
        for log in (self.cluster.partitions[REQUESTS.name, partition] for partition in range(PARTITIONS)):
            for record in log.records[log.start :]:
                request = msgspec.json.decode(record.value or b"", type=Request)
                if request.request_id not in self._responses:
                    raise Violation(11, f"request {request.request_id} was not answered")
        for shard_id, touched in self._touched.items():
            state = self.model.acceptance.shards.get(shard_id)
            limit = 0.0 if state is None else state.watermark - self.config.rewards.idle_s
            if idle := sorted(user_id for user_id, at in touched.items() if at < limit):
                raise Violation(10, f"{shard_id}: {idle} have been idle for longer than {self.config.rewards.idle_s} s")
        for member in self.members():
            self.check_memory(member)
            if member.worker.model.fingerprint() != self._digests[-1]:
                raise Violation(7, f"{member.process.name} has another model than the log says")
            if member.worker.model.acceptance.snapshot() != self._acceptances[-1]:
                raise Violation(7, f"{member.process.name} has another state of acceptance than the log says")


def encoded(users: Users) -> bytes:
    """Users as bytes, in their order; `read_users` reads them."""
    return msgspec.msgpack.encode([(user_id, stored(user)) for user_id, user in users.items()])


def positions(next_: Mapping[str, int]) -> dict[str, int]:
    """Without the numbers of the topics: the owner has them before a claim's first batch brings them to the log."""
    return {topic: position for topic, position in next_.items() if not topic.endswith(NUMBER)}
