"""Topics as lists of records, in place of `stream.kafka.connections.Connections`."""

import asyncio
from typing import Any

from stream.kafka.connections import TruncatedError
from stream.records.topics import Topic


class ListReader:
    """Reads a list whose first records may have been deleted."""

    def __init__(self, connections: "ListConnections", name: str) -> None:
        self.connections, self.name = connections, name
        self.at, self.stopped, self.written_at = 0, 0, 0.0

    @property
    def records(self) -> list[bytes]:
        """All, also the deleted ones."""
        return self.connections.topics.get(self.name, [])

    @property
    def first(self) -> int:
        """Offset of the first record left."""
        return self.connections.first.get(self.name, 0)

    async def start(self, position: int | None = None) -> tuple[int, int]:
        """Go to a position."""
        self.at = self.first if position is None else max(self.first, position)
        return self.first, len(self.records)

    async def stop(self) -> None:
        """Count."""
        self.stopped += 1

    async def read(self) -> list[tuple[int, bytes]]:
        """The next two records."""
        await asyncio.sleep(0)
        if self.at < self.first:
            raise TruncatedError(f"{self.name}: was truncated")
        found = list(enumerate(self.records))[self.at : self.at + 2]
        self.at += len(found)
        return found

    async def position(self) -> int:
        """Offset of the next record."""
        return self.at


class ListConnections:
    """Readers of lists, by the topics' names."""

    def __init__(self) -> None:
        self.topics: dict[str, list[bytes]] = {}
        self.first: dict[str, int] = {}  # offset of the first record left
        self.readers: list[ListReader] = []

    def reader(self, topic: Topic, partition: int = 0) -> Any:
        """A reader, to be started."""
        del partition
        self.readers.append(ListReader(self, topic.name))
        return self.readers[-1]
