"""Replays settled decisions of the topic `outcomes` for a candidate policy: the input of off-policy estimates.

A candidate follows the log in order of time: for every decision it gives the probability of each item of the slate,
after learning from exactly the decisions that were settled by then. The estimators of `bandits.ope` need only the ratio
to the logged propensities. The models behind the lists are those of the log.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits import EXHAUSTED, OTHER, STATES, Policy, prior_theta, rank_bucket
from bandits import Outcome as Feedback
from bandits.ope import alternatives, ratios
from stream.config import Config
from stream.errors import CheckError
from stream.model.build import configured_policy
from stream.model.outcomes import unpack_lists
from stream.records.schemas import UNLEARNED, Outcome

FOLDS = 5  # of users: a decision is predicted by a model without its user
SHRINK = 20.0  # examined slots by which a cell of the reward model is shrunk towards the mean of all
OFFERS = 3  # sources that offer an item, 3 and more are one cell
RANKS = 5  # buckets of an item's rank in the ranking, the last: not in it

Floats = NDArray[np.float64]
_DECODER = msgspec.json.Decoder(Outcome)


class Decision(NamedTuple):
    """One settled decision, as arrays; n slots, L sources."""

    user: int
    decided_at: float
    settled_at: float
    following: int  # place of the user's next decision in the log, -1: none
    state: int
    offered_ranks: NDArray[np.uint8]  # [n, L]
    lists: NDArray[np.int32]  # [L, depth]
    sources: NDArray[np.uint8]  # [n]
    propensities: Floats  # [n]
    hit: int
    reward: float
    discount: float


class Log(NamedTuple):
    """Decisions in the order in which they were made, all with the same sources."""

    offering: tuple[str, ...]
    decisions: list[Decision]
    users: int
    left_out: dict[str, int]  # why -> decisions


class Candidate(Protocol):
    """A policy that might have drawn the slates instead."""

    @property
    def name(self) -> str:
        """Name in the report."""
        ...

    def probabilities(self, decision: Decision, offered_ranks: NDArray[np.uint8]) -> Floats:
        """Probability that the item of each row of ``offered_ranks`` is shown, given the items above it, ``[rows]``."""
        ...

    def learn(self, feedback: Feedback) -> None:
        """Learn from one settled decision."""
        ...


class Fixed:
    """Always the same source; when it is exhausted, the next one that is not."""

    def __init__(self, offering: Sequence[str], source: str) -> None:
        if source not in offering:
            raise CheckError(f"source {source!r}: must be one of the log's, {', '.join(offering)}")
        self.name = f"fixed: {source}"
        self._order = np.roll(np.arange(len(offering)), -offering.index(source))

    def probabilities(self, decision: Decision, offered_ranks: NDArray[np.uint8]) -> Floats:
        """1 where the first source that is not exhausted offers the item, else 0."""
        in_order = offered_ranks[:, self._order]
        first = (in_order != EXHAUSTED).argmax(axis=1)
        return np.asarray(in_order[np.arange(len(offered_ranks)), first] < OTHER, np.float64)

    def learn(self, feedback: Feedback) -> None:
        """Learn nothing."""


class Uniform:
    """Any source that is not exhausted, all equally probable."""

    name = "uniform"

    def probabilities(self, decision: Decision, offered_ranks: NDArray[np.uint8]) -> Floats:
        """Share of the sources that are not exhausted which offer the item."""
        live = (offered_ranks != EXHAUSTED).sum(axis=1)
        return np.asarray((offered_ranks < OTHER).sum(axis=1) / live)

    def learn(self, feedback: Feedback) -> None:
        """Learn nothing."""


class Learning:
    """A policy of headwater, from its initial state."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.name, self.policy = name, policy

    def probabilities(self, decision: Decision, offered_ranks: NDArray[np.uint8]) -> Floats:
        """The propensities that the policy records."""
        return self.policy.recorded_propensities(decision.state, decision.lists, offered_ranks)

    def learn(self, feedback: Feedback) -> None:
        """Learn as a worker's policy does."""
        self.policy.learn_one(feedback)


