"""A rules file applied to one user's slate, between the ranking and the draw.

    proposals ─> eligible, not excluded, not bought ─> ranking ─> boosts ─> diversity ─> caps and pins ─> draw

Items that may not be shown are removed from what sources propose, so no list holds them. Boosts change ranking scores,
diversity reorders the ranking. Caps and pins are constraints of the draw (`bandits.slates.constraints`), so
propensities account for them. Rules are no part of the model: workers with different files fold the same log to the
same model.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits import NO_CONSTRAINTS, Constraints
from learners import INELIGIBLE, Query, Source, Vocabulary, best_first
from learners.registry import known_items
from stream.records.schemas import Scalar
from stream.rules.compile import compile_comparisons, compile_conditions, field_keys, user_operands, user_satisfies
from stream.rules.file import RuleBook, When
from stream.rules.kernels import Operands, boosted, eligible, first_holding, holds_any
from stream.rules.lists import cut_lists, diversified, group_items
from stream.state.attributes import Table, hashed
from stream.state.catalogue import Catalogue
from stream.state.user import User

DIVERSIFIED = 100  # best items of the ranking that diversity chooses from
MAX_VARIED = 60  # ranks that diversity orders; more than k, since caps leave some out
WIDER = 8  # factor by which k grows for a source where rules leave too few items, up to twice
MAX_AUDIENCES = 4096  # combinations of users' attributes whose rules are cached


class Audience(NamedTuple):
    """What holds for all users with the same attributes."""

    timed: NDArray[np.bool_]  # [pins + boosts + excludes]: whether the audience of the rule includes them
    operands: Operands


class Ranking(NamedTuple):
    """What the policy draws from."""

    scores: NDArray[np.float32]  # [candidates], after boosts
    lists: NDArray[np.int32]  # [1 + sources, k]
    constraints: Constraints


class Rules:
    """A rules file, bound to one model's vocabulary and catalogue.

    Parameters
    ----------
    book : the rules
    exclude_bought : whether bought items that no rule concerns are hidden
    """

    def __init__(
        self, book: RuleBook, vocabulary: Vocabulary, catalogue: Catalogue, *, exclude_bought: bool = False
    ) -> None:
        self.book, self.vocabulary, self.catalogue, self.exclude_bought = book, vocabulary, catalogue, exclude_bought
        parts = (book.boosts, book.excludes, book.eligibles, book.boughts)
        self.program = compile_conditions([rule.items for part in parts for rule in part])
        numbers = iter(range(sum(len(part) for part in parts)))
        self.boosts, self.excludes, eligibles, self.boughts = (
            np.array([next(numbers) for _ in part], np.int64) for part in parts
        )
        self.factors = np.array([(rule.multiply, rule.add) for rule in book.boosts], np.float64).reshape(-1, 2)
        self.comparisons = compile_comparisons(book.eligibles, eligibles)
        self.cap_fields = field_keys([cap.field for cap in book.caps])
        self.at_most = np.array([cap.at_most for cap in book.caps], np.int32)
        self.first = np.array([cap.first for cap in book.caps], np.int32)
        self._when: list[When] = [rule.when for part in (book.pins, book.boosts, book.excludes) for rule in part]
        self._start, self._end = (np.array([getattr(when, name) for when in self._when]) for name in ("start", "end"))
        self._names = sorted(_user_attributes(book))
        self._audience = lru_cache(MAX_AUDIENCES)(self._judge)
        self._keys = np.zeros(0, np.int64)
        self._keyed = 0 if _names_items(book) else None  # items whose id is hashed already; None: no rule names an item

    def offer(self, user: User, now: float, slots: int) -> "Offer":
        """The rules that hold for a user's slate at event time `now`, unix seconds."""
        get = user.attributes.get
        audience: Audience = self._audience(tuple((value.__class__, value) for value in map(get, self._names)))
        timed = audience.timed & (self._start <= now) & (now < self._end)
        return Offer(self, timed, audience.operands, self._hidden(user, now), now, slots)

    def table(self) -> Table:
        """The catalogue's facts, with hashes of the items' ids if rules name items."""
        table = self.catalogue.facts.table
        if self._keyed is None:
            return table
        ids = self.vocabulary.ids
        if len(table.start) > len(self._keys):
            self._keys = np.concatenate([self._keys[: self._keyed], np.zeros(len(table.start), np.int64)])
        for item in range(self._keyed, len(ids)):
            self._keys[item] = hashed(ids[item])
        self._keyed = len(ids)
        return table._replace(keys=self._keys)

    def _judge(self, key: tuple[tuple[type, Scalar], ...]) -> Audience:
        attributes = {name: value for name, (_, value) in zip(self._names, key, strict=True)}
        return Audience(
            np.array([user_satisfies(when.audience, attributes) for when in self._when], np.bool_),
            user_operands(self.book.eligibles, attributes),
        )

    def _hidden(self, user: User, now: float) -> NDArray[np.int32]:
        """Items that the user has bought and may not be shown now."""
        if not (self.book.boughts or self.exclude_bought):
            return np.zeros(0, np.int32)
        index = self.vocabulary.index_at
        bought = [(item, at) for name, at in user.bought() if (item := index(name, at)) >= 0]
        items = np.array([item for item, _ in bought], np.int32)
        since = now - np.array([at for _, at in bought])
        rule = first_holding(self.table(), self.program, self.boughts, items)
        wait = np.array([*(rule.after_s for rule in self.book.boughts), np.inf if self.exclude_bought else -np.inf])
        hidden: NDArray[np.int32] = items[since < wait[rule]]  # -1, no rule, is the last
        return hidden


