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
        for _ in range(MAX_LISTENERS):
            streams.enter_context(feed.listening(topics, None))
        with pytest.raises(FullError), feed.listening(topics, None):
            pass
    with feed.listening(topics, None):
        assert len(feed) == 1
