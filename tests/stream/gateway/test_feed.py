"""Listeners and what reaches them."""

from contextlib import ExitStack

import pytest

from stream.gateway.feed import MAX_LISTENERS, MAX_QUEUED, MAX_VIEWS, Feed, FullError
from stream.gateway.fields.chosen import View


def test_listeners_get_their_topics_and_a_slow_one_loses_the_oldest() -> None:
    feed = Feed()
    assert not feed.wanted("slate", "ada")
    with (
        feed.listening(frozenset({"slate"}), "ada") as mine,
        feed.listening(frozenset({"slate", "stats"}), None) as all_,
    ):
        assert feed.wanted("slate", "ada")
        assert not feed.wanted("outcome", "ada")
        for n in range(MAX_QUEUED + 10):
            feed.publish("slate", lambda _: n, "ada")  # noqa: B023  called at once
        feed.publish("slate", lambda _: "bens", "ben")
        feed.publish("stats", lambda _: "figures")
        assert mine.qsize() == MAX_QUEUED
        assert b"data: 10\n" in mine.get_nowait()
        assert all_.qsize() == MAX_QUEUED
    assert len(feed) == 0


def test_listeners_are_bounded() -> None:
    feed, topics = Feed(), frozenset({"slate"})
    with ExitStack() as streams:
        for n in range(MAX_LISTENERS):
            streams.enter_context(feed.listening(topics, None, f"caller {n % 10}"))
        with pytest.raises(FullError) as full, feed.listening(topics, None, "another"):
            pass
        assert not full.value.mine
    with feed.listening(topics, None):
        assert len(feed) == 1


def test_one_caller_does_not_hold_them_all() -> None:
    feed, topics = Feed(most=10, mine=2), frozenset({"slate"})
    with feed.listening(topics, None, "ada"), feed.listening(topics, None, "ada"):
        with pytest.raises(FullError) as full, feed.listening(topics, None, "ada"):
            pass
        assert full.value.mine
        with feed.listening(topics, None, "ben"):
            assert len(feed) == 3
    with feed.listening(topics, None, "ada"):
        assert len(feed) == 1


def test_each_listener_gets_its_view_and_a_message_is_made_once_for_each() -> None:
    feed, topics, made = Feed(), frozenset({"slate"}), list[View]()

    def make(view: View) -> str:
        made.append(view)
        return ",".join(view.fields)

    priced = View(("price",))
    with (
        feed.listening(topics, None) as plain,
        feed.listening(topics, None, view=priced) as one,
        feed.listening(topics, None, view=View(("price",))) as two,
    ):
        feed.publish("slate", make)
        with_price = b'event: slate\ndata: "price"\n\n'
        assert [queue.get_nowait() for queue in (plain, one, two)] == [
            b'event: slate\ndata: ""\n\n',
            with_price,
            with_price,
        ]
    assert made == [View(), priced]


def test_different_views_are_bounded() -> None:
    feed, topics = Feed(), frozenset({"slate"})
    with ExitStack() as streams:
        for n in range(MAX_VIEWS):
            streams.enter_context(feed.listening(topics, None, view=View((str(n),))))
        with pytest.raises(FullError) as full, feed.listening(topics, None, view=View(("new",))):
            pass
        assert full.value.views
        with feed.listening(topics, None, view=View(("3",))):
            assert len(feed) == MAX_VIEWS + 1
