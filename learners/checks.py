"""Laws every candidate source keeps: run them on your own with `for check in yield_checks(source): check.run()`."""

import copy
import pickle
import random
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from learners.base import INELIGIBLE, NEVER, PURCHASE, TOUCHED, Interaction, Past, Query, Source
from learners.interactions import Interactions, learn_all

_ITEMS = 24
_USERS = 6
_EVENTS = 300


class Check(NamedTuple):
    """One law for one source; `run` raises `AssertionError` where it is broken."""

    id: str  # such as "covisitation:check_pickling"
    run: Callable[[], None]


def yield_checks(source: Source) -> Iterator[Check]:
    """Yield all checks for a fresh `source`; it is copied, never changed."""
    for law in _LAWS:
        yield Check(f"{source.name}:{law.__name__}", partial(_run, law, source))


def check_cold_start(source: Source) -> None:
    """Without items there is nothing, without events nothing but finite scores."""
    items, scores = source.top_k(_query(), 5, np.empty(0, np.uint8))
    _require(len(items) == len(scores) == 0, "no item can be proposed before one is known")
    _add_items(source)
    items, scores = source.top_k(_query(), 5, _nothing_blocked())
    _require(items.dtype == np.int32 and scores.dtype == np.float32, "dtypes must be int32 and float32")
    _require(bool(np.isfinite(source.score_many(_query(1, 2), _every_item())).all()), "scores must be finite")


def check_prediction_changes_nothing(source: Source) -> None:
    """A query leaves the state as it is, and the same query again gives the same answer."""
    _learn(source)
    before = _fingerprint(source)
    first, second = _answers(source), _answers(source)
    _require(first == second, "equal queries must have equal answers")
    _require(_fingerprint(source) == before, "a query must not change the state")


def check_same_events_same_state(source: Source) -> None:
    """Two copies that learn the same, one of them queried meanwhile, agree to the bit."""
    queried = copy.deepcopy(source)
    _learn(source)
    _learn(queried, after_each=lambda: _answers(queried))
    _require(_fingerprint(source) == _fingerprint(queried), "state must depend on the events alone")


def check_pickling(source: Source) -> None:
    """A pickled copy answers and learns like the original, which was queried before."""
    _learn(source)
    _answers(source)
    _require_twins(source, pickle.loads(pickle.dumps(source)))  # noqa: S301  (made on this very line)


def check_state_round_trip(source: Source) -> None:
    """A fresh source that restores the state answers and learns like the original."""
    twin = copy.deepcopy(source)
    _learn(source)
    twin.restore(source.state())
    _require_twins(source, twin)


def check_restored_state_is_a_copy(source: Source) -> None:
    """What a restored source learns does not leak into the one it came from."""
    twin = copy.deepcopy(source)
    _learn(source)
    before = _fingerprint(source)
    twin.restore(source.state())
    _learn(twin)
    _require(_fingerprint(source) == before, "`restore` must copy")


def check_learn_many_is_learn_one(source: Source) -> None:
    """Many events at once leave the same state as one by one, in batches of any size."""
    twin, events = copy.deepcopy(source), [event._replace(past=_past(event)) for event in _stream()]
    events = list(Interactions.of(events).each())
    for each in (source, twin):
        _add_items(each)
    for event in events:
        source.learn_one(event)
    cuts = [0, 1, 2, 50, len(events)]
    for start, end in pairwise(cuts):
        learn_all(twin, Interactions.of(events[start:end]))
    _require(_fingerprint(source) == _fingerprint(twin), "`learn_many` must do what `learn_one` does")


def check_top_k_order(source: Source) -> None:
    """Best first, equal scores by lower index, no item twice, never more than k, a prefix of any longer list."""
    _add_items(source)
    for event in (None, *_stream()):
        if event is not None:
            source.learn_one(event)
        items, scores = source.top_k(_query(3, 1, 4), _ITEMS, _nothing_blocked())
        pairs = list(zip(scores.tolist(), items.tolist(), strict=True))
        _require(pairs == sorted(pairs, key=lambda pair: (-pair[0], pair[1])), "order must be (-score, index)")
        _require(len(set(items.tolist())) == len(items), "an item must appear once")
        for k in (0, 1, 3):
            shorter = source.top_k(_query(3, 1, 4), k, _nothing_blocked())[0]
            _require(shorter.tolist() == items[:k].tolist(), "a shorter list must be a prefix")


