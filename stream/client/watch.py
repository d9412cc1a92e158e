"""Shows recommendations as they arrive, with the items' titles."""

import math
import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.partitioner.default import murmur2
from rich.table import Table
from rich.text import Text

from stream.client.slates import Refresh, Slates, Titles, current
from stream.config import Kafka
from stream.kafka.admin import check
from stream.kafka.security import kafka_options
from stream.records.schemas import Slot
from stream.records.topics import ITEMS, RECOMMENDATIONS, prefixed

POLL_MS = 100
TABLE_SLOTS, LINE_SLOTS = 2, 3  # that the overview, and a line, show of each slate


class Watcher:
    """Reads titles and recommendations; a consumer without a group.

    Parameters
    ----------
    user
        Only this user's slates, beginning with the newest that was published; else all from now on.
    options
        Further arguments of kafka-python's consumer.
    """

    def __init__(self, config: Kafka, user: str | None = None, **options: Any) -> None:
        self.slates, self.titles, self.user = Slates(), Titles(), user
        self._items = prefixed(config.namespace, ITEMS)
        partitions = check(config)
        defaults = {
            "enable_auto_commit": False, "auto_offset_reset": "earliest", "fetch_max_wait_ms": POLL_MS,
            "isolation_level": "read_committed",
            "check_crcs": False,  # in pure Python they cost half of the time, and this is only displayed
        }  # fmt: skip
        self._consumer = KafkaConsumer(**(kafka_options(config) | defaults | options))
        self._begin(partitions, prefixed(config.namespace, RECOMMENDATIONS))

    def poll(self, timeout_ms: int = POLL_MS) -> list[Refresh]:
        """Slates that have arrived since the last call; waits at most `timeout_ms`."""
        found = []
        for tp, records in self._consumer.poll(timeout_ms=timeout_ms).items():
            for record in records:
                if tp.topic == self._items:
                    self.titles.take(record.key, record.value)
                    continue
                if self.user is not None and record.key != self.user.encode():
                    self.slates.see(record.value)
                else:
                    refresh = self.slates.take(record.key, record.value, record.timestamp / 1000)
                    if refresh is not None:
                        self.slates.see(refresh.slate)
                        self.titles.withheld.seen(refresh.slate.timestamp, refresh.written_at)
                    found += [refresh] if refresh is not None else []
        return found

    def current(self, refresh: Refresh) -> Refresh:
        """A slate as it may be shown now."""
        return current(refresh, self.titles, self.slates.shown)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _begin(self, partitions: dict[str, int], recommendations: str) -> None:
        """Read all titles, and the user's slates; without a user, skip the slates that are there."""
        count = partitions[recommendations]
        wanted = range(count) if self.user is None else [partition_of(self.user, count)]
        items = [TopicPartition(self._items, n) for n in range(partitions[self._items])]
        slates = [TopicPartition(recommendations, n) for n in wanted]
        self._consumer.assign(items + slates)
        ends = self._consumer.end_offsets(items + slates)
        self._consumer.seek_to_beginning(*items)
        for tp in slates:
            self._consumer.seek(tp, ends[tp] if self.user is None else 0)
        while any(self._consumer.position(tp) < end for tp, end in ends.items()):
            self.poll()


def partition_of(user: str, partitions: int) -> int:
    """Partition of a user's records, by murmur2 as in Java and kafka-python.

    >>> partition_of("u1", 8)
    0
    """
    return int((murmur2(user.encode()) & 0x7FFFFFFF) % partitions)


def overview(slates: Slates, titles: Titles, rows: int) -> Table:
    """The users refreshed last, newest on top, each with the head of the slate."""
    table = Table(expand=True)
    table.add_column("written", no_wrap=True)
    table.add_column("user", no_wrap=True, max_width=20)
    for place in range(1, TABLE_SLOTS + 1):
        table.add_column(f"slot {place}", no_wrap=True, ratio=1)
        table.add_column("source, propensity", no_wrap=True, style="dim")
    for refresh in reversed(list(slates.newest.values())[-rows:]):
        slots = current(refresh, titles, slates.shown).slate.slots[:TABLE_SLOTS]
        cells: list[Text] = []
        for slot in slots:
            cells += [Text(titles[slot.item_id]), Text(_drawn(slot))]
        table.add_row(_clock(refresh), Text(refresh.slate.user_id), *cells)
    return table


def detail(refresh: Refresh, titles: Titles) -> Table:
    """One slate, slot by slot, with what moved since the one before."""
    slate = refresh.slate
    cause = "made between events" if slate.event_id is None else f"after event {slate.event_id}"
    about = f"user {slate.user_id} at {_clock(refresh)}, {cause}; policy {slate.policy}"
    table = Table(title=Text(about), title_justify="left")
    for name in ("", "moved", "item", "source", "propensity", "score"):
        table.add_column(name, justify="left" if name in ("item", "source", "moved") else "right", no_wrap=True)
    for place, (slot, move) in enumerate(zip(slate.slots, refresh.moves(), strict=True), 1):
        table.add_row(
            str(place), move, Text(titles[slot.item_id]), slot.source, _share(slot.propensity), f"{slot.score:.4f}"
        )
    return table


def line(refresh: Refresh, titles: Titles) -> str:
    """One slate in one line, for output that is no terminal."""
    slots = refresh.slate.slots[:LINE_SLOTS]
    head = "; ".join(f"{titles[slot.item_id]} ({_drawn(slot)})" for slot in slots)
    return f"{_clock(refresh)} user {refresh.slate.user_id}: {head}"


def _drawn(slot: Slot) -> str:
    return slot.source if math.isnan(slot.propensity) else f"{slot.source} {slot.propensity:.2f}"


def _share(propensity: float) -> str:
    return "" if math.isnan(propensity) else f"{propensity:.3f}"


def _clock(refresh: Refresh) -> str:
    return time.strftime("%H:%M:%S", time.localtime(refresh.written_at))