class Offer:
    """The rules for one user at one moment.

    Attributes
    ----------
    hidden : bought items that may not be shown
    deep : whether `finish` needs lists longer than k
    pins : item by slot, after `propose`
    """

    def __init__(
        self, rules: Rules, timed: NDArray[np.bool_], operands: Operands, hidden: NDArray[np.int32], now: float,
        slots: int,
    ) -> None:  # fmt: skip
        self.rules, self.hidden, self._operands, self._now = rules, hidden, operands, now
        self.deep = len(rules.book.caps) > 0
        self._table = rules.table()
        pins, boosts = len(rules.book.pins), len(rules.book.boosts)
        self._boosts = np.flatnonzero(timed[pins : pins + boosts])
        self._excludes = rules.excludes[timed[pins + boosts :]]
        self._wanted = [pin for pin, holds in zip(rules.book.pins, timed.tolist()) if holds and pin.slot < slots]
        self.pins: dict[int, int] = {}

    def propose(
        self, sources: Sequence[Source], found: Sequence[NDArray[np.int32]], query: Query, k: int,
        blocked: NDArray[np.uint8],
    ) -> list[NDArray[np.int32]]:  # fmt: skip
        """Of up to k items that every source found, those that rules allow; where few are left, the source is asked on.

        `blocked` marks items that no source may give.
        """
        pins = self._available_pins(blocked)
        fine = self.showable(np.concatenate([np.array([item for _, item in pins], np.int32), *found]))
        for (slot, item), shown in zip(pins, fine.tolist()):
            if shown and slot not in self.pins and item not in self.pins.values():
                self.pins[slot] = item
        parts = np.split(fine[len(pins) :], np.cumsum([len(part) for part in found])[:-1])
        kept = [self._unpinned(items[part]) for items, part in zip(found, parts, strict=True)]
        for n, source in enumerate(sources):
            if 2 * len(kept[n]) < k <= len(found[n]):
                kept[n] = self._wider(source, query, k, blocked)
        return kept

    def showable(self, items: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which items are eligible for the user, not excluded and not hidden as bought."""
        fine = self.allowed(items)
        if len(self.hidden):
            fine &= ~np.isin(items, self.hidden)
        return fine

    def allowed(self, items: NDArray[np.int32]) -> NDArray[np.bool_]:
        """The same, bought or not."""
        rules = self.rules
        fine = np.ones(len(items), np.bool_)
        if rules.book.eligibles:
            fine &= eligible(self._table, rules.program, rules.comparisons, self._operands, items)
        if len(rules.excludes):
            fine &= ~holds_any(self._table, rules.program, self._excludes, items)
        return fine

    def finish(
        self, items: NDArray[np.int32], scores: NDArray[np.float32], lists: NDArray[np.int32], k: int
    ) -> Ranking:
        """Boost, rank and diversify; cut the lists so that none alone breaks a cap. The ranking goes to list 0."""
        rules, scores = self.rules, self.boosted(items, scores)
        ranked = self._ranked(items, scores, len(items) if rules.book.caps else k)
        if rules.book.caps:
            lists, groups, used = self._cut(ranked, lists, k)
            return Ranking(scores, lists, self._constraints(groups, used))
        lists[0, : len(ranked)] = ranked
        return Ranking(
            scores,
            lists,
            self._constraints(NO_CONSTRAINTS.groups, NO_CONSTRAINTS.used) if self.pins else NO_CONSTRAINTS,
        )

    def boosted(self, items: NDArray[np.int32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Ranking scores of items after the boosts that hold now."""
        rules = self.rules
        if len(rules.boosts):  # even if none holds now, so that it is compiled before the first that does
            chosen = rules.boosts[self._boosts]
            scores = boosted(self._table, rules.program, chosen, rules.factors[self._boosts], items, scores)
        return scores

    def _available_pins(self, blocked: NDArray[np.uint8]) -> list[tuple[int, int]]:
        """Slot and item of the pins that hold now and whose items are available, in the order of the file."""
        expires, index = self.rules.catalogue.expires, self.rules.vocabulary.index
        found = [(pin.slot, item) for pin in self._wanted if (item := index(pin.item)) >= 0]
        return [(slot, item) for slot, item in found if blocked[item] != INELIGIBLE and expires[item] > self._now]

    def _unpinned(self, items: NDArray[np.int32]) -> NDArray[np.int32]:
        for pin in self.pins.values():
            items = items[items != pin]
        return items

    def _wider(self, source: Source, query: Query, k: int, blocked: NDArray[np.uint8]) -> NDArray[np.int32]:
        kept = np.zeros(0, np.int32)
        for wanted in (k * WIDER, k * WIDER * WIDER):
            found = known_items(source, source.top_k(query, wanted, blocked)[0], len(blocked))
            kept = self._unpinned(found[self.showable(found)])[:k]
            if 2 * len(kept) >= k or len(found) < wanted:
                break
        return kept

    def _ranked(self, items: NDArray[np.int32], scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
        diversity = self.rules.book.diversity
        if diversity == 0.0 and k < len(items):
            return best_first(items, scores, k)[0]
        order = np.lexsort((items, -scores))  # as best_first orders them
        ranked = items[order]
        if diversity > 0.0 and len(items):
            head = order[:DIVERSIFIED]
            ranked[: len(head)] = diversified(self._table, items[head], scores[head], diversity, min(k, MAX_VARIED))
        return ranked[:k]

    def _cut(
        self, ranked: NDArray[np.int32], lists: NDArray[np.int32], k: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Lists of k items, their groups, and how many items of each group are pinned."""
        rules = self.rules
        slots = sorted(self.pins)
        pins = np.array([self.pins[slot] for slot in slots], np.int32)
        rows = np.full((len(lists), max(len(ranked), lists.shape[1])), -1, np.int32)
        rows[0, : len(ranked)], rows[1:, : lists.shape[1]] = ranked, lists[1:]
        groups, most = group_items(self._table, np.concatenate([pins, rows.ravel()]), rules.cap_fields)
        used = np.zeros((len(rules.at_most), max(most, 1)), np.int32)
        for n, slot in enumerate(slots):
            for cap in np.flatnonzero((groups[:, n] >= 0) & (slot < rules.first)):
                used[cap, groups[cap, n]] += 1
        of_rows = np.ascontiguousarray(groups[:, len(pins) :]).reshape(-1, *rows.shape)
        return *cut_lists(rows, of_rows, rules.at_most, rules.first, used, k), used

    def _constraints(self, groups: NDArray[np.int32], used: NDArray[np.int32]) -> Constraints:
        slots = sorted(self.pins)
        return Constraints(
            groups, self.rules.at_most, self.rules.first, used,
            np.array([self.pins[slot] for slot in slots], np.int32), np.array(slots, np.int32),
        )  # fmt: skip


def _user_attributes(book: RuleBook) -> set[str]:
    asked = [
        atom.field for part in (book.pins, book.boosts, book.excludes) for rule in part for atom in rule.when.audience
    ]
    return {field.removeprefix("attributes.") for field in (*asked, *(rule.user for rule in book.eligibles))}


def _names_items(book: RuleBook) -> bool:
    parts = (book.boosts, book.excludes, book.eligibles, book.boughts)
    return any(atom.field == "item" for part in parts for rule in part for atom in rule.items)
