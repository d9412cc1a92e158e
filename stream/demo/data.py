"""MovieLens as the demo sends it: films, history, and ratings as if their users were online together."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from stream.datasets.readers import films, read
from stream.errors import UsageError
from stream.records.schemas import Event, EventType, Item

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "movielens-latest-small"
HISTORY_EVENTS, HISTORY_SHARE = 20_000, 0.2  # the smaller of both
ONLINE_USERS = 200  # at once: at 200 events/s each of them acts once a second

Rating = tuple[EventType, Event]
NOBODY: deque[Rating] = deque()


class MovieLens(NamedTuple):
    """Everything the demo sends."""

    films: list[Item]
    history: list[Rating]  # by time
    live: list[Rating]  # interleaved


def load(folder: Path = FOLDER) -> MovieLens:
    """Read the files; a UsageError if there are none."""
    if not (folder / "movies.csv").exists():
        raise UsageError(
            f"{folder}: the demo's films are missing; they are part of a checkout of headwater, not of its package: "
            "run the demo there (`make demo`)"
        )
    ratings = [entry for entry in read(folder) if not isinstance(entry, Item)]
    cut = min(HISTORY_EVENTS, int(HISTORY_SHARE * len(ratings)))
    return MovieLens(list(films(folder).values()), ratings[:cut], list(interleaved(ratings[cut:], ONLINE_USERS)))


def interleaved(events: Iterable[Rating], at_once: int) -> Iterator[Rating]:
    """Order events as if `at_once` users were online together: one event each in turn, then the next user.

    >>> log: list[Rating] = [("view", Event(event_id=f"{user}{n}", user_id=user, item_id="i", timestamp=n))
    ...                      for user, ratings in (("a", 3), ("b", 1), ("c", 2)) for n in range(ratings)]
    >>> [event.event_id for _, event in interleaved(log, at_once=2)]
    ['a0', 'b0', 'a1', 'c0', 'a2', 'c1']
    """
    waiting: dict[str, deque[Rating]] = {}
    for kind, event in events:
        waiting.setdefault(event.user_id, deque()).append((kind, event))
    coming = iter(waiting.values())
    online = deque(queue for _, queue in zip(range(at_once), coming, strict=False))
    while online:
        queue = online.popleft()
        yield queue.popleft()
        if back := queue or next(coming, NOBODY):
            online.append(back)
