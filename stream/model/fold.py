"""The shared model: all learners, the policy and the catalogue, as one fold of the log.

Every worker folds every accepted record in log order, so all replicas at one log offset are equal bit for bit. There
is no clock, no randomness and no iteration over sets in here.
"""

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from bandits import Policy
from learners import PURCHASE, Categories, CoVisitation, Prepares, Segments, Vocabulary
from learners.board import Board
from stream.config import Config
from stream.experiments.results import Tally
from stream.experiments.variants import PLACED, Treatment, Variants
from stream.model.bought import BOUGHT, BOUGHT_NEIGHBOURS, learn_purchase
from stream.model.build import about, make_sources, make_treatment
from stream.model.copy import ModelCopy, Part
from stream.model.drift_watch import Watch
from stream.model.lessons import Lessons
from stream.model.practice import Practice
from stream.observe import Observer
from stream.ranking.candidates import CandidateRanker
from stream.ranking.lists.items import ItemLists
from stream.ranking.score import Ranking
from stream.records.acceptance import Acceptance, Verdict
from stream.records.log import Batch, ExperimentChange, ItemChange, Message, Record, Step
from stream.rules.file import load_rules, parse_rules
from stream.state.catalogue import Catalogue
from stream.state.users import number

RANKED = "ranked"  # name of list 0
SEGMENT = "segment"  # the trait that headwater learns itself
WIDENED = 5  # version of the log whose rows have all features