def candidate(name: str, config: Config, log: Log) -> Learning:
    """The policy of a configuration, sized for a log."""
    slots = max(len(decision.sources) for decision in log.decisions)
    policy = configured_policy(config, len(log.offering), max(slots, config.slate.slots))
    return Learning(name, policy)


def decode(line: bytes, where: str) -> Outcome:
    """One outcome from its JSON.

    Raises
    ------
    CheckError
        if it is none
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckError(f"{where}: must be an outcome as on the topic `outcomes`: {error}") from error


def prepare(outcomes: Iterable[Outcome]) -> Log:
    """Sort decisions by time, each once; leave out what says nothing.

    Raises
    ------
    CheckError
        if none is left
    """
    unique = {outcome.decision_id: outcome for outcome in outcomes}
    ordered = sorted(unique.values(), key=lambda outcome: (outcome.decided_at, outcome.decision_id))
    left_out: Counter[str] = Counter()
    told = [outcome for outcome in ordered if outcome.lists]
    left_out["without lists and offered_ranks: of an older version"] = len(ordered) - len(told)
    offering = tuple(told[-1].offering) if told else ()
    kept = []
    for outcome in told:
        if tuple(outcome.offering) != offering:
            left_out["of other sources than the newest"] += 1
        elif outcome.outcome in UNLEARNED:
            left_out[outcome.outcome] += 1
        elif outcome.items:
            kept.append(outcome)
    if not kept:
        raise CheckError(
            f"no decision to judge by among {len(ordered)} outcomes ({_words(left_out) or 'the topic is empty'}): "
            "let a worker serve users, and wait until they come back"
        )
    users = {name: n for n, name in enumerate(dict.fromkeys(outcome.user_id for outcome in kept))}
    following, next_of = [-1] * len(kept), dict[str, int]()
    for n in reversed(range(len(kept))):
        following[n] = next_of.get(kept[n].user_id, -1)
        next_of[kept[n].user_id] = n
    decisions = [_arrays(outcome, users[outcome.user_id], following[n]) for n, outcome in enumerate(kept)]
    return Log(offering, decisions, len(users), {why: count for why, count in left_out.items() if count})


def _words(left_out: Counter[str]) -> str:
    return ", ".join(f"{count} {why}" for why, count in left_out.items() if count)


def _arrays(outcome: Outcome, user: int, following: int) -> Decision:
    sources, slots = len(outcome.offering), len(outcome.items)
    number = {name: n for n, name in enumerate(outcome.offering)}
    try:
        offered_ranks = np.frombuffer(outcome.offered_ranks, np.uint8).reshape(slots, sources)
        lists = unpack_lists(outcome.lists, sources)
        if not 0 <= outcome.state < STATES or (outcome.hit or 0) >= slots or len(outcome.propensities) != slots:
            raise ValueError(f"state {outcome.state}, hit {outcome.hit}, {len(outcome.propensities)} propensities")
    except ValueError as error:
        raise CheckError(f"decision {outcome.decision_id}: offered_ranks, lists and slots must fit: {error}") from error
    return Decision(
        user, outcome.decided_at, outcome.settled_at, following, outcome.state, offered_ranks, lists,
        np.array([number.get(name, EXHAUSTED) for name in outcome.sources], np.uint8), np.array(outcome.propensities),
        -1 if outcome.hit is None else outcome.hit, outcome.reward, outcome.discount,
    )  # fmt: skip


class Slots(NamedTuple):
    """A candidate replayed on a log, [decisions, slots]; ratio 1 and values 0 for missing and pinned slots."""

    ratio: Floats
    model: Floats
    expected: Floats


@njit(cache=True)
def _cells(lists: NDArray[np.int32], items: NDArray[np.int32], state: int) -> NDArray[np.int64]:
    """Cell of the reward model for each item: the state, its rank in the ranking, how many sources offer it."""
    cells = np.empty(items.size, np.int64)
    for n in range(items.size):
        offers, bucket = 0, RANKS - 1
        for a in range(lists.shape[0]):
            for rank in range(lists.shape[1]):
                if lists[a, rank] == items[n]:
                    offers += 1
                    if a == 0:
                        bucket = rank_bucket(rank)
                    break
        cells[n] = (state * RANKS + bucket) * OFFERS + min(max(offers, 1), OFFERS) - 1
    return cells


class RewardModel:
    """Mean reward of an examined slot, by state, rank and number of sources; examination (j + 1)^-0.5.

    A cell is shrunk towards the mean of all. Each fold of users is predicted by the others.
    """

    def __init__(self, log: Log, slots: int) -> None:
        self.theta = prior_theta(slots)
        sums = np.zeros((FOLDS, STATES * RANKS * OFFERS, 2))
        for decision in log.decisions:
            found = alternatives(decision.lists, decision.offered_ranks)
            slot = found.slot[found.shown]
            theta = self.theta[slot]
            cells = _cells(decision.lists, found.item[found.shown], decision.state)
            reward = np.where(slot == decision.hit, decision.reward, 0.0)
            np.add.at(sums[decision.user % FOLDS], cells, np.stack([theta * reward, theta * theta], axis=1))
        others = sums.sum(axis=0) - sums  # [folds, cells, 2]
        pooled = others.sum(axis=1)
        mean = pooled[:, 0] / np.maximum(pooled[:, 1], 1e-9)
        self._values = (others[:, :, 0] + SHRINK * mean[:, None]) / (others[:, :, 1] + SHRINK)

    def values(self, decision: Decision, items: NDArray[np.int32], slot: NDArray[np.int64]) -> Floats:
        """Value of each item in its slot."""
        cells = _cells(decision.lists, items, decision.state)
        return np.asarray(self.theta[slot] * self._values[decision.user % FOLDS, cells])


def follow(log: Log, wanted: Candidate, model: RewardModel, progress: Callable[[], None] | None = None) -> Slots:
    """Replay a log for a candidate, which for every decision takes two steps.

    1. learns from the decisions that were settled before this one was made
    2. gives the probability of every item that could have been in each slot
    """
    size = (len(log.decisions), len(model.theta))
    found = Slots(np.ones(size), np.zeros(size), np.zeros(size))
    settled = sorted(range(len(log.decisions)), key=lambda n: (log.decisions[n].settled_at, n))
    learned = 0
    for n, decision in enumerate(log.decisions):
        while learned < len(settled) and log.decisions[settled[learned]].settled_at <= decision.decided_at:  # 1
            wanted.learn(_feedback(log, log.decisions[settled[learned]]))
            learned += 1
        _evaluate(decision, wanted, model, found, n)  # 2
        if progress is not None:
            progress()
    return found


def _evaluate(decision: Decision, wanted: Candidate, model: RewardModel, into: Slots, n: int) -> None:
    could = alternatives(decision.lists, decision.offered_ranks)
    chance = wanted.probabilities(decision, could.offered_ranks)
    values = model.values(decision, could.item, could.slot)
    slot = could.slot[could.shown]
    into.ratio[n, slot] = ratios(chance[could.shown], decision.propensities[slot])
    into.model[n, slot] = values[could.shown]
    np.add.at(into.expected[n], could.slot, chance * values)


def _feedback(log: Log, decision: Decision) -> Feedback:
    after = log.decisions[decision.following] if decision.discount > 0 and decision.following >= 0 else None
    return Feedback(
        state_tm1=decision.state, offered_ranks=decision.offered_ranks, sources=decision.sources, hit=decision.hit,
        reward=decision.reward, discount_t=0.0 if after is None else decision.discount,
        state_t=0 if after is None else after.state, next_offered_ranks=None if after is None else after.offered_ranks,
        next_sources=None if after is None else after.sources, next_lists=None if after is None else after.lists,
    )  # fmt: skip
