"""Test, then learn: the engine over a file, each event first predicted and then learned, with a list as the log.

The same engine and the same fold as in the worker; only the log is not Kafka. Counted are the steps of users with at
least one earlier event: the item of the event is looked up in the list that the user had. Single learners are asked at
the same steps. `protocol.py` says what is learned and what is measured, `report.py` makes the measures.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits import PINNED
from learners import INELIGIBLE, PURCHASE
from learners.metrics.calibration import Calibration
from stream.config import Config
from stream.decisions.engine import SHOWN_USERS, Arrival, DrawnSlate, Engine, Shard, SlateRequest
from stream.evaluation.baselines import ALL, ENGINE, Baselines, invite, pairs
from stream.evaluation.journal import Coming, Journal, Steps, Use
from stream.evaluation.protocol import Entry, Lists, Planned, Protocol, plan
from stream.evaluation.ratings import RATERS, RatingErrors
from stream.evaluation.report import Measured, report
from stream.evaluation.stopwatch import Stopwatch
from stream.model.fold import Model
from stream.records.log import LOG_VERSION, Claim, ItemChange, LoggedEvent, Step, logged_event
from stream.state.users import User

__all__ = ["Entry", "Evaluation", "Lists", "Protocol"]

SOURCE = "users/0"
HEADS = ("click", "purchase")
DEFAULT = Protocol()


class Shown(NamedTuple):
    """Lists that wait for a user's next event: the engine's first, then the baselines' in their order."""

    lists: list[NDArray[np.int32]]
    sources: NDArray[np.uint8]  # of the engine's slots
    made: float  # event time


class Predicted(NamedTuple):
    """What the heads said of every candidate."""

    items: NDArray[np.int32]  # [n]
    probabilities: NDArray[np.float32]  # [n, 2]: click, purchase


class Recorder(Engine):
    """An engine that keeps what it drew, and how long that took."""

    def __init__(self, config: Config, model: Model, stopwatch: Stopwatch) -> None:
        super().__init__(config, model)
        self.stopwatch = stopwatch
        self.drawn: dict[str, DrawnSlate] = {}  # by user, until taken

    def draw(self, asked: Sequence[SlateRequest]) -> list[DrawnSlate]:
        """Draw one by one, and keep it."""
        for each in asked:
            with self.stopwatch.time(ENGINE, "query"):
                (self.drawn[each.user_id],) = super().draw([each])
        return [self.drawn[each.user_id] for each in asked]

    def take(self) -> dict[str, DrawnSlate]:
        """What was drawn since this was last called, by user."""
        drawn, self.drawn = self.drawn, {}
        return drawn


