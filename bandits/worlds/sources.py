"""What each of the shop's sources offers a shopper, and how attractive every item is."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bandits.slates.states import session_state
from bandits.worlds.settings import BROWSE, MODES, NOVELTY, RETURN, TREND
from bandits.worlds.shoppers import MEMORY, Facts, drawn
from bandits.worlds.tastes import Floats

SOURCES = ("ranked", "seen_before", "co_visits", "similar", "neighbours", "trending", "popular", "new_items")
DEPTH = 20  # length of every list
POOL = 100  # items from which all sources draw where they are equally good
NEWS = 1.0 / 15.0  # share of the run in which an item's novelty falls to 1 / e
THRESHOLD = 5.4  # utility at which an item attracts half of the time


@njit(cache=True)
def _fits(facts: Facts, session: int, now: float, decisions: float) -> Floats:
    """How well every item fits each mode, [modes, items], in [0, 1]."""
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
    """Utility of every item if the shopper wants each mode with these weights."""
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
        facts.mode[session] = drawn(mix, rng.random())
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
