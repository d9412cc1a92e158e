"""The shared model: all learners, the policy and the catalogue, as one fold of the log.

Every worker folds every accepted record in log order, so all replicas at one log offset are equal bit for bit. There
is no clock, no randomness and no iteration over sets in here.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any, NamedTuple, Protocol, Self

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from bandits import STATES, ExponentialDecay, Outcome, Policy, make_policy, policy_parameters
from learners import (
    About,
    Categories,
    Content,
    CoVisitation,
    GroupPopularity,
    Popularity,
    Repeats,
    Segments,
    SequentialRules,
    SessionNeighbours,
    Source,
    UserNeighbours,
    Vocabulary,
    learning_calls,
)
from learners.registry import LearnerError, make_learners
from stream.config import Config, ConfigError
from stream.experiments.results import Tally
from stream.experiments.variants import Treatment, Variants
from stream.model.drift_watch import Watch
from stream.model.interactions import interactions
from stream.observe import Observer
from stream.ranking.candidates import CandidateRanker
from stream.ranking.score import Ranking, Weights
from stream.records.log import (
    Acceptance,
    Batch,
    ExperimentChange,
    ItemChange,
    LoggedEvent,
    Message,
    Record,
    Settlement,
    Step,
    Verdict,
)
from stream.records.schemas import KINDS, UNLEARNED, Item
from stream.rules.apply import Rules
from stream.rules.file import load_rules, parse_rules
from stream.state.catalogue import Catalogue
from stream.state.snapshot import ForeignSnapshotError, sliced
from stream.state.users import number

RANKED = "ranked"  # name of list 0
SEGMENT = "segment"  # the trait that headwater finds out by itself
PURCHASE = KINDS.index("purchase")


class Part(Protocol):
    """Something that learns and can be copied."""

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays that are the whole state, in a fixed order."""

    def restore(self, state: Mapping[str, NDArray[Any]], /) -> None:
        """Continue from a copy of them."""


