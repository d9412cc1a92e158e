"""From lines to events: what holds for the lines of a file together.

1. *Time.* No event is later than now, and the numbers in a column of times have one unit: it is that of most of the
   first lines, and a line with another one is refused.
2. *Ids.* The id of an event is a digest of what it says (user, item, type, time, session, price, ...) and how often the
   file has said that before. So a file that is sent again is learned once, also renamed, packed, cut at its end, joined
   with others, with its columns in another order or its times in another unit; the next day's file is learned whole;
   and two equal lines of a file are two events. Two files that overlap are learned once where they do.
"""

import math
from hashlib import blake2b

import msgspec

from stream.datasets.layouts import Line
from stream.records import amounts
from stream.records.schemas import Event, EventType
from stream.records.times import Seconds, fault

PREFIX = "file-"
_BYTES = 10  # of a digest: among 10 million different lines of a file, one in a billion files has two with one id


class FileEvents:
    """Makes the events of one file, line by line, in the file's order.

    Parameters
    ----------
    now : unix seconds; an event must not be later. Infinite: any time until 2100
    unit : of the numbers in the column of times; empty: that of the first
    """

    def __init__(self, now: float = math.inf, unit: str = "") -> None:
        self.now = now
        self._unit = unit
        self._said: dict[bytes, int] = {}  # digest -> how often

    def event(self, line: Line) -> Event:
        """The event of a line, with an id.

        >>> line = Line("view", "ada", "tea", 1.7e9)
        >>> file = FileEvents()
        >>> file.event(line).event_id, file.event(line).event_id
        ('file-f8fba500f4f6277adaba', 'file-f8fba500f4f6277adaba-1')

        Raises
        ------
        ValueError
            if the time is not plausible
        """
        time = self.time(line.time)
        return self.identified(
            line.kind,
            Event(
                event_id=PREFIX, user_id=line.user_id, item_id=line.item_id, timestamp=time,
                session_id=line.session_id, decision_id=line.decision_id, price=line.price, quantity=line.quantity,
                context=line.context,
            ),
            line.event_id,
        )  # fmt: skip

    def time(self, time: float) -> float:
        """The time of a line as seconds; raises ValueError if it is not plausible, or in another unit than before."""
        unit = time.unit if isinstance(time, Seconds) else "seconds"
        self._unit = self._unit or unit
        if unit != self._unit:
            raise ValueError(
                f"the time looks like {unit}, the others like {self._unit}: all times of a file must have one unit"
            )
        wrong = fault(time, self.now)
        if wrong:
            raise ValueError(f"the time {wrong}")
        return float(time)

    def identified(self, kind: EventType, event: Event, own: str = "") -> Event:
        """The event under its own id, or under that which its content gives it in this file.

        Raises
        ------
        ValueError
            if its price or quantity is not plausible
        """
        if wrong := amounts.fault(event, kind):
            raise ValueError(wrong)
        if own:
            return msgspec.structs.replace(event, event_id=own)
        said = msgspec.msgpack.encode((kind, msgspec.structs.replace(event, event_id="", type=None)))
        digest = blake2b(said, digest_size=_BYTES)
        count = self._said.get(digest.digest(), 0)
        self._said[digest.digest()] = count + 1
        again = f"-{count}" if count else ""
        return msgspec.structs.replace(event, event_id=f"{PREFIX}{digest.hexdigest()}{again}")
