"""Simulated shoppers: tastes, sessions with a hidden intent, eyes that scan from the top, habits that drift.

A decision of shopper u in session s:

1. He is after something: similar to the last item, an item he knows, what is in fashion, or what is new. What it is
   depends on the depth of his session and on how well he is known, and changes half of the time.
2. Utility of item i: taste of u for its category + quality + 1 if it is of the session's category + what it does for
   what he is after - fatigue (0.7 for every time that he saw it in this session and left it; 1 if he knows it and is
   not after that). It attracts with p_i = sigmoid(utility - threshold).
3. He scans from the top, examines slot j with (j + 1)^-0.5 and takes the first examined item that attracts. If none
   does, he leaves it, or takes something of his own accord: the most attractive of a dozen that come to his mind,
   every third of which he knows.
4. The event is a view, click or purchase by his habits.

Half way tastes drift: half of the shoppers swap their favourite categories, and all come for other things.

All numbers come from one generator, so a run with the same seed and the same slates is the same. `expected` tells
the chance of a hit by the slate for any slate: the truth that regret is measured by. Sorting by p_i is the best slate,
since the chance of no hit, the product of 1 - (j + 1)^-0.5 p, is least when large p stand in front.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.slates.states import session_state
from bandits.worlds.settings import BROWSE, MODES, NOVELTY, RETURN, TREND, Setting

SOURCES = ("ranked", "seen_before", "co_visits", "similar", "neighbours", "trending", "popular", "new_items")
KINDS, WORTH = 3, np.array([1.0, 2.0, 10.0])  # view, click, purchase
DEPTH = 20  # length of every list
POOL = 100  # items from which all sources draw where they are equally good
MEMORY = 30  # items that a shopper remembers
SESSIONS = 64  # at the same time
OWN_ACCORD = 0.35  # chance of an action of his own when nothing attracts
OWN_CHOICE = 12  # items that he then thinks of
LATE = 0.2  # share of the items that arrive in the course of the run
BONUS = np.array([2.2, 2.8, 2.2, 2.2])  # of an item that is what the shopper is after, by mode
NEWS = 1.0 / 15.0  # share of the run in which an item's novelty falls to 1 / e
FAST, SLOW = 0.995, 0.9998  # decay of fashion and of popularity, per event
GOES_ON = 0.8  # chance that a session goes on after an event
PATIENCE = 0.5  # the same after a slate that was left

Floats = NDArray[np.float64]


class Tastes(NamedTuple):
    """Who comes and what there is."""

    taste: Floats  # [users, categories], utility
    category: NDArray[np.int64]  # [items]
    sub: NDArray[np.int64]  # [items], sub-category: items of one are alike
    quality: Floats  # [items], utility
    habits: Floats  # [users, 3], chance of view, click, purchase

    @classmethod
    def generated(cls, seed: str, users: int = 2_000, items: int = 1_500, categories: int = 20) -> "Tastes":
        """Make shoppers who like three categories each, and items of five sub-categories in each."""
        rng = rng_of(f"{seed}/tastes")
        taste = rng.normal(-0.5, 0.4, (users, categories))
        for user in range(users):
            taste[user, rng.permutation(categories)[:3]] += 1.5
        sub = rng.integers(0, 5 * categories, items)
        return cls(taste, sub // 5, sub, rng.normal(0.0, 0.6, items), habits(rng, users))


def habits(rng: np.random.Generator, users: int) -> Floats:
    """Chance of view, click and purchase of each shopper: some only look."""
    buying = rng.beta(1.0, 9.0, users)
    return np.stack([0.75 * (1 - buying), 0.25 * (1 - buying), buying], axis=1)


def rng_of(name: str) -> np.random.Generator:
    """Random numbers named by a string."""
    return np.random.default_rng(list(name.encode()))


class Answer(NamedTuple):
    """What a shopper did with a slate."""

    item: int  # taken, -1: none
    slot: int  # of the slate, -1: not in it
    caused: bool  # whether the slate made him take it
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
    mix: Floats  # [2, states, modes]
    scale: Floats  # [1], of fashion and popularity: events are counted with growing weight instead of decaying all
    bonus: Floats  # [modes]


@njit(cache=True)
def _begin(facts: Facts, session: int, rng: np.random.Generator) -> None:
    """A shopper comes; who came lately comes again sooner."""
    users = facts.taste.shape[0]
    user = int(rng.random() ** 2.0 * users)
    while (facts.user == user).any():  # nobody is in two sessions at once
        user = (user + 1) % users
    facts.user[session] = user
    chances = np.exp(facts.taste[user])
    facts.intent[session] = _drawn(chances / chances.sum(), rng.random())
    facts.mode[session] = -1
    facts.last[session] = facts.known[user, 0]
    facts.depth[session] = 0
    facts.left[session, :] = 0


@njit(cache=True)
def _drawn(chances: Floats, u: float) -> int:
    total = 0.0
    for n in range(len(chances)):
        total += chances[n]
        if u < total:
            return n
    return len(chances) - 1  # rounding


@njit(cache=True)
def _fits(facts: Facts, session: int, now: float, decisions: float) -> Floats:
    """What every item does for each mode, [modes, items], in [0, 1]."""
    items = facts.category.size
    fits = np.zeros((MODES, items))
    last, user = facts.last[session], facts.user[session]
    top = max(facts.fashion.max(), 1e-9)
    for i in range(items):
        fits[BROWSE, i] = 1.0 if last >= 0 and facts.sub[i] == facts.sub[last] and i != last else 0.0
        fits[TREND, i] = (facts.fashion[i] / top) ** 0.5
        fits[NOVELTY, i] = np.exp(-(now - facts.born[i]) / (NEWS * decisions)) if facts.born[i] > 0 else 0.0
    for i in facts.known[user]:
        if i >= 0:
            fits[RETURN, i] = 1.0
    return fits


@njit(cache=True)
def _base(facts: Facts, session: int) -> Floats:
    user, intent = facts.user[session], facts.intent[session]
    base = np.empty(facts.category.size)
    for i in range(base.size):
        c = facts.category[i]
        base[i] = facts.taste[user, c] + facts.quality[i] + (c == intent) - 0.7 * facts.left[session, i]
    return base


@njit(cache=True)
def _utility(facts: Facts, session: int, base: Floats, fits: Floats, weights: Floats) -> Floats:
    """Utility of every item if the shopper is after each mode with these weights."""
    utility = base.copy()
    for m in range(MODES):
        if weights[m] > 0:
            utility += weights[m] * facts.bonus[m] * fits[m]
    utility -= (1.0 - weights[RETURN]) * fits[RETURN]
    return utility


@njit(cache=True)
def _best(scores: Floats, gone: NDArray[np.bool_], into: NDArray[np.int32]) -> None:
    """Write the items of the highest scores, best first, -1 where there are no more."""
    k = into.size
    values = np.full(k, -np.inf)
    into[:] = -1
    for i in range(scores.size):
        if gone[i] or scores[i] <= values[k - 1]:
            continue
        n = k - 1
        while n > 0 and scores[i] > values[n - 1]:
            values[n], into[n] = values[n - 1], into[n - 1]
            n -= 1
        values[n], into[n] = scores[i], i


@njit(cache=True)
def offer(
    facts: Facts, session: int, now: float, decisions: float, noise: float, knows: bool, flat: bool,
    rng: np.random.Generator,
) -> tuple[int, NDArray[np.int32], Floats]:  # fmt: skip
    """The shopper's state, what each source offers, [sources, 20], and the chance that each item attracts, [items]."""
    state = session_state(facts.depth[session] + 1, facts.events[facts.user[session]])
    drifted = int(now >= decisions / 2)
    mix = facts.mix[drifted, state]
    if facts.mode[session] < 0 or rng.random() < 0.5:
        facts.mode[session] = _drawn(mix, rng.random())
    items, user, last = facts.category.size, facts.user[session], facts.last[session]
    gone = facts.born > now
    base, fits = _base(facts, session), _fits(facts, session, now, decisions)
    after = np.zeros(MODES)
    after[facts.mode[session]] = 1.0
    attracts = 1.0 / (1.0 + np.exp(THRESHOLD - _utility(facts, session, base, fits, after)))
    lists = np.empty((len(SOURCES), DEPTH), np.int32)
    guess = _utility(facts, session, base, fits, mix if knows else np.full(MODES, 1.0 / MODES))
    if flat:
        pool = np.empty(POOL, np.int32)
        _best(guess, gone, pool)
        for a in range(len(SOURCES)):
            _best(rng.random(POOL), gone[pool], lists[a])
            lists[a] = pool[lists[a]]
        return state, lists, attracts
    _best(guess + noise * rng.standard_normal(items), gone, lists[0])
    lists[1, :] = -1
    lists[1, : min(DEPTH, MEMORY)] = facts.known[user, :DEPTH]
    nothing = np.zeros(items)
    for i in range(items):
        nothing[i] = -np.inf
    _best(facts.follows[last].astype(np.float64) if last >= 0 else nothing, gone, lists[2])
    alike = nothing.copy()
    for i in range(items):
        if last >= 0 and facts.sub[i] == facts.sub[last] and i != last:
            alike[i] = facts.popular[i]
    _best(alike, gone, lists[3])
    total = facts.liked[user].sum()
    theirs = np.empty(items)
    for i in range(items):
        theirs[i] = facts.popular[i] * (facts.liked[user, facts.category[i]] / total if total > 0 else 1.0)
    _best(theirs, gone, lists[4])
    _best(facts.fashion, gone, lists[5])
    _best(facts.popular, gone, lists[6])
    _best(facts.born, gone, lists[7])
    return state, lists, attracts


