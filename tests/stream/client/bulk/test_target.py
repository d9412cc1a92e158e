"""Files that are exported."""

import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.client.bulk.kinds import KINDS
from stream.client.bulk.source import SourceFile
from stream.client.bulk.target import FORMATS, TargetFile, format_of
from stream.datasets.raw.bad import stop
from stream.errors import UsageError

USERS = KINDS["users"]


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.name.endswith(".gz") else data


@pytest.mark.parametrize("name", ["u.jsonl", "u.csv", "u.jsonl.gz", "u.csv.gz"])
def test_what_is_behind_the_last_mark_is_cut_off_when_it_goes_on(tmp_path: Path, name: str) -> None:
    path, format_ = tmp_path / name, format_of(name)
    with TargetFile(str(path), format_, USERS) as target:
        for n in range(2):
            target.add({"user_id": f"u{n}", "attributes": {"n": n}})
        mark = target.mark()
        target.add({"user_id": "lost", "attributes": {}})
        target.mark()
    assert b"lost" in unpacked(path)
    with TargetFile(str(path), format_, USERS, mark) as target:
        target.add({"user_id": "u2", "attributes": {"n": 2}})
        assert target.mark() == path.stat().st_size
    if format_ == "csv":
        rows = "".join(f'u{n},"{{""n"":{n}}}",\r\n' for n in range(3))
        assert unpacked(path).decode() == f"user_id,attributes,deleted\r\n{rows}"
    else:
        assert unpacked(path).decode() == "".join(f'{{"user_id":"u{n}","attributes":{{"n":{n}}}}}\n' for n in range(3))


def test_a_file_that_is_there_or_was_changed_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "u.jsonl"
    path.write_text("mine\n")
    with pytest.raises(UsageError, match="is there already"):
        TargetFile(str(path), "jsonl", USERS)
    with pytest.raises(UsageError, match="must have the 9 bytes that were exported before; it has 5"):
        TargetFile(str(path), "jsonl", USERS, 9)
    with pytest.raises(UsageError, match="cannot be written"):
        TargetFile(str(tmp_path / "nowhere" / "u.jsonl"), "jsonl", USERS)
    assert path.read_text() == "mine\n"
    with TargetFile(str(path), "jsonl", USERS, 0) as target:  # killed before its first mark was noted
        assert target.mark() == 0
    assert path.read_text() == ""


@given(
    st.lists(st.tuples(st.text(min_size=1), st.lists(st.text(), max_size=3)), max_size=5),
    st.sampled_from(sorted(FORMATS)),
)
def test_what_is_written_is_read(found: list[tuple[str, list[str]]], end: str) -> None:
    """Whatever the texts hold: quotation marks, line ends of all kinds, nothing."""
    documents = [{"item_id": item_id, "title": item_id, "tags": tags} for item_id, tags in found]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"i{end}"
        with TargetFile(str(path), format_of(path.name), KINDS["items"]) as target:
            for document in documents:
                target.add(document)
            target.mark()
        source = SourceFile(path, io.BytesIO(path.read_bytes()), KINDS["items"], {}, stop)
        read = [json.loads(each.text) for each in source.documents(format_of(path.name))]
    assert [{"tags": [], **document} for document in read] == documents


def test_the_format_is_said_or_in_the_name() -> None:
    assert [format_of(name) for name in ("a.jsonl", "a.ndjson.gz", "A.JSON", "a.CSV.GZ", "-")] == [
        "jsonl", "jsonl", "jsonl", "csv", "jsonl",
    ]  # fmt: skip
    assert format_of("a.csv", "jsonl") == "jsonl"
    with pytest.raises(UsageError, match="must end in"):
        format_of("a.parquet")
