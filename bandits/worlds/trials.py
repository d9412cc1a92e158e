"""A policy in a shop, decision by decision; and the references that it is compared with."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.base import Outcome, Policy
from bandits.registry import make_policy
from bandits.slates.states import STATES
from bandits.worlds.settings import Setting
from bandits.worlds.shop import Shop
from bandits.worlds.shoppers import Answer
from bandits.worlds.sources import SOURCES
from bandits.worlds.tastes import Tastes, rng_of

SLOTS = 20
REFERENCES = ("oracle", "round_robin", "random_source", *(f"fixed: {source}" for source in SOURCES[1:]))


class Trial(NamedTuple):
    """What a run earned, decision by decision, each [decisions]."""

    reward: NDArray[np.float32]
    caused: NDArray[np.float32]  # reward of what shoppers took because the slate showed it
    hit: NDArray[np.bool_]
    expected: NDArray[np.float32]  # mean reward of the slate by itself, known from the shop
    best: NDArray[np.float32]  # the same of the best slate that the lists allowed
    sources: NDArray[np.uint16]  # [decisions, sources], slots filled by each

    @classmethod
    def empty(cls, decisions: int) -> "Trial":
        """Room for a run."""
        reward, caused, expected, best = np.zeros((4, decisions), np.float32)
        sources = np.zeros((decisions, len(SOURCES)), np.uint16)
        return cls(reward, caused, np.zeros(decisions, np.bool_), expected, best, sources)

    def note(self, n: int, answer: Answer) -> None:
        """Record the answer to decision n."""
        self.reward[n], self.hit[n] = answer.reward, answer.slot >= 0
        self.caused[n] = answer.reward if answer.caused else 0.0


def run(
    setting: Setting, policy: Policy | str, seed: str, decisions: int, tastes: Tastes | None = None,
    discount: float = 0.0,
) -> Trial:  # fmt: skip
    """Run a policy in a shop; `policy` may name one of `REFERENCES`.

    A slate's outcome is learned when the session's next slate has been drawn, so with `discount` the policy sees what
    it led to; 63 other sessions come in between. The same seed gives the same shoppers until slates differ.
    """
    shop, rng, found = Shop(setting, seed, decisions, tastes), rng_of(f"{seed}/policy"), Trial.empty(decisions)
    open_: dict[int, Outcome] = {}  # by session
    for n in range(decisions):
        state, lists = shop.offer()
        best = shop.best(lists, SLOTS)
        if isinstance(policy, str):
            items = reference(policy, lists, rng, best)
        else:
            slate = policy.draw(state, lists, rng.random(SLOTS))
            items = slate.items
            found.sources[n] = np.bincount(slate.sources, minlength=len(SOURCES))
            if (before := open_.get(shop.session)) is not None:
                policy.learn_one(
                    before._replace(
                        state_t=state,
                        next_offered_ranks=slate.offered_ranks,
                        next_sources=slate.sources,
                        next_lists=lists,
                    )
                )
        found.expected[n], found.best[n] = shop.expected(items), shop.expected(best)
        answer = shop.answer(items)
        found.note(n, answer)
        if not isinstance(policy, str):
            open_[shop.session] = Outcome(
                state, slate.offered_ranks, slate.sources, answer.slot, answer.reward, 0.0 if answer.ended else discount
            )
    return found


def make(name: str, **options: float) -> Policy:
    """A registered policy in the size of the shop."""
    return make_policy(name, sources=len(SOURCES), slots=SLOTS, n_states=STATES, **options)


def reference(
    name: str, lists: NDArray[np.int32], rng: np.random.Generator, best: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Slate of a reference: the oracle's, sources in turn, any source per slot, or one source and then the ranking."""
    if name == "oracle":
        return best
    sources = len(lists)
    if name == "round_robin":
        order = np.arange(SLOTS) % sources
    elif name == "random_source":
        order = rng.integers(0, sources, SLOTS)
    else:
        order = np.full(SLOTS, SOURCES.index(name.removeprefix("fixed: ")))
    taken: list[int] = []
    for source in order.tolist():
        item = next((i for row in (source, 0) for i in lists[row].tolist() if i >= 0 and i not in taken), -1)
        if item >= 0:
            taken.append(item)
    return np.array(taken, np.int32)
