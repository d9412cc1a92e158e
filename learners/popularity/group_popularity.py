"""What people like this user liked lately: in the same country, on the same device, of the same segment."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from learners.arrays.grow import grown
from learners.arrays.top_k import best_first
from learners.base import Impersonal, Interaction, Query, State, require_known
from learners.popularity.popularity import Popularity
from learners.vocabulary import Vocabulary

_UNIT_LIMIT = 2.0**512  # a power of two rescales exactly
_OTHERS = 0  # row of all values beyond the limit


@njit(cache=True)
def _count(
    items: NDArray[np.int32], weights: NDArray[np.float64], inherited: NDArray[np.float64], item: int, amount: float
) -> None:
    """Add to an item of a group's row, heaviest first; in a full row a new item replaces the last."""
    slot = 0
    while slot < len(items) and items[slot] != item and items[slot] >= 0:
        slot += 1
    if slot == len(items):
        slot -= 1
        inherited[slot] = weights[slot]
    items[slot] = item
    weights[slot] += amount
    while slot > 0 and weights[slot] > weights[slot - 1]:
        items[slot], items[slot - 1] = items[slot - 1], items[slot]
        weights[slot], weights[slot - 1] = weights[slot - 1], weights[slot]
        inherited[slot], inherited[slot - 1] = inherited[slot - 1], inherited[slot]
        slot -= 1


@njit(cache=True)
def _gather(
    own: tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]], factors: tuple[float, float],
    everywhere: NDArray[np.float64], top: NDArray[np.int32], slots: NDArray[np.int32], blocked: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:  # fmt: skip
    """The group's items and then all users', each once and not blocked; `slots` is scratch, -1 before and after."""
    items, weights, inherited = own
    found, scores = np.empty(len(items) + len(top), np.int32), np.empty(len(items) + len(top), np.float32)
    n = 0
    for slot, item in enumerate(items):
        if item < 0:
            break
        slots[item] = slot
        if blocked[item] == 0:
            found[n] = item
            scores[n] = factors[0] * (weights[slot] - inherited[slot]) + factors[1] * everywhere[item]
            n += 1
    for item in top:
        if slots[item] < 0 and blocked[item] == 0:
            found[n], scores[n] = item, factors[1] * everywhere[item]
            n += 1
    for item in items:
        if item >= 0:
            slots[item] = -1
    return found[:n], scores[:n]


@njit(cache=True)
def _look_up(
    own: tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]], factors: tuple[float, float],
    everywhere: NDArray[np.float64], slots: NDArray[np.int32], wanted: NDArray[np.int32],
) -> NDArray[np.float32]:  # fmt: skip
    items, weights, inherited = own
    for slot, item in enumerate(items):
        if item >= 0:
            slots[item] = slot
    scores = np.zeros(len(wanted), np.float32)
    for n, item in enumerate(wanted):
        if 0 <= item < len(everywhere):
            slot = slots[item]
            local = 0.0 if slot < 0 else factors[0] * (weights[slot] - inherited[slot])
            scores[n] = local + factors[1] * everywhere[item]
    for item in items:
        if item >= 0:
            slots[item] = -1
    return scores


