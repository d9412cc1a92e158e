"""What this user is due to buy again: things that are used up, in the rhythm that they are bought in."""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.handle import Handle
from learners.base import PURCHASE, About, Impersonal, Interaction, Query, State, require_known
from learners.repeats.repeats import by_recency, propose_returns, score_returns
from learners.vocabulary import Vocabulary

_UNIT_LIMIT = 2.0**64  # a power of two rescales float32 exactly and leaves half of the exponents
_TOUCHES, _PURCHASES = 0, 1  # the two clocks
_STARTED, _RETURNED, _SUM, _SQUARES = 0, 1, 2, 3  # columns: waits begun, waits ended, ln(wait / s), its square
_PSEUDO_WAITS = 5.0  # of the category in an item, of all in a category
_FIRST = np.array([[0.1, 6.9, 57.0], [0.1, 14.0, 198.0]])  # before any event: share, mean, mean square per clock
_LEAST_VARIANCE = 0.25  # of ln(wait): no rhythm is exact
_DAY = 86_400.0


class _Waits(NamedTuple):
    """What is learned, for compiled code."""

    items: NDArray[np.float32]  # [items, clocks, columns]
    category: NDArray[np.int32]  # [items] row of `groups`; 0: none
    groups: NDArray[np.float32]  # [1 + categories, clocks, columns]; row 0: all items
    unit: NDArray[np.float64]  # [1] weight of an event of now


@njit(cache=True)
def _blend(row: NDArray[np.float32], prior: tuple[float, float, float], unit: float) -> tuple[float, float, float]:
    """Share of waits that end, and the mean and mean square of the log of those: own, with the prior's pseudo-waits."""
    more = _PSEUDO_WAITS * unit
    ended = row[_RETURNED] + more
    return (
        (row[_RETURNED] + more * prior[0]) / (row[_STARTED] + more),
        (row[_SUM] + more * prior[1]) / ended,
        (row[_SQUARES] + more * prior[2]) / ended,
    )


@njit(cache=True)
def _rate(share: float, mean: float, square: float, elapsed: float) -> float:
    """Hazard of a log-normal wait that ends with chance `share`, per day, when `elapsed` seconds have passed."""
    deviation = math.sqrt(max(square - mean * mean, _LEAST_VARIANCE))
    elapsed = max(elapsed, 1.0)
    z = (math.log(elapsed) - mean) / deviation
    density = math.exp(-0.5 * z * z) / (elapsed * deviation * 2.5066282746310002)
    open_still = 1.0 - share * 0.5 * math.erfc(-z * 0.7071067811865476)
    return share * density / max(open_still, 1e-9) * _DAY


@njit(cache=True)
def _due(
    held: Any, size: int, now: float, recent: NDArray[np.int32], times: NDArray[np.float64],
    bought: NDArray[np.float64],
) -> NDArray[np.float32]:  # fmt: skip
    """Rates of the user's items: of any event since the last one, and of a purchase since the last purchase."""
    items, category, groups, units = held.it
    unit = units[0]
    rates = np.zeros(len(recent), np.float32)
    for rank, item in enumerate(recent):
        if not 0 <= item < size:
            continue
        total = 0.0
        for clock in range(2):
            since = bought[rank] if clock == _PURCHASES else times[rank]
            if since == -np.inf:
                continue
            first = (_FIRST[clock, 0], _FIRST[clock, 1], _FIRST[clock, 2])
            prior = _blend(groups[category[item], clock], _blend(groups[0, clock], first, unit), unit)
            share, mean, square = _blend(items[item, clock], prior, unit)
            total += _rate(share, mean, square, now - since)
        rates[rank] = total
    return rates


@njit(cache=True)
def _learn(
    held: Any, item: int, kind: int, now: float, recent: NDArray[np.int32], times: NDArray[np.float64],
    bought: NDArray[np.float64],
) -> None:  # fmt: skip
    """End the waits that the event ends and begin new ones, for the item, its category and all."""
    items, category, groups, units = held.it
    unit = units[0]
    touched = last_bought = -np.inf
    for rank in range(len(recent)):
        if recent[rank] == item:
            touched, last_bought = times[rank], bought[rank]
    for clock in range(2):
        if clock == _PURCHASES and kind != PURCHASE:
            continue
        since = last_bought if clock == _PURCHASES else touched
        for level in range(3 if category[item] > 0 else 2):
            row = items[item, clock] if level == 0 else groups[category[item] if level == 2 else 0, clock]
            row[_STARTED] += unit
            if since > -np.inf:
                # to 1/64: whichever way this machine's logarithm rounds, replicas learn the same
                wait = round(math.log(max(now - since, 1.0)) * 64.0) / 64.0
                row[_RETURNED] += unit
                row[_SUM] += unit * wait
                row[_SQUARES] += unit * wait * wait


