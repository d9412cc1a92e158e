"""Laws that every policy obeys, public so that a policy from elsewhere can be held to them.

``yield_checks(policy)`` yields named checks; each works on a copy of the policy and raises
``LawBrokenError`` with what was found.
"""

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.base import EXHAUSTED, OTHER, PINNED, Constraints, Outcome, Policy, Slate

FALSE_ALARM = 1e-9  # chance that check_draws_match_propensities fails a right policy on other seeds


class LawBrokenError(AssertionError):
    """A policy broke a law of this module."""


class Check(NamedTuple):
    """One law, bound to one policy."""

    id: str  # such as "sarsa:check_pmf_sums_to_one"
    run: Callable[[], None]


def yield_checks(policy: Policy) -> Iterator[Check]:
    """Yield every check for ``policy``, which stays as it is."""
    for check in _CHECKS:
        yield Check(f"{policy.name}:{check.__name__}", partial(_run, check, policy))


def _run(check: Callable[[Policy], None], policy: Policy) -> None:
    check(copy.deepcopy(policy))


def _require(holds: bool, policy: Policy, law: str) -> None:
    if not holds:
        raise LawBrokenError(f"policy {policy.name!r}: {law}")


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(list(f"bandits/checks/{name}".encode()))


def random_lists(policy: Policy, rng: np.random.Generator) -> NDArray[np.int32]:
    """Lists that overlap, some of them short, some empty, shape ``[sources, slots]``."""
    catalogue = policy.slots + 3
    lists = np.stack([rng.permutation(catalogue)[: policy.slots] for _ in range(policy.sources)]).astype(np.int32)
    for a in np.flatnonzero(rng.random(policy.sources) < 0.3):
        lists[a, rng.integers(policy.slots) :] = -1
    return lists


def random_constraints(lists: NDArray[np.int32], slots: int, rng: np.random.Generator) -> Constraints:
    """Two caps, on every slot and on the first two, and pins in up to two slots; some of the lists' items."""
    kinds = np.stack([lists % 3, np.where(lists % 5 == 0, -1, lists % 2)]).astype(np.int32)
    first = np.array([slots, 2], np.int32)
    pin_slots = np.sort(rng.permutation(slots)[: rng.integers(3)]).astype(np.int32)
    pins = rng.permutation(slots + 6)[: len(pin_slots)].astype(np.int32)
    used = np.zeros((2, 3), np.int32)
    for pin, slot in zip(pins, pin_slots, strict=True):
        used[0, pin % 3] += 1
        used[1, pin % 2] += pin % 5 != 0 and slot < first[1]
    return Constraints(kinds, np.array([2, 1], np.int32), first, used, pins, pin_slots)


def train(policy: Policy, outcomes: int, name: str) -> None:
    """Train ``policy`` in a seeded world in which a hit in slot j has probability 0.3 / (j + 1)."""
    rng = _generator(name)
    state, slate = 0, policy.draw(0, random_lists(policy, rng), rng.random(policy.slots))
    for _ in range(outcomes):
        n = slate.items.size
        hits = np.flatnonzero(rng.random(n) < 0.3 / np.arange(1, n + 1))
        next_state, lists = int(rng.integers(policy.n_states)), random_lists(policy, rng)
        following = policy.draw(next_state, lists, rng.random(policy.slots))
        policy.learn_one(
            Outcome(
                state_tm1=state,
                offered_ranks=slate.offered_ranks,
                sources=slate.sources,
                hit=int(hits[0]) if hits.size else -1,
                reward=float(hits.size > 0),
                discount_t=float(rng.choice([0.0, 0.5])),
                state_t=next_state,
                next_offered_ranks=following.offered_ranks,
                next_sources=following.sources,
                next_lists=lists,
            )
        )
        state, slate = next_state, following


def _slates(policy: Policy, count: int, name: str) -> Iterator[tuple[int, NDArray[np.int32], Slate]]:
    rng = _generator(name)
    for _ in range(count):
        state, lists = int(rng.integers(policy.n_states)), random_lists(policy, rng)
        yield state, lists, policy.draw(state, lists, rng.random(policy.slots))


def _state_bytes(policy: Policy) -> list[tuple[str, bytes]]:
    return [(name, array.tobytes()) for name, array in policy.state().items()]


