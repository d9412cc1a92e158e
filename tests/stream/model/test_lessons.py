"""Events written into arrays and taught by compiled code: the same state as source by source, event by event."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from learners import Source, Vocabulary, learn_all
from learners.board import Board
from stream.config import Config, Sources
from stream.model.build import make_sources
from stream.model.fold import Model
from stream.model.interactions import interactions
from stream.model.lessons import Lessons
from stream.records.log import LoggedEvent, Step
from stream.state.user import Seen
from tests.support.logs import T
from tests.support.users import packed_past

ITEMS = 40
CONFIG = Config(sources=Sources(max_sessions=30, max_users=12, popularity_half_life=2.0, fast_half_life=1.0))


def world(config: Config = CONFIG) -> tuple[Vocabulary, Sequence[Source]]:
    model, vocabulary = Model(config), Vocabulary()
    sources = make_sources(config, model.categories)
    for n in range(ITEMS):
        vocabulary.intern(f"i{n}")
        for source in sources:
            source.add_item(n)
    return vocabulary, sources


def visits(events: int) -> list[tuple[Step, LoggedEvent, int]]:
    """Steps of twenty users; of some the past is unknown, some items of the history are."""
    rng, found = random.Random("lessons"), []
    histories: dict[str, list[str]] = {}
    for n in range(events):
        user, item = f"u{rng.randrange(20)}", rng.randrange(ITEMS)
        recent = histories.setdefault(user, [])
        now = T + 10.0 * n
        event = LoggedEvent(0, n, f"e{n}", f"i{item}", rng.randrange(3), now, None, None)
        past = [Seen(rng.randrange(1, 300), False, rng.randrange(3), now - rng.random() * 1e5) for _ in recent]
        packed = b"" if rng.random() < 0.1 else packed_past(past, now)
        session = rng.randrange(len(recent) + 1)
        found.append((Step(user, event, [*recent], session, None, None, None, past=packed), event, item))
        newest = [f"i{item}" if rng.random() < 0.9 else "lost", *recent]
        histories[user] = list(dict.fromkeys(newest))[:10]
    return found


def states(sources: Sequence[Source]) -> dict[str, bytes]:
    return {f"{s.name}.{key}": np.array(part).tobytes() for s in sources for key, part in s.state().items()}


@pytest.mark.parametrize("at_once", [1, 7, 300])
@pytest.mark.parametrize("extra", ["", "trending,new_items"])
def test_all_sources_learn_what_they_learn_alone(at_once: int, extra: str) -> None:
    config = Config(sources=Sources(max_sessions=30, max_users=12, extra=extra))
    vocabulary, sources = world(config)
    lessons, told = Lessons(vocabulary, sources, Board(sources)), visits(900)
    for start in range(0, len(told), at_once):
        for each in told[start : start + at_once]:
            lessons.add(*each)
        for call in lessons.calls():
            call()
        assert list(lessons.calls()) == [], "nothing is taught twice"
    _, alone = world(config)
    for source in alone:
        learn_all(source, interactions(vocabulary, told))
    assert states(sources) == states(alone)
    assert any(states(alone)["repeats.ranks"]), "there was something to learn"


def test_weights_are_rescaled_in_time() -> None:
    """With a half-life of an event the unit doubles at each: it must never overflow."""
    vocabulary, sources = world()
    lessons, told = Lessons(vocabulary, sources, Board(sources)), visits(1_100)
    for each in told:
        lessons.add(*each)
    for call in lessons.calls():
        call()
    _, alone = world()
    for each in told:
        for source in alone:
            learn_all(source, interactions(vocabulary, [each]))
    assert states(sources) == states(alone)
    assert np.isfinite(sources[1].state()["unit"]).all()


def test_without_one_of_the_nine_all_are_asked_one_by_one() -> None:
    vocabulary, sources = world()
    some = [source for source in sources if source.name != "categories"]
    lessons = Lessons(vocabulary, some, Board(some))
    for each in visits(50):
        lessons.add(*each)
    assert len(list(lessons.calls())) == len(some)
