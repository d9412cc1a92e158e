"""One bad line costs one line: each way in which a line of a table can be spoilt, among 60 good ones."""

from pathlib import Path

import pytest

from stream.datasets.readers import FormatError, LeftOut, read
from stream.datasets.table import MAX_ROW_LINES
from stream.records.schemas import Item

HEADER = b"user_id,item_id,event,timestamp\n"
ROWS = [b"u%d,i%d,view,%d\n" % (n % 5, n, 1_700_000_000 + n) for n in range(60)]


def items(path: Path) -> tuple[set[str], LeftOut]:
    """Items of the events that are read, and what is left out."""
    left_out = LeftOut()
    return {entry[1].item_id for entry in read(path, on_bad=left_out) if not isinstance(entry, Item)}, left_out


def expected(*without: int) -> set[str]:
    return {f"i{n}" for n in range(60) if n not in without}


SPOILT = {  # the line of item 20, which is line 22 of the file, and what is said of it
    "a quote before the first field": (b'"u0,i20,view,1700000020\n', "a quote opens a field"),
    "a quote before a field": (b'u0,"i20,view,1700000020\n', "a quote opens a field"),
    "a quote before the last field": (b'u0,i20,view,"1700000020\n', "a quote opens a field"),
    "a quote within a quoted field": (b'u0,"i"20",view,1700000020\n', "a quote that opens a field must close"),
    "a NUL byte": (b"u0,i\x0020,view,1700000020\n", "must not hold a NUL byte; got one at byte 5"),
    "bytes that are not UTF-8": (b"u0,\xff\xfe20,view,1700000020\n", "must be UTF-8; got 0xff at byte 4"),
    "a column too many": (b"u0,i20,view,1700000020,x\n", "must have 4 columns; got 5"),
    "a column too few": (b"u0,i20,view\n", "must have 4 columns; got 3"),
    "the end of another line": (b"u0,i20,view,17000\r00020\n", "must be unix seconds or ISO 8601"),
    "many bytes": (b"u0," + b"x" * 3_000_000 + b",view,1700000020\n", "must have at most 1,048,576 bytes; got 3,000,"),
    "a field of many": (b"u0," + b'"' + b"x" * 140_000 + b'",view,1700000020\n', "at most 131,072 characters"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_line_costs_itself(tmp_path: Path, what: str) -> None:
    spoilt, says = SPOILT[what]
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + b"".join(ROWS[:20]) + spoilt + b"".join(ROWS[21:]))
    found, left_out = items(path)
    assert found == expected(20)
    assert len(left_out) == 1
    assert str(left_out.first[0]).startswith(f"{path} line 22: ")
    assert says in str(left_out.first[0])
    with pytest.raises(FormatError, match=f"^{path} line 22: "):
        list(read(path))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (b'u0,"i20,view,1700000020\n', b'u0,i40",view,1700000040\n'),  # together they are a row of four columns
        (b'u0,"i20,view,1700000020\n', b'u0,"i40,view,1700000040\n'),
        (b'u0,i20,view,"1700000020\n', b'"u0,i40,view,1700000040\n'),
    ],
)
def test_two_stray_quotes_do_not_swallow_what_is_between_them(tmp_path: Path, first: bytes, second: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + b"".join(ROWS[:20]) + first + b"".join(ROWS[21:40]) + second + b"".join(ROWS[41:]))
    found, left_out = items(path)
    assert expected(20, 40) <= found <= expected() | {'i40"'}
    assert str(left_out.first[0]).startswith(f"{path} line 22: ")
    assert len(left_out) <= 2


def test_quoted_fields_may_hold_line_ends_and_lines_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(
        b'user_id,item_id,note,timestamp\r\nu,a,"two\r\nlines, with a ""word""",1700000000\r\n'
        b'u,b,"\n\n\n",1700000001\r\nu,c,"one,two",1700000002\r\nu,d,bad\r\nu,e,12" disc,1700000003\r\n'
    )
    found, left_out = items(path)
    assert found == {"a", "b", "c", "e"}
    assert str(left_out) == (f"1 line left out: 1 must have 4 columns\n  {path} line 9: must have 4 columns; got 3")


def test_a_quoted_field_may_be_long_but_not_endless(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for lines, found in ((MAX_ROW_LINES - 10, {"a", "b"}), (MAX_ROW_LINES + 10, {"b"})):
        path.write_text('user_id,item_id,note,timestamp\nu,a,"' + "text\n" * lines + '",1700000000\nu,b,,1700000001\n')
        assert items(path)[0] == found


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes((HEADER + b"".join(ROWS)).replace(b"\n", end))
    found, left_out = items(path)
    assert (found, len(left_out)) == (expected(), 0)


def test_mixed_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    ends = [(b"\n", b"\r\n", b"\r")[n % 3] for n in range(60)]
    path.write_bytes(HEADER + b"".join(row.strip() + end for row, end in zip(ROWS, ends, strict=True)))
    assert items(path)[0] == expected()


def test_a_stray_quote_in_the_header_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER.replace(b",item_id", b',"item_id') + b"".join(ROWS))
    assert items(path)[0] == expected()


def test_files_that_were_put_together_are_read_through(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    bom = "\ufeff".encode()
    path.write_bytes(bom + HEADER + b"".join(ROWS[:30]) + bom + HEADER + b"".join(ROWS[30:]) + b"\n \n,,,\n\t\n")
    found, left_out = items(path)
    assert (found, len(left_out)) == (expected(), 0)


def test_quotes_mean_nothing_between_tabs(tmp_path: Path) -> None:
    path = tmp_path / "log.tsv"
    path.write_text(
        'user_id\titem_id\ttitle\ttimestamp\nu\ta\t"Best\tof 1700000000\nu\ta\t"Best\t1700000000\n'
        'u\tb\t5" disc\t1700000001\nu\tc\t"A ""good"" one"\t1700000002\n'
    )
    left_out = LeftOut()
    entries = list(read(path, on_bad=left_out))
    titles = {entry.item_id: entry.title for entry in entries if isinstance(entry, Item)}
    assert titles == {"a": '"Best', "b": '5" disc', "c": 'A "good" one'}
    assert len(left_out) == 1


def test_many_bad_lines_are_counted_by_reason_and_five_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    bad = [b"u,i,look,1700000000\n", b"u,i\n", b"u,i,view,never\n"]
    path.write_bytes(HEADER + b"".join(ROWS) + b"".join(bad[n % 3] for n in range(10)) + ROWS[0])
    _, left_out = items(path)
    first, *shown = str(left_out).split("\n")
    assert first == (
        "10 lines left out: 4 `event` must be one of view, click, purchase; 3 must have 4 columns; "
        "3 the time must be unix seconds or ISO 8601"
    )
    assert [line.split(":")[0] for line in shown] == [f"  {path} line {n}" for n in range(62, 67)]
