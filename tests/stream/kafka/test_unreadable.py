"""What nobody can read is stepped over exactly, whatever its header claims; what was replaced is still what it was."""

import inspect
import struct
import tomllib
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiokafka.codec
import aiokafka.consumer.fetcher
import kafka.consumer.fetcher
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from kafka.record.memory_records import MemoryRecords as MemoryRecordsOfKafkaPython

from stream.kafka.unreadable import (
    MissingCodecError,
    SteppingRecords,
    SteppingRecordsOfKafkaPython,
    Unreadable,
    keep_unreadable,
    missing_codecs,
    step_over,
)

ROOT = Path(__file__).resolve().parents[3]
TP0 = TopicPartition("events.click", 0)
CRC_AT, ATTRIBUTES_AT, DELTA_AT = 17, 21, 23


def batch(base: int, count: int = 2, codec: int = 0, **transaction: Any) -> bytearray:
    """A batch of records `k<offset>`."""
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=bool(transaction),
        producer_id=transaction.get("producer", -1), producer_epoch=0, base_sequence=0, batch_size=100_000,
    )  # fmt: skip
    for n in range(count):
        builder.append(n, timestamp=1000, key=None, value=b"k%d" % (base + n), headers=[])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    return data


def changed(data: bytearray, *, attributes: int | None = None, delta: int | None = None, crc: bool = True) -> bytearray:
    if attributes is not None:
        struct.pack_into(">h", data, ATTRIBUTES_AT, attributes)
    if delta is not None:
        struct.pack_into(">i", data, DELTA_AT, delta)
    struct.pack_into(">I", data, CRC_AT, calc_crc32c(bytes(data[ATTRIBUTES_AT:])) ^ (0 if crc else 1))
    return data


def read(*batches: bytearray, at: int = 0, aborted: Any = None, keep: bool = True) -> tuple[list[Any], int]:
    """Values with their offsets, and where the next fetch begins."""
    records = SteppingRecords(
        TP0, MemoryRecords(bytes(b"".join(batches))), aborted, at, None, keep_unreadable if keep else None, True,
        aiokafka.consumer.fetcher.READ_COMMITTED,
    )  # fmt: skip
    return [(record.offset, record.value) for record in records], records.next_fetch_offset


def read_by_kafka_python(*batches: bytearray, at: int = 0) -> tuple[list[Any], int]:
    drained: list[Any] = []
    records = SteppingRecordsOfKafkaPython(
        at, TP0, MemoryRecordsOfKafkaPython(bytes(b"".join(batches))), on_drain=drained.append
    )
    found = [(record.offset, record.value) for record in records.take()]
    assert drained == [records]
    return found, records.next_fetch_offset


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lambda: changed(batch(2, 3), crc=False), "bad checksum"),
        (lambda: changed(batch(2, 3), attributes=7), "unknown codec 7"),
        (lambda: changed(batch(2, 3), attributes=1), "its gzip do not unpack"),
        (lambda: changed(batch(2, 3), attributes=2), "its snappy do not unpack"),
        (lambda: changed(batch(2, 3), attributes=3), "its lz4 do not unpack"),
        (lambda: changed(batch(2, 3), attributes=4), "its zstd do not unpack"),
        (lambda: changed(batch(2, 3)[:-9] + b"\xff" * 9), "its records do not unpack"),
    ],
)
def test_what_cannot_be_read_is_one_record_with_its_offsets(bad: Any, why: str) -> None:
    found, after = read(batch(0), bad(), batch(5))
    assert [offset for offset, _ in found] == [0, 1, 4, 5, 6]
    assert isinstance(found[2][1], Unreadable)
    assert found[2][1][:2] == (2, 4)
    assert found[2][1].why.startswith(why)
    assert after == 7
    assert read(batch(0), bad(), batch(5), keep=False) == ([(n, b"k%d" % n) for n in (0, 1, 5, 6)], 7)
    assert read(batch(0), bad())[1] == 5  # it is the last one
    assert read_by_kafka_python(batch(0), bad(), batch(5)) == ([(n, b"k%d" % n) for n in (0, 1, 5, 6)], 7)
    assert read_by_kafka_python(bad(), at=2) == ([], 5)


