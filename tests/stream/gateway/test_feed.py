"""Listeners and what reaches them."""

from contextlib import ExitStack

import pytest

from stream.gateway.feed import MAX_LISTENERS, MAX_QUEUED, Feed, FullError


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
            feed.publish("slate", n, "ada")
        feed.publish("slate", "bens", "ben")
        feed.publish("stats", "figures")
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
