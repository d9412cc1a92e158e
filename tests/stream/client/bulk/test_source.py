"""Files that are imported."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from stream.client.bulk import source as source_file
from stream.client.bulk.kinds import KINDS
from stream.client.bulk.source import SourceFile
from stream.datasets.raw.bad import FormatError, LeftOut, stop

CSV = 'item_id,title,tags\n1,"Mug, ""blue""",a|b\n\n2,"two\nlines",\n3,Cup,\n'
LINES = '{"item_id": "1"}\n\n{"item_id": "2", "title": "T"}\n{"item_id": "3"}'


def source(text: str | bytes, kind: str = "items", on_bad: Any = stop, **columns: str) -> SourceFile:
    data = text if isinstance(text, bytes) else text.encode()
    return SourceFile(Path("f"), io.BytesIO(data), KINDS[kind], columns, on_bad)


def read(found: SourceFile, format_: str, skip: int = 0, digest: str = "") -> list[tuple[int, Any]]:
    return [(each.line, json.loads(each.text)) for each in found.documents(format_, skip, digest)]


def test_lines_are_records_with_their_numbers() -> None:
    assert read(source("\ufeff" + LINES), "jsonl") == [
        (1, {"item_id": "1"}), (3, {"item_id": "2", "title": "T"}), (4, {"item_id": "3"}),
    ]  # fmt: skip
    assert read(source(CSV), "csv") == [
        (2, {"item_id": "1", "title": 'Mug, "blue"', "tags": ["a", "b"]}),
        (5, {"item_id": "2", "title": "two\nlines"}), (6, {"item_id": "3", "title": "Cup"}),
    ]  # fmt: skip
    assert read(source("item_id;title\r\n1;Mug\r\n"), "csv") == [(2, {"item_id": "1", "title": "Mug"})]
    assert read(source("item_id\ttitle\n1\tMug, blue\n"), "csv") == [(2, {"item_id": "1", "title": "Mug, blue"})]
    assert read(source(""), "jsonl") == []


@pytest.mark.parametrize(("text", "format_"), [(CSV, "csv"), (LINES, "jsonl")])
def test_it_can_be_gone_on_with_after_each_record(text: str, format_: str) -> None:
    whole = read(source(text), format_)
    for count in range(1, len(whole)):
        first = source(text)
        documents = first.documents(format_)
        for _ in range(count):
            next(documents)
        assert read(source(text), format_, first.line, first.digest) == whole[count:]
        for changed in (text.replace("1", "9", 1), text[: 19 if format_ == "csv" else 5]):
            with pytest.raises(FormatError, match="are not those that were imported before"):
                read(source(changed), format_, first.line, first.digest)


def test_other_names_are_read_as_fields() -> None:
    text = "id,name,availability\n1,Mug,x\n"
    found = source(text, item_id="id", title="name")
    assert read(found, "csv") == [(2, {"item_id": "1", "title": "Mug"})]
    assert [said.split(";")[0] for said in found.unread] == ["availability: is no column of items, so it is not read"]
    assert "did you mean 'available'?" in next(iter(found.unread))
    assert read(source('{"id": "1"}', item_id="id"), "jsonl") == [(1, {"item_id": "1"})]
    with pytest.raises(FormatError, match="f line 1: has no column 'ident' for item_id; it has id, name"):
        read(source(text, item_id="ident"), "csv")


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("items", "title\nMug\n", "f line 1: must have one column item_id; got title"),
        ("items", "", "f line 1: must have one column item_id"),
        ("items", "item_id,title,title\n", "f line 1: must have one column title"),
        ("events", "type,user_id,item_id,timestamp\n", "f line 1: must have one column event_id"),
        ("items", b"item_id\n\xff\n", "f line 2: must be UTF-8"),
        ("items", "item_id,price\n1,2\n2,x\n", "f line 3: item: `price` must be a number; got 'x'"),
        ("items", "item_id,price\n1,2,3\n", "f line 2: item: must have 2 columns; got 3"),
        ("items", 'item_id,title\n1,"Mug\n2,Cup\n', "f line 2: item: a quote opens a field and must close"),
        ("items", "item_id,title\r1,Mug\r2,Cup\r", "f line 1: lines must end with a line feed"),
    ],
)
def test_errors_name_line_and_column(kind: str, text: str | bytes, says: str) -> None:
    with pytest.raises(FormatError) as wrong:
        read(source(text, kind), "csv")
    assert says in str(wrong.value)


def test_bad_lines_can_be_left_out() -> None:
    left_out = LeftOut()
    found = read(source("item_id,price\n1,x\n2,3\n3\n4,\n", on_bad=left_out), "csv")
    assert [document["item_id"] for _, document in found] == ["2", "4"]
    assert "`price` must be a number" in str(left_out)
    assert len(left_out) == 2


@pytest.mark.parametrize("stray", ['"i,Lamp,9', 'i,"Lamp,9', 'i,La"mp",9"', 'i,Lamp,"9', 'i,"Lamp" x,9'])
def test_a_stray_quote_costs_its_own_line(stray: str) -> None:
    """One took all lines behind it with it, or those up to the next one, and the last of them was named."""
    rows = [f"{n},Lamp {n},9" for n in range(30)]
    lines = [*rows[:5], stray, *rows[5:20], stray, *rows[20:25], 'i,Lamp",9', *rows[25:]]
    whole = read(source("item_id,title,price\n" + "\n".join(rows) + "\n"), "csv")
    left_out = LeftOut()
    text = "item_id,title,price\n" + "\n".join(lines) + "\n"
    found = source(text, on_bad=left_out)
    good = [each for each in read(found, "csv") if each[1]["item_id"] != "i"]
    assert [each[1] for each in good] == [each[1] for each in whole]
    assert {"f line 7", "f line 23"} >= {str(error).partition(":")[0] for error in left_out.first}
    again = source(text, on_bad=LeftOut())
    documents = again.documents("csv")
    for _ in range(12):
        last = next(documents)
    assert last.line == again.line  # what was looked at ahead is not counted as read
    rest = [each.text for each in source(text, on_bad=LeftOut()).documents("csv", again.line, again.digest)]
    assert rest == [each.text for each in documents]


def test_a_quote_that_never_closes_costs_its_own_line() -> None:
    left_out = LeftOut()
    assert len(read(source('item_id,title\n1,a\n2,"b\n3,c\n4,d\n', on_bad=left_out), "csv")) == 3
    assert str(left_out.first[0]).startswith("f line 3: item: a quote opens a field")


def test_lines_of_text_in_a_quoted_field_are_read() -> None:
    text = 'item_id,text,price\n1,"soft, warm\nred, blue, green\nand more, ""much"" more",9\n2,x,3\n'
    assert [each[1]["item_id"] for each in read(source(text), "csv")] == ["1", "2"]
    assert read(source('item_id\ttext\n1\t"a\tb\nc"\n'), "csv")[0][1]["text"] == "a\tb\nc"
    assert read(source("item_id;price\n1;1.234,50\n"), "csv")[0][1]["price"] == 1234.5


def test_a_line_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "MAX_LINE", 100)
    with pytest.raises(FormatError, match="f line 2: must have at most 100 bytes"):
        read(source('{"item_id": "1"}\n' + "x" * 101), "jsonl")