def check_slate_shows_each_item_once(policy: Policy) -> None:
    """No item twice, none from outside the lists, and no empty slot while a source is live."""
    for _, lists, slate in _slates(policy, 100, "once"):
        items = slate.items.tolist()
        offered = {int(item) for row in lists for item in row if item >= 0}
        _require(len(set(items)) == len(items), policy, f"an item must be shown once; got {items}")
        _require(set(items) <= offered, policy, f"items must come from the lists; got {items} from {offered}")
        _require(len(items) == min(policy.slots, len(offered)), policy, f"slots must be filled; got {items}")


def check_offered_ranks(policy: Policy) -> None:
    """``offered_ranks`` names every source's first unplaced item, and whether it is the one shown."""
    for _, lists, slate in _slates(policy, 100, "offered_ranks"):
        for j, item in enumerate(slate.items):
            for a, row in enumerate(lists):
                left = [rank for rank, x in enumerate(row) if x >= 0 and x not in slate.items[:j]]
                wanted = EXHAUSTED if not left else left[0] + (0 if row[left[0]] == item else OTHER)
                got = int(slate.offered_ranks[j, a])
                _require(got == wanted, policy, f"offered_ranks[{j}, {a}] must be {wanted}; got {got}")


def check_pmf_sums_to_one(policy: Policy) -> None:
    """At every slot the probabilities sum to 1, and an exhausted source has none."""
    train(policy, 300, "pmf")
    for _, _, slate in _slates(policy, 100, "pmf"):
        sums = slate.probabilities.sum(axis=1, dtype=np.float64)
        _require(bool(np.all(slate.probabilities >= 0.0)), policy, "probabilities must not be negative")
        _require(bool(np.allclose(sums, 1.0, rtol=0.0, atol=1e-6)), policy, f"pmf must sum to 1; got {sums}")
        _require(
            not slate.probabilities[slate.offered_ranks == EXHAUSTED].any(),
            policy,
            "an exhausted source must have probability 0",
        )


def check_every_offer_can_be_shown(policy: Policy) -> None:
    """While it explores, every item that a source offers has a positive propensity."""
    train(policy, 300, "offered_ranks")
    if policy.epsilon == 0.0:
        return
    for _, lists, slate in _slates(policy, 100, "shown"):
        for j in range(slate.items.size):
            live = slate.offered_ranks[j] != EXHAUSTED
            offered = lists[np.flatnonzero(live), slate.offered_ranks[j][live] % OTHER]
            for item in np.unique(offered):
                total = float(slate.probabilities[j][live][offered == item].sum())
                _require(total > 0.0, policy, f"item {item} at slot {j} must have a positive propensity")


def check_propensities_add_up(policy: Policy) -> None:
    """An item's propensity is the sum over the sources that offer it; ``propensities`` recomputes it."""
    train(policy, 300, "propensities")
    for state, lists, slate in _slates(policy, 100, "propensities"):
        summed = np.where(slate.offered_ranks < OTHER, slate.probabilities, 0.0).sum(axis=1)
        again = policy.propensities(state, lists, slate.items)
        _require(bool(np.all(slate.propensities > 0.0)), policy, "what is shown must have a positive propensity")
        for other in (summed, again):
            close = np.allclose(slate.propensities, other, rtol=1e-5, atol=0.0)
            _require(bool(close), policy, f"propensities must be {other}; got {slate.propensities}")


def check_draws_match_propensities(policy: Policy) -> None:
    """Sources are drawn as often as their probabilities say, at every slot.

    Draw minus probability is a martingale difference in [-1, 1], so with variance V its sum exceeds
    L / 3 + sqrt(L ** 2 / 9 + 2 V L) with probability at most 2 exp(-L) (Freedman 1975). L makes the
    chance over all cells ``FALSE_ALARM``.
    """
    train(policy, 300, "draws")
    surplus = np.zeros((policy.slots, policy.sources))
    variance = np.zeros_like(surplus)
    for _, _, slate in _slates(policy, 1500, "draws"):
        n, pmf = slate.items.size, slate.probabilities.astype(np.float64)
        surplus[:n] += np.eye(policy.sources)[slate.sources] - pmf
        variance[:n] += pmf * (1.0 - pmf)
    log_term = math.log(2 * surplus.size / FALSE_ALARM)
    bound = log_term / 3 + np.sqrt(log_term**2 / 9 + 2 * variance * log_term)
    _require(
        bool(np.all(np.abs(surplus) <= bound)),
        policy,
        f"draws must match probabilities; off by {surplus} where at most {bound} is chance",
    )