@njit(cache=True)
def answer(
    facts: Facts, session: int, now: float, decisions: float, slate: NDArray[np.int32], attracts: Floats, chain: bool,
    rng: np.random.Generator,
) -> Answer:  # fmt: skip
    """What the shopper does with a slate; his memory and the shop's statistics go on from there."""
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
    kind = _drawn(facts.habits[user], rng.random()) if item >= 0 else 0
    if item >= 0:
        _remember(facts, session, item)
    if ended:
        _begin(facts, session, rng)
    return Answer(item, slot, caused, kind, WORTH[kind] if slot >= 0 else 0.0, ended)


@njit(cache=True)
def _own(facts: Facts, session: int, now: float, attracts: Floats, rng: np.random.Generator) -> int:
    """The most attractive of a few items that come to his mind."""
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


THRESHOLD = 5.4  # utility at which an item attracts half of the time


class Shop:
    """Shoppers, items and eight sources; some learn from what happens.

    Parameters
    ----------
    setting
        What the shop is like.
    seed
        Names the random streams `seed/shop`, `seed/shoppers` and `seed/drift`.
    decisions
        Length of the run; drift comes half way.
    tastes
        Who comes and what there is; by default generated.
    """

    def __init__(self, setting: Setting, seed: str, decisions: int, tastes: Tastes | None = None) -> None:
        tastes = Tastes.generated(seed) if tastes is None else tastes
        self.setting, self.decisions, self.now = setting, decisions, 0
        self._seed, self._rng = seed, rng_of(f"{seed}/shoppers")
        first = rng_of(f"{seed}/shop")
        users, categories = tastes.taste.shape
        if users <= SESSIONS:
            raise ValueError(
                f"tastes: must be of more than {SESSIONS} shoppers, who come at the same time; got {users}"
            )
        items = len(tastes.category)
        born = np.where(first.random(items) < LATE, first.random(items) * decisions, 0.0)
        self.facts = Facts(
            tastes.taste.copy(), tastes.category, tastes.sub, tastes.quality, tastes.habits, born,
            np.full((users, MEMORY), -1), np.zeros(users, np.int64), np.zeros(items), np.zeros(items),
            np.zeros((items, items), np.float32), np.zeros((users, categories)), np.full(SESSIONS, -1),
            np.zeros(SESSIONS, np.int64), np.zeros(SESSIONS, np.int64), np.full(SESSIONS, -1),
            np.zeros(SESSIONS, np.int64),
            np.zeros((SESSIONS, items), np.int16), np.stack([setting.mix, setting.later]), np.ones(2), BONUS,
        )  # fmt: skip
        for session in range(SESSIONS):
            _begin(self.facts, session, self._rng)
        self.session, self._attracts = 0, np.zeros(items)

    def offer(self) -> tuple[int, NDArray[np.int32]]:
        """Let the next shopper come to his next decision: his state in [0, 12), and each source's list, [8, 20]."""
        if self.now == self.decisions // 2:
            self._drift()
        self.session = int(self._rng.random() * SESSIONS)
        setting = self.setting
        state, lists, self._attracts = offer(
            self.facts, self.session, float(self.now), float(self.decisions), setting.noise, setting.knows_modes,
            setting.flat, self._rng,
        )  # fmt: skip
        return state, lists

    def answer(self, slate: NDArray[np.int32]) -> Answer:
        """What the shopper does with a slate, items from the top."""
        found = answer(
            self.facts, self.session, float(self.now), float(self.decisions), slate, self._attracts, self.setting.chain,
            self._rng,
        )  # fmt: skip
        self.now += 1
        return Answer(*found)

    def expected(self, slate: NDArray[np.int32]) -> float:
        """Mean reward that a slate brings by itself: the chance of a hit times what this shopper's events are worth."""
        theta = np.arange(1, len(slate) + 1) ** -0.5
        worth = float(self.facts.habits[self.facts.user[self.session]] @ WORTH)
        return float(1.0 - np.prod(1.0 - theta * self._attracts[slate])) * worth

    def best(self, lists: NDArray[np.int32], slots: int) -> NDArray[np.int32]:
        """The best slate that can be made of these lists."""
        offered = np.unique(lists[lists >= 0])
        return offered[np.argsort(-self._attracts[offered], kind="stable")][:slots]

    def _drift(self) -> None:
        """Half of the shoppers swap their categories."""
        taste = self.facts.taste
        drifting = rng_of(f"{self._seed}/drift").random(len(taste)) < 0.5
        taste[drifting] = np.roll(taste[drifting], taste.shape[1] // 2, axis=1)
