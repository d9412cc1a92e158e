"""The files in which a broker keeps a partition: batches that no producer could write are made by changing them.

A broker checks what it is sent, but serves its files as they are, so a change reaches the consumers at once.
"""

import struct
from pathlib import Path
from typing import Literal, NamedTuple

from aiokafka.record.util import calc_crc32c

from stream.processes.broker import Broker

Damage = Literal["checksum", "codec", "packed"]
LENGTH_AT, CRC_AT, ATTRIBUTES_AT, RECORDS_AT, DELTA_AT = 8, 17, 21, 61, 23


class StoredBatch(NamedTuple):
    """Where a batch stands in its file, and its offsets."""

    at: int
    size: int
    first: int
    last: int


class Segment:
    """The first file of a partition."""

    def __init__(self, broker: Broker, topic: str, partition: int) -> None:
        self.path = Path(broker.data_dir) / "data" / f"{topic}-{partition}" / f"{0:020}.log"

    def batches(self) -> list[StoredBatch]:
        """All that are there."""
        data, at, found = self.path.read_bytes(), 0, []
        while at + RECORDS_AT <= len(data) and (length := struct.unpack_from(">i", data, at + LENGTH_AT)[0]) > 0:
            first, delta = struct.unpack_from(">q", data, at)[0], struct.unpack_from(">i", data, at + DELTA_AT)[0]
            found.append(StoredBatch(at, length + 12, first, first + delta))
            at += length + 12
        return found

    def damage(self, number: int, how: Damage) -> StoredBatch:
        """Make a batch unreadable: a wrong checksum, a codec that does not exist, or bytes that do not unpack."""
        batch = self.batches()[number]
        with self.path.open("r+b") as file:
            file.seek(batch.at)
            data = bytearray(file.read(batch.size))
            if how == "checksum":
                data[-1] ^= 0xFF
            else:
                (attributes,) = struct.unpack_from(">h", data, ATTRIBUTES_AT)
                codec = 6 if how == "codec" else 3  # nobody's, or lz4
                struct.pack_into(">h", data, ATTRIBUTES_AT, attributes & ~7 | codec)
                struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[ATTRIBUTES_AT:])))
            file.seek(batch.at)
            file.write(data)
        return batch