def check_constraints_hold(policy: Policy) -> None:
    """Pins stand where they must, no item breaks a cap, and the record's offered_ranks reproduce the propensities."""
    train(policy, 300, "constraints")
    rng = _generator("constraints")
    for state, lists, _ in _slates(policy, 100, "constraints"):
        constraints = random_constraints(lists, policy.slots, rng)
        slate = policy.draw(state, lists, rng.random(policy.slots), constraints)
        items, pinned = slate.items.tolist(), slate.sources == PINNED
        _require(
            slate.items[pinned].tolist() == constraints.pins[: pinned.sum()].tolist(), policy, "pins must be shown"
        )
        _require(len(set(items)) == len(items), policy, f"an item must be shown once; got {items}")
        on_time = np.isin(constraints.pin_slots, np.flatnonzero(pinned)) | (constraints.pin_slots >= len(items))
        _require(bool(on_time.all()), policy, f"pins must stand in slots {constraints.pin_slots}; got {pinned}")
        for j in np.flatnonzero(~pinned):
            whole = [item % 3 for item in {*items[: j + 1], *constraints.pins.tolist()}]
            _require(whole.count(items[j] % 3) <= 2, policy, f"item {items[j]} must keep the cap of 2; got {items}")
        for other in (
            policy.propensities(state, lists, slate.items, constraints),
            policy.recorded_propensities(state, lists, slate.offered_ranks),
        ):
            close = np.allclose(slate.propensities, other, rtol=1e-5, atol=0.0)
            _require(bool(close), policy, f"propensities must be {other}; got {slate.propensities}")


def check_draw_changes_nothing(policy: Policy) -> None:
    """The same draw twice gives the same slate, and leaves the state as it was."""
    train(policy, 300, "pure")
    before = _state_bytes(policy)
    first = [pickle.dumps(slate) for _, _, slate in _slates(policy, 50, "pure")]
    second = [pickle.dumps(slate) for _, _, slate in _slates(policy, 50, "pure")]
    _require(first == second, policy, "the same draw must give the same slate")
    _require(_state_bytes(policy) == before, policy, "draw must not change the state")


def check_learning_is_deterministic(policy: Policy) -> None:
    """The same outcomes give the same bytes."""
    twin = copy.deepcopy(policy)
    train(policy, 600, "deterministic")
    train(twin, 600, "deterministic")
    _require(_state_bytes(policy) == _state_bytes(twin), policy, "the same outcomes must give the same state")


def check_pickling(policy: Policy) -> None:
    """A pickled policy goes on as the original does."""
    train(policy, 300, "pickling")
    twin: Policy = pickle.loads(pickle.dumps(policy))  # noqa: S301 (our own bytes, made in this line)
    train(policy, 300, "pickled")
    train(twin, 300, "pickled")
    _require(_state_bytes(policy) == _state_bytes(twin), policy, "a pickled policy must go on as the original does")


def check_restore(policy: Policy) -> None:
    """A snapshot holds all: an untrained policy that takes it over goes on as the original does."""
    twin = copy.deepcopy(policy)
    train(policy, 600, "restore")
    twin.restore({name: array.copy() for name, array in policy.state().items()})
    train(policy, 600, "restored")
    train(twin, 600, "restored")
    _require(_state_bytes(policy) == _state_bytes(twin), policy, "a restored policy must go on as the original does")


def check_bounded_state(policy: Policy) -> None:
    """Learning makes the state neither larger nor infinite."""
    train(policy, 300, "bounded")
    size = len(pickle.dumps(policy))
    train(policy, 600, "bounded")
    _require(len(pickle.dumps(policy)) <= size + 16, policy, "the pickled state must not grow")  # a longer integer
    for name, array in policy.state().items():
        _require(bool(np.all(np.isfinite(array.astype(np.float64)))), policy, f"{name} must be finite")


_CHECKS: tuple[Callable[[Policy], None], ...] = (
    check_slate_shows_each_item_once,
    check_offered_ranks,
    check_pmf_sums_to_one,
    check_every_offer_can_be_shown,
    check_propensities_add_up,
    check_draws_match_propensities,
    check_constraints_hold,
    check_draw_changes_nothing,
    check_learning_is_deterministic,
    check_pickling,
    check_restore,
    check_bounded_state,
)
