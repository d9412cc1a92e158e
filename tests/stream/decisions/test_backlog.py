"""Slates put off in a backlog: every event is learned, and every user gets a slate in the end."""

from faust.types import TP

from stream.decisions.publish import recommendations
from stream.decisions.shard import Shard
from stream.kafka.faust_polls import Poll
from stream.records.log import Batch, ProfileChange
from tests.stream.kafka.test_faust_polls import CLICKS, VIEWS, records
from tests.support.site import MINUTE, Site, T, did, steps


def put_off(site: Site, now: float, *users: str) -> list[Batch]:
    made = site.engine.batches(site.shard, [([did(user, "a", T + n)], {}) for n, user in enumerate(users)], now)
    for batch in made:
        site.fold(batch)
    return made


def make_deferred(site: Site, most: int = 9, before: float = 1e99) -> list[str]:
    batch = site.engine.make_deferred(site.shard, most, before)
    if batch is None:
        return []
    site.fold(batch)
    assert all(step.event is None and step.decision is not None for step in steps(batch))
    return [step.user_id for step in steps(batch)]


def test_events_are_learned_and_nobody_is_answered() -> None:
    site = Site("abc")
    made = put_off(site, 100.0, "u", "v", "u")
    assert [step.decision for batch in made for step in steps(batch)] == [None, None, None]
    assert site.model.catalogue.events == 3
    assert site.shard.deferred == {"u": 100.0, "v": 100.0}


def test_slates_follow_the_oldest_first() -> None:
    site = Site("abc")
    put_off(site, 100.0, "u", "v")
    put_off(site, 110.0, "w", "u")
    assert make_deferred(site, before=100.0) == []
    assert make_deferred(site, most=1, before=105.0) == ["u"]
    assert make_deferred(site, before=105.0) == ["v"]
    assert make_deferred(site) == ["w"]
    assert make_deferred(site) == []
    assert all(user.open is not None for user in site.shard.users.values())


def test_what_is_published_is_what_an_event_would_have_brought() -> None:
    late, prompt = Site("abcdefgh"), Site("abcdefgh")
    put_off(late, 100.0, "u")
    prompt.take(did("u", "a", T))
    batch = late.engine.make_deferred(late.shard, 9, 1e99)
    assert batch is not None
    ((user, slate),) = recommendations(batch, late.model.lists)
    assert slate is not None
    assert (user, slate.event_id, slate.timestamp) == ("u", None, T)
    open_ = prompt.shard.users["u"].open
    assert open_ is not None
    assert slate.decision_id != open_.decision_id
    assert {slot.item_id for slot in slate.slots} == set(open_.slate)


def test_an_event_after_the_backlog_is_answered_at_once_and_nothing_more_is_owed() -> None:
    site = Site("abc")
    put_off(site, 100.0, "u")
    assert site.step(did("u", "b", T + 9)).decision is not None
    assert make_deferred(site) == []


def test_who_is_forgotten_is_owed_nothing() -> None:
    site = Site("abc")
    put_off(site, 100.0, "u", "v")
    site.take(ProfileChange("u", None))
    assert make_deferred(site) == ["v"]


def test_the_next_owner_knows_who_is_owed_a_slate() -> None:
    site = Site("abc")
    site.take(did("old", "a", T - 120 * MINUTE), did("prompt", "a", T))
    put_off(site, 100.0, "u")
    users, watermark = site.shard.users, site.shard.watermark
    users["old"].open = None  # settled by silence long ago
    assert Shard("users/0", 5, site.config.rewards, users=users, watermark=watermark).deferred == {"u": 0.0}


def test_what_waits_behind_a_poll() -> None:
    poll = Poll([(VIEWS, records(VIEWS, 1, 2)), (CLICKS, records(CLICKS, 7, 9))])
    assert poll.waiting([VIEWS, CLICKS]) == 0, "nobody has said where the topics end"
    poll.ends = {VIEWS: 13, CLICKS: 10}
    assert (poll.waiting([VIEWS, CLICKS]), poll.waiting([CLICKS]), poll.waiting([TP("other", 0)])) == (10, 0, 0)
