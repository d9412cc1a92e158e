"""The shared model: all learners, the policy and the catalogue, as one fold of the log.

Every worker folds every accepted record in log order, so all replicas at one log offset are equal bit for bit. There
is no clock, no randomness and no iteration over sets in here.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits import ExponentialDecay, Outcome, Policy, make_policy
from learners import (
    Categories,
    CoVisitation,
    Interaction,
    Popularity,
    RecentlySeen,
    SequentialRules,
    Source,
    TwoHeads,
    Vocabulary,
)
from stream.candidates import Shelf
from stream.catalogue import Catalogue
from stream.config import Config
from stream.features import feature_names, initial_weights
from stream.log import Acceptance, Batch, ItemChange, Message, Record, Rows, Settlement, Step, Verdict
from stream.observe import Observer
from stream.schemas import KINDS

RANKED = "ranked"  # name of list 0
STATES = 12
PURCHASE = KINDS.index("purchase")


class Model:
    """All that is shared by the users, and the two things done with it: `fold` a message, ask the `shelf`."""

    def __init__(self, config: Config, observer: Observer | None = None) -> None:
        self.config = config
        self.observer = observer or Observer()
        self.vocabulary = Vocabulary()
        self.catalogue = Catalogue(allow_unknown=config.slate.allow_unknown_items)
        self.categories = Categories(half_life=config.sources.popularity_half_life)
        self.sources = make_sources(config, self.categories)
        names = tuple(source.name for source in self.sources)
        self.lists = (RANKED, *names)  # what a slot can be drawn from
        self.ranker = TwoHeads(feature_names(names[:-1]), config.ranking.learning_rate, initial_weights(names[:-1]))
        self.policy: Policy = make_policy(
            config.policy.name, sources=len(self.lists), slots=config.slate.slots, states=STATES,
            **policy_options(config),
        )  # fmt: skip
        self.shelf = Shelf(
            self.vocabulary, self.catalogue, self.sources, self.ranker,
            (config.ranking.click_weight, config.ranking.purchase_weight),
            negatives=config.ranking.negatives, exclude_bought=config.slate.exclude_bought,
        )  # fmt: skip
        self.acceptance = Acceptance()
        self.offset = 0  # of the next log message to fold
        self.skipped = 0  # records that raised

    def fold(self, message: Message, offset: int) -> Verdict:
        """Fold the log message at `offset`, and say what became of it."""
        verdict = self.acceptance.judge(message, offset)
        if verdict == "accepted" and isinstance(message, Batch):
            for record in message.records:
                self.learn(record, offset)
            self.catalogue.expire(message.watermark)
        self.offset = offset + 1
        return verdict

    def learn(self, record: Record, offset: int) -> None:
        """Teach one record to everything that learns; one that raises is counted and skipped, everywhere alike."""
        try:
            if isinstance(record, Step):
                self._learn_step(record)
            elif isinstance(record, ItemChange):
                self._describe(record)
        except MemoryError:
            raise  # this worker's trouble, not the record's: the others learn it
        except Exception:
            self.skipped += 1
            self.observer.skipped(offset)
        self.observer.folded(record, offset)

    def fingerprint(self) -> str:
        """Digest of all that was learned: equal on two workers if and only if their models are."""
        digest = blake2b(digest_size=16)
        for source in self.sources:
            _digest(digest, source.name, source.state())
        _digest(digest, "ranker", self.ranker.state())
        _digest(digest, "policy", self.policy.state())
        _digest(digest, "catalogue", self.catalogue.state())
        digest.update("\0".join(self.vocabulary.ids).encode())
        return digest.hexdigest()

    def _learn_step(self, step: Step) -> None:
        """Teach one step.

        1. the policy, from the settled decision
        2. the ranker, from the rows of the step
        3. the sources and the catalogue, from the event
        """
        td_error = log_loss = None
        if step.settled is not None and step.settled.outcome != "void":  # 1
            td_error = self.policy.learn_one(self._outcome(step.settled, step))
        if step.rows is not None and step.event is not None:  # 2
            log_loss = self._learn_rows(step.rows, purchased=step.event.kind == PURCHASE)
        if step.event is not None:  # 3
            item = self._intern(step.event.item_id)
            recent = self.vocabulary.indices(step.recent)
            session = self.vocabulary.indices(step.recent[: step.session_items])
            interaction = Interaction(item, step.event.kind, step.event.time, recent, session)
            for source in self.sources:
                source.learn_one(interaction)
            self.catalogue.touch(item)
        self.observer.learned(td_error, log_loss)

    def _describe(self, change: ItemChange) -> None:
        item = self._intern(change.item_id)
        self.catalogue.describe(item, change.item)
        self.categories.describe(item, int(self.catalogue.category[item]))

    def _intern(self, item_id: str) -> int:
        item = self.vocabulary.index(item_id)
        if item < 0:
            item = self.vocabulary.intern(item_id)
            self.catalogue.add_item(item)
            for source in self.sources:
                source.add_item(item)
        return item

    def _learn_rows(self, rows: Rows, *, purchased: bool) -> float:
        features = np.frombuffer(rows.features, np.uint8).reshape(-1, len(self.ranker.names))
        loss = self.ranker.log_loss
        total, weight = loss.total, loss.weight
        self.ranker.learn_many_rows(
            features, clicked=0 if rows.taken else -1, purchased=purchased, sampling_rate=rows.rate
        )
        return (loss.total - total) / (loss.weight - weight)

    def _outcome(self, settled: Settlement, step: Step) -> Outcome:
        lists = len(self.lists)
        # Without a next slate (in a backlog) there is nothing to bootstrap on, at discount 0 no need to.
        following = step.decision if settled.discount > 0 else None
        return Outcome(
            state_tm1=settled.state,
            sources=np.frombuffer(settled.sources, np.uint8),
            heads=np.frombuffer(settled.heads, np.uint8).reshape(-1, lists),
            hit=settled.hit,
            reward=settled.reward,
            discount_t=0.0 if following is None else settled.discount,
            state_t=0 if following is None else following.state,
            next_sources=None if following is None else np.frombuffer(following.sources, np.uint8),
            next_heads=None if following is None else np.frombuffer(following.heads, np.uint8).reshape(-1, lists),
            next_lists=None if following is None else unpack_lists(following.lists, lists),
        )


def make_sources(config: Config, categories: Categories) -> Sequence[Source]:
    """Sources in the order of the lists: two popularities first (features compare them), repeats last."""
    return (
        Popularity(half_life=config.sources.popularity_half_life, name="popularity"),
        Popularity(half_life=config.sources.trending_half_life, name="trending"),
        CoVisitation(half_life=config.sources.covisitation_half_life),
        SequentialRules(half_life=config.sources.rules_half_life),
        categories,
        RecentlySeen(),
    )


def policy_options(config: Config) -> dict[str, Any]:
    """Parameters of the configured policy; `ranked` has none."""
    policy = config.policy
    if policy.name == "ranked":
        return {}
    return {
        "epsilon": ExponentialDecay(policy.epsilon, min(policy.epsilon, policy.epsilon_floor), policy.epsilon_half_life)
    }


def unpack_lists(data: bytes, lists: int) -> NDArray[np.int32]:
    """Candidate lists of a decision, as int32 [lists, k] with -1 where a list is short."""
    packed = np.frombuffer(data, "<u2").reshape(lists, -1).astype(np.int32)
    return np.where(packed == 65535, -1, packed).astype(np.int32)


def _digest(digest: "blake2b", name: str, state: dict[str, NDArray[np.generic]]) -> None:
    digest.update(name.encode())
    for key, array in state.items():
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(array).tobytes())
