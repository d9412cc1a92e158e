"""A file is read by what it holds: separators, headers, encodings, packings, columns by name, and the nearest guess."""

import bz2
import gzip
import io
import json
import logging
import lzma
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from stream.datasets.how import How, pairs
from stream.datasets.readers import Entry, FormatError, LeftOut, guess, read
from stream.records.schemas import Event, Item

CSV = "user_id,item_id,event,timestamp\nu1,i1,view,1700000000\nu2,i2,purchase,1700000060\n"
FOREIGN = (
    "when,customer,sku,what\n1700000000000,7,tea,detail\n1700000060000,8,cup,add2cart\n1700000120000,7,pot,logout\n"
)


def events(path: Path, how: How | None = None) -> list[tuple[str, Event]]:
    return [entry for entry in read(path, how=how) if not isinstance(entry, Item)]


def brief(found: list[tuple[str, Event]]) -> list[tuple[str, str, str, float]]:
    return [(event.user_id, kind, event.item_id, event.timestamp) for kind, event in found]


EXPECTED = [("u1", "view", "i1", 1_700_000_000.0), ("u2", "purchase", "i2", 1_700_000_060.0)]


def zipped(data: bytes, *others: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("folder/log.csv", data)
        for name in ("README.txt", "__MACOSX/._log.csv", *others):
            archive.writestr(name, b"x")
    return file.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "zip": zipped,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "two gzips": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "gzip in a zip": lambda data: zipped(gzip.compress(data)),
    "two frames of zstd": lambda data: b"".join(
        zstandard.ZstdCompressor().compress(part) for part in (data[:50], data[50:])
    ),
}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("name", ["log", "log.csv", "log.csv.gz"])
def test_packed_files_are_known_by_content(tmp_path: Path, packing: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[packing](CSV.encode()))
    assert brief(events(path)) == EXPECTED


def test_a_zip_of_several_logs_is_refused_with_their_names(tmp_path: Path) -> None:
    path = tmp_path / "log.zip"
    path.write_bytes(zipped(CSV.encode(), "day2.csv"))
    with pytest.raises(FormatError, match=r"must hold one file of events; got 2: folder/log.csv, day2.csv"):
        events(path)


def test_a_header_behind_other_lines_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"Report of November\nmade by: us, with care\n\n{CSV}")
    with pytest.raises(FormatError, match=r"; the header seems to be 'user.*': leave out the lines before it"):
        list(read(path))


