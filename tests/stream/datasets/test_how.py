"""What is said about a file, in options and in a layout file."""

from pathlib import Path

import pytest

from stream.datasets.how import How, from_file, over, pairs
from stream.datasets.readers import read
from stream.errors import UsageError

LAYOUT = """
separator = "tab"
encoding = "cp1252"
time_unit = "ms"
default_event = "click"

[columns]
user = "who"
item = 2
time = "when"
event = "what"

[events]
sold = "purchase"
"look at" = "view"

[constants]
session = "one"
quantity = 3
"""


def test_a_layout_file_says_all_that_options_say(tmp_path: Path) -> None:
    layout, log = tmp_path / "layout.toml", tmp_path / "log.txt"
    layout.write_text(LAYOUT)
    log.write_bytes(
        "who\tsku\twhen\twhat\nu\tthé\t1700000000000\tsold\nu\ttea\t1700000000500\tlook at\n".encode("cp1252")
    )
    found = [entry for entry in read(log, how=from_file(layout)) if isinstance(entry, tuple)]
    assert [(kind, event.item_id, event.timestamp, event.session_id, event.quantity) for kind, event in found] == [
        ("purchase", "thé", 1_700_000_000.0, "one", 3.0),
        ("view", "tea", 1_700_000_000.5, "one", 3.0),
    ]


def test_the_command_line_holds_over_the_layout_file(tmp_path: Path) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text(LAYOUT)
    how = over(from_file(layout), How(columns={"user": "me"}, events={"sold": "click"}, time_unit="s"))
    assert how.columns == {"user": "me", "item": "2", "time": "when", "event": "what"}
    assert how.events == {"sold": "click", "look at": "view"}
    assert (how.time_unit, how.encoding, how.separator) == ("s", "cp1252", "\t")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[columns", "layout.toml: "),
        ("[column]\nuser = 'x'", "unknown field `column`"),
        ("[columns]\nbuyer = 'x'", "--columns: must be one of user, item, time, event.*; got 'buyer'"),
        ("[events]\nsold = 'sale'", "--events sold: must be one of view, click, purchase, skip; got 'sale'"),
        ("time_unit = 'minutes'", "--time-unit: must be one of s, ms, us, ns, date; got 'minutes'"),
        ("encoding = 'klingon'", "must be an encoding that Python knows, such as cp1252; got 'klingon'"),
        ("format = 'otto2'", "--format: must be one of csv, jsonl"),
        ("separator = ''", "--separator: must be one character"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    layout = tmp_path / "layout.toml"
    layout.write_text(text)
    with pytest.raises(UsageError, match=says):
        from_file(layout)


@pytest.mark.parametrize("text", ["user", "user=", "=x", "user=a,item"])
def test_pairs_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="--columns: must be pairs such as a=b,c=d; got"):
        pairs("--columns", (text,))


def test_a_single_pair_may_hold_commas() -> None:
    assert pairs("--events", ("Order, paid=purchase", "seen=view,left=skip")) == {
        "Order, paid": "purchase", "seen": "view", "left": "skip",
    }  # fmt: skip
