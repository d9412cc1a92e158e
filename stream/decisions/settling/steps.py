"""From one event of one user to the records of it: what it settles, what the ranking learns, and the step itself."""

from functools import partial

import msgspec

from stream.config import Config
from stream.decisions.settling.settlement import settle, settle_all
from stream.decisions.shard import Shard
from stream.decisions.shown import ShownCandidates
from stream.model.fold import SEGMENT, Model
from stream.observe import Observer
from stream.placements import assumes
from stream.records.log import Decision, LoggedEvent, SessionEnd, Settlement, Step
from stream.state.open_decisions import all_open, find_open
from stream.state.user import NOBODY, User


class Steps:
    """Takes events in, one after the other."""

    def __init__(self, config: Config, model: Model, shown: ShownCandidates, observer: Observer) -> None:
        self.config, self.model, self.shown, self.observer = config, model, shown, observer
        self.traits = tuple(filter(None, config.sources.traits.split(",")))
        self._segmented, self._session_gap_s = SEGMENT in self.traits, config.rewards.session_gap_s

    def take(self, shard: Shard, user_id: str, event: LoggedEvent, units: float = 1.0) -> list[Step]:
        """Take one event of one user: its step comes last, before it those of further decisions that it settles.

        1. drop it if it came before
        2. settle the user's open decisions: was one a hit?
        3. note for the ranker which candidate was taken
        4. take it into the user's history and session
        """
        user = shard.users.get(user_id, NOBODY)
        before = user.before(event, self._session_gap_s, profiled=self._segmented)
        if before.duplicate:  # 1
            self.observer.duplicate()
            return []
        if event.returned:
            return [self._take_back(shard, user_id, user, event)]
        self.observer.event(event.kind)
        if before.late:
            self.observer.late()
        is_open = user.open is not None or user.others
        settled = self._settle(user, event, same_session=before.same_session > 0) if is_open else []  # 2
        own = settled.pop() if settled else None
        answered = own.placement if own is not None and own.hit >= 0 else ""
        if not answered and not shard.deferred:  # else there is no time, or another list to learn from
            self.shown.renew(user_id, user, event)
        rows = self.shown.rows(user_id, user, event, answered)  # 3
        if own is not None and own.placement != answered:
            self.shown.drop(user_id, own.placement)
        beside = [self._close(shard, user_id, each, answered) for each in settled] if settled else None
        item = self.model.vocabulary.index(event.item_id)
        ended = before.profile and not before.same_session
        step = Step(
            user_id, event, before.recent, before.in_session, own, None, rows,
            self._traits(user, event, before.profile) if self.traits else {}, before.past,
            self.model.catalogue.touched(item, None if event.price is None else event.price / units),
            SessionEnd(before.profile, user.attributes) if ended else None,
        )  # fmt: skip
        shard.apply(step)  # 4
        shard.watermark = max(shard.watermark, event.time)
        return [*beside, step] if beside else [step]

    def _close(self, shard: Shard, user_id: str, settled: Settlement, answered: str) -> Step:
        """Close a decision beside the one that the event's own step settles."""
        if settled.placement != answered:
            self.shown.drop(user_id, settled.placement)
        step = Step.without_event(user_id, settled=settled)
        shard.apply(step)
        return step

    def _settle(self, user: User, event: LoggedEvent, *, same_session: bool) -> list[Settlement]:
        """Settle what the event answers, see `settle_all`.

        One that names a decision answers that one, and says nothing of the others; if it is open no more, home's is
        void. One that names none answers all slates that the user can be assumed to have seen.
        """
        if not user.others:
            whom = [] if user.open is None else [user.open]
        elif event.decision_id is None:
            whom = [each for each in all_open(user) if assumes(self.config.placements, each.placement)]
        else:
            named = find_open(user, event.decision_id) or user.open
            whom = [] if named is None else [named]
        found = settle_all(whom, event, partial(self._settle_one, event, same_session))
        for each in found:
            self.observer.settled(each, event)
        return found

    def _settle_one(self, event: LoggedEvent, same_session: bool, open_: Decision) -> Settlement:
        treatment = self.model.variants.named(open_)
        # What follows a slate of another placement is home's, or nothing: its value is not this policy's.
        discount = 0.0 if treatment is None or open_.placement else treatment.discount
        rewards = self.config.rewards
        return settle(open_, event, same_session=same_session, discount=discount, rewards=rewards)

    def _take_back(self, shard: Shard, user_id: str, user: User, event: LoggedEvent) -> Step:
        """A return: takes back at most what the purchase from a slate brought in; open slates stay open."""
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
