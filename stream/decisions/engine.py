"""START HERE. One event's journey, top to bottom: no I/O, no clock, no threads.

    event ─> duplicate? ─> settle open decisions ─> update the user ─> candidates ─> slate ─> one record for the log

The engine *creates* records from events and applies them to the users of its shard at once. The log *commits* them:
what it accepted is folded into the shared model (`model/fold.py`) on every worker. `local.py` runs the two with a list
as the log.
"""

import math
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

import msgspec

from stream.config import Config
from stream.decisions.arrivals import Answer, Arrival, Change, SlateAsked, UserEvent
from stream.decisions.asking.asked import answered
from stream.decisions.asking.pages import place_of, rotated
from stream.decisions.refresh import Limits, stale
from stream.decisions.settling.settlement import replaced, silence
from stream.decisions.settling.steps import Steps
from stream.decisions.shard import Shard
from stream.decisions.shown import Shown, ShownCandidates
from stream.decisions.slates import DrawnSlate, SlateRequest, Slates
from stream.model.fold import Model
from stream.observe import Observer
from stream.placements import assumes, pushes
from stream.records.log import Batch, Decision, LoggedEvent, ProfileChange, Record, Settlement, Step
from stream.state.open_decisions import open_at
from stream.state.user import NOBODY

ROWS_AHEAD = 20  # made in an idle moment, for slates to come: 2 to 20 ms
AT_ONCE = 32  # slates made step by step together; their features, some 0.5 MB, should stay in a cache


class Taking(NamedTuple):
    """What arrivals of a shard have become so far: records without slates, applied to the users."""

    made: list[list[Record]]  # by message
    next: list[dict[str, int]]  # by message: the shard's positions after it
    newest: dict[str, tuple[int, int, Step]]  # every user's newest step, the newest last: message, place
    answers: list[list[Answer]]  # by message: to what was asked for
    asked: set[str]  # users with an answer that is a slate of a placement beside home


