"""START HERE. One event's journey, top to bottom: no I/O, no clock, no threads.

    event ─> duplicate? ─> settle the open decision ─> update the user ─> candidates ─> slate ─> one record for the log

The engine *proposes*: it makes records from events and applies them to the users of its source at once. The log
*disposes*: what it accepted is folded into the shared model (`model.py`) on every worker, and has happened.
`headwater evaluate` runs the same two with a list as the log.
"""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import shake_128
from heapq import heapify, heappop, heappush
from itertools import islice, takewhile
from typing import NamedTuple

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import Policy, Slate, session_state
from learners.profiles.profiles import describe, quantise
from stream.config import Config, Rewards
from stream.decisions.refresh import Ageing, Limits
from stream.decisions.settlement import replaced, settle, silence
from stream.experiments.variants import Treatment
from stream.model.fold import SEGMENT, Model
from stream.observe import NEW_EVENTS, Mix, Observer
from stream.ranking.candidates import Candidates
from stream.ranking.features import Past
from stream.ranking.negatives import TRIES, rows_of
from stream.records.acceptance import ShardState
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Decision,
    ExperimentChange,
    ItemChange,
    LoggedEvent,
    ProfileChange,
    Record,
    Rows,
    SessionEnd,
    Settlement,
    Step,
)
from stream.state.catalogue import Catalogue
from stream.state.snapshot import UsersCopy
from stream.state.users import CONTEXT_ITEMS, User, Users, apply, close, enrolment, pack_past

AT_ONCE = 32  # slates made step by step together; their features, some 0.5 MB, should stay in a cache
SHOWN_USERS = 5_000  # users whose last candidates are kept for learning; about 30 KB each

# A user's event, or news of a user, an item or an experiment.
Arrival = tuple[str, LoggedEvent] | ProfileChange | ItemChange | ExperimentChange


class Shown(NamedTuple):
    """The candidates a user's last slate was made from, for the ranker to learn which of them was taken.

    Not part of the user's state: it is lost in a crash, and then one step teaches the ranker nothing.
    """

    time: float
    decision_id: str
    items: NDArray[np.int32]  # [n]
    features: NDArray[np.uint8]  # [n, columns of the ranking]
    scores: NDArray[np.float32]  # [n]
    places: NDArray[np.int32]  # [n] in the user's past
    past: Past


class SlateRequest(NamedTuple):
    """A user who is to get a slate."""

    user_id: str
    user: User
    now: float  # event time
    name: str  # decides the uniforms, and will be the decision's


class DrawnSlate(NamedTuple):
    """What he gets."""

    candidates: Candidates
    slate: Slate
    treatment: Treatment  # that made it