class BuyAgain(Impersonal):
    r"""The user's own items by how due they are: the rate, per day, at which a return to each is expected now.

    $$score(i) = \sum_{c} \frac{\rho \, f(t)}{1 - \rho \, F(t)}$$

    over two clocks: events on the item since the user's last one, and purchases since the last purchase. $\rho$ is the
    chance that a wait ever ends, $f$ and $F$ are density and distribution of a log-normal wait [^1], and the quotient
    is its hazard after $t$ seconds of silence. Share, mean and variance of ln(wait) are decayed averages of the item,
    with five pseudo-waits of its category, and that with five of all items: coffee comes back every week or two, a
    new sort of coffee probably too, and a wedding dress does not.

    Interactions without `past` are ignored, and queries without it are answered in order of recency.

    Parameters
    ----------
    history
        Distinct items proposed at most.
    half_life
        Events, of all users, after which a wait counts half; > 0.
    categories
        Categories with a rhythm of their own, first come; the items of further ones have that of all.

    Examples
    --------
    >>> from learners.base import Past
    >>> source, one, day = BuyAgain(), np.array([0], np.int32), 86_400.0
    >>> source.add_item(0)
    >>> past = Past(np.zeros(1), np.array([1], np.int32), np.array([2], np.uint8), np.zeros(1))  # bought at 0 s
    >>> for _ in range(30):  # bought every week
    ...     source.learn_one(Interaction(0, 2, 7 * day, one, one, past=past))
    >>> [round(float(source.score_many(Query(one, n * day, one, past=past), one)[0]), 2) for n in (1, 3, 7, 14)]
    [0.0, 0.14, 0.46, 0.51]

    References
    ----------
    [^1]: Bhagat, Muralidharan, Lobzhanidze, Vishwanath: Buy it again: modeling repeat purchase recommendations. KDD
    2018 (repeat chance times a distribution of the item's intervals; theirs are Gamma and Poisson, by customer).
    """

    name = "buy_again"
    proposes_touched = True

    def __init__(self, history: int = 50, half_life: float = 200_000, categories: int = 10_000) -> None:
        self.history = history
        self._growth = 2.0 ** (1.0 / half_life)
        self._categories = categories
        self._size = 0
        self._waits = _Waits(
            np.zeros((16, 2, 4), np.float32), np.zeros(16, np.int32), np.zeros((1, 2, 4), np.float32), np.ones(1)
        )
        self._handle = Handle()
        self._names = Vocabulary()  # of category n in row n + 1
        self._place = np.full(16, -1, np.int32)  # scratch, all -1 between calls

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        waits = self._waits
        if item >= len(waits.items):
            self._waits = waits._replace(
                items=grown(waits.items, item + 1), category=grown(waits.category, item + 1)
            )  # fmt: skip
        self._place = grown(self._place, item + 1, fill=-1)
        self._size = max(self._size, item + 1)

    def describe(self, item: int, about: About) -> None:
        """Put the item into the first of its categories; what was learned of it stays where it was counted."""
        require_known(self.name, item, self._size)
        row = 0
        if about.categories:
            row = self._names.index(about.categories[0]) + 1
            if row == 0 and len(self._names) < self._categories:
                row = self._names.intern(about.categories[0]) + 1
                self._waits = self._waits._replace(groups=grown(self._waits.groups, row + 1))
        self._waits.category[item] = row

    def learn_one(self, event: Interaction) -> None:
        """Learn how long the user has waited since their last event on the item, if there was one."""
        require_known(self.name, event.item, self._size)
        if len(event.past.times) != len(event.recent):
            return
        waits = self._waits
        waits.unit[0] *= self._growth
        _learn(
            self._handle.of(waits), event.item, event.kind, event.time, event.recent, event.past.times,
            event.past.bought,
        )  # fmt: skip
        if waits.unit[0] >= _UNIT_LIMIT:
            for array in (waits.unit, waits.items, waits.groups):
                array *= 1.0 / _UNIT_LIMIT

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return the user's items that are most due, except `INELIGIBLE` ones."""
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = propose_returns(
            query.recent[: self.history], self._scores(query), self._size, blocked, k
        )
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return the rate per day at which the user is expected back at each item now, 0 for those not seen."""
        recent = query.recent[: self.history]
        scores = np.empty(len(items), np.float32)
        score_returns(recent, self._scores(query), self._size, self._place, items, scores)
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what was learned of items, categories and all, and the categories' names."""
        items, category, groups, unit = self._waits
        return {
            "unit": unit, "items": items[: self._size], "category": category[: self._size],
            "groups": groups, **{f"names_{key}": array for key, array in self._names.state().items()},
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        self._waits = _Waits(
            np.array(state["items"], np.float32), np.array(state["category"], np.int32),
            np.array(state["groups"], np.float32), np.array(state["unit"], np.float64),
        )  # fmt: skip
        self._names.restore({"text": state["names_text"], "ends": state["names_ends"]})
        self._size = len(self._waits.items)
        self._place = np.full(max(16, self._size), -1, np.int32)

    def _scores(self, query: Query) -> NDArray[np.float32]:
        recent = query.recent[: self.history]
        if len(query.past.times) == 0:
            return by_recency(recent)
        rates: NDArray[np.float32] = _due(
            self._handle.of(self._waits), self._size, query.time, recent, query.past.times, query.past.bought,
        )  # fmt: skip
        return rates
