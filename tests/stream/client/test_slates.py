"""What a reader of recommendations keeps, and how it is shown."""

import io
from typing import Any

import msgspec
import pytest
from rich.console import Console

from stream.client.slates import Refresh, Slates, Titles, moves
from stream.client.watch import detail, line, overview, partition_of
from stream.records.codec import encode
from stream.records.schemas import Item, Recommendation, Slot


def record(user: str, items: str, epoch: int = 0) -> tuple[bytes, bytes]:
    slots = [Slot(item, 0.5, "ranked", 0.98) for item in items]
    slate = Recommendation(
        user_id=user, decision_id=f"{epoch}.0.0", event_id="e1", timestamp=1.0, model_version=3, epoch=epoch,
        policy="sarsa", slots=slots,
    )  # fmt: skip
    return user.encode(), encode(slate)


def titles(**known: str) -> Titles:
    found = Titles()
    for item, title in known.items():
        found.take(item.encode(), encode(Item(item_id=item, title=title)))
    return found


def taken(slates: Slates, *records: tuple[bytes, bytes | None]) -> list[Refresh | None]:
    return [slates.take(key, value, float(n)) for n, (key, value) in enumerate(records)]


def test_the_newest_slate_wins_and_knows_the_one_before() -> None:
    slates = Slates()
    first, second = taken(slates, record("u", "ab"), record("u", "bc"))
    assert first is not None
    assert second is not None
    assert (first.before, second.before) == (None, first.slate)
    assert second.moves() == ["+1", "new"]
    assert first.moves() == ["", ""]
    assert slates.newest["u"] is second


def test_a_former_owner_is_not_heard() -> None:
    slates = Slates()
    assert taken(slates, record("u", "a", epoch=7), record("u", "b", epoch=3))[1] is None
    assert [slot.item_id for slot in slates.newest["u"].slate.slots] == ["a"]
    assert slates.take(*record("u", "c", epoch=7), 2.0) is not None


def test_a_forgotten_user_has_no_slate() -> None:
    slates = Slates()
    taken(slates, record("u", "a"), (b"u", None))
    assert not slates.newest


def test_the_number_of_users_is_bounded() -> None:
    slates = Slates(users=2)
    taken(slates, record("u1", "a"), record("u2", "a"), record("u1", "b"), record("u3", "a"))
    assert list(slates.newest) == ["u1", "u3"]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("abc", "abc", ["", "", ""]),
        ("abc", "cab", ["+2", "-1", "-1"]),
        ("abc", "xyz", ["new"] * 3),
        ("", "ab", ["new", "new"]),
        ("abc", "", []),
    ],
)
def test_moves(before: str, after: str, expected: list[str]) -> None:
    assert moves(list(before), list(after)) == expected


def test_titles_follow_the_catalogue() -> None:
    known = titles(a="Alien", b="Brazil")
    known.take(b"b", None)
    known.take(b"a", b"garbage")
    known.take(None, None)
    known.take(b"c", encode(Item(item_id="c")))
    assert (known["a"], known["b"], known["c"]) == ("Alien", "b", "c")


def printed(renderable: Any) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_the_tables_show_titles_sources_and_propensities() -> None:
    slates, known = Slates(), titles(a="Alien [1979]", b="Brazil")
    refresh = taken(slates, record("u", "ab"), record("[u]", "a"), record("u", "ba"))[2]
    assert refresh is not None
    whole = printed(detail(refresh, known))
    assert all(
        text in whole for text in ("user u at", "after event e1", "sarsa", "+1", "Alien [1979]", "ranked", "0.980")
    )
    idle = refresh._replace(slate=msgspec.structs.replace(refresh.slate, event_id=None))
    assert "made between events; policy sarsa" in printed(detail(idle, known))
    rows = printed(overview(slates, known, rows=5)).splitlines()
    assert [row.split("│")[2].strip() for row in rows if row.startswith("│")] == ["u", "[u]"]
    assert [cell.strip() for cell in rows[-2].split("│")[3:-1]] == ["Alien [1979]", "ranked 0.98", "", ""]
    assert line(refresh, known).endswith(" user u: Brazil (ranked 0.98); Alien [1979] (ranked 0.98)")


def test_the_overview_is_cut_to_the_screen() -> None:
    slates = Slates()
    taken(slates, *(record(f"u{n}", "a") for n in range(9)))
    assert printed(overview(slates, Titles(), rows=3)).count("ranked") == 3


@pytest.mark.parametrize(("user", "partition"), [("u1", 0), ("42", 4), ("zoë", 4)])
def test_partitions_are_those_of_murmur2(user: str, partition: int) -> None:
    """Values from org.apache.kafka's `Utils.toPositive(Utils.murmur2(key)) % 8`."""
    assert partition_of(user, 8) == partition