class Evaluation:
    """One pass over a log.

    Parameters
    ----------
    protocol : what is learned, what is measured
    learners : further learners by name, `all` for every one; popularity always takes part
    ratings : by event id, for learners that predict them
    resamples : of the bootstrap; 0: no intervals
    compare : pairs of learners to test against each other; empty: the engine against each of the others
    clock : seconds, for the time per learn and per query; without it none is told, and the report is a pure function
        of log and settings
    """

    def __init__(
        self, config: Config, protocol: Protocol = DEFAULT, *, learners: Sequence[str] = (),
        ratings: Mapping[str, float] | None = None, resamples: int = 0, compare: Sequence[tuple[str, str]] = (),
        clock: Callable[[], float] | None = None,
    ) -> None:  # fmt: skip
        self.protocol = protocol._replace(lists="fresh") if protocol.freeze else protocol
        self.depth = max(self.protocol.ks)
        slate = msgspec.structs.replace(config.slate, slots=self.depth)
        self.config = msgspec.structs.replace(config, slate=slate)
        self.model = Model(self.config)
        self.stopwatch = Stopwatch(clock)
        self.engine = Recorder(self.config, self.model, self.stopwatch)
        self.baselines = invite(learners, self.model)
        self.guests = Baselines(self.baselines, self.model)
        for baseline in self.baselines:
            self.stopwatch.watch(baseline.source, baseline.name)
        raters = [name for name in RATERS if {name, ALL} & set(learners)]
        self.rating_errors = RatingErrors(raters, dict(ratings or {}))
        self.events = 0
        self.steps, self.use = Steps(), Use()
        self.journals = {name: Journal(self.protocol.ks) for name in (ENGINE, *(c.name for c in self.baselines))}
        self.resamples, self.pairs = resamples, pairs(list(self.journals), compare)
        self.heads = {name: Calibration() for name in HEADS}
        names = len(self.model.lists)
        self.slots, self.hits = np.zeros(names, np.int64), np.zeros(names, np.int64)
        self._shown: dict[str, Shown] = {}  # at most one entry a user of the log
        self._predicted: OrderedDict[str, Predicted] = OrderedDict()  # of the last SHOWN_USERS users
        self._offset = self.refreshed = 0
        self._capacity = self._ages = 0.0  # of refreshes; seconds of all lists that were measured
        self.model.fold(Claim(LOG_VERSION, SOURCE, "evaluate"), self._next_offset())
        self.shard = Shard(SOURCE, 0, config.rewards)

    def run(self, entries: Iterable[Entry]) -> dict[str, object]:
        """Test and learn every entry; returns the report."""
        for _ in self.advance(entries):
            pass
        return self.report()

    def advance(self, entries: Iterable[Entry]) -> Iterator[int]:
        """Test and learn entry by entry; yields the number of events so far, for a progress bar."""
        for planned in plan(entries, self.protocol, self.config.rewards.session_gap_s):
            self.step(planned)
            yield self.events

    def step(self, planned: Planned) -> None:
        """Take one event.

        1. look its item up in the lists of its user
        2. learn it (or only let the user's own state move on)
        3. make new lists, unless they are made when the next event arrives

        A file tells of an item where it is first mentioned. To learn that before the event is tested would give the
        answer away, so it is learned between 1 and 2.
        """
        event, frozen = planned.event, self.protocol.freeze and planned.measured
        arrival = logged_event(event, planned.kind, self.events, self.config.sources.traits.split(","))
        if planned.measured:  # 1
            self._test(planned, arrival)
        self.rating_errors.update(
            event.event_id, event.user_id, event.item_id, measured=planned.measured, learned=not frozen
        )
        if frozen:  # 2
            self.engine.step(self.shard, event.user_id, arrival)
        else:
            for item in planned.about:
                self._learn(ItemChange(item.item_id, item))
            self._learn((event.user_id, arrival), planned)
            self._refresh()
        self.events += 1

    def report(self) -> dict[str, object]:
        """Everything measured, as plain values; the same log and seed give the same report."""
        model = self.model
        shares = self.slots / max(1, int(self.slots.sum()))
        known, rated = len(model.vocabulary), self.rating_errors.report()
        categorised = bool(model.catalogue.category[:known].any())
        measured = Measured(self.protocol.ks, self.steps, self.journals, known, categorised, self.config.policy.seed)
        return {
            "events": self.events,
            "steps": len(self.steps),
            "lists": self.protocol.lists,
            "refreshed_lists": self.refreshed,
            "mean_list_age_s": self._ages / max(1, len(self.steps)),
            "protocol": self.protocol._asdict(),
            "policy": model.policy.name,
            "known_items": known,
            **report(measured, self.resamples, self.pairs),
            "sources": {
                name: {"share": float(shares[n]), "hit_rate": float(self.hits[n] / max(1, self.slots[n]))}
                for n, name in enumerate(model.lists)
            },
            "heads": {
                name: {
                    "log_loss": head.log_loss(), "auc": head.auc(), "candidates": head.count,
                    "reliability": [row._asdict() for row in head.reliability()],
                }
                for name, head in self.heads.items()
            },
            **({"ratings": rated} if rated else {}),
            **({"timing": self.stopwatch.report()} if self.stopwatch.runs else {}),
            "click_log_loss": model.ranking.heads.log_loss.get(),
            "skipped_records": model.skipped,
            "fingerprint": model.fingerprint(),
        }  # fmt: skip

    def _test(self, planned: Planned, event: LoggedEvent) -> None:
        user_id = planned.event.user_id
        user = self.shard.users.get(user_id)
        if user is None or user.events == 0 or user.knows_event(event.event_id):
            return
        seen = event.item_id in user.seen
        if seen and self.protocol.candidates == "novel":
            return
        if self.protocol.lists == "fresh":
            self._shown[user_id] = self._ask(user_id, user, event.time, None)
        shown, predicted = self._shown.pop(user_id, None), self._predicted.pop(user_id, None)
        if shown is None:
            return
        vocabulary = self.model.vocabulary
        coming = Coming(vocabulary.index(event.item_id), planned.visit, planned.position, vocabulary.ids)
        worth = self.config.rewards.of(event.kind)
        self._ages += max(0.0, event.time - shown.made)
        self.steps.add(user_id, event.time, worth, coming.left, seen=seen)
        self._measure(shown, coming)
        if predicted is not None:
            self._judge_heads(predicted, coming.item, purchased=event.kind == PURCHASE)

    def _measure(self, shown: Shown, coming: Coming) -> None:
        category = self.model.catalogue.category
        self.use.make_room(len(self.model.vocabulary))
        ranks = [
            journal.add(items, coming, self.use, category)
            for journal, items in zip(self.journals.values(), shown.lists, strict=True)
        ]
        self.slots += np.bincount(shown.sources[shown.sources != PINNED], minlength=len(self.slots))
        if ranks[0] >= 0 and shown.sources[ranks[0]] != PINNED:
            self.hits[shown.sources[ranks[0]]] += 1

    def _judge_heads(self, predicted: Predicted, item: int, *, purchased: bool) -> None:
        places = np.flatnonzero(predicted.items == item)
        place = int(places[0]) if len(places) else -1
        click, purchase = np.ascontiguousarray(predicted.probabilities.T)
        self.steps.losses[-1], self.steps.candidates[-1] = self.heads["click"].update(click, place)
        self.heads["purchase"].update(purchase, place if purchased else -1)

    def _learn(self, arrival: Arrival, planned: Planned | None = None) -> None:
        self.engine.take()
        batch = self.engine.batch(self.shard, [arrival], {})
        drawn = self.engine.take()
        if planned is not None and planned.awaited and self.protocol.lists != "fresh":
            self._show(drawn, self.shard.users[planned.event.user_id].time)
        with self.stopwatch.time(ENGINE, "learn"):
            self.model.fold(batch, self._next_offset())
        self.guests.learn(batch.records)
        for record in batch.records:
            if isinstance(record, Step) and record.event is not None:  # no duplicate
                item = self.model.vocabulary.index(record.event.item_id)
                if item >= 0:
                    self.use.add(item)

    def _refresh(self) -> None:
        """Make old lists anew, as many as there is capacity for."""
        if self.protocol.lists != "refreshed":
            return
        self._capacity += self.protocol.refreshes
        room, self._capacity = int(self._capacity), self._capacity % 1.0
        self.engine.take()
        batch = self.engine.refresh(self.shard, room)
        if batch is not None:
            awaited = {user_id: drawn for user_id, drawn in self.engine.take().items() if user_id in self._shown}
            self._show(awaited, self.shard.watermark)
            self.model.fold(batch, self._next_offset())
            self.refreshed += len(batch.records)

    def _show(self, drawn: Mapping[str, DrawnSlate], now: float) -> None:
        """Keep lists of all for users for whom the engine has just drawn one."""
        for user_id, found in drawn.items():
            if len(found[1].items):
                novel = self.protocol.candidates == "novel"
                user = self.shard.users[user_id]
                self._shown[user_id] = self._ask(user_id, user, now, None if novel else found)

    def _ask(self, user_id: str, user: User, now: float, drawn: DrawnSlate | None) -> Shown:
        """Lists of all for a user at event time `now`; the engine's is drawn here if it is not given."""
        model = self.model
        with self._blocked(user) as blocked:
            if drawn is None:
                (drawn,) = self.engine.draw([SlateRequest(user_id, user, now, f"fresh/{self.events}")])
            found, slate, _ = drawn
            query = model.ranker.query(user_id, user, now)
            known = blocked[: len(model.vocabulary)]
            lists = [baseline.source.top_k(query, self.depth, known)[0] for baseline in self.baselines]
        self._predicted[user_id] = Predicted(found.items, model.ranking.probabilities(found.features))
        if len(self._predicted) > SHOWN_USERS:
            self._predicted.popitem(last=False)
        return Shown([slate.items, *lists], slate.sources.astype(np.uint8), now)

    @contextmanager
    def _blocked(self, user: User) -> Iterator[NDArray[np.uint8]]:
        """What may not be listed now: where only novel items count, all that the user has touched too."""
        blocked = self.model.catalogue.blocked
        if self.protocol.candidates == "all":
            yield blocked
            return
        touched = self.model.vocabulary.indices(list(user.seen))
        before = blocked[touched]
        blocked[touched] = INELIGIBLE
        try:
            yield blocked
        finally:
            blocked[touched] = before

    def _next_offset(self) -> int:
        self._offset += 1
        return self._offset - 1
