"""One topic-partition, read from a position to its end."""

import math
from collections.abc import AsyncGenerator

from stream.kafka.connections import Connections, Reader, TruncatedError
from stream.records.log import Message, decode_message
from stream.records.topics import LOG

ENDLESS = math.inf


async def read_records(
    reader: Reader, start: int | None = None, end: float | None = None
) -> AsyncGenerator[tuple[int, bytes]]:
    """Records with their offsets, from `start` on (None: the first), at least up to `end` (None: the end by now).

    The reader is started and stopped here; whoever leaves the iteration early closes it (`aclosing`).

    Raises
    ------
    TruncatedError
        if records from `start` on have been deleted
    """
    try:
        first, now = await reader.start(start)
        position, end = first if start is None else start, now if end is None else end
        if first > position:
            raise TruncatedError(f"{reader.name}: must be read from offset {position} on; it starts at {first}")
        while position < end:
            for offset, data in await reader.read():
                yield offset, data
                position = offset + 1
            position = max(position, await reader.position())
    finally:
        await reader.stop()


async def read_log(
    connections: Connections, start: int = 0, end: float | None = None
) -> AsyncGenerator[tuple[int, Message]]:
    """Messages of headwater.log with their offsets; as `read_records`."""
    async for offset, data in read_records(connections.reader(LOG), start, end):
        yield offset, decode_message(data, offset)