def test_what_is_before_the_damage_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    rows = "".join(f"u{n % 7},i{n * 7919 % 1000},view,{1_700_000_000 + n * 37}\n" for n in range(20_000))
    whole = gzip.compress((CSV + rows).encode())
    path.write_bytes(whole[: len(whole) // 2])
    left_out = LeftOut()
    found = [entry for entry in read(path, on_bad=left_out) if not isinstance(entry, Item)]
    assert 5_000 < len(found) < 15_000
    assert "cannot be read from here on" in str(left_out.first[-1])
    with pytest.raises(FormatError, match="cannot be read from here on"):
        list(read(path))


@pytest.mark.parametrize("packing", ["gzip", "zstd", "xz"])
def test_a_packed_file_that_was_cut_says_so_and_keeps_what_it_has(tmp_path: Path, packing: str) -> None:
    """A gzip of a few KB is one block, and zstd's own reader takes a cut file for one that ends."""
    rows = "".join(f"u{n % 7},i{n * 7919 % 1000},view,{1_700_000_000 + n * 37}\n" for n in range(60_000))
    for text, share in ((CSV + rows[:4_000], 0.9), (CSV + rows, 0.7)):
        path, whole, left_out = tmp_path / "log", PACKED[packing](text.encode()), LeftOut()
        path.write_bytes(whole[: int(len(whole) * share)])
        if packing == "zstd" and len(text) < 10_000:  # one block
            with pytest.raises(FormatError, match="cannot be read: Compressed file ended before the end"):
                list(read(path, on_bad=left_out))
        else:
            assert len(list(read(path, on_bad=left_out))) > 0.5 * share * text.count("\n")
            assert "cannot be read from here on; got Compressed file ended before" in str(left_out.first[-1])


def test_what_stands_behind_a_packed_file_costs_itself(tmp_path: Path) -> None:
    for packing in ("gzip", "zstd"):
        path, left_out = tmp_path / packing, LeftOut()
        path.write_bytes(PACKED[packing](CSV.encode()) + b"junk")
        assert brief([each for each in read(path, on_bad=left_out) if not isinstance(each, Item)]) == EXPECTED
        assert len(left_out) == 1


@pytest.mark.parametrize("between", ["", " ", ", ", ",\n", "\n\x1e", "\n"])
def test_objects_may_follow_each_other_in_any_way(tmp_path: Path, between: str) -> None:
    objects = [f'{{"user_id": "u{n}", "item_id": "i", "timestamp": {1_700_000_000 + n}}}' for n in range(5)]
    path, left_out = tmp_path / "log", LeftOut()
    path.write_text(between.strip(" ,\n") + between.join(objects))
    assert len(list(read(path, on_bad=left_out))) == 5
    path.write_text(between.strip(" ,\n") + between.join([*objects[:2], '{"user_id": oops}', *objects[2:]]))
    assert len(list(read(path, on_bad=left_out))) == 5
    assert len(left_out) == 1


def test_a_packed_array_that_was_cut_keeps_what_it_has(tmp_path: Path) -> None:
    path, left_out = tmp_path / "log", LeftOut()
    rows = [{"user_id": f"u{n}", "item_id": f"i{n * 7919 % 1000}", "timestamp": 1.7e9 + n} for n in range(100)]
    path.write_bytes(gzip.compress(json.dumps(rows).encode())[:-200])
    assert len(list(read(path, on_bad=left_out))) > 50
    assert "cannot be read from here on" in str(left_out)


@pytest.mark.parametrize(
    ("encoding", "notice"),
    [
        ("utf-8", False),
        ("utf-8-sig", False),
        ("utf-16", False),
        ("utf-16-le", False),
        ("utf-16-be", False),
        ("cp1252", True),
        ("latin-1", True),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str, notice: bool, end: str
) -> None:  # fmt: skip
    path = tmp_path / "log.csv"
    text = CSV.replace("i1", "café").replace("\n", end)
    path.write_bytes(text.encode(encoding))
    with caplog.at_level(logging.WARNING):
        assert [event.item_id for _, event in events(path)] == ["café", "i2"]
    assert ("is read as cp1252 (Latin-1); name another with --encoding" in caplog.text) == notice


@pytest.mark.parametrize("broken", [b"caf\xe9", b"i\xc3(", b"\xff"])
def test_one_broken_line_among_many_is_no_other_encoding(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes((CSV + "u,i,view,1700000000\n" * 60).encode() + b"u," + broken + b",view,1700000000\n")
    left_out = LeftOut()
    assert sum(isinstance(entry, tuple) for entry in read(path, on_bad=left_out)) == 62
    assert "line 64: must be UTF-8; got 0x" in str(left_out.first[0])
    assert str(left_out.first[0]).endswith("name it: --encoding cp1252")


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(CSV.replace("i1", "чай").encode("cp1251"))
    assert events(path, How(encoding="cp1251"))[0][1].item_id == "чай"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header",
    ["user_id,item_id,event,timestamp", "User ID, Item-ID ,EVENT,TimeStamp", '"userId","itemId","event","timestamp"'],
)
def test_separators_and_headers(tmp_path: Path, separator: str, header: str) -> None:
    path = tmp_path / "log.txt"
    path.write_text("\n".join([header, *CSV.splitlines()[1:]]).replace(",", separator) + "\n")
    assert brief(events(path)) == EXPECTED


def test_what_spreadsheets_write(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("sep=;\nuser_id;item_id;timestamp;price\nu;i;1700000000;9,90\n")
    assert events(path)[0][1].price == 9.9


def test_columns_are_named_and_values_mapped(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(FOREIGN)
    how = How(
        columns={"user": "customer", "item": "sku", "time": "when", "event": "what"},
        events={"detail": "view", "add2cart": "click", "logout": "skip"},
    )
    assert brief(events(path, how)) == [("7", "view", "tea", 1_700_000_000.0), ("8", "click", "cup", 1_700_000_060.0)]
    left_out = LeftOut()
    assert len(list(read(path, how=How(columns=how.columns), on_bad=left_out))) == 0
    assert len(left_out) == 3
    others = How(columns=how.columns, events={"detail": "purchase", "*": "skip"})
    assert [kind for kind, _ in events(path, others)] == ["purchase"]
    with pytest.raises(FormatError, match="--columns: buyer missing; the columns are when, customer, sku, what"):
        events(path, How(columns={"user": "buyer"}))
    with pytest.raises(FormatError, match="must name user, item and time; user, item missing"):
        events(path, How(columns={"time": "when"}))


def test_a_known_file_keeps_its_events_when_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("timestamp,visitorid,event,itemid,transactionid\n1433221332117,7,addtocart,5,\n")
    how = How(columns={"user": "visitorid", "item": "itemid", "time": "timestamp", "event": "event"})
    assert brief(events(path, how)) == [("7", "click", "5", 1_433_221_332.117)]
    assert events(path, How(columns={"user": "itemid"}))[0][1].user_id == "5"


def test_columns_without_a_header_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("".join(FOREIGN.splitlines(keepends=True)[1:]))
    how = How(columns={"user": "2", "item": "3", "time": "1"}, default_event="click")
    assert brief(events(path, how))[0] == ("7", "click", "tea", 1_700_000_000.0)
    assert len(events(path, how)) == 3
    path.write_text(FOREIGN)
    assert len(events(path, how)) == 3  # the first line is a header


def test_paths_lead_into_json(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"who": {"id": 5}, "at": "2023-01-05T10:00:00Z", "basket": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1}]}\n'
    )
    how = How(
        columns={"user": "who.id", "item": "basket.sku", "time": "at", "quantity": "basket.n"}, default_event="purchase"
    )
    found = events(path, how)
    assert brief(found) == [("5", "purchase", "a", 1_672_912_800.0), ("5", "purchase", "b", 1_672_912_800.0)]
    assert [event.quantity for _, event in found] == [2.0, 1.0]
    assert found[0][1].event_id != found[1][1].event_id


@pytest.mark.parametrize("name", ["events.csv", "a log's.csv"])
def test_a_file_that_fits_nothing_gets_a_command_that_reads_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FOREIGN)
    with pytest.raises(FormatError, match="is no known format") as caught:
        events(path)
    command = shlex.split(str(caught.value).partition("it looks like: ")[2])
    assert command == [
        "headwater", "evaluate", str(path), "--columns", "user=customer,item=sku,time=when,event=what",
        "--events", "detail=view,add2cart=click,logout=skip",
    ]  # fmt: skip
    how = How(columns=pairs("", (command[4],)), events=pairs("", (command[6],)))
    assert brief(events(path, how)) == [("7", "view", "tea", 1_700_000_000.0), ("8", "click", "cup", 1_700_000_060.0)]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("Kunde;Artikel;Datum\nk1;a1;2023-01-05\nk1;a2;2023-01-06\nk2;a3;2023-01-06\n",
         "user=Kunde,item=Artikel,time=Datum"),
        ("u1,i1,view,1700000000\nu1,i2,purchase,1700000001\nu2,i3,view,1700000001\n", "user=1,item=2,time=4,event=3"),
        ("5,tea,1700000000\n5,cup,1700000060\n6,pot,1700000061\n", "user=1,item=2,time=3"),
        ('{"buyer": "a", "product": {"id": "t"}, "created_at": "2023-01-05"}\n',
         "user=buyer,item=product.id,time=created_at"),
    ],
)  # fmt: skip
def test_guesses_by_content(tmp_path: Path, text: str, columns: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    with pytest.raises(FormatError, match=f"--columns {columns}$"):
        events(path)
    assert len(events(path, How(columns=pairs("", (columns,))))) == text.count("\n") - ("Datum" in text)


def test_a_file_without_a_column_of_times_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("user,item,note\na,b,c\n")
    with pytest.raises(FormatError, match=r"no column looks like time \(user=user, item=item does\)$"):
        events(path)


JSON = [
    '{"user_id": "u1", "item_id": "i1", "timestamp": 1700000000, "event": "view"}',
    '{"user_id": "u2", "item_id": "i2", "timestamp": 1700000060, "event": "purchase"}',
]


@pytest.mark.parametrize(
    "text",
    ["\n".join(JSON), f"[{','.join(JSON)}]", "[\n" + ",\n".join(JSON) + "\n]\n",
     "\n\n".join(JSON) + "\n", "\r".join(JSON),
     "\n".join(JSON).replace(",", ",\n  ")],
    ids=["lines", "array", "array of lines", "blank lines", "carriage return", "objects of many lines"],
)  # fmt: skip
def test_json_in_lines_and_arrays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.json"
    path.write_text(text)
    assert brief(events(path)) == EXPECTED
    assert guess(path) == "jsonl"


@pytest.mark.parametrize(
    "broken", ['{"user_id": "u9", "item_id"', "{]", '"text"', "[1]", "[" * 5000, '{"user_id": "u"}']
)
def test_one_broken_object_costs_itself(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "log.json"
    for text, number in (
        ("\n".join([JSON[0], broken, JSON[1], ""]), 2),
        ("[\n" + ",\n".join([JSON[0], broken, JSON[1]]) + "\n]", 3),
    ):
        path.write_text(text)
        left_out = LeftOut()
        found: list[Entry] = list(read(path, on_bad=left_out))
        assert [entry[1].item_id for entry in found if isinstance(entry, tuple)] == ["i1", "i2"]
        assert [str(error).split(":")[0] for error in left_out.first] == [f"{path} line {number}"]


def test_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "day1.csv").write_text(CSV)
    with pytest.raises(FormatError, match=r"is a folder; name a file in it: day1.csv"):
        events(tmp_path)
    with pytest.raises(FormatError, match="must be a file, since it is read more than once"):
        events(Path("/dev/null"))