class Model:
    """The learners and policies that all users share: `fold` teaches them a message, the `ranker` queries them."""

    def __init__(self, config: Config, observer: Observer | None = None) -> None:
        self.config = config
        self.observer = observer or Observer()
        paths = [config.slate.rules, *(placement.rules for placement in config.placements.values())]
        self._books = {path: load_rules(path) for path in dict.fromkeys(paths) if path}
        self._start_empty()

    def _start_empty(self) -> None:
        config = self.config
        self.vocabulary = Vocabulary()
        self.catalogue = Catalogue(allow_unknown=config.slate.allow_unknown_items)
        self.categories = Categories(half_life=config.sources.popularity_half_life)
        self.sources = make_sources(config, self.categories)
        self._preparing = [source for source in self.sources if isinstance(source, Prepares)]  # looking is slow
        self.board = Board(self.sources)
        names = tuple(source.name for source in self.sources)
        self.lists = (RANKED, *names)  # what a slot can be drawn from
        self.bought = CoVisitation(BOUGHT_NEIGHBOURS, half_life=config.sources.covisitation_half_life)
        self.item_lists = ItemLists(self.catalogue, self.sources, self.bought)
        self.segments = Segments()
        self.ranking = Ranking(names, config.ranking)
        self.watch = Watch(
            config.drift, self.sources, self.ranking.heads, self.ranking.columns, config.slate.slots, self.ranking.mixer
        )
        self.variants = Variants(config, self._make_treatment)
        self.tally = Tally()
        self.acceptance = Acceptance()
        self._practice = Practice(self.ranking, self.watch, self.variants, self.observer)
        self._lessons = Lessons(self.vocabulary, self.sources, self.board)  # events that wait for the sources
        self.offset = 0  # of the next log message to fold
        self.skipped = 0  # records that raised
        self._narrow = False  # whether the message has rows of a log of version 4

    def _make_treatment(self, config: Config, rules_text: str) -> Treatment:
        """One way to make a slate; without a text, the rules are those of the workers' own file."""
        book = parse_rules(rules_text) if rules_text else self._books.get(config.slate.rules)
        return make_treatment(config, book, self.vocabulary, self.catalogue, self.sources, self.ranking)

    @property
    def policy(self) -> Policy:
        """The configured one."""
        return self.variants.configured.policy

    @property
    def ranker(self) -> CandidateRanker:
        """The configured one."""
        return self.variants.configured.ranker

    def fold(self, message: Message, offset: int) -> Verdict:
        """Fold the log message at `offset`; returns whether it was accepted, or why not."""
        verdict = self.acceptance.judge(message, offset)
        if verdict == "accepted" and isinstance(message, Batch):
            self._narrow = message.version < WIDENED
            for record in message.records:
                self.learn(record, offset)
            self._teach(offset)
            self.observer.folded(len(message.records), offset)
            self.catalogue.expire(message.watermark)
        self.offset = offset + 1
        return verdict

    def learn(self, record: Record, offset: int) -> None:
        """Teach one record to everything that learns; one that raises is counted and skipped, on every worker alike.

        Steps are learned in groups: at the end of a message, or before a record of another kind.
        """
        try:
            if isinstance(record, Step):
                self._learn_step(record)
                return
            self._teach(offset)
            self._lessons.outdate()
            if isinstance(record, ItemChange):
                self._describe(record)
            elif isinstance(record, ExperimentChange):
                self._experiment(record)
            elif record.attributes is None:
                for source in self.sources:
                    source.forget(number(record.user_id))
        except MemoryError:
            raise  # the worker's fault, not the record's: the others learn it
        except Exception as error:
            self.skipped += 1
            self.observer.skipped(offset, error)

    def _teach(self, offset: int) -> None:
        """Teach what waits: policies and ranking first, then the sources, at the pace that drift has set by then."""
        while self._practice.waiting:
            self._try(self._practice.learn, offset)
        if self._practice.answered:
            self._practice.answered = False
            self._lessons.outdate()
        for call in self._lessons.calls():
            self._try(call, offset)

    def _try(self, call: Callable[[], None], offset: int) -> None:
        """Do what raises on every worker alike; then it is counted and skipped."""
        try:
            call()
        except MemoryError:
            raise
        except Exception as error:
            self.skipped += 1
            self.observer.skipped(offset, error)

    def prepare(self, most: int) -> None:
        """Let sources do ahead what slates will need, so many steps each; the state does not change."""
        for source in self._preparing:
            source.prepare(most)

    def teach_apart(self) -> None:
        """Teach each source by a call of its own from here on, so that it can be timed; what is learned is the same."""
        self._lessons.part()

    def sizes(self) -> dict[str, int]:
        """Bytes in use of each part."""
        return {name: sum(array.nbytes for array in part.state().values()) for name, part in self._parts().items()}

    def fingerprint(self) -> str:
        """Digest of all that was learned: equal on two workers if and only if their models are."""
        return self.copy().fingerprint()

    def copy(self) -> ModelCopy:
        """A copy of the state as it is now."""
        return ModelCopy(
            self.offset, self.skipped, self.acceptance.snapshot(),
            {name: {key: array.copy() for key, array in part.state().items()} for name, part in self._parts().items()},
        )  # fmt: skip

    def restore(self, saved: ModelCopy | None) -> None:
        """Take the state of a copy; None: the empty state.

        Raises
        ------
        ForeignSnapshotError
            if the copy is of a model with other parts, as another configuration makes
        """
        self._start_empty()
        if saved is None:
            return
        if "experiment" in saved.parts:
            self._resume(saved.parts["experiment"])
        parts = self._parts()
        saved.widened(self.ranking.mixer.names).fitted(parts, [BOUGHT], PLACED).restore(parts)
        self.acceptance.restore(saved.acceptance)
        self.offset, self.skipped = saved.offset, saved.skipped

    def _parts(self) -> dict[str, Part]:
        """All that learns, in a fixed order."""
        return {
            "vocabulary": self.vocabulary, "catalogue": self.catalogue,
            **{source.name: source for source in self.sources}, BOUGHT: self.bought,
            "segments": self.segments, **self.ranking.parts(), "drift": self.watch,  # after all whose pace it sets
            "experiment": self.tally, f"policy {self.policy.name}": self.policy, **self.variants.policies(),
        }  # fmt: skip

    def _experiment(self, change: ExperimentChange) -> None:
        """Begin or end an experiment; one that this configuration cannot run raises and changes nothing."""
        if change.experiment is not None:
            self.variants.begin(change.experiment)
        elif self.variants.experiment is not None and self.variants.experiment.name == change.name:
            self.variants.end()
        self.tally.learn_one(change)

    def _resume(self, saved: Mapping[str, NDArray[Any]]) -> None:
        """Set up the experiment of a snapshot, so that what its policies learned can be restored."""
        self.tally.restore(saved)
        if self.tally.current is not None:
            self.variants.begin(self.tally.current)
            for variant in self.tally.stopped:
                self.variants.stop(variant)

    def _learn_step(self, step: Step) -> None:
        """Teach one step; what is compiled learns in `_teach`.

        1. the policy that made the slate, from the settled decision; its variant's results
        2. the ranker, from the rows of the step
        3. the catalogue and the sources, from the event
        """
        self._practice.settle(step)  # 1
        stopped = self.tally.learn_one(step)
        if stopped is not None:
            self.variants.stop(stopped[0])
            self.observer.stopped(*stopped)
        event = step.event
        if event is None:
            return
        if step.rows is not None:  # 2
            rows = self.ranking.widened(step.rows) if self._narrow else step.rows
            self._practice.rank(rows, purchased=event.kind == PURCHASE)
        if not event.returned:  # 3
            self._practice.tick()
            item = self._intern(event.item_id, event.time)
            if item < 0:
                return
            self._lessons.add(step, event, item)
            if event.kind == PURCHASE:
                learn_purchase(self.bought, self.vocabulary, step, event, item)
            if step.ended is not None:
                self.segments.learn_one(step.ended.profile, step.ended.attributes)
            self.catalogue.touch(item)

    def _describe(self, change: ItemChange) -> None:
        item = self._intern(change.item_id, self.acceptance.watermark)
        if item < 0:
            return
        if change.item is not None and self.catalogue.starts_afresh(item) and self._renews():
            item = self.vocabulary.renew(change.item_id, self.acceptance.watermark)
            self._add_item(item, self.acceptance.watermark)
        self.catalogue.describe(item, change.item)
        self.categories.put(item, int(self.catalogue.category[item]))
        for source in self.sources:
            source.describe(item, about(change.item))

    def _intern(self, item_id: str, time: float) -> int:
        """Number of an item, a new one for one that is new at event time `time`; -1 when there is no room for it."""
        item = self.vocabulary.index(item_id)
        if item < 0 and len(self.vocabulary) >= self.config.sources.max_items:
            self.observer.no_room()
        elif item < 0:
            item = self.vocabulary.intern(item_id)
            self._add_item(item, time)
        return item

    def _add_item(self, item: int, time: float) -> None:
        self.catalogue.add_item(item, time)
        for source in self.sources:
            source.add_item(item)

    def _renews(self) -> bool:
        """Whether an id that comes back after its end gets a new number; the old ones must not fill the memory."""
        sources = self.config.sources
        room = self.vocabulary.renewed < sources.max_items // 4 and len(self.vocabulary) < sources.max_items
        return sources.reused_ids == "afresh" and room