class GroupPopularity(Impersonal):
    r"""Decayed popularity among the users with the same value of one trait.

    $$score(i \mid g) = \frac{w_{gi} + \kappa \, p_i}{W_g + \kappa}$$

    $w_{gi}$ is the group's decayed count of the item, $W_g$ of all items, and $p_i$ the item's share of all events on
    the site: $\kappa$ pseudo-events pull a group with few events towards all users [^1].
    A user without the trait gets nothing, and counts only among all users.

    A group keeps the counts of a limited number of items. When they are full, a new item replaces the lightest and
    inherits its count, so that it is not replaced at once [^2]. The inherited part decides what is replaced, but is
    left out of the score, which never counts more events than there were.

    Parameters
    ----------
    trait
        Key into `Interaction.traits` and `Query.traits`, such as "country".
    half_life
        Events, of all users, after which an event counts half; > 0.
    listed
        Items counted per value, and items of all users' list that are proposed besides.
    values
        Values with a row of their own, first come; all further ones share one.
    pseudo_events
        $\kappa$, > 0: about a quarter of what all events of now amount to, half_life / ln 2.

    Examples
    --------
    >>> source, nothing = GroupPopularity("country", pseudo_events=2), np.empty(0, np.int32)
    >>> source.add_item(1)
    >>> for item, country in ((0, "NL"), (1, "DE"), (1, "DE")):
    ...     source.learn_one(Interaction(item, 0, 0.0, nothing, nothing, traits={"country": country}))
    >>> query = Query(nothing, 0.0, nothing, traits={"country": "NL"})
    >>> [column.tolist() for column in source.top_k(query, 2, np.zeros(2, np.uint8))]
    [[0, 1], [0.56, 0.44]]

    References
    ----------
    [^1]: Efron, Morris: Stein's estimation rule and its competitors. JASA 1973 (shrinkage towards the common mean).
    [^2]: Metwally, Agrawal, El Abbadi: Efficient computation of frequent and top-k elements in data streams. ICDT 2005.
    """

    def __init__(
        self, trait: str, half_life: float = 3_000, listed: int = 400, values: int = 256, pseudo_events: float = 1_000.0
    ) -> None:
        self.trait = trait
        self.name = f"popularity_by_{trait}"
        self._growth = 2.0 ** (1.0 / half_life)
        self._values, self._pseudo_events = values, pseudo_events
        self._all_users = Popularity(self.name, half_life, listed)
        self._names = Vocabulary()  # of the values with rows; at most `values`
        self._unit = np.ones(1)  # weight of an event of now
        self._total = np.zeros(1)  # decayed count of all events
        self._sums = np.zeros(1)  # [groups] the same of a group's; row n + 1 is value n's
        self._items = np.full((1, listed), -1, np.int32)  # [groups, listed], heaviest first, -1: free
        self._weights = np.zeros((1, listed))
        self._inherited = np.zeros((1, listed))
        self._size = 0
        self._slots = np.full(16, -1, np.int32)  # scratch, all -1 between calls

    def __repr__(self) -> str:
        return f"GroupPopularity({self.trait!r}, {len(self._names)} values)"

    def add_item(self, item: int) -> None:
        """Make room for `item`."""
        self._all_users.add_item(item)
        self._slots = grown(self._slots, item + 1, fill=-1)
        self._size = max(self._size, item + 1)

    def learn_one(self, event: Interaction) -> None:
        """Count one event, for all users and for the user's group."""
        require_known(self.name, event.item, self._size)
        self._all_users.learn_one(event)
        self._unit[0] *= self._growth  # in step with that of all users, so that weights have one unit
        self._total += self._unit
        value = event.traits.get(self.trait)
        if value is not None:
            row = self._row_to_learn(value)
            self._sums[row] += self._unit[0]
            _count(self._items[row], self._weights[row], self._inherited[row], event.item, self._unit[0])
        if self._unit[0] >= _UNIT_LIMIT:
            for array in (self._unit, self._total, self._sums, self._weights, self._inherited):
                array *= 1.0 / _UNIT_LIMIT

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return what the user's group likes best; nothing without the trait."""
        value = query.traits.get(self.trait)
        if value is None:
            return np.empty(0, np.int32), np.empty(0, np.float32)
        row, everywhere = self._row(value), self._all_users.state()
        items, scores = _gather(
            (self._items[row], self._weights[row], self._inherited[row]), self._factors(row),
            everywhere["weights"], everywhere["top"], self._slots, blocked,
        )  # fmt: skip
        best: tuple[NDArray[np.int32], NDArray[np.float32]] = best_first(items, scores, k)
        return best

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Return each item's share of the group's events, shrunk towards its share of all; 0 without the trait."""
        value = query.traits.get(self.trait)
        if value is None:
            return np.zeros(len(items), np.float32)
        row = self._row(value)
        scores: NDArray[np.float32] = _look_up(
            (self._items[row], self._weights[row], self._inherited[row]), self._factors(row),
            self._all_users.state()["weights"], self._slots, items,
        )  # fmt: skip
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the counts of all users, and the names and counts of the groups."""
        return {
            **{f"everybody_{key}": array for key, array in self._all_users.state().items()},
            **{f"names_{key}": array for key, array in self._names.state().items()},
            "unit": self._unit, "total": self._total, "sums": self._sums, "items": self._items,
            "weights": self._weights, "inherited": self._inherited,
        }  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from a copy of `state`."""
        for part, prefix in ((self._all_users, "everybody_"), (self._names, "names_")):
            part.restore({key.removeprefix(prefix): array for key, array in state.items() if key.startswith(prefix)})
        self._unit = np.array(state["unit"], np.float64)
        self._total = np.array(state["total"], np.float64)
        self._sums = np.array(state["sums"], np.float64)
        self._items = np.array(state["items"], np.int32)
        self._weights = np.array(state["weights"], np.float64)
        self._inherited = np.array(state["inherited"], np.float64)
        self._size = len(state["everybody_weights"])
        self._slots = np.full(max(16, self._size), -1, np.int32)

    def _row(self, value: str) -> int:
        return self._names.index(value) + 1  # unknown values are among the others

    def _row_to_learn(self, value: str) -> int:
        row = self._row(value)
        if row == _OTHERS and len(self._names) < self._values:
            row = self._names.intern(value) + 1
            self._sums = grown(self._sums, row + 1)
            self._items = grown(self._items, row + 1, fill=-1)
            self._weights = grown(self._weights, row + 1)
            self._inherited = grown(self._inherited, row + 1)
        return row

    def _factors(self, row: int) -> tuple[float, float]:
        """What turns the stored weights of the group and of all users into parts of the score."""
        pseudo_weight, total = self._pseudo_events * float(self._unit[0]), float(self._total[0])
        own = 1.0 / (float(self._sums[row]) + pseudo_weight)
        return own, (own * pseudo_weight / total if total > 0 else 0.0)
