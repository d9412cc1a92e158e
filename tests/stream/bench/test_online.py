"""Scenarios of the online path: what they say of their events holds."""

from contextlib import closing
from itertools import islice

import pytest

from stream.bench import online
from stream.bench.recorded import Recorded
from stream.bench.site import Site
from stream.bench.workloads import World
from stream.config import Config
from stream.errors import UsageError
from stream.records.log import Batch, Message, Step, decode_message
from stream.records.schemas import Event
from stream.state.user_block import SEEN_ITEMS

YEAR_S = 3.2e7


@pytest.fixture
def site() -> Site:
    return Site(Config(), World(users=500, items=2_000), 300)


def test_each_event_settles_a_slate_and_brings_rows_and_none_makes_a_slate(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded, replicate = list[Message](), site.replicate

    def keep(data: list[bytes]) -> int:
        folded.extend(decode_message(each, 0) for each in data)
        return replicate(data)

    monkeypatch.setattr(site, "replicate", keep)
    with closing(online.settle_events(site, 20)) as works:
        for work in islice(works, 3):
            folded.clear()
            assert work() == 20
            assert len(folded) == 20, "each event in a message of its own"
            for message in folded:
                assert isinstance(message, Batch)
                (step,) = message.records
                assert isinstance(step, Step)
                assert step.event is not None
                assert step.settled is not None
                assert step.rows is not None
                assert step.decision is None
    assert site.model.skipped == 0


def test_a_world_with_too_few_users_gives_smaller_portions(site: Site) -> None:
    with closing(online.settle_events(site, 600)) as works:
        assert 100 < next(works)() <= 500


def test_users_who_are_dropped_as_idle_meanwhile_are_left_out() -> None:
    """Ten visits of each user in a minute, and a year until the next user comes."""
    log = [
        (
            "view",
            Event(event_id=f"{user}-{n}", user_id=f"u{user}", item_id=f"i{n}", timestamp=1e9 + 1.5e7 * user + 6 * n),
        )
        for user in range(10)
        for n in range(10)
    ]
    site = Site(Config(), Recorded(log), 20)  # type: ignore[arg-type]
    with closing(online.settle_events(site, 4)) as works:
        assert 1 <= next(works)() < 4
    site = Site(Config(), Recorded(log[::10]), 5)  # type: ignore[arg-type]
    for each in site.arrivals(2):  # until then nobody of the last message is dropped
        site.take_in([each])
    with closing(online.settle_events(site, 4)) as works, pytest.raises(UsageError, match="users must come again"):
        next(works)


def test_users_with_full_histories_are_made(site: Site) -> None:
    users = online.long(site, 5)
    assert len(set(users)) == online.LONG_USERS
    assert {len(site.shard.users[user].seen) for user in users} == {SEEN_ITEMS}
    assert set(users).isdisjoint(online.long(site, 5)), "a second run has users of its own"


def test_one_event_in_three_is_on_a_new_item(site: Site) -> None:
    for _ in range(2):
        known = len(site.model.vocabulary.ids)
        arrivals = online.on_new_items(site, 9)
        new = [n for n, each in enumerate(arrivals) if site.model.vocabulary.index(each.event.item_id) < 0]
        assert new == [0, 3, 6]
        site.take_in(arrivals)
        assert len(site.model.vocabulary.ids) == known + 3
