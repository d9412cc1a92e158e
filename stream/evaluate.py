"""Test, then learn: the engine over a file, each event first predicted and then learned, with a list as the log.

The same engine and the same fold as in the worker; only the log is not Kafka. Counted are the steps of users with at
least one earlier event: the item of the event is looked up in the list that the user had.
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from learners import Query, RankMetrics
from stream.config import Config
from stream.engine import Arrival, Engine, Partition
from stream.log import LOG_VERSION, Claim, Decision, Happening, ItemChange, Record, Step
from stream.model import Model
from stream.schemas import KINDS, Event, EventType, Item
from stream.topics import EVENT_TOPICS, USER_TOPICS

SOURCE = "users/0"
Entry = Item | tuple[EventType, Event]
Lists = Literal["published", "refreshed", "fresh"]


class Shown(NamedTuple):
    """What a user was shown, by the engine and by the baseline."""

    items: list[str]
    sources: bytes
    popular: list[str]
    made: float  # event time


class Score:
    """Measures of one list per step: over all steps, and apart for items new to the user and seen before."""

    def __init__(self, ks: tuple[int, ...]) -> None:
        self.parts = {"all": RankMetrics(ks), "new": RankMetrics(ks), "seen": RankMetrics(ks)}
        self.reward = 0.0

    def update(self, shown: list[str], item: str, worth: float, *, seen: bool, indices: Iterable[int]) -> int:
        """Count one step; returns the rank of the item in the list, or -1."""
        rank = shown.index(item) if item in shown else -1
        self.parts["all"].update(rank, indices)
        self.parts["seen" if seen else "new"].update(rank)
        if rank >= 0:
            self.reward += worth
        return rank

    def report(self, known_items: int) -> dict[str, object]:
        """All measures; coverage is the share of the known items that was on any list."""
        whole = self.parts["all"].report()
        steps, distinct = whole.pop("events"), whole.pop("distinct_items")
        return {
            **whole,
            "coverage": distinct / max(1, known_items),
            "reward_per_step": self.reward / max(1.0, steps),
            **{part: _without_coverage(self.parts[part]) for part in ("new", "seen")},
        }


class Evaluation:
    """One pass over a log.

    Parameters
    ----------
    ks : list lengths to measure; the longest one is the slate's length
    lists : "published": as made after the user's event before; "fresh": as made when the event arrives;
        "refreshed": as published, but old ones are made anew as the worker does when it has nothing else to do
    refreshes : of "refreshed", so many lists can be made anew per event; fractions add up
    train_events : so many events at the start are learned, but not measured
    """

    def __init__(
        self,
        config: Config,
        ks: tuple[int, ...] = (1, 5, 10, 20),
        lists: Lists = "published",
        train_events: int = 0,
        refreshes: float = 1.0,
    ) -> None:
        slate = msgspec.structs.replace(config.slate, slots=max(ks))
        self.config = msgspec.structs.replace(config, slate=slate)
        self.lists, self.train_events, self.refreshes = lists, train_events, refreshes
        self.refreshed, self.list_age_s, self._capacity = 0, 0.0, 0.0
        self.model = Model(self.config)
        self.engine = Engine(self.config, self.model)
        self.events = self.steps = 0
        self.engine_score, self.popularity_score = Score(ks), Score(ks)
        names = len(self.model.lists)
        self.slots, self.hits = np.zeros(names, np.int64), np.zeros(names, np.int64)
        self._depth = max(ks)
        self._shown: dict[str, Shown] = {}
        self._offset = 0
        self.model.fold(Claim(LOG_VERSION, SOURCE, "evaluate"), self._next_offset())
        self.partition = Partition(SOURCE, 0, config.rewards)

    def run(self, entries: Iterable[Entry]) -> dict[str, object]:
        """Test and learn every entry; returns the report."""
        for _ in self.advance(entries):
            pass
        return self.report()

    def advance(self, entries: Iterable[Entry]) -> Iterator[int]:
        """Test and learn entry by entry; yields the number of events so far, for a progress bar.

        A file tells of an item where it is first mentioned. To learn that before the event is tested would give the
        answer away, so items wait for the event that follows them.
        """
        items: list[Item] = []
        for entry in entries:
            if isinstance(entry, Item):
                items.append(entry)
                continue
            kind, event = entry
            happening = Happening(
                USER_TOPICS.index(EVENT_TOPICS[kind]), self.events, event.event_id, event.item_id, KINDS.index(kind),
                event.timestamp, event.session_id, event.decision_id,
            )  # fmt: skip
            self._test(event.user_id, happening)
            for item in items:
                self._learn(ItemChange(item.item_id, item))
            items.clear()
            self._learn((event.user_id, happening))
            self._refresh()
            self.events += 1
            yield self.events

    def report(self) -> dict[str, object]:
        """Everything measured, as plain values; the same log and seed give the same report."""
        known = len(self.model.vocabulary)
        shares = self.slots / max(1, int(self.slots.sum()))
        return {
            "events": self.events,
            "steps": self.steps,
            "lists": self.lists,
            "refreshed_lists": self.refreshed,
            "mean_list_age_s": self.list_age_s / max(1, self.steps),
            "policy": self.model.policy.name,
            "known_items": known,
            "learners": {
                "engine": self.engine_score.report(known),
                "popularity": self.popularity_score.report(known),
            },
            "sources": {
                name: {"share": float(shares[n]), "hit_rate": float(self.hits[n] / max(1, self.slots[n]))}
                for n, name in enumerate(self.model.lists)
            },
            "click_log_loss": self.model.ranker.log_loss.get(),
            "skipped_records": self.model.skipped,
            "fingerprint": self.model.fingerprint(),
        }

    def _test(self, user_id: str, event: Happening) -> None:
        user = self.partition.users.get(user_id)
        if user is None or user.events == 0 or user.knows_event(event.event_id):
            return
        if self.lists == "fresh":
            _, slate = self.engine.draw(user, event.time, f"fresh/{self.events}")
            ids = [self.model.vocabulary.ids[item] for item in slate.items.tolist()]
            shown: Shown | None = Shown(ids, slate.sources.tobytes(), self._popular(), event.time)
        else:
            shown = self._shown.get(user_id)
        if shown is None or self.events < self.train_events:
            return
        self.steps += 1
        self.list_age_s += max(0.0, event.time - shown.made)
        seen, worth = event.item_id in user.seen, self.config.rewards.of(event.kind)
        index = self.model.vocabulary.indices
        rank = self.engine_score.update(shown.items, event.item_id, worth, seen=seen, indices=index(shown.items))
        self.popularity_score.update(shown.popular, event.item_id, worth, seen=seen, indices=index(shown.popular))
        self.slots += np.bincount(np.frombuffer(shown.sources, np.uint8), minlength=len(self.slots))
        if rank >= 0:
            self.hits[shown.sources[rank]] += 1

    def _learn(self, arrival: Arrival) -> None:
        batch = self.engine.batch(self.partition, [arrival], {})
        self.model.fold(batch, self._next_offset())
        if self.lists != "fresh":
            for record in batch.records:
                self._keep(record)

    def _keep(self, record: Record) -> None:
        if isinstance(record, Step) and record.decision is not None:
            decision: Decision = record.decision
            self._shown[record.user_id] = Shown(decision.slate, decision.sources, self._popular(), decision.time)

    def _refresh(self) -> None:
        """Make old lists anew, as many as there is capacity for."""
        if self.lists != "refreshed":
            return
        self._capacity += self.refreshes
        room, self._capacity = int(self._capacity), self._capacity % 1.0
        batch = self.engine.refresh(self.partition, room)
        if batch is not None:
            self.model.fold(batch, self._next_offset())
            self.refreshed += len(batch.records)
            for record in batch.records:
                self._keep(record)

    def _popular(self) -> list[str]:
        """The baseline: what is most popular now, the same for everybody."""
        nobody: NDArray[np.int32] = np.empty(0, np.int32)
        query = Query(recent=nobody, session=nobody, time=0.0)
        items, _ = self.model.sources[0].top_k(query, self._depth, self.model.catalogue.blocked)
        return [self.model.vocabulary.ids[item] for item in items.tolist()]

    def _next_offset(self) -> int:
        self._offset += 1
        return self._offset - 1


def _without_coverage(metrics: RankMetrics) -> dict[str, float]:
    report = metrics.report()
    report.pop("distinct_items")
    return report