class ModelCopy(NamedTuple):
    """A model as of one log offset, apart from the one that goes on."""

    offset: int  # of the next log message to fold
    skipped: int
    acceptance: bytes
    parts: dict[str, dict[str, NDArray[Any]]]

    def fingerprint(self) -> str:
        """Digest of all that was learned."""
        digest = blake2b(self.acceptance, digest_size=16)
        for name, part in self.parts.items():
            digest.update(name.encode())
            for key, array in part.items():
                digest.update(key.encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def encode(self) -> list[bytes]:
        """In parts of a snapshot: a header, then the bytes of all arrays."""
        arrays = [(name, key, array) for name, part in self.parts.items() for key, array in part.items()]
        header = Header(
            self.offset, self.skipped, self.acceptance, list(self.parts),
            [(name, key, array.dtype.str, array.shape) for name, key, array in arrays],
        )  # fmt: skip
        return [msgspec.msgpack.encode(header), *sliced(b"".join(array.tobytes() for _, _, array in arrays))]

    @classmethod
    def decode(cls, parts: Sequence[bytes]) -> Self:
        """Read back what `encode` made."""
        header = msgspec.msgpack.decode(parts[0], type=Header)
        data, start = b"".join(parts[1:]), 0
        found: dict[str, dict[str, NDArray[Any]]] = {name: {} for name in header.parts}
        for name, key, kind, shape in header.arrays:
            size = math.prod(shape) * np.dtype(kind).itemsize
            found[name][key] = np.ndarray(shape, kind, data[start : start + size])
            start += size
        return cls(header.offset, header.skipped, header.acceptance, found)


class Header(Struct, frozen=True, array_like=True):
    """First part of a snapshot of the model."""

    offset: int
    skipped: int
    acceptance: bytes
    parts: list[str]
    arrays: list[tuple[str, str, str, tuple[int, ...]]]  # part, key, type, shape


class Model:
    """All that is shared by the users, and the two things done with it: `fold` a message, ask the `ranker`."""

    def __init__(self, config: Config, observer: Observer | None = None) -> None:
        self.config = config
        self.observer = observer or Observer()
        self.rule_book = load_rules(config.slate.rules) if config.slate.rules else None
        self._start_empty()

    def _start_empty(self) -> None:
        config = self.config
        self.vocabulary = Vocabulary()
        self.catalogue = Catalogue(allow_unknown=config.slate.allow_unknown_items)
        self.categories = Categories(half_life=config.sources.popularity_half_life)
        self.sources = make_sources(config, self.categories)
        names = tuple(source.name for source in self.sources)
        self.lists = (RANKED, *names)  # what a slot can be drawn from
        self.segments = Segments()
        self.ranking = Ranking(names, config.ranking)
        self.watch = Watch(
            config.drift, self.sources, self.ranking.heads, self.ranking.columns, config.slate.slots, self.ranking.mixer
        )
        self.variants = Variants(config, self._make_treatment)
        self.tally = Tally()
        self.acceptance = Acceptance()
        self._waiting: list[tuple[Step, LoggedEvent, int]] = []  # events with their items, for the sources to learn
        self.offset = 0  # of the next log message to fold
        self.skipped = 0  # records that raised

    def _make_treatment(self, config: Config, rules_text: str) -> Treatment:
        """One way to make a slate; without a text, the rules are those of the file that the workers have."""
        book, bought = parse_rules(rules_text) if rules_text else self.rule_book, config.slate.exclude_bought
        rules = None if book is None else Rules(book, self.vocabulary, self.catalogue, exclude_bought=bought)
        ranker = CandidateRanker(
            self.vocabulary, self.catalogue, self.sources, self.ranking, Weights.of(config.ranking),
            exclude_bought=bought, rules=rules,
        )  # fmt: skip
        policy = configured_policy(config, len(self.lists), config.slate.slots)
        return Treatment("", "", policy, ranker, config.policy.discount)

    @property
    def policy(self) -> Policy:
        """The configured one."""
        return self.variants.configured.policy

    @property
    def ranker(self) -> CandidateRanker:
        """The configured one."""
        return self.variants.configured.ranker

    def fold(self, message: Message, offset: int) -> Verdict:
        """Fold the log message at `offset`, and say what became of it."""
        verdict = self.acceptance.judge(message, offset)
        if verdict == "accepted" and isinstance(message, Batch):
            for record in message.records:
                self.learn(record, offset)
            self._teach(offset)
            self.catalogue.expire(message.watermark)
        self.offset = offset + 1
        return verdict

    def learn(self, record: Record, offset: int) -> None:
        """Teach one record to everything that learns; one that raises is counted and skipped, everywhere alike.

        Only the sources wait: what is for them is taught at the end of a message, or before a record of another kind.
        """
        if not isinstance(record, Step):
            self._teach(offset)
        try:
            if isinstance(record, Step):
                self._learn_step(record)
            elif isinstance(record, ItemChange):
                self._describe(record)
            elif isinstance(record, ExperimentChange):
                self._experiment(record)
            elif record.attributes is None:
                for source in self.sources:
                    source.forget(number(record.user_id))
        except MemoryError:
            raise  # this worker's trouble, not the record's: the others learn it
        except Exception as error:
            self.skipped += 1
            self.observer.skipped(offset, error)
        self.observer.folded(record, offset)

    def _teach(self, offset: int) -> None:
        """Let the sources learn the events that wait for them, at the pace that drift has set by now."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        events = interactions(self.vocabulary, waiting)
        for lesson in chain.from_iterable(learning_calls(source, events) for source in self.sources):
            try:
                lesson()
            except MemoryError:
                raise
            except Exception as error:
                self.skipped += 1
                self.observer.skipped(offset, error)

    def sizes(self) -> dict[str, int]:
        """Bytes in use of each part."""
        return {name: sum(array.nbytes for array in part.state().values()) for name, part in self._parts().items()}

    def fingerprint(self) -> str:
        """Digest of all that was learned: equal on two workers if and only if their models are."""
        return self.copy().fingerprint()

    def copy(self) -> ModelCopy:
        """Everything, as it is now."""
        return ModelCopy(
            self.offset, self.skipped, self.acceptance.snapshot(),
            {name: {key: array.copy() for key, array in part.state().items()} for name, part in self._parts().items()},
        )  # fmt: skip

    def restore(self, saved: ModelCopy | None) -> None:
        """Become what was copied; None: empty.

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
        if list(parts) != list(saved.parts):
            raise ForeignSnapshotError(
                f"snapshot of the model: must hold {', '.join(parts)}; got {', '.join(saved.parts)}: start the worker "
                "with the configuration that made it, or with another namespace"
            )
        for name, part in parts.items():
            try:
                part.restore(saved.parts[name])
            except (KeyError, ValueError, TypeError) as error:
                raise ForeignSnapshotError(
                    f"snapshot of the model: {name} does not fit the configuration ({error}): start the worker with "
                    "the configuration that made it, or with another namespace"
                ) from error
        self.acceptance.restore(saved.acceptance)
        self.offset, self.skipped = saved.offset, saved.skipped

    def _parts(self) -> dict[str, Part]:
        """All that learns, in a fixed order."""
        return {
            "vocabulary": self.vocabulary, "catalogue": self.catalogue,
            **{source.name: source for source in self.sources},
            "segments": self.segments, **self.ranking.parts(), "drift": self.watch,  # behind all whose pace it sets
            "experiment": self.tally, f"policy {self.policy.name}": self.policy, **self.variants.policies(),
        }  # fmt: skip

    def _experiment(self, change: ExperimentChange) -> None:
        """Begin an experiment, or end it; one that this configuration cannot run raises, and changes nothing."""
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
        """Teach one step.

        1. the policy that made the slate, from the settled decision; its variant's results
        2. the ranker, from the rows of the step
        3. the catalogue, from the event; the sources' turn comes with `_teach`
        """
        td_error = losses = None
        alarms = [] if step.settled is None else self.watch.settled(step.settled)
        if step.settled is not None and step.settled.outcome not in UNLEARNED:  # 1
            td_error = self.variants.learn_one(step.settled, self._outcome(step.settled, step))
        stopped = self.tally.learn_one(step)
        if stopped is not None:
            self.variants.stop(stopped[0])
            self.observer.stopped(*stopped)
        if step.rows is not None and step.event is not None:  # 2
            purchased = step.event.kind == PURCHASE
            losses = self.ranking.learn_one(step.rows, purchased=purchased)
            taken = np.frombuffer(step.rows.features, np.uint8) if step.rows.taken else None
            alarms += self.watch.learned(taken, purchased=purchased, click=losses.click, listwise=losses.listwise)
        for model, answer in alarms:
            self.observer.drifted(model, answer)
        self.observer.learned(td_error, losses)
        if step.event is not None:  # 3
            self.watch.tick()
            item = self._intern(step.event.item_id)
            if item < 0:
                return
            self._waiting.append((step, step.event, item))
            if step.ended is not None:
                self.segments.learn_one(step.ended.profile, step.ended.attributes)
            self.catalogue.touch(item)

    def _describe(self, change: ItemChange) -> None:
        item = self._intern(change.item_id)
        if item < 0:
            return
        self.catalogue.describe(item, change.item)
        self.categories.put(item, int(self.catalogue.category[item]))
        for source in self.sources:
            source.describe(item, about(change.item))

    def _intern(self, item_id: str) -> int:
        """Number of an item, a new one if need be; -1 when there is no room for one more."""
        item = self.vocabulary.index(item_id)
        if item < 0 and len(self.vocabulary) >= self.config.sources.max_items:
            self.observer.no_room()
        elif item < 0:
            item = self.vocabulary.intern(item_id)
            self.catalogue.add_item(item)
            for source in self.sources:
                source.add_item(item)
        return item

    def _outcome(self, settled: Settlement, step: Step) -> Outcome:
        lists = len(self.lists)
        # Without a next slate (in a backlog) there is nothing to bootstrap on, at discount 0 no need to.
        following = step.made() if settled.discount > 0 else None
        return Outcome(
            state_tm1=settled.state,
            sources=np.frombuffer(settled.sources, np.uint8),
            offered_ranks=np.frombuffer(settled.offered_ranks, np.uint8).reshape(-1, lists),
            hit=settled.hit,
            reward=settled.reward,
            discount_t=0.0 if following is None else settled.discount,
            state_t=0 if following is None else following.state,
            next_sources=None if following is None else np.frombuffer(following.sources, np.uint8),
            next_offered_ranks=None
            if following is None
            else np.frombuffer(following.offered_ranks, np.uint8).reshape(-1, lists),
            next_lists=None if following is None else unpack_lists(following.lists, lists),
        )


def make_sources(config: Config, categories: Categories) -> Sequence[Source]:
    """Sources in the order of the lists: two popularities first (features compare them), repeats last."""
    settings = config.sources
    traits = [trait for trait in settings.traits.split(",") if trait]
    own: tuple[Source, ...] = (
        Popularity(half_life=settings.popularity_half_life, name="popularity"),
        Popularity(half_life=settings.fast_half_life, name="popularity_fast"),
        *(GroupPopularity(trait, settings.popularity_half_life) for trait in traits),
        CoVisitation(half_life=settings.covisitation_half_life),
        SequentialRules(half_life=settings.rules_half_life),
        SessionNeighbours(max_sessions=settings.max_sessions),
        UserNeighbours(max_users=settings.max_users),
        categories,
        Content(),
    )
    return (*own, *extra_sources(config, {Repeats.name, *(source.name for source in own)}), Repeats())


def extra_sources(config: Config, taken: Collection[str]) -> Sequence[Source]:
    """Sources that the configuration adds to those whose names are `taken`."""
    try:
        extra = make_learners(config.sources.extra)
    except LearnerError as error:
        raise ConfigError(f"configuration: sources.extra: {error}") from error
    for source in extra:
        if source.name in taken or source.proposes_touched:
            raise ConfigError(
                f"configuration: sources.extra: must name sources of discovery that are not there yet; got "
                f"{source.name!r}, which is one of the model's own ({', '.join(sorted(taken))}) or proposes repeats"
            )
    return extra


def about(item: Item | None) -> About:
    """What learners are told of an item; nothing when it is gone."""
    if item is None:
        return About()
    vectors = {name: tuple(vector) for name, vector in item.vectors.items()}
    return About(
        item.title or "",
        item.text or "",
        tuple(item.tags),
        tuple(item.categories),
        item.price,
        item.attributes,
        vectors,
    )


def configured_policy(config: Config, sources: int, slots: int) -> Policy:
    """Make the configured policy; of the options, those that it has.

    Raises
    ------
    ConfigError
        if there is no such policy
    """
    policy = config.policy
    floor = min(policy.epsilon, policy.epsilon_floor)
    options: dict[str, Any] = {
        "epsilon": ExponentialDecay(policy.epsilon, floor, policy.epsilon_half_life), "bootstrap": policy.bootstrap,
    }  # fmt: skip
    try:
        known = policy_parameters(policy.name)
        chosen = {name: option for name, option in options.items() if name in known}
        return make_policy(policy.name, sources=sources, slots=slots, n_states=STATES, **chosen)
    except ValueError as error:
        raise ConfigError(f"configuration: policy.name: {error}") from error


def unpack_lists(data: bytes, lists: int) -> NDArray[np.int32]:
    """Candidate lists of a decision, as int32 [lists, k] with -1 where a list is short."""
    packed = np.frombuffer(data, "<u2").reshape(lists, -1).astype(np.int32)
    return np.where(packed == 65535, -1, packed).astype(np.int32)