def check_score_many_agrees_with_top_k(source: Source) -> None:
    """Both give an item the same score, and no unlisted item is better than a listed one."""
    _learn(source)
    items, scores = source.top_k(_query(3, 1, 4), 5, _nothing_blocked())
    _require(source.score_many(_query(3, 1, 4), items).tolist() == scores.tolist(), "scores must be equal")
    others = np.setdiff1d(_every_item(), items).astype(np.int32)
    best_other = float(source.score_many(_query(3, 1, 4), others).max(initial=0.0))
    _require(len(items) < 5 or best_other <= float(scores[-1]), "the best must be listed")


def check_blocked_honoured(source: Source) -> None:
    """Ineligible items are not proposed; blocking one only moves the others up."""
    _learn(source)
    blocked = _nothing_blocked()
    full = source.top_k(_query(3, 1, 4), _ITEMS, blocked)[0].tolist()
    blocked[full[0]] = INELIGIBLE
    _require(source.top_k(_query(3, 1, 4), _ITEMS, blocked)[0].tolist() == full[1:], "a blocked item must be left out")
    blocked[:] = INELIGIBLE
    _require(len(source.top_k(_query(3, 1, 4), _ITEMS, blocked)[0]) == 0, "nothing may be left")


def check_touched_only_by_repeats(source: Source) -> None:
    """`TOUCHED` items are proposed by sources of the user's own past only."""
    _learn(source)
    listed = source.top_k(_query(3, 1, 4), _ITEMS, np.full(_ITEMS, TOUCHED, np.uint8))[0].tolist()
    _require(listed == ([3, 1, 4] if source.proposes_touched else []), "discovery must leave out touched items")


def check_unknown_items_harmless(source: Source) -> None:
    """Unknown indices score 0 and change no answer; learning one is refused."""
    _learn(source)
    plain = source.score_many(_query(3), _every_item()).tolist()
    strange = np.array([-1, _ITEMS, 10**6], np.int32)
    _require(source.score_many(_query(3), strange).tolist() == [0.0] * 3, "unknown items must score 0")
    _require(source.score_many(_query(3, *strange), _every_item()).tolist() == plain, "unknown items must be ignored")
    source.top_k(_query(*strange), 5, _nothing_blocked())
    try:
        source.learn_one(Interaction(_ITEMS, 0, 0.0, _no_items(), _no_items()))
    except IndexError:
        return
    raise AssertionError("learning an item that was never added must raise IndexError")


def check_new_items_harmless(source: Source) -> None:
    """A new item changes no other's score, costs no list its order, and can be learned at once."""
    _learn(source)
    before = source.score_many(_query(3, 1, 4), _every_item()).tolist()
    for item in (_ITEMS, _ITEMS, _ITEMS + 40):
        source.add_item(item)
    _require(source.score_many(_query(3, 1, 4), _every_item()).tolist() == before, "scores must stay")
    source.learn_one(Interaction(3, 2, 0.0, _no_items(), _no_items(), _user(0)))
    source.learn_one(Interaction(_ITEMS + 40, 2, 0.0, _query(3).recent, _query(3).recent, _user(0)))
    found = source.score_many(_query(3), np.array([_ITEMS + 40, 3], np.int32))
    _require(bool(found.any()), "a learned item must be reachable")


def check_bounded_memory(source: Source) -> None:
    """State grows with items, never with events: individual histories only up to their bounds (give small ones)."""
    for _ in range(3):
        _learn(source)
    measured = sum(array.nbytes for array in source.state().values())
    for _ in range(3):
        _learn(source)
    _require(sum(array.nbytes for array in source.state().values()) == measured, "state must not grow with events")