class Engine:
    """Turns events and changes into log records; the fold learns from them."""

    def __init__(self, config: Config, model: Model, observer: Observer | None = None) -> None:
        self.config, self.model, self.observer = config, model, observer or Observer()
        self.shown = ShownCandidates(config, model)
        self.slates = Slates(config, model, self.shown.slot)
        self.steps = Steps(config, model, self.shown, self.observer)
        self.traits, self._session_gap_s = self.steps.traits, config.rewards.session_gap_s
        self._pushed = config.pushed

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
        taking = Taking([], [next_ for _, next_ in parts], {}, [], set())
        for n, (arrivals, _) in enumerate(parts):
            records: list[Record] = []
            taking.made.append(records)
            taking.answers.append([])
            for arrival in arrivals:
                if isinstance(arrival, SlateAsked):
                    name = f"{shard.epoch}.{shard.seq + n}.{len(records)}"
                    records += self._answer_request(shard, arrival, name, taking)
                    continue
                made = self._take(shard, arrival)
                record = made[-1] if made else None
                records += made
                if isinstance(record, Step) and record.event is not None and not record.event.returned:
                    taking.newest.pop(record.user_id, None)
                    taking.newest[record.user_id] = n, len(records) - 1, record
                elif isinstance(record, ProfileChange) and record.attributes is None:
                    taking.newest.pop(record.user_id, None)
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
        left = [
            (n, place, self._leave(shard, step.user_id)) for n, place, step in places if shard.users[step.user_id].open
        ]
        for (n, place, _), step in zip(places, self.answer(shard, asked), strict=True):
            made[n][place] = step
        for n, place, closing in sorted(left, key=itemgetter(0, 1), reverse=True):  # from behind: places stay right
            made[n].insert(place, closing)
        for (n, _, _), (step, name) in zip(places, asked, strict=True) if self._pushed else ():
            # Behind the slates that were asked for meanwhile, which may stand in later messages.
            made[-1 if step.user_id in taking.asked else n] += self._push(shard, step.user_id, name)
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

    def _answer_request(self, shard: Shard, asked: SlateAsked, name: str, taking: Taking) -> list[Step]:
        """Make a slate at once, in place of the open one there; the same request again gets it again.

        One of home stands for a deferred slate, too.
        """
        user_id, request = asked.user_id, asked.request
        user, made = shard.users.get(user_id, NOBODY), list[Step]()
        place = place_of(request, user, self.config.placements)
        if isinstance(place, str):
            taking.answers[-1].append(Answer(asked, None, "refused", place))
            return []
        key, before, since = place
        decision = open_at(user, key)
        if decision is None or decision.request_id != request.request_id:
            now = max(asked.now if since is None else since, user.time)
            before += rotated(decision, request.rotate, f"{self.config.policy.seed}/rotate/{name}")
            wanted = SlateRequest(user_id, user, now, name, of=request, placement=key, before=before)
            made = self._renew(shard, wanted, now)
            decision = made[0].decision if made else None
        if made and not key:
            taking.newest.pop(user_id, None)
            shard.deferred.discard(user_id)
        elif made:
            taking.asked.add(user_id)
        taking.answers[-1].append(answered(asked, decision, self.model))
        return made

    def _take(self, shard: Shard, arrival: UserEvent | Change) -> Sequence[Record]:
        if isinstance(arrival, UserEvent):
            return self.steps.take(shard, arrival.user_id, arrival.event, arrival.units)
        if isinstance(arrival, ProfileChange):
            self.shown.forget(arrival.user_id, shard.users.get(arrival.user_id, NOBODY).others)
            shard.apply(arrival)
        return [arrival]

    def step(self, shard: Shard, user_id: str, event: LoggedEvent, units: float = 1.0) -> Step | None:
        """Take one event of one user, see `Steps.take`: the event's own step; None for a duplicate."""
        taken = self.steps.take(shard, user_id, event, units)
        return taken[-1] if taken else None

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
        self.shown.keep(asked.user_id, Shown(asked.now, asked.name, drawn.slot), asked.placement)
        self.observer.decided(decision, drawn.mix)
        return decision

    def settle_silence(self, shard: Shard) -> list[Step]:
        """Settle at 0 the open decisions that the watermark has passed."""
        steps = []
        for user_id, open_ in shard.overdue(shard.watermark - self.config.rewards.attribution_window_s):
            seen = assumes(self.config.placements, open_.placement)
            steps.append(self._close(shard, user_id, silence(open_, self.config.rewards, seen=seen)))
        return steps

    def _leave(self, shard: Shard, user_id: str) -> Step:
        """Close home's slate, which is open still: the event that a new one is made for answered another placement."""
        user = shard.users[user_id]
        assert user.open is not None  # noqa: S101  for the type checker: callers look
        return self._close(shard, user_id, replaced(user.open, user.time))

    def _close(self, shard: Shard, user_id: str, settled: Settlement) -> Step:
        self.observer.settled(settled)
        step = Step.without_event(user_id, settled=settled)
        shard.apply(step)
        return step

    def make_deferred(self, shard: Shard, user_ids: Sequence[str]) -> Batch | None:
        """Make the slates of users who were deferred, as a message; None: nobody needs one any more."""
        steps = self._answer_deferred(shard, user_ids, f"{shard.epoch}.{shard.seq}", 0)
        return shard.message([*steps], {}, last=True) if steps else None

    def _answer_deferred(self, shard: Shard, user_ids: Sequence[str], name: str, first: int) -> list[Step]:
        """Steps without an event; `name` and, from `first` on, a number name their decisions."""
        asked, steps = list[tuple[Step, str]](), list[Step]()
        for user_id in user_ids:
            user = shard.users.get(user_id)
            if user is not None and (user.open is None or user.open.time < user.time):
                steps += [] if user.open is None else [self._leave(shard, user_id)]
                asked.append((Step.without_event(user_id), f"{name}.{first + len(asked)}"))
        steps += [step for step in self.answer(shard, asked) if step.decision is not None]
        for step, decision_name in asked:
            steps += self._push(shard, step.user_id, decision_name)
        return steps

    def _push(self, shard: Shard, user_id: str, name: str) -> list[Step]:
        """Make a slate for each placement that pushes, after home's of that name."""
        user, made = shard.users[user_id], list[Step]()
        for placement in self._pushed:
            asked = SlateRequest(user_id, user, user.time, f"{name}.{placement}", placement=placement)
            made += self._renew(shard, asked, shard.watermark)
        return made

    def refresh(self, shard: Shard, most: int) -> Batch | None:
        """Replace open slates with withdrawn items, then stale ones, at most so many; None: no slate."""
        slate, now, steps = self.config.slate, shard.watermark, list[Record]()
        self.model.prepare(ROWS_AHEAD)
        limits = Limits(
            now - slate.refresh_s, now - slate.refresh_active_s, now - self.config.rewards.attribution_window_s
        )
        most = most if slate.refresh_s > 0 else 0
        found = shard.withdrawn.take(self.model.catalogue, self.model.vocabulary, most) if most else []
        for user_id, key in dict.fromkeys([*found, *stale(shard.ageing, limits, most - len(found))]):
            user = shard.users[user_id]
            if open_at(user, key) is not None and pushes(self.config.placements, key):
                name = f"{shard.epoch}.{shard.seq}.{len(steps)}"
                steps += self._renew(shard, SlateRequest(user_id, user, now, name, placement=key), now)
        return shard.message(steps, {}, last=True) if steps else None

    def _renew(self, shard: Shard, asked: SlateRequest, at: float) -> list[Step]:
        """A new slate, made when the watermark stood at `at`; no record if there is nothing to show.

        The record closes the decision that is open there, if there is one, as replaced.
        """
        user_id, now = asked.user_id, asked.now
        open_ = open_at(asked.user, asked.placement)
        asked = asked._replace(user=asked.user.as_of(now, self._session_gap_s))
        decision = self._decide(asked, *self.draw([asked]))
        if decision is None:
            return []
        if (settled := None if open_ is None else replaced(open_, now)) is not None:
            self.observer.settled(settled)
        step = Step.without_event(user_id, settled=settled, decision=decision)
        shard.apply(step)
        shard.opened(user_id, decision, at)
        return [step]
