"""Which events are learned and which are measured: splits by time, and sessions as users of their own.

The published tables of session-based recommendation [^1] come from `by="session"`, a split at a time, `freeze` and
`known_items`: whole sessions are for training or for test, the item of every event but a session's first is looked up
among all items, and the test is not learned.

[^1]: Ludewig, Mauro, Latifi, Jannach: Empirical analysis of session-based recommendation algorithms. UMUAI 2021.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from stream.errors import UsageError
from stream.records.schemas import Event, EventType, Item

Among = Literal["random", "popular"]
Entry = Item | tuple[EventType, Event]
Typed = tuple[EventType, Event]  # an event and its type
Lists = Literal["published", "refreshed", "asked", "fresh"]
Grouping = Literal["user", "session"]
Scope = Literal["all", "novel"]


class ProtocolError(UsageError, ValueError):
    """The events cannot be split as asked."""


class Protocol(NamedTuple):
    """What is measured, and how."""

    ks: tuple[int, ...] = (1, 5, 10, 20)  # list lengths to measure; the longest one is the lists' length
    lists: Lists = "published"  # as made after the user's event before; refreshed: stale ones are replaced, as an
    # idle worker does; asked: as made when the event arrives, served and learned as such; fresh: the same, but measured
    # alone, while published lists are served
    train_events: int = 0  # so many events at the start are learned, but not measured
    train_fraction: float = 0.0  # the same as a share of all events, in [0, 1)
    train_until: float | None = None  # the same as a time, unix seconds: what is earlier is for training
    freeze: bool = False  # measured events are not learned; lists are fresh
    by: Grouping = "user"  # session: every session is a user of its own, without history
    known_items: bool = False  # events on items that training does not know are left out of the test
    refreshes: float = 1.0  # lists refreshed per event, with `refreshed`; fractions add up
    candidates: Scope = "all"  # novel: only items that are new to the user are listed and measured
    rerank: Among | None = None  # the item taken is ranked among such others besides
    of: int = 25  # items of these lists


class Visit(NamedTuple):
    """One whole session, and what is left of it at each of its events."""

    last: dict[str, int]  # item -> position of its last event
    distinct: list[int]  # distinct items at each position and after it

    @property
    def events(self) -> int:
        """Number of its events."""
        return len(self.distinct)


class Planned(NamedTuple):
    """One event, in the order in which events are tested and learned."""

    kind: EventType
    event: Event
    about: list[Item]  # of the catalogue, first mentioned with this event
    measured: bool
    awaited: bool  # whether the user's next event is measured
    visit: Visit
    position: int  # in the visit


def first_events(entries: Iterable[Entry], limit: int | None) -> list[Entry]:
    """Entries of the first `limit` events, with the catalogue items between them; all of them if None."""
    taken: list[Entry] = []
    events = 0
    for entry in entries:
        if events == limit:
            break
        events += isinstance(entry, tuple)
        taken.append(entry)
    return taken


def plan(entries: Iterable[Entry], protocol: Protocol, session_gap_s: float) -> list[Planned]:
    """Put events in order, and mark which are measured.

    1. sessions: by id, or by a silence of `session_gap_s` where an event has none
    2. by session: each becomes a user
    3. split into training and test
    4. leave items unknown in training out of the test
    5. test after training; each item of the catalogue comes with the first event on it, or that it stood before

    Raises
    ------
    ProtocolError
        if the split leaves nothing to train or nothing to measure, where it was asked for
    """
    entries = list(entries)
    events = [entry for entry in entries if isinstance(entry, tuple)]
    keys = _sessions(events, session_gap_s)  # 1
    if protocol.by == "session":  # 2
        events = [
            (kind, msgspec.structs.replace(event, user_id=key, session_id=key))
            for (kind, event), key in zip(events, keys, strict=True)
        ]
    train = _split(events, keys, protocol)  # 3
    order = [n for n, learned in enumerate(train) if learned]
    known = {events[n][1].item_id for n in order} if protocol.known_items else None
    test = [
        n for n, learned in enumerate(train) if not learned and (known is None or events[n][1].item_id in known)
    ]  # 4
    order += test  # 5
    about = _place_items(entries, events, order)
    visits, positions = _visits(events, keys, order)
    awaited = _awaited(events, train, order)
    return [
        Planned(*events[n], about.get(n, []), not train[n], n in awaited, visits[keys[n]], position)
        for n, position in zip(order, positions, strict=True)
    ]


def _sessions(events: Sequence[Typed], session_gap_s: float) -> list[str]:
    """Name of each event's session: the user's id, and the session's or its number among the user's."""
    numbers: dict[str, int] = {}
    times: dict[str, float] = {}
    keys = []
    for _, event in events:
        user = event.user_id
        if event.session_id is not None:
            keys.append(user if event.session_id == user else f"{user}/{event.session_id}")
            continue
        if user in times and event.timestamp - times[user] > session_gap_s:
            numbers[user] = numbers.get(user, 0) + 1
        times[user] = event.timestamp
        keys.append(f"{user}#{numbers.get(user, 0)}")
    return keys


def _split(events: Sequence[Typed], keys: Sequence[str], protocol: Protocol) -> list[bool]:
    """Whether each event is for training. A session is as a whole: for test if its last event is not before the cut."""
    n = max(protocol.train_events, int(protocol.train_fraction * len(events)))
    until = protocol.train_until
    if until is None and (n == 0 or protocol.by == "user"):
        return [place < n for place in range(len(events))]
    if until is None:
        until = events[n][1].timestamp if n < len(events) else float("inf")
    if protocol.by == "user":
        train = [event.timestamp < until for _, event in events]
    else:
        ends: dict[str, float] = {}
        for (_, event), key in zip(events, keys, strict=True):
            ends[key] = max(event.timestamp, ends.get(key, event.timestamp))
        train = [ends[key] < until for key in keys]
    if protocol.train_until is not None and (all(train) or not any(train)):
        raise ProtocolError(_outside(events, until, "all" if all(train) else "none"))
    return train


def _outside(events: Sequence[Typed], until: float, share: str) -> str:
    if not events:
        return "the file holds no event to split"
    times = [event.timestamp for _, event in events]
    return (
        f"the training must end within the file, whose events are of {_day(min(times))} to {_day(max(times))}; "
        f"got {_day(until)}, and {share} of them would be learned without being measured"
    )


def _day(time: float) -> str:
    try:
        return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%dT%H:%M:%SZ} ({time:.0f})"
    except (OverflowError, ValueError, OSError):  # no such year
        return f"{time:.0f}"


def _place_items(entries: Sequence[Entry], events: Sequence[Typed], order: Sequence[int]) -> dict[int, list[Item]]:
    """Items by the number of the event that they come with: an item is described before its first event is tested."""
    places = {n: place for place, n in enumerate(order)}
    first: dict[str, int] = {}
    for n in order:
        first.setdefault(events[n][1].item_id, n)
    about: dict[int, list[Item]] = {}
    following = 0
    for entry in entries:
        if not isinstance(entry, Item):
            following += 1
            continue
        candidates = [n for n in (following, first.get(entry.item_id, -1)) if n in places]
        if candidates:
            about.setdefault(min(candidates, key=places.__getitem__), []).append(entry)
    return about


def _awaited(events: Sequence[Typed], train: Sequence[bool], order: Sequence[int]) -> set[int]:
    """Events whose user's next event is measured."""
    found: set[int] = set()
    measured: dict[str, bool] = {}  # whether the user's event that comes after this one is
    for n in reversed(order):
        user = events[n][1].user_id
        if measured.get(user):
            found.add(n)
        measured[user] = not train[n]
    return found


def _visits(events: Sequence[Typed], keys: Sequence[str], order: Sequence[int]) -> tuple[dict[str, Visit], list[int]]:
    """All sessions by name, and each event's position in its own."""
    items: dict[str, list[str]] = {}
    positions = []
    for n in order:
        session = items.setdefault(keys[n], [])
        positions.append(len(session))
        session.append(events[n][1].item_id)
    return {key: _visit(session) for key, session in items.items()}, positions


def _visit(session: Sequence[str]) -> Visit:
    met: set[str] = set()
    distinct = []
    for item in reversed(session):
        met.add(item)
        distinct.append(len(met))
    return Visit({item: place for place, item in enumerate(session)}, distinct[::-1])
