"""How long events waited in a run of chaos, from Kafka's acknowledgement to the log's acceptance, and under what."""

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

SHOWN = 8  # standstills in the table
SHORT_S = 1.0  # what is shorter is none


class Standstill(NamedTuple):
    """A time in which a topic-partition stood still."""

    where: str
    at: float  # unix seconds: acknowledgement of the event that waited longest
    length_s: float


class Pauses:
    """The longest wait of the events of each topic-partition, by the second of their acknowledgement: 8 bytes each.

    >>> pauses = Pauses(100.0)
    >>> for acknowledged, accepted in ((100.5, 100.6), (103.1, 109.0), (104.2, 109.1), (110.0, 110.1)):
    ...     pauses.add("events.view/0", acknowledged, accepted)
    >>> round(pauses.longest(100.0, 111.0), 1), [round(each.length_s, 1) for each in pauses.standstills()]
    (5.9, [5.9])
    """

    def __init__(self, started: float) -> None:
        self.started = started  # unix seconds
        self._waits: dict[str, array[float]] = {}

    def add(self, where: str, acknowledged: float, accepted: float) -> None:
        """An event of that topic-partition was acknowledged and accepted then; unix seconds."""
        waits, second = self._waits.setdefault(where, array("d")), max(0, int(acknowledged - self.started))
        waits.extend([0.0] * (second + 1 - len(waits)))
        waits[second] = max(waits[second], accepted - acknowledged)

    def longest(self, start: float, end: float) -> float:
        """Longest wait of any event acknowledged in between; unix seconds."""
        window = slice(max(0, int(start - self.started)), max(0, int(end - self.started) + 1))
        return max((max(waits[window], default=0.0) for waits in self._waits.values()), default=0.0)

    def standstills(self, most: int = SHOWN) -> list[Standstill]:
        """The longest ones, those of a topic-partition without overlap, longest first."""
        found = [each for where, waits in sorted(self._waits.items()) for each in self._of(where, waits)]
        return sorted(found, key=lambda each: (-each.length_s, each.at, each.where))[:most]

    def _of(self, where: str, waits: Sequence[float]) -> list[Standstill]:
        taken: list[Standstill] = []
        for second in sorted(range(len(waits)), key=lambda second: (-waits[second], second)):
            here = Standstill(where, self.started + second, waits[second])
            if here.length_s < SHORT_S or len(taken) == SHOWN:
                break
            if not any(_overlap(here, other) for other in taken):
                taken.append(here)
        return taken


def _overlap(one: Standstill, other: Standstill) -> bool:
    return one.at <= other.at + other.length_s and other.at <= one.at + one.length_s


def during(standstill: Standstill, faults: Iterable[tuple[str, float]], before_s: float) -> list[str]:
    """Faults that began in a standstill or so long before it, with their time since it began.

    >>> during(Standstill("events.view/0", 100.0, 9.0), [("kill -9", 90.0), ("SIGTERM", 104.0)], 8.0)
    ['SIGTERM +4']
    """
    end = standstill.at + standstill.length_s
    return [f"{kind} {at - standstill.at:+.0f}" for kind, at in faults if standstill.at - before_s <= at <= end]
