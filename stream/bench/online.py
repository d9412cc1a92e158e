"""The online path as scenarios: slates alone, and events from their topics to the fold, one by one or many at once.

Portions of work as in `stages.py`.
"""

from collections.abc import Callable, Generator, Sequence
from itertools import count, cycle, islice, repeat
from typing import Any

import msgspec

from stream.bench.site import Site
from stream.bench.stages import Work, last_users
from stream.decisions.arrivals import UserEvent
from stream.errors import UsageError
from stream.records.log import Step
from stream.state.user_block import SEEN_ITEMS

LONG_USERS = 16  # with full histories
DRAWS = 2 * SEEN_ITEMS  # events of one of them, at most: the catalogue may be too small for a full history
NEW_ITEM = 3  # one event in so many is on an item that nobody has touched
TRIED = 20  # events looked at for one that can settle a slate


def recent(site: Site, n: int) -> list[str]:
    """The `n` users who came last."""
    return [user_id for user_id, _ in last_users(site, n)]


def long(site: Site, _: int) -> list[str]:
    """Some new users, each with as many items as are remembered of a user: items as the workload has them, in turns."""
    names = [f"long-{site.events}-{n}" for n in range(LONG_USERS)]
    arrivals = site.arrivals(DRAWS * LONG_USERS)
    given = [each._replace(user_id=name) for each, name in zip(arrivals, cycle(names))]
    seen: dict[str, set[str]] = {name: set() for name in names}
    wanted = list[UserEvent]()
    for each in given:
        if len(seen[each.user_id]) < SEEN_ITEMS:
            seen[each.user_id].add(each.event.item_id)
            wanted.append(each)
    site.take_in(wanted)
    return names


def make_slates(whom: Callable[[Site, int], Sequence[str]], site: Site, units: int) -> Generator[Work]:
    """Make a slate for each of `whom`, again and again."""
    steps = [Step.without_event(user_id) for user_id in islice(cycle(whom(site, units)), units)]
    made = count()  # each decision needs an id of its own

    def work() -> int:
        for step in steps:
            site.engine.answer(site.shard, [(step, f"bench.{next(made)}")])
        return len(steps)

    yield from repeat(work)


def settle_events(site: Site, units: int) -> Generator[Work]:
    """Take in events that each settle an open slate, and learn slate and rows; each a message, without a new slate.

    The slates are made outside of the timed part: as if the site had answered all users just before they came again.
    """
    made = count()
    while True:
        arrivals = _returning(site, units)
        asked = [(Step.without_event(each.user_id), f"settle.{next(made)}") for each in arrivals]
        site.keep(site.engine.answer(site.shard, asked))

        def work(arrivals: Sequence[UserEvent] = arrivals) -> int:
            for each in arrivals:
                step = site.engine.step(site.shard, *each)
                message = site.shard.message([] if step is None else [step], {"events.view": site.events}, last=True)
                site.replicate([site.own.encode(message)])
            return len(arrivals)

        yield work


def _returning(site: Site, n: int) -> list[UserEvent]:
    """The next events of `n` different users who were there before; all others are taken in.

    Fewer where not so many come again before they are dropped as idle: a file of years has few users at a time.
    """
    found: dict[str, UserEvent] = {}
    for _ in range(TRIED * n):
        (each,) = site.arrivals(1)
        if each.user_id not in site.shard.users:
            site.take_in([each])
            continue
        if (earlier := found.pop(each.user_id, None)) is not None:
            site.take_in([earlier])
        found[each.user_id] = each
        if len(found) == n:
            break
    kept = [each for each in found.values() if each.user_id in site.shard.users]
    if not kept:
        raise UsageError(f"engine/settle: users must come again; none did in {TRIED * n:,} events")
    return kept


def on_new_items(site: Site, units: int) -> list[UserEvent]:
    """The next events, one in three of them on an item that is new to the site."""
    arrivals = site.arrivals(units)
    for n in range(0, units, NEW_ITEM):
        event = msgspec.structs.replace(arrivals[n].event, item_id=f"new-{site.events}-{n}")
        arrivals[n] = arrivals[n]._replace(event=event)
    return arrivals


def whole_loop(
    at_once: int, site: Site, units: int, arrive: Callable[[Site, int], Sequence[UserEvent]] = Site.arrivals
) -> Generator[Work]:
    """Take in, make slates, encode, decode and fold, so many events at once."""
    while True:
        arrivals = arrive(site, units)

        def work(arrivals: Any = arrivals) -> int:
            for start in range(0, units, at_once):
                site.replicate([site.own.encode(batch) for batch in site.batches(arrivals[start : start + at_once])])
            return units

        yield work
