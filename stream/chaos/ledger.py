"""The expected result of a run of chaos: what was sent, what became of it, and an uninterrupted fold of the log.

Laws that do not hold are counted by name in `Ledger.broken`.
"""

import time
from array import array
from collections import Counter, OrderedDict
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.bench.workloads import ITEMS, USERS
from stream.chaos.pauses import Pauses
from stream.chaos.requests import RequestLedger
from stream.config import Config
from stream.decisions.publish import outcomes
from stream.model.fold import Model
from stream.placements import key_of
from stream.records.codec import encode
from stream.records.log import Batch, Decision, FingerprintReport, Step, decode_message
from stream.records.schemas import Event, Outcome, Recommendation
from stream.records.topics import USER_TOPICS
from stream.state.users import Users, apply, close

REMEMBERED = 200_000  # slates and outcomes whose repeats are compared: minutes of them; a repeat comes within seconds


class Ledger:
    """What was sent, what became of it, and an uninterrupted fold of the log.

    Events are numbers; of slates and outcomes, `REMEMBERED` are kept.
    """

    def __init__(self, config: Config) -> None:
        self.config, self.model = config, Model(config)
        self.users: dict[str, Users] = {}  # by shard
        self.changed = 0  # log offset after the last accepted batch
        self.digests: dict[int, str] | None = None  # fingerprints by log offset, since `keep_digests`
        self.verdicts: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.pauses = Pauses(time.time())
        self.requests = RequestLedger(self.broken, self.pauses)
        self._sent = [array("I"), array("I")]  # user and item of each event
        self._acknowledged = array("d")  # unix seconds; 0: not, or not yet
        self._accepted = bytearray()  # how often
        self._counts = np.zeros((2, max(USERS, ITEMS)), np.int64)  # accepted events of each user and each item
        self._sums = np.zeros_like(self._counts)  # and of their numbers
        self._published: OrderedDict[str, tuple[bytes, int]] = OrderedDict()  # propensities, when
        self._unpublished: dict[str, tuple[bytes, int]] = {}  # accepted, but not read on `recommendations` yet
        self._open: dict[tuple[str, str], tuple[str, bytes]] = {}  # user, placement -> decision waiting for an answer
        self._due: dict[str, int] = {}  # accepted settlements whose outcomes have not been read yet; digests
        self._early: dict[str, int] = {}  # outcomes whose settlements have not been read yet
        self._settled: OrderedDict[str, int] = OrderedDict()
        self._reports: OrderedDict[int, set[str]] = OrderedDict()

    def send(self, event: Event) -> int:
        """Note an event that is about to be sent; returns its number."""
        for column, text in zip(self._sent, (event.user_id, event.item_id), strict=True):
            column.append(int(text[1:]))
        self._acknowledged.append(0.0)
        self._accepted.append(0)
        return len(self._accepted) - 1

    def acknowledge(self, numbers: Sequence[int]) -> None:
        """Kafka has these events."""
        now = time.time()
        for n in numbers:
            self._acknowledged[n] = now

    def fold(self, offset: int, data: bytes, written_ms: int) -> None:
        """Take in the next message of the log."""
        message = decode_message(data, offset)
        verdict = self.model.fold(message, offset)
        self.verdicts[verdict] += 1
        if self.digests is not None:
            self.digests[self.model.offset] = self.model.fingerprint()
        if isinstance(message, FingerprintReport):
            self._compare(message)
        if not isinstance(message, Batch) or verdict != "accepted":
            return
        self.changed = offset + 1
        users = self.users.setdefault(message.shard, Users())
        for record in message.records:
            if isinstance(record, Step):
                self._step(message.shard, record, written_ms)
        close(users, message)
        for outcome in outcomes(message, self.model.lists):
            self._expect(outcome.decision_id, hash(encode(outcome)))

    def _step(self, shard: str, step: Step, written_ms: int) -> None:
        if step.settled is not None:
            wanted, key = (step.settled.decision_id, step.settled.propensities), (step.user_id, step.settled.placement)
            self.broken["settled, but not open"] += self._open.pop(key, None) != wanted
            self.requests.settle(step.settled.decision_id)
        if step.event is not None:
            n = int(step.event.event_id.rpartition("-")[2])
            self._accept(step.user_id, step.event.item_id, n)
            if self._acknowledged[n]:
                topic, partition = USER_TOPICS[step.event.topic].name, shard.partition("/")[2]
                self.pauses.add(f"{topic}/{partition}", self._acknowledged[n], written_ms / 1000)
        apply(self.users[shard], step, self.config.rewards.session_gap_s)
        if step.decision is not None:
            self._decide(step.user_id, step.decision, written_ms)

    def _accept(self, user_id: str, item_id: str, n: int) -> None:
        self._accepted[n] = min(255, self._accepted[n] + 1)
        for row, text in enumerate((user_id, item_id)):
            self._counts[row, int(text[1:])] += 1
            self._sums[row, int(text[1:])] += n
            self.broken["accepted unlike sent"] += self._sent[row][n] != int(text[1:])

    def _decide(self, user_id: str, decision: Decision, written_ms: int) -> None:
        self.broken["opened while another was open"] += (user_id, decision.placement) in self._open
        self._open[user_id, decision.placement] = decision.decision_id, decision.propensities
        self.requests.decide(decision, written_ms)
        made, published = (decision.propensities, written_ms), self._published.pop(decision.decision_id, None)
        if published is None:
            self._unpublished[decision.decision_id] = made
        else:
            self._prove(made, published)

    def publish(self, data: bytes | None, written_ms: int) -> None:
        """Take in a record of `recommendations`."""
        if data is None:
            return
        slate = msgspec.json.decode(data, type=Recommendation)
        published = np.array([slot.propensity for slot in slate.slots], np.float32).tobytes(), written_ms
        made = self._unpublished.pop(slate.decision_id, None)
        open_id, propensities = self._open.get((slate.user_id, key_of(slate.placement, slate.page)), ("", b""))
        if made is not None:
            self._prove(made, published)
        elif open_id == slate.decision_id:
            self.broken["published again with other propensities"] += published[0] != propensities
        else:
            first = self._published.setdefault(slate.decision_id, published)
            self.broken["published again with other propensities"] += published[0] != first[0]
            if len(self._published) > REMEMBERED:
                self._published.popitem(last=False)

    def _prove(self, made: tuple[bytes, int], published: tuple[bytes, int]) -> None:
        self.broken["published with other propensities"] += made[0] != published[0]
        self.broken["published after the log had it"] += published[1] > made[1]

    def _expect(self, decision_id: str, digest: int) -> None:
        self.broken["settled twice"] += decision_id in self._due or decision_id in self._settled
        early = self._early.pop(decision_id, None)
        if early is None:
            self._due[decision_id] = digest
        else:
            self._remember(decision_id, digest, early)

    def outcome(self, data: bytes) -> None:
        """Take in a record of `outcomes`."""
        decision_id, digest = msgspec.json.decode(data, type=Outcome).decision_id, hash(data)
        known = self._settled.get(decision_id) or self._due.pop(decision_id, None)
        if known is None:
            known = self._early.setdefault(decision_id, digest)
            self.broken["outcomes that differ"] += digest != known
        else:
            self._remember(decision_id, known, digest)

    def _remember(self, decision_id: str, digest: int, other: int) -> None:
        self.broken["outcomes that differ"] += digest != other
        self._settled[decision_id] = digest
        if len(self._settled) > REMEMBERED:
            self._settled.popitem(last=False)

    def _compare(self, report: FingerprintReport) -> None:
        found = self._reports.setdefault(report.offset, set())
        self.verdicts["marks compared"] += bool(found)
        self.broken["workers' marks that differ"] += bool(found) and report.digest not in found
        found.add(report.digest)
        if len(self._reports) > 1000:
            self._reports.popitem(last=False)

    def keep_digests(self) -> None:
        """Keep the fingerprint at every log offset from now on: a few seconds before the end."""
        self.digests = {self.model.offset: self.model.fingerprint()}

    def missing(self) -> int:
        """Events that Kafka has acknowledged and the log has not accepted."""
        return int(np.count_nonzero((np.array(self._acknowledged) > 0) & (self.accepted() == 0)))

    def accepted(self) -> NDArray[np.uint8]:
        """How often each event was accepted."""
        return np.array(self._accepted, np.uint8)

    def acknowledged(self) -> int:
        """Events that Kafka has acknowledged."""
        return int(np.count_nonzero(np.array(self._acknowledged)))

    def unanswered(self) -> int:
        """Decisions not read on `recommendations`, settlements not read on `outcomes`, and outcomes of nothing."""
        return len(self._unpublished) + len(self._due) + len(self._early)

    def close(self) -> None:
        """Check the sums of the log and of the users' states."""
        taken = np.flatnonzero(self.accepted())
        for row, column in enumerate(self._sent):
            of = np.array(column)[taken]
            counts = np.bincount(of, minlength=self._counts.shape[1])
            sums = np.bincount(of, taken, minlength=self._counts.shape[1])  # exact in float64: far below 2 ** 53
            self.broken["sums of " + ("users", "items")[row]] += int(
                np.count_nonzero((counts != self._counts[row]) | (sums != self._sums[row]))
            )
            if row == 0:
                have = Counter({int(u[1:]): user.events for users in self.users.values() for u, user in users.items()})
                self.broken["users' states"] += int(np.count_nonzero(counts - [have[u] for u in range(len(counts))]))
        self.broken["slates or outcomes missing"] += self.unanswered()
        self.broken["positions that went back"] += self.model.acceptance.backward
        self.broken["records skipped"] += self.model.skipped
