"""START HERE. One event's journey, top to bottom: no I/O, no clock, no threads.

    event ─> duplicate? ─> settle the open decision ─> update the user ─> candidates ─> slate ─> one record for the log

The engine *creates* records from events and applies them to the users of its shard at once. The log *commits* them:
what it accepted is folded into the shared model (`model/fold.py`) on every worker. `local.py` runs the two with a list
as the log.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stream.config import Config
from stream.decisions.arrivals import Answer, Arrival, Change, SlateAsked, UserEvent
from stream.decisions.asking.asked import answered
from stream.decisions.refresh import Limits, stale
from stream.decisions.settlement import replaced, settle, silence
from stream.decisions.shard import Shard
from stream.decisions.shown import Shown, ShownCandidates
from stream.decisions.slates import DrawnSlate, SlateRequest, Slates
from stream.model.fold import SEGMENT, Model
from stream.observe import Observer
from stream.records.log import Batch, Decision, LoggedEvent, ProfileChange, Record, SessionEnd, Settlement, Step
from stream.records.requests import Request
from stream.state.user import NOBODY, User

ROWS_AHEAD = 20  # made in an idle moment, for slates to come: 2 to 20 ms
AT_ONCE = 32  # slates made step by step together; their features, some 0.5 MB, should stay in a cache


class Taking(NamedTuple):
    """What arrivals of a shard have become so far: records without slates, applied to the users."""

    made: list[list[Record]]  # by message
    next: list[dict[str, int]]  # by message: the shard's positions after it
    newest: dict[str, tuple[int, int, Step]]  # every user's newest step, the newest last: message, place
    answers: list[list[Answer]]  # by message: to what was asked for


class Engine:
    """Turns events and changes into log records; the fold learns from them."""

    def __init__(self, config: Config, model: Model, observer: Observer | None = None) -> None:
        self.config, self.model, self.observer = config, model, observer or Observer()
        self.shown = ShownCandidates(config, model)
        self.slates = Slates(config, model, self.shown.slot)
        self.traits = tuple(filter(None, config.sources.traits.split(",")))
        self._segmented, self._session_gap_s = SEGMENT in self.traits, config.rewards.session_gap_s

    def batch(self, shard: Shard, arrivals: Sequence[Arrival], next_: dict[str, int]) -> Batch:
        """Records for the arrivals of a shard, applied to its users, as one message for the log."""
        return self.batches(shard, [(arrivals, next_)])[0]

    def batches(
        self, shard: Shard, parts: Sequence[tuple[Sequence[Arrival], dict[str, int]]], room: int | None = None
    ) -> list[Batch]:
        """The same as several messages: each with what arrived, and the shard's positions after it; see `decide`."""
        return self.decide(shard, self.take_in(shard, parts), room)

    def take_in(self, shard: Shard, parts: Sequence[tuple[Sequence[Arrival], dict[str, int]]]) -> Taking:
        """Make records of what arrived and apply them; `decide` makes slates and messages of them."""
        taking = Taking([], [next_ for _, next_ in parts], {}, [])
        for n, (arrivals, _) in enumerate(parts):
            records: list[Record] = []
            taking.made.append(records)
            taking.answers.append([])
            for arrival in arrivals:
                if isinstance(arrival, SlateAsked):
                    name = f"{shard.epoch}.{shard.seq + n}.{len(records)}"
                    record: Record | None = self._answer_request(shard, arrival, name, taking)
                else:
                    record = self._take(shard, arrival)
                if isinstance(record, Step) and record.event is not None and not record.event.returned:
                    taking.newest.pop(record.user_id, None)
                    taking.newest[record.user_id] = n, len(records), record
                elif isinstance(record, ProfileChange) and record.attributes is None:
                    taking.newest.pop(record.user_id, None)
                if record is not None:
                    records.append(record)
        return taking

    def decide(
        self, shard: Shard, taking: Taking, room: int | None = None, *, deferred: Sequence[str] = (),
        arrived: float = 0.0,
    ) -> list[Batch]:  # fmt: skip
        """Make slates for those users who acted last, at most `room` of them, and close the messages.

        Every event is learned, but only a user's newest one of all makes a slate. The slates for which there is no room
        are deferred.

        Parameters
        ----------
        room : None: for all
        deferred : users whose deferred slates are made too, in the last message
        arrived : when the events arrived, by the clock of who asks; from then on deferred slates wait
        """
        made, newest = taking.made, list(taking.newest)
        later = 0 if room is None else max(0, len(newest) - room)
        for user_id in newest[later:]:
            shard.deferred.discard(user_id)
        for user_id in newest[:later]:
            if user_id not in deferred:
                shard.deferred.add(user_id, arrived)
        self.observer.deferred(later)
        places = [taking.newest[user_id] for user_id in newest[later:]]
        asked = [(step, f"{shard.epoch}.{shard.seq + n}.{place}") for n, place, step in places]
        for (n, place, _), step in zip(places, self.answer(shard, asked), strict=True):
            made[n][place] = step
        if made:
            if deferred:
                made[-1] += self._answer_deferred(
                    shard, deferred, f"{shard.epoch}.{shard.seq + len(made) - 1}", len(made[-1])
                )
            made[-1] += self.settle_silence(shard)
        return [
            shard.message(records, next_, last=n == len(made) - 1)
            for n, (records, next_) in enumerate(zip(made, taking.next, strict=True))
        ]

    def _answer_request(self, shard: Shard, asked: SlateAsked, name: str, taking: Taking) -> Step | None:
        """Make a slate at once, in place of the open and of a deferred one; the same request again gets it again."""
        user_id, request = asked.user_id, asked.request
        user = shard.users.get(user_id, NOBODY)
        step, decision = None, user.open
        if decision is None or decision.request_id != request.request_id:
            step = self._renew(shard, user_id, max(asked.now, user.time), name, request)
            decision = None if step is None else step.decision
        if step is not None:
            taking.newest.pop(user_id, None)
            shard.deferred.discard(user_id)
        taking.answers[-1].append(answered(asked, decision, self.model))
        return step

    def _take(self, shard: Shard, arrival: UserEvent | Change) -> Record | None:
        if isinstance(arrival, UserEvent):
            return self.step(shard, arrival.user_id, arrival.event, arrival.units)
        if isinstance(arrival, ProfileChange):
            shard.apply(arrival)
            self.shown.forget(arrival.user_id)
        return arrival

    def step(self, shard: Shard, user_id: str, event: LoggedEvent, units: float = 1.0) -> Step | None:
        """Take one event of one user.

        1. drop it if it came before
        2. settle the user's open decision: was it a hit?
        3. note for the ranker which candidate was taken
        4. take it into the user's history and session
        """
        user = shard.users.get(user_id, NOBODY)
        before = user.before(event, self._session_gap_s, profiled=self._segmented)
        if before.duplicate:  # 1
            self.observer.duplicate()
            return None
        if event.returned:
            return self._take_back(shard, user_id, user, event)
        self.observer.event(event.kind)
        if before.late:
            self.observer.late()
        settled = self._settle(user.open, event, same_session=before.same_session > 0) if user.open else None  # 2
        if not shard.deferred:  # else there is no time
            self.shown.renew(user_id, user, event)
        rows = self.shown.rows(user_id, user, event)  # 3
        item = self.model.vocabulary.index(event.item_id)
        ended = before.profile and not before.same_session
        step = Step(
            user_id, event, before.recent, before.in_session, settled, None, rows,
            self._traits(user, event, before.profile) if self.traits else {}, before.past,
            self.model.catalogue.touched(item, None if event.price is None else event.price / units),
            SessionEnd(before.profile, user.attributes) if ended else None,
        )  # fmt: skip
        shard.apply(step)  # 4
        shard.watermark = max(shard.watermark, event.time)
        return step

    def _take_back(self, shard: Shard, user_id: str, user: User, event: LoggedEvent) -> Step:
        """A return: takes back at most what the purchase from a slate brought in; the open slate stays open."""
        paid = user.paid.get(event.item_id)
        known = 0.0 if paid is None else paid.amount
        # Without a price all of it comes back; -0.0 stays a return, of nothing that was counted.
        amount = -min(known, -event.revenue if event.revenue else known)
        event = msgspec.structs.replace(event, price=amount or -0.0)
        of = {} if paid is None else {"experiment": paid.experiment, "variant": paid.variant}
        step = Step(user_id, event, [], 0, None, None, None, of)
        shard.apply(step)
        self.observer.returned(event)
        return step

    def _settle(self, open_: Decision, event: LoggedEvent, *, same_session: bool) -> Settlement:
        treatment = self.model.variants.named(open_.experiment, open_.variant)
        settled = settle(
            open_, event, same_session=same_session, discount=0.0 if treatment is None else treatment.discount,
            rewards=self.config.rewards,
        )  # fmt: skip
        self.observer.settled(settled, event)
        return settled

    def _traits(self, user: User, event: LoggedEvent, profile: bytes) -> dict[str, str]:
        """The user's groups: as the event says, else the account, else the event before; and their segment."""
        traits = {}
        for name in self.traits:
            if name == SEGMENT:
                segments = self.model.segments
                number = segments.predict_one(profile) if profile else segments.predict_cold(user.attributes)
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
                    shard.apply(Step.without_event(step.user_id, decision=decision))
                    shard.opened(step.user_id, decision, shard.watermark)
                elif self.model.catalogue.size == 0:  # the first events of a site: once an item is folded
                    shard.deferred.add(step.user_id, -math.inf)
                answered.append(step if decision is None else msgspec.structs.replace(step, decision=decision))
        return answered

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw slates for different users. Changes nothing."""
        return self.slates.draw(asked)

    def _decide(self, asked: SlateRequest, drawn: DrawnSlate) -> Decision | None:
        """Keep the candidates of a drawn slate for learning; its decision, None if it is empty."""
        decision = drawn.decision
        if not decision.sources:
            return None
        self.shown.keep(asked.user_id, Shown(asked.now, asked.name, drawn.slot))
        self.observer.decided(decision, drawn.mix)
        return decision

    def settle_silence(self, shard: Shard) -> list[Step]:
        """Settle at 0 the open decisions that the watermark has passed."""
        steps = []
        for user_id, open_ in shard.overdue(shard.watermark - self.config.rewards.attribution_window_s):
            settled = silence(open_, self.config.rewards)
            self.observer.settled(settled)
            step = Step.without_event(user_id, settled=settled)
            shard.apply(step)
            steps.append(step)
        return steps

    def make_deferred(self, shard: Shard, user_ids: Sequence[str]) -> Batch | None:
        """Make the slates of users who were deferred, as a message; None: nobody needs one any more."""
        steps = self._answer_deferred(shard, user_ids, f"{shard.epoch}.{shard.seq}", 0)
        return shard.message([*steps], {}, last=True) if steps else None

    def _answer_deferred(self, shard: Shard, user_ids: Sequence[str], name: str, first: int) -> list[Step]:
        """Steps without an event; `name` and, from `first` on, a number name their decisions."""
        asked = list[tuple[Step, str]]()
        for user_id in user_ids:
            user = shard.users.get(user_id)
            if user is not None and user.open is None:
                asked.append((Step.without_event(user_id), f"{name}.{first + len(asked)}"))
        return [step for step in self.answer(shard, asked) if step.decision is not None]

    def refresh(self, shard: Shard, most: int) -> Batch | None:
        """Replace open slates with withdrawn items, then stale ones, at most so many; None: no slate."""
        slate, now, steps = self.config.slate, shard.watermark, list[Record]()
        self.model.prepare(ROWS_AHEAD)
        limits = Limits(
            now - slate.refresh_s, now - slate.refresh_active_s, now - self.config.rewards.attribution_window_s
        )
        most = most if slate.refresh_s > 0 else 0
        found = shard.withdrawn.take(self.model.catalogue, self.model.vocabulary, most) if most else []
        for user_id in dict.fromkeys([*found, *stale(shard.ageing, limits, most - len(found))]):
            if shard.users[user_id].open is not None:
                step = self._renew(shard, user_id, now, f"{shard.epoch}.{shard.seq}.{len(steps)}")
                steps += [] if step is None else [step]
        return shard.message(steps, {}, last=True) if steps else None

    def _renew(self, shard: Shard, user_id: str, now: float, name: str, of: Request | None = None) -> Step | None:
        """A new slate as of `now`: the record closes the open decision, if there is one, as replaced."""
        user = shard.users.get(user_id, NOBODY)
        asked = SlateRequest(user_id, user.as_of(now, self._session_gap_s), now, name, of=of)
        decision = self._decide(asked, *self.draw([asked]))
        if decision is None:
            return None
        if (settled := None if user.open is None else replaced(user.open, now)) is not None:
            self.observer.settled(settled)
        step = Step.without_event(user_id, settled=settled, decision=decision)
        shard.apply(step)
        shard.opened(user_id, decision, now)
        return step