@pytest.mark.parametrize("delta", [2_000_000_000, -7, 0])
def test_a_header_that_claims_too_much_takes_nothing_else_with_it(delta: int) -> None:
    bad = changed(batch(2, 3), delta=delta, crc=False)
    found, after = read(batch(0), bad, batch(5))
    assert [offset for offset, _ in found] == [0, 1, 4, 5, 6]
    assert after == 7
    assert read(bad, at=2)[1] == 3  # nothing behind it tells where it ends


@pytest.mark.parametrize("delta", [2_000_000_000, -7, 0])
def test_a_good_batch_with_a_wrong_header_does_not_hide_the_one_behind_it(delta: int) -> None:
    wrong = changed(batch(2, 3), delta=delta)  # its checksum is right, its records are whole
    expected = [(n, b"k%d" % n) for n in (0, 1, 2, 3, 4, 5, 6)]
    assert read(batch(0), wrong, batch(5)) == (expected, 7)
    assert read_by_kafka_python(batch(0), wrong, batch(5)) == (expected, 7)
    assert read(wrong, at=2) == (expected[2:5], 5), "the next fetch begins behind it"
    assert read_by_kafka_python(wrong, at=2) == (expected[2:5], 5)


def test_what_compaction_removed_at_the_end_of_a_batch_is_not_fetched_again() -> None:
    compacted = changed(batch(2, 3), delta=9)  # it held ten records once
    assert read(compacted, at=2) == ([(n, b"k%d" % n) for n in (2, 3, 4)], 12)
    assert read_by_kafka_python(compacted, batch(12), at=2)[1] == 14


def test_positions_inside_a_batch() -> None:
    found, after = read(changed(batch(2, 6), crc=False), at=4)
    assert (found, after) == ([(7, Unreadable(4, 7, "bad checksum"))], 8)


def test_a_missing_library_is_no_reason_to_leave_records_out(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = batch(2, 3, codec=3)
    assert read(packed, at=2)[1] == 5
    monkeypatch.setattr(aiokafka.codec, "has_lz4", lambda: False)
    assert missing_codecs() == {"lz4": "cramjam"}
    with pytest.raises(MissingCodecError, match="packed with lz4, and the library that unpacks it is not installed"):
        read(packed, at=2)


def test_an_end_of_a_transaction_needs_no_contents() -> None:
    """Records of an aborted transaction are left out, those of the next one of the same producer are not."""
    aborted, end, next_ = batch(0, producer=9), batch(2, 1, producer=9), batch(3, producer=9)
    end = changed(end[:-4] + b"\xff" * 4, attributes=0x30)  # a control batch whose contents are rubbish
    assert read(aborted, end, next_, aborted=[(9, 0)]) == ([(3, b"k3"), (4, b"k4")], 5)


def test_all_consumers_step_over() -> None:
    step_over()
    assert aiokafka.consumer.fetcher.PartitionRecords is SteppingRecords
    assert kafka.consumer.fetcher.Fetcher.PartitionRecords is SteppingRecordsOfKafkaPython
    assert missing_codecs() == {}


@pytest.mark.parametrize(
    ("base", "expected"),
    [(SteppingRecords.__mro__[1], "6cea7630af76"), (SteppingRecordsOfKafkaPython.__mro__[1], "22c53d2f0fbd")],
    ids=["aiokafka", "kafka-python"],
)
def test_what_is_replaced_is_unchanged(base: Any, expected: str) -> None:
    found = blake2b(inspect.getsource(base).encode(), digest_size=6).hexdigest()
    assert found == expected, f"{base.__qualname__} has changed ({found}): check stream/kafka/unreadable.py"


@pytest.mark.parametrize("package", ["aiokafka", "kafka-python"])
def test_the_versions_are_pinned(package: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"{package}=={version(package)}" in project["dependencies"]
