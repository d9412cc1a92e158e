"""The ids of a file's events, and times that agree."""

import gzip
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.datasets.file_events import FileEvents
from stream.datasets.layouts import Line
from stream.datasets.readers import read
from stream.records.schemas import Event, Item
from stream.records.times import seconds

HEADER = "user_id,item_id,event,timestamp\n"
LINES = [f"u{n % 3},i{n % 4},view,{1_700_000_000 + n // 2}\n" for n in range(12)] * 2  # every line twice


def ids(path: Path) -> list[str]:
    return sorted(entry[1].event_id for entry in read(path) if not isinstance(entry, Item))


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_ids_do_not_depend_on_how_the_file_is_kept(tmp_path: Path) -> None:
    text = HEADER + "".join(LINES)
    first = ids(write(tmp_path / "a.csv", text))
    assert len(set(first)) == len(LINES)
    assert ids(write(tmp_path / "b.csv", text)) == first
    assert ids(write(tmp_path / "c.csv.gz", text)) == first
    assert ids(write(tmp_path / "d.csv", text.replace("\n", "\r\n"))) == first
    swapped = "".join(",".join(reversed(line.strip().split(","))) + "\n" for line in text.splitlines())
    assert ids(write(tmp_path / "e.csv", swapped)) == first
    finer = HEADER + "".join(line.replace("\n", "000\n") for line in LINES)
    assert ids(write(tmp_path / "f.csv", finer)) == first


@pytest.mark.parametrize("kept", range(len(LINES)))
def test_a_file_cut_at_its_end_has_ids_of_the_whole(tmp_path: Path, kept: int) -> None:
    whole = ids(write(tmp_path / "whole.csv", HEADER + "".join(LINES)))
    cut = ids(write(tmp_path / "cut.csv", HEADER + "".join(LINES[:kept])))
    assert not Counter(cut) - Counter(whole)


def test_two_days_share_no_id_and_joined_they_have_those_of_both(tmp_path: Path) -> None:
    days = ["".join(f"u,i{n},view,{1_700_000_000 + day * 86_400 + n}\n" for n in range(9)) for day in range(2)]
    one, two = (ids(write(tmp_path / f"{n}.csv", HEADER + day)) for n, day in enumerate(days))
    assert not set(one) & set(two)
    assert ids(write(tmp_path / "both.csv", HEADER + "".join(days))) == sorted(one + two)


FIELDS = st.tuples(
    st.sampled_from(["view", "click"]), st.sampled_from("ab"), st.sampled_from("ab"),
    st.sampled_from([1.7e9, 1.7e9 + 1]), st.sampled_from([None, "s"]), st.sampled_from([None, 1.0]),
)  # fmt: skip


@given(st.lists(FIELDS, max_size=40))
def test_every_line_has_an_id_of_its_own_and_only_content_decides(rows: list[tuple[object, ...]]) -> None:
    made, again = FileEvents(), FileEvents()
    found = [made.event(Line(*row)) for row in rows]  # type: ignore[arg-type]
    assert len({event.event_id for event in found}) == len(rows)
    order = sorted(range(len(rows)), key=lambda n: repr(rows[n]))
    assert {again.event(Line(*rows[n])).event_id for n in order} == {event.event_id for event in found}  # type: ignore[arg-type]


def test_ids_stay_what_they_are_from_release_to_release() -> None:
    line = Line("purchase", "ada", "tea", 1.7e9, "s1", 9.5)
    assert FileEvents().event(line) == Event(
        event_id="file-01f2141a1e875712e75a", user_id="ada", item_id="tea", timestamp=1.7e9, session_id="s1", price=9.5
    )


def test_numbers_of_one_file_have_one_unit() -> None:
    made = FileEvents()
    assert made.time(seconds("1700000000000")) == 1.7e9
    with pytest.raises(ValueError, match="looks like seconds, the others like milliseconds"):
        made.time(seconds("1700000001"))
    assert made.time(seconds("1700000002000")) == 1_700_000_002