class Shard:
    """What the owner of a source holds: its users, and where it stands in the log."""

    def __init__(
        self, id_: str, epoch: int, rewards: Rewards, *, users: Users | None = None, watermark: float = 0.0
    ) -> None:
        self.id, self.epoch, self.seq, self.rewards = id_, epoch, 0, rewards
        self.users: Users = OrderedDict() if users is None else users
        self.watermark = watermark  # highest event time so far, unix seconds
        self.next: dict[str, int] = {}  # topic (without namespace) -> position of the next record to take
        self.pending = 0  # records proposed, but not folded yet
        self.outcomes_acked = 0  # log offset before which all outcomes are acknowledged
        self.copy: UsersCopy | None = None  # of a snapshot under way
        self.ageing = Ageing(self.users)
        self.deferred: dict[str, float] = {}  # users whose slate was put off, and since when (unix seconds)
        self._open: list[tuple[float, str, str]] = []  # heap of (time, user, decision) of slates not yet answered
        for user_id, user in self.users.items():
            if user.open is not None:
                self.opened(user_id, user.open, user.open.time)
            elif user.events and user.time > watermark - rewards.attribution_window_s:
                self.deferred[user_id] = 0.0  # silence has not closed it: it was put off by an owner who is gone

    def apply(self, record: Step | ProfileChange) -> None:
        """Change a user by one record."""
        self._keep(record.user_id)
        apply(self.users, record, self.rewards.session_gap_s)

    def message(self, records: list[Record], next_: dict[str, int], *, last: bool) -> Batch:
        """Close a batch: number it, move the positions, drop idle users at the last one of a poll.

        Not before: the records of the later ones have been applied already. The first batch of a claim says where it
        began in every topic: what lies before was taken in, or deleted, and is no loss that the next owner reports.
        """
        next_ = next_ if self.seq else self.next | next_
        idle_before = self.watermark - self.rewards.idle_s if last else 0.0
        message = Batch(
            LOG_VERSION, self.id, self.epoch, self.seq, next_, self.watermark, records, self.outcomes_acked, idle_before
        )
        close(self.users, message, self._keep)
        self.seq += 1
        self.next |= next_
        self.pending += len(records)
        return message

    def start_copy(self) -> UsersCopy:
        """Begin to copy all users as they are now, after the batches numbered so far."""
        state = ShardState(self.epoch, self.seq, dict(self.next), self.watermark)
        self.copy = UsersCopy(self.users, state)
        return self.copy

    def _keep(self, user_id: str) -> None:
        if self.copy is not None:
            self.copy.keep(user_id)

    def opened(self, user_id: str, decision: Decision, at: float) -> None:
        """Remember to settle this decision, made when the watermark stood at `at`, if nobody answers it."""
        heappush(self._open, (max(at, decision.time), user_id, decision.decision_id))
        self.ageing.opened(user_id, decision.decision_id, max(at, decision.time))
        if len(self._open) > 2 * len(self.users) + 1_000:  # most of them were answered long ago
            self._open = [entry for entry in self._open if self._is_open(entry[1], entry[2])]
            heapify(self._open)

    def overdue(self, before: float) -> list[tuple[str, Decision]]:
        """Take out the open decisions made before that event time, oldest first."""
        found = []
        while self._open and self._open[0][0] < before:
            _, user_id, decision_id = heappop(self._open)
            decision = self._is_open(user_id, decision_id)
            if decision is not None:
                found.append((user_id, decision))
        return found

    def _is_open(self, user_id: str, decision_id: str) -> Decision | None:
        user = self.users.get(user_id)
        open_ = None if user is None else user.open
        return open_ if open_ is not None and open_.decision_id == decision_id else None


