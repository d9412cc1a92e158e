"""Values of parquet that Python does not have, or that a writer left without their meaning."""

import importlib
from pathlib import Path
from typing import Any

import pytest

from stream.datasets.readers import FormatError, LeftOut, read
from stream.records.schemas import Event, Item

pyarrow: Any = importlib.import_module("pyarrow")
COUNT = 8
TIMES = [1_700_000_000 + n for n in range(COUNT)]
COLUMNS = {"user_id": [f"u{n}" for n in range(COUNT)], "item_id": ["tea"] * COUNT, "timestamp": TIMES}


def events(tmp_path: Path, left_out: LeftOut | None = None, **columns: Any) -> list[Event]:
    path = tmp_path / "log"
    importlib.import_module("pyarrow.parquet").write_table(pyarrow.table(COLUMNS | columns), path)
    return [each[1] for each in read(path, on_bad=left_out) if not isinstance(each, Item)]


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize(("unit", "scale"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_timestamps_of_every_unit_and_zone(tmp_path: Path, unit: str, scale: int, zone: str | None) -> None:
    """Nanoseconds that are no whole microseconds too, which Python's times do not have."""
    odd = 123 if unit == "ns" else 0
    found = events(tmp_path, timestamp=pyarrow.array([t * scale + odd for t in TIMES], pyarrow.timestamp(unit, zone)))
    assert [event.timestamp for event in found] == TIMES


def test_a_time_that_python_does_not_have_costs_its_row(tmp_path: Path) -> None:
    left_out = LeftOut()
    times = pyarrow.array([10**15 if n == 5 else t * 1000 for n, t in enumerate(TIMES)], pyarrow.timestamp("ms"))
    assert len(events(tmp_path, left_out, timestamp=times)) == COUNT - 1
    assert str(left_out.first[0]).partition("log ")[2].startswith("line 6: holds a value that cannot be read: ")


def test_bytes_are_the_text_that_they_hold(tmp_path: Path) -> None:
    """Columns without the mark that they are text, as older writers of Spark, Hive and Impala leave them."""
    left_out = LeftOut()
    users = ["zoë".encode(), b"\xff\xfe", *[b"u"] * (COUNT - 2)]
    assert {event.user_id for event in events(tmp_path, left_out, user_id=users)} == {"zoë", "u"}
    assert str(left_out.first[0]).endswith(r"line 2: must be text in UTF-8; got b'\xff\xfe'")


def test_a_file_without_rows_is_empty(tmp_path: Path) -> None:
    none = pyarrow.array([], pyarrow.string())
    with pytest.raises(FormatError, match="log: is empty: it must hold at least one event"):
        events(tmp_path, user_id=none, item_id=none, timestamp=pyarrow.array([], pyarrow.int64()))
