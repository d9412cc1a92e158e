"""What one fetch of events brought."""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from faust.types import TP


class Poll(list[tuple[TP, list[Any]]]):
    """What one fetch brought: topic-partitions with their Kafka records, as aiokafka gave them."""

    fetch = 0  # the number of the fetch: a seek that was made since may have made it stale
    fetched_at = math.inf  # monotonic seconds
    ends: Mapping[TP, int] = MappingProxyType({})  # offset of the next record to be written, as of the fetch

    def waiting(self, tps: Iterable[TP]) -> int:
        """Records of these topic-partitions that wait after the poll."""
        last = {tp: records[-1].offset + 1 for tp, records in self if records}
        return sum(max(0, self.ends[tp] - last[tp]) for tp in tps if tp in last and tp in self.ends)