def check_forget_user(source: Source) -> None:
    """A forgotten user's number is nowhere in the state; if it never was, nothing changes. Learning goes on."""
    _learn(source)
    before, was_kept = _fingerprint(source), _mentions(source, _user(2))
    source.forget(_user(_USERS))
    _require(_fingerprint(source) == before, "forgetting an unknown user must change nothing")
    source.forget(_user(2))
    _require(not _mentions(source, _user(2)), "no array may mention a forgotten user")
    _require(was_kept or _fingerprint(source) == before, "a source that keeps nothing about a user must not change")
    _learn(source)
    _require(bool(np.isfinite(source.score_many(_query(3, 1, 4), _every_item())).all()), "learning must go on")
    _require(_mentions(source, _user(2)) == was_kept, "a forgotten user may come back")


_LAWS = (
    check_cold_start,
    check_prediction_changes_nothing,
    check_same_events_same_state,
    check_pickling,
    check_state_round_trip,
    check_restored_state_is_a_copy,
    check_learn_many_is_learn_one,
    check_top_k_order,
    check_score_many_agrees_with_top_k,
    check_blocked_honoured,
    check_touched_only_by_repeats,
    check_unknown_items_harmless,
    check_new_items_harmless,
    check_bounded_memory,
    check_forget_user,
)


def _run(law: Callable[[Source], None], source: Source) -> None:
    law(copy.deepcopy(source))


def _stream() -> Iterator[Interaction]:
    """Yield events of a few users who often come back to an item."""
    rng = random.Random("headwater/checks")
    past: list[list[int]] = [[] for _ in range(_USERS)]
    for n in range(_EVENTS):
        user = rng.randrange(_USERS)
        history = past[user]
        item = rng.choice(history) if history and rng.random() < 0.3 else rng.randrange(_ITEMS)
        newest = history[::-1]
        recent = np.array(list(dict.fromkeys(newest))[:50], np.int32)
        yield Interaction(item, rng.randrange(3), float(n), recent, np.array(newest[:10], np.int32), _user(user))
        history.append(item)


def _past(event: Interaction) -> Past:
    """A past of an event's recent items: one a minute, every third one bought."""
    ranks = np.arange(1, len(event.recent) + 1)
    times, kinds = (event.time - 60.0 * ranks).astype(np.float64), (ranks % 3).astype(np.uint8)
    return Past(times, 1 + event.recent % 4, kinds, np.where(kinds == PURCHASE, times, NEVER))


def _user(n: int) -> int:
    return 2**40 + 7_919 * n  # nothing else in a state is so large


def _mentions(source: Source, user: int) -> bool:
    return any(array.dtype.kind in "iu" and bool((array == user).any()) for array in source.state().values())


def _learn(source: Source, after_each: Callable[[], object] = lambda: None) -> None:
    _add_items(source)
    for event in _stream():
        source.learn_one(event)
        after_each()


def _add_items(source: Source) -> None:
    for item in range(_ITEMS):
        source.add_item(item)


def _no_items() -> NDArray[np.int32]:
    return np.empty(0, np.int32)


def _every_item() -> NDArray[np.int32]:
    return np.arange(_ITEMS, dtype=np.int32)


def _nothing_blocked() -> NDArray[np.uint8]:
    return np.zeros(_ITEMS, np.uint8)


def _query(*recent: int) -> Query:
    items = np.array(recent, np.int32)
    return Query(items, 1_000.0, items)


def _answers(source: Source) -> list[object]:
    query = _query(3, 1, 4)
    items, scores = source.top_k(query, 7, _nothing_blocked())
    return [items.tolist(), scores.tolist(), source.score_many(query, _every_item()).tolist()]


def _fingerprint(source: Source) -> list[tuple[str, str, bytes]]:
    return [(name, str(array.dtype), array.tobytes()) for name, array in source.state().items()]


def _require(condition: bool, law: str) -> None:
    if not condition:
        raise AssertionError(law)


def _require_twins(source: Source, twin: Source) -> None:
    _require(_fingerprint(source) == _fingerprint(twin), "copies must have equal states")
    _require(_answers(source) == _answers(twin), "copies must answer alike")
    for each in (source, twin):
        each.add_item(_ITEMS)
        _learn(each)
    _require(_fingerprint(source) == _fingerprint(twin), "copies must learn alike")
