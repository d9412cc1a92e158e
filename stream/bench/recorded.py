"""A log from a file as a workload without end, for scenarios on data of one's own."""

from collections.abc import Iterable, Iterator
from itertools import count

import msgspec

from stream.datasets.readers import Entry
from stream.errors import UsageError
from stream.records.schemas import Event, EventType, Item

PAUSE_S = 86_400.0  # of event time, between the last event and the first one when it begins again


class Recorded:
    """Items and events of a log. When it ends it begins again, later and with other event ids: users live on.

    Parameters
    ----------
    entries : by time, as `stream.datasets.readers.read` yields them

    Raises
    ------
    UsageError
        if there is no event
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._items, self._log = list[Item](), list[tuple[EventType, Event]]()
        for entry in entries:
            if isinstance(entry, Item):
                self._items.append(entry)
            else:
                self._log.append(entry)
        if not self._log:
            raise UsageError("bench: --file must hold events; it has none")
        self.items = len({event.item_id for _, event in self._log})

    def catalogue(self) -> Iterator[Item]:
        """All items that the file describes."""
        return iter(self._items)

    def events(self, start: float) -> Iterator[tuple[EventType, Event]]:
        """All events without end, the first one at `start`, unix seconds."""
        first, last = self._log[0][1].timestamp, self._log[-1][1].timestamp
        for n in count():
            later = start - first + n * (last - first + PAUSE_S)
            for kind, event in self._log:
                time = event.timestamp + later
                yield kind, msgspec.structs.replace(event, event_id=f"{event.event_id}~{n}", timestamp=time)
