"""What shoppers do with a slate, and what they and the shop remember of it: kernels over one record of arrays."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.worlds.settings import TREND
from bandits.worlds.tastes import Floats

KINDS, WORTH = 3, np.array([1.0, 2.0, 10.0])  # view, click, purchase
MEMORY = 30  # items that a shopper remembers
OWN_ACCORD = 0.35  # chance that a shopper acts on their own when nothing attracts
OWN_CHOICE = 12  # items that they then think of
FAST, SLOW = 0.995, 0.9998  # decay of fashion and of popularity, per event
GOES_ON = 0.8  # chance that a session goes on after an event
PATIENCE = 0.5  # the same after a slate that was left


class Answer(NamedTuple):
    """What a shopper did with a slate."""

    item: int  # taken, -1: none
    slot: int  # of the slate, -1: not in it
    caused: bool  # whether they took it because the slate showed it
    kind: int  # 0 view, 1 click, 2 purchase
    reward: float  # 0 if it was not in the slate
    ended: bool  # whether the session ended with it


class Facts(NamedTuple):
    """All that the kernels read and write."""

    taste: Floats
    category: NDArray[np.int64]
    sub: NDArray[np.int64]
    quality: Floats
    habits: Floats
    born: Floats  # [items], decision at which it arrives
    known: NDArray[np.int64]  # [users, memory], items, newest first, -1: none
    events: NDArray[np.int64]  # [users]
    fashion: Floats  # [items]
    popular: Floats  # [items]
    follows: NDArray[np.float32]  # [items, items], how often the second came after the first
    liked: Floats  # [users, categories], events
    user: NDArray[np.int64]  # [sessions]
    intent: NDArray[np.int64]  # [sessions], category
    mode: NDArray[np.int64]  # [sessions]
    last: NDArray[np.int64]  # [sessions], item
    depth: NDArray[np.int64]  # [sessions], events
    left: NDArray[np.int16]  # [sessions, items], times seen and left
    mix: Floats  # [2, n_states, modes]
    scale: Floats  # [1], of fashion and popularity: events are counted with growing weight instead of decaying all
    bonus: Floats  # [modes]


@njit(cache=True)
def begin(facts: Facts, session: int, rng: np.random.Generator) -> None:
    """Begin a session; recent shoppers come again sooner."""
    users = facts.taste.shape[0]
    user = int(rng.random() ** 2.0 * users)
    while (facts.user == user).any():  # a shopper is in one session at a time
        user = (user + 1) % users
    facts.user[session] = user
    chances = np.exp(facts.taste[user])
    facts.intent[session] = drawn(chances / chances.sum(), rng.random())
    facts.mode[session] = -1
    facts.last[session] = facts.known[user, 0]
    facts.depth[session] = 0
    facts.left[session, :] = 0


@njit(cache=True)
def drawn(chances: Floats, u: float) -> int:
    """Index at which the cumulated chances first exceed ``u``."""
    total = 0.0
    for n in range(len(chances)):
        total += chances[n]
        if u < total:
            return n
    return len(chances) - 1  # rounding


@njit(cache=True)
def answer(
    facts: Facts, session: int, now: float, decisions: float, slate: NDArray[np.int32], attracts: Floats, chain: bool,
    rng: np.random.Generator,
) -> Answer:  # fmt: skip
    """What the shopper does with a slate; updates their memory and the shop's statistics."""
    user, item, slot, caused = facts.user[session], -1, -1, False
    for j in range(slate.size):
        looks, likes = rng.random() < (j + 1.0) ** -0.5, rng.random() < attracts[slate[j]]
        if looks and likes:
            item, slot, caused = slate[j], j, True
            break
        if looks:
            facts.left[session, slate[j]] += 1
    if item < 0 and rng.random() < OWN_ACCORD:
        item = _own(facts, session, now, attracts, rng)
        for j in range(slate.size):
            if slate[j] == item:
                slot = j
    goes_on = GOES_ON if item >= 0 else PATIENCE
    if chain and caused:
        goes_on = 0.3 if facts.mode[session] == TREND else 0.95
    ended = rng.random() >= goes_on
    kind = drawn(facts.habits[user], rng.random()) if item >= 0 else 0
    if item >= 0:
        _remember(facts, session, item)
    if ended:
        begin(facts, session, rng)
    return Answer(item, slot, caused, kind, WORTH[kind] if slot >= 0 else 0.0, ended)


@njit(cache=True)
def _own(facts: Facts, session: int, now: float, attracts: Floats, rng: np.random.Generator) -> int:
    """The most attractive of a few items that the shopper thinks of."""
    best, user = -1, facts.user[session]
    for n in range(OWN_CHOICE):
        i = int(rng.random() * facts.category.size)
        if n % 3 == 0:
            i = facts.known[user, int(rng.random() * MEMORY)]
        if i >= 0 and facts.born[i] <= now and (best < 0 or attracts[i] > attracts[best]):
            best = i
    return best


@njit(cache=True)
def _remember(facts: Facts, session: int, item: int) -> None:
    user, last = facts.user[session], facts.last[session]
    if last >= 0 and last != item:
        facts.follows[last, item] += 1.0
    facts.scale[0] /= FAST
    facts.scale[1] /= SLOW
    facts.fashion[item] += facts.scale[0]
    facts.popular[item] += facts.scale[1]
    for counts, n in ((facts.fashion, 0), (facts.popular, 1)):
        if facts.scale[n] > 1e6:
            counts[:] = counts / facts.scale[n]
            facts.scale[n] = 1.0
    row, place = facts.known[user], MEMORY - 1
    for n in range(MEMORY):
        if row[n] == item:
            place = n
            break
    for n in range(place, 0, -1):
        row[n] = row[n - 1]
    row[0] = item
    facts.liked[user, facts.category[item]] += 1.0
    facts.events[user] += 1
    facts.depth[session] += 1
    facts.last[session] = item
