"""The heap of open slates: the oldest first, answered ones dropped, bounded."""

from stream.decisions.open_slates import OpenSlates
from stream.records.log import Decision
from stream.state.user import User


def decision(name: str) -> Decision:
    return Decision(name, 0.0, "ranked", 0.0, 0, 0, [], b"", b"", b"", b"", b"")


def test_the_oldest_open_slate_comes_first_and_answered_ones_never() -> None:
    users = {"u": User(open=decision("d1")), "v": User(open=decision("d2")), "w": User()}
    slates = OpenSlates(users)
    for user_id, name, at in (("v", "d2", 2.0), ("u", "d1", 1.0), ("w", "d3", 0.0), ("gone", "d4", 0.5)):
        slates.add(user_id, name, at)
    found = [slates.pop(9.0) for _ in range(3)]
    assert [each and (each.at, each.user_id, each.decision.decision_id) for each in found] == [
        (1.0, "u", "d1"), (2.0, "v", "d2"), None,
    ]  # fmt: skip


def test_a_slate_made_at_the_limit_or_later_stays() -> None:
    slates = OpenSlates({"u": User(open=decision("d"))})
    slates.add("u", "d", 5.0)
    assert slates.pop(5.0) is None
    assert slates.pop(5.1) is not None


def test_memory_is_bounded() -> None:
    users = {"u": User()}
    slates = OpenSlates(users)
    for n in range(5_000):
        users["u"].open = decision(f"d{n}")
        slates.add("u", f"d{n}", float(n))
        assert len(slates) <= 1_003
    newest = slates.pop(9e9)
    assert newest is not None
    assert (newest.decision.decision_id, slates.pop(9e9)) == ("d4999", None)