class Engine:
    """Turns what arrives into records: learns nothing, decides everything."""

    def __init__(self, config: Config, model: Model, observer: Observer | None = None) -> None:
        self.config, self.model, self.observer = config, model, observer or Observer()
        self._shown: OrderedDict[str, Shown] = OrderedDict()

    def batch(self, shard: Shard, arrivals: list[Arrival], next_: dict[str, int]) -> Batch:
        """All records of what a source brought, applied to its users, as one message for the log."""
        return self.batches(shard, [(arrivals, next_)])[0]

    def batches(
        self,
        shard: Shard,
        parts: Sequence[tuple[list[Arrival], dict[str, int]]],
        deferred_at: float | None = None,
    ) -> list[Batch]:
        """The same as several messages: each with what arrived, and the source's positions after it.

        Every event is learned, but only the newest of a user in all of the parts makes a slate. In a backlog not even
        that one, if `deferred_at` is given, the time of now: then these users are owed their slates, see `owed`.
        """
        made: list[list[Record]] = []
        newest: dict[str, tuple[int, int, Step]] = {}  # every user's newest step: part, place
        for n, (arrivals, _) in enumerate(parts):
            made.append([])
            for arrival in arrivals:
                record = self._take(shard, arrival)
                if isinstance(record, Step):
                    newest[record.user_id] = n, len(made[n]), record
                elif isinstance(record, ProfileChange) and record.attributes is None:
                    newest.pop(record.user_id, None)
                if record is not None:
                    made[n].append(record)
        for user_id in newest:
            if deferred_at is not None:
                shard.deferred.setdefault(user_id, deferred_at)
            else:
                shard.deferred.pop(user_id, None)
        if deferred_at is None:
            asked = [(step, f"{shard.epoch}.{shard.seq + n}.{place}") for n, place, step in newest.values()]
            for (n, place, _), step in zip(newest.values(), self.answer(shard, asked), strict=True):
                made[n][place] = step
        if made:
            made[-1] += self.settle_silence(shard)
        return [
            shard.message(records, next_, last=n == len(parts) - 1)
            for n, (records, (_, next_)) in enumerate(zip(made, parts, strict=True))
        ]

    def step(self, shard: Shard, user_id: str, event: LoggedEvent) -> Step | None:
        """Take one event of one user.

        1. drop it if it came before
        2. settle the user's open decision: was it a hit?
        3. note for the ranker which candidate was taken
        4. take it into the user's history and session
        """
        user = shard.users.get(user_id) or User()
        if user.knows_event(event.event_id):  # 1
            self.observer.duplicate()
            return None
        self.observer.event(event.kind)
        if event.time < user.time:
            self.observer.late()
        same_session = user.continues_session(event, self.config.rewards.session_gap_s)
        settled = self._settle(user, event, same_session=same_session)  # 2
        rows = self._rows(user_id, user, event)  # 3
        recent = user.recent(CONTEXT_ITEMS)
        in_session = len(list(takewhile(user.session.__contains__, recent))) if same_session else 0
        item = self.model.vocabulary.index(event.item_id)
        new_session = user.profile and not same_session and SEGMENT in self.config.sources.traits.split(",")
        step = Step(
            user_id, event, recent, in_session, settled, None, rows, self._traits(user, event),
            pack_past([user.seen[name] for name in recent], event.time),
            self.model.catalogue.touched(item, event.price),
            SessionEnd(quantise(describe(user.profile)), user.attributes) if new_session else None,
        )  # fmt: skip
        shard.apply(step)  # 4
        shard.watermark = max(shard.watermark, event.time)
        return step

    def _traits(self, user: User, event: LoggedEvent) -> dict[str, str]:
        """Groups that the user belongs to: as the event says, as the account says, as before; and his segment."""
        traits = {}
        for name in self.config.sources.traits.split(","):
            if name == SEGMENT:
                segments = self.model.segments
                number = (
                    segments.predict_one(quantise(describe(user.profile)))
                    if user.profile
                    else segments.predict_cold(user.attributes)
                )
                if number >= 0:
                    traits[name] = str(number)
            elif (value := event.traits.get(name) or user.attributes.get(name) or user.traits.get(name)) is not None:
                traits[name] = str(value)
        return traits

    def answer(self, shard: Shard, asked: Sequence[tuple[Step, str]]) -> list[Step]:
        """Make slates for the users of steps: gather candidates, rank them, draw. The same steps, with decisions.

        Parameters
        ----------
        asked : steps of different users, and the names of the decisions to be made
        """
        whom = [SlateRequest(step.user_id, user := shard.users[step.user_id], user.time, name) for step, name in asked]
        answered = list[Step]()
        for first in range(0, len(whom), AT_ONCE):
            some = whom[first : first + AT_ONCE]
            for (step, _), each, drawn in zip(asked[first:], some, self.draw(some), strict=False):
                decision = self._decide(each, drawn)
                if decision is not None:
                    shard.apply(Step(step.user_id, None, [], 0, None, decision, None))
                    shard.opened(step.user_id, decision, shard.watermark)
                answered.append(step if decision is None else msgspec.structs.replace(step, decision=decision))
        return answered

    def _take(self, shard: Shard, arrival: Arrival) -> Record | None:
        if isinstance(arrival, tuple):
            return self.step(shard, *arrival)
        if isinstance(arrival, ProfileChange):
            shard.apply(arrival)
            self._shown.pop(arrival.user_id, None)
        return arrival

    def settle_silence(self, shard: Shard) -> list[Step]:
        """Settle at 0 what the watermark has passed: records without an event, in the same numbered stream."""
        steps = []
        for user_id, open_ in shard.overdue(shard.watermark - self.config.rewards.attribution_window_s):
            settled = silence(open_, self.config.rewards)
            self.observer.settled(settled)
            step = Step(user_id, None, [], 0, settled, None, None)
            shard.apply(step)
            steps.append(step)
        return steps

    def make_deferred(self, shard: Shard, most: int, before: float) -> Batch | None:
        """Make slates that were put off before that time, at most so many, the oldest first; None: there is none.

        Records without an event, in the same numbered stream.
        """
        asked = list[tuple[Step, str]]()
        for user_id in [user_id for user_id, since in islice(shard.deferred.items(), most) if since < before]:
            del shard.deferred[user_id]
            user = shard.users.get(user_id)
            if user is not None and user.open is None:
                name = f"{shard.epoch}.{shard.seq}.{len(asked)}"
                asked.append((Step(user_id, None, [], 0, None, None, None), name))
        steps: list[Record] = [step for step in self.answer(shard, asked) if step.decision is not None]
        return shard.message(steps, {}, last=True) if steps else None

    def refresh(self, shard: Shard, most: int) -> Batch | None:
        """Decide again for users whose open slate has grown stale, at most so many; None: there is none.

        Records without an event, in the same numbered stream: each closes the open decision as replaced, and opens
        the new one.
        """
        slate, now, steps = self.config.slate, shard.watermark, list[Record]()
        limits = Limits(
            now - slate.refresh_s, now - slate.refresh_active_s, now - self.config.rewards.attribution_window_s
        )
        for user_id in shard.ageing.stale(limits, most if slate.refresh_s > 0 else 0):
            user = shard.users[user_id]
            asked = SlateRequest(user_id, user, now, f"{shard.epoch}.{shard.seq}.{len(steps)}")
            decision = self._decide(asked, *self.draw([asked]))
            if decision is None or user.open is None:
                continue
            step = Step(user_id, None, [], 0, replaced(user.open, now), decision, None)
            self.observer.settled(replaced(user.open, now))
            shard.apply(step)
            shard.opened(user_id, decision, now)
            steps.append(step)
        return shard.message(steps, {}, last=True) if steps else None

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw slates for different users, those of one variant together. Changes nothing."""
        drawn: dict[str, DrawnSlate] = {}
        treatments = [self.model.variants.of(each.user_id, each.now) for each in asked]
        for treatment in dict.fromkeys(treatments):
            mine = [each for each, of in zip(asked, treatments, strict=True) if of is treatment]
            told = [(each.user_id, each.user, each.now) for each in mine]
            found = treatment.ranker.candidates_many(told, self.config.slate.slots)
            for each, candidates in zip(mine, found, strict=True):
                slate = self._draw(treatment.policy, each.user, candidates, each.name)
                drawn[each.user_id] = DrawnSlate(candidates, slate, treatment)
        return [drawn[each.user_id] for each in asked]

    def _draw(self, policy: Policy, user: User, found: Candidates, name: str) -> Slate:
        random_numbers = uniforms(f"{self.config.policy.seed}/policy/{name}", self.config.slate.slots)
        return policy.draw(session_state(user.depth, user.events), found.lists, random_numbers, found.constraints)

    def _settle(self, user: User, event: LoggedEvent, *, same_session: bool) -> Settlement | None:
        if user.open is None:
            return None
        treatment = self.model.variants.named(user.open.experiment, user.open.variant)
        settled = settle(
            user.open, event, same_session=same_session, discount=0.0 if treatment is None else treatment.discount,
            rewards=self.config.rewards,
        )  # fmt: skip
        self.observer.settled(settled, event)
        return settled

    def _decide(self, asked: SlateRequest, drawn: DrawnSlate) -> Decision | None:
        model, (user_id, user, now, decision_id), (found, slate, treatment) = self.model, asked, drawn
        if len(slate.items) == 0:
            return None
        policy = treatment.policy
        items, lists = model.ranker.pack(slate.items, found.lists)
        sources = slate.sources.astype(np.uint8).tobytes()
        self._remember(
            user_id, Shown(now, decision_id, found.items, found.features, found.scores, found.places, found.past)
        )
        decision = Decision(
            decision_id, now, policy.name, policy.epsilon, model.offset, session_state(user.depth, user.events),
            [model.vocabulary.ids[item] for item in items.tolist()], sources, slate.offered_ranks.tobytes(),
            slate.propensities.tobytes(), model.ranker.scores_of(found, slate.items).tobytes(), lists.tobytes(),
        )  # fmt: skip
        if model.variants.experiment is not None:
            decision = self._enrol(user, decision, treatment, found)
        self.observer.decided(decision, _mix(model.catalogue, slate.items))
        return decision

    def _enrol(self, user: User, decision: Decision, treatment: Treatment, found: Candidates) -> Decision:
        """Note the variant that made a decision, and what the shadow would have shown in its place."""
        decision = msgspec.structs.replace(decision, experiment=treatment.experiment, variant=treatment.variant)
        enrols = bool(treatment.variant) and user.enrolled != enrolment(decision)
        shadow = self.model.variants.shadow
        shown: list[str] = []
        if shadow is not None and treatment.policy is self.model.policy:
            ids = self.model.vocabulary.ids
            slate = self._draw(shadow, user, found, f"shadow/{decision.decision_id}")
            shown = [ids[item] for item in slate.items.tolist()]
        return msgspec.structs.replace(decision, enrols=enrols, shadow=shown)

    def _remember(self, user_id: str, shown: Shown) -> None:
        self._shown[user_id] = shown
        self._shown.move_to_end(user_id)
        if len(self._shown) > SHOWN_USERS:
            self._shown.popitem(last=False)

    def _rows(self, user_id: str, user: User, event: LoggedEvent) -> Rows | None:
        """The candidate that was taken, a uniform sample of the others, and some of them that scored high."""
        shown = self._shown.pop(user_id, None)
        if shown is None or event.time < shown.time:
            return None
        name, hard = f"{self.config.policy.seed}/rows/{shown.decision_id}", self.config.ranking.negatives // 2
        uniform = self.config.ranking.negatives - hard
        rows, taken, others = rows_of(
            shown.items, shown.features, shown.scores, shown.places, shown.past,
            self.model.vocabulary.index(event.item_id), hard, uniforms(name, uniform + hard * TRIES),
            self.model.ranking.own, event.time - user.time, event.time,
        )  # fmt: skip
        return Rows(rows.tobytes(), taken, uniform, min(1.0, uniform / others)) if others > 0 else None


def _mix(catalogue: Catalogue, items: NDArray[np.int32]) -> Mix:
    return Mix(*_count(catalogue.category, catalogue.born, catalogue.events - NEW_EVENTS, items))


@njit(cache=True)
def _count(
    category: NDArray[np.int32], born: NDArray[np.int64], since: int, items: NDArray[np.int32]
) -> tuple[int, int]:
    """Distinct categories of some items, and how many of the items were born later."""
    categories = new = 0
    for n, item in enumerate(items):
        first = True
        for other in items[:n]:
            first = first and category[other] != category[item]
        categories += first
        new += born[item] > since
    return categories, new


def uniforms(name: str, n: int) -> NDArray[np.float64]:
    """Random numbers in [0, 1) as a pure function of a name: an auditor can draw any slate again.

    >>> uniforms("headwater/policy/7.0.0", 2).round(4).tolist()
    [0.815, 0.3681]
    """
    return np.frombuffer(shake_128(name.encode()).digest(4 * n), "<u4") * 2.0**-32
