"""Prequential evaluation: the engine over a file, each event first predicted and then learned, with a list as the log.

Engine and fold are those of the worker; only the log is not Kafka. Measured are the events of users with at least one
earlier event: the item of the event is looked up in the list that the user had. Baselines are queried at the same
steps. `protocol.py` says what is learned and what is measured, `report.py` makes the measures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from bandits import PINNED
from learners import PURCHASE
from learners.metrics.calibration import Calibration
from stream.config import Config
from stream.decisions.arrivals import Arrival, SlateAsked
from stream.decisions.local import LocalWorker
from stream.evaluation.baselines import ALL, ENGINE, Baselines, invite, pairs
from stream.evaluation.journal import Coming, Journal, Steps, Use
from stream.evaluation.protocol import Entry, Lists, Planned, Protocol, plan
from stream.evaluation.ratings import RATERS, RatingErrors
from stream.evaluation.report import Measured, report
from stream.evaluation.reranking import Reranking
from stream.evaluation.stopwatch import Stopwatch
from stream.evaluation.waiting import Predicted, Recorder, Shown, WaitingLists
from stream.model.fold import Model
from stream.records.log import ItemChange, LoggedEvent, Step
from stream.records.requests import Request

__all__ = ["Entry", "Evaluation", "Lists", "Protocol"]

HEADS = ("click", "purchase")
DEFAULT = Protocol()


class Evaluation:
    """One pass over a log.

    Parameters
    ----------
    protocol : what is learned, what is measured
    learners : further learners by name, `all` for every one; popularity always takes part
    ratings : by event id, for learners that predict them
    resamples : of the bootstrap; 0: no intervals
    compare : pairs of learners to test against each other; empty: the engine against each of the others
    clock : seconds, for the time per learn and per query; without it the report has no
        times and is a pure function of log and settings
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
        self.worker = LocalWorker(self.engine, "evaluate")
        self.baselines = invite(learners, self.model)
        novel = self.protocol.candidates == "novel"
        self.waiting = WaitingLists(self.engine, self.baselines, self.depth, novel=novel)
        self.guests = Baselines(self.baselines, self.model)
        if self.stopwatch.runs:
            self.model.teach_apart()
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
        among = self.protocol.rerank
        self.reranking = None if among is None else Reranking(self.model, among, self.protocol.of)
        self.refreshed = 0
        self._capacity = self._ages = 0.0  # of refreshes; seconds of all lists that were measured

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

        1. asked lists: make them, as if the user had asked for them just before
        2. look its item up in the lists of its user
        3. learn it (frozen: only the user's own state changes)
        4. make new lists, unless they are made when the next event arrives

        A file describes an item where it is first mentioned. Learned before the test, that would leak the answer, so
        it is learned between 2 and 3.
        """
        event, frozen = planned.event, self.protocol.freeze and planned.measured
        arrival = self.worker.arrival(planned.kind, event)
        if self.protocol.lists == "asked":  # 1
            self._ask(planned)
        if planned.measured:  # 2
            self._test(planned, arrival.event)
        self.rating_errors.update(
            event.event_id, event.user_id, event.item_id, measured=planned.measured, learned=not frozen
        )
        if frozen:  # 3
            self.engine.step(self.worker.shard, *arrival)
        else:
            for item in planned.about:
                self._learn(ItemChange(item.item_id, item))
            self._learn(arrival, planned)
            self._refresh()
        self.events += 1

    @property
    def _fresh(self) -> str:
        """Name of a slate that is drawn for measuring alone."""
        return f"fresh/{self.events}"

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
            **({"reranked": self.reranking.report()} if self.reranking is not None else {}),
            **({"ratings": rated} if rated else {}),
            **({"timing": self.stopwatch.report()} if self.stopwatch.runs else {}),
            "click_log_loss": model.ranking.heads.log_loss.get(),
            "skipped_records": model.skipped,
            "fingerprint": model.fingerprint(),
        }  # fmt: skip

    def _ask(self, planned: Planned) -> None:
        """Let the user ask for a slate, which is settled by the event then."""
        event, users = planned.event, self.worker.shard.users
        user = users.get(event.user_id)
        if user is None or user.events == 0 or user.knows_event(event.event_id):
            return
        self.engine.take()
        request = Request(request_id=event.event_id, user_id=event.user_id)
        batch = self.worker.propose(SlateAsked(request, event.timestamp, event.timestamp))
        if planned.measured:
            self.waiting.keep(self.engine.take(), users, event.timestamp, self._fresh)
        self.worker.fold(batch)

    def _test(self, planned: Planned, event: LoggedEvent) -> None:
        user_id = planned.event.user_id
        user = self.worker.shard.users.get(user_id)
        if user is None or user.events == 0 or user.knows_event(event.event_id):
            return
        seen = user.knows_item(event.item_id)
        if seen and self.protocol.candidates == "novel":
            return
        if self.reranking is not None:
            self.reranking.measure(user_id, user, event)
        if self.protocol.lists == "fresh":
            self.waiting.ask(user_id, user, event.time, self._fresh)
        shown, predicted = self.waiting.take(user_id)
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
        batch = self.worker.propose(arrival, room=0 if self.protocol.lists == "asked" else None)
        self.worker.shard.deferred.clear()  # nobody waits for a slate after the event
        drawn = self.engine.take()
        if planned is not None and planned.awaited and self.protocol.lists in ("published", "refreshed"):
            users = self.worker.shard.users
            self.waiting.keep(drawn, users, users[planned.event.user_id].time, self._fresh)
        with self.stopwatch.time(ENGINE, "learn"):
            self.worker.fold(batch)
        self.guests.learn(batch.records)
        for record in batch.records:
            if isinstance(record, Step) and record.event is not None:  # no duplicate
                item = self.model.vocabulary.index(record.event.item_id)
                if item >= 0:
                    self.use.add(item)

    def _refresh(self) -> None:
        """Replace stale lists, as many as there is capacity for."""
        if self.protocol.lists != "refreshed":
            return
        self._capacity += self.protocol.refreshes
        room, self._capacity = int(self._capacity), self._capacity % 1.0
        self.engine.take()
        shard = self.worker.shard
        batch = self.engine.refresh(shard, room)
        if batch is not None:
            awaited = {user_id: drawn for user_id, drawn in self.engine.take().items() if user_id in self.waiting}
            self.waiting.keep(awaited, shard.users, shard.watermark, self._fresh)
            self.worker.fold(batch)
            self.refreshed += len(batch.records)
