"""A change is answered once, the answer fades, and both survive a snapshot to the bit."""

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from learners import Categories, CoVisitation, Interaction, Popularity, SequentialRules, TwoHeads
from learners.drift import ANSWERS, Change, Pace, Watched

NOTHING = np.empty(0, np.int32)


def coins(name: str, *parts: tuple[int, float]) -> list[float]:
    """Zeros and ones: so many with that share of ones, then the next."""
    rng = random.Random(f"drift/{name}")
    return [float(rng.random() < share) for n, share in parts for _ in range(n)]


# Answers


class Everything:
    """A learner that offers every verb and remembers each call."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []

    def raise_learning_rate(self, factor: float) -> None:
        self.calls.append(("raise_learning_rate", factor))

    def scale_learning_rate(self, factor: float) -> None:
        self.calls.append(("scale_learning_rate", factor))

    def set_half_life(self, half_life: float) -> None:
        self.calls.append(("set_half_life", half_life))

    def reset(self) -> None:
        self.calls.append(("reset", 0.0))


PACE = Pace(factor=5.0, half_life=60.0, cool_down=100.0)


def alarmed(answer: str, learner: object) -> Change:
    change = Change([Watched("m", "lower", [learner], answer)], PACE)
    answers = [change.observe("m", value) for value in coins("alarm", (1_000, 0.9), (150, 0.1))]
    assert answers.count(answer) == 1
    return change


@pytest.mark.parametrize(
    ("answer", "first", "half_way"),
    [
        ("faster_step", [("raise_learning_rate", 5.0), ("scale_learning_rate", 5.0)], [("scale_learning_rate", 3.0)]),
        ("shorter_half_life", [("set_half_life", 60.0)], [("set_half_life", 120.0)]),
        (
            "faster_and_shorter",
            [("raise_learning_rate", 5.0), ("scale_learning_rate", 5.0), ("set_half_life", 60.0)],
            [("scale_learning_rate", 3.0), ("set_half_life", 120.0)],
        ),
        ("reset_head", [("reset", 0.0)], []),
        ("none", [], []),
    ],
)
def test_every_answer_and_its_decay(
    answer: str, first: list[tuple[str, float]], half_way: list[tuple[str, float]]
) -> None:
    learner = Everything()
    change = alarmed(answer, learner)
    assert learner.calls == first
    for _ in range(100):
        change.tick()
    last = learner.calls[len(learner.calls) - len(half_way) :]
    assert [name for name, _ in last] == [name for name, _ in half_way]
    assert [value for _, value in last] == pytest.approx([value for _, value in half_way])
    for _ in range(2_000):
        change.tick()
    undone = {"scale_learning_rate": 1.0, "set_half_life": math.inf}
    assert dict(learner.calls[-len(half_way) :] if half_way else []) == {name: undone[name] for name, _ in half_way}
    count = len(learner.calls)
    change.tick()
    assert len(learner.calls) == count, "without an alarm, nothing is called"


def test_every_answer_is_tested() -> None:
    assert set(ANSWERS) == {"faster_step", "shorter_half_life", "faster_and_shorter", "reset_head", "none"}


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_learner_without_the_verb_is_left_alone(answer: str) -> None:
    alarmed(answer, object()).tick()


def test_of_two_alarms_the_higher_one_counts() -> None:
    learner = Everything()
    watched = [Watched(name, "lower", [learner], "shorter_half_life") for name in ("one", "two")]
    change = Change(watched, PACE)
    values = coins("alarm", (1_000, 0.9), (150, 0.1))
    assert "shorter_half_life" in [change.observe("one", value) for value in values]
    for _ in range(100):
        change.tick()
    assert learner.calls[-1][1] == pytest.approx(120.0)
    assert "shorter_half_life" in [change.observe("two", value) for value in values]
    assert learner.calls[-1] == ("set_half_life", 60.0)


def test_a_restored_alarm_sets_the_pace_but_does_not_reset_again() -> None:
    before, after = Everything(), Everything()
    change = alarmed("faster_and_shorter", before)
    for _ in range(70):
        change.tick()
    other = Change([Watched("m", "lower", [after], "faster_and_shorter")], PACE)
    other.restore({name: array.copy() for name, array in change.state().items()})
    assert after.calls == before.calls[-2:]
    for each in (change, other):
        for _ in range(15):
            each.tick()
        each.observe("m", 1.0)
    assert after.calls[-2:] == before.calls[-2:]
    state, same = change.state(), other.state()
    assert [array.tobytes() for array in state.values()] == [array.tobytes() for array in same.values()]


def test_an_unknown_answer_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the answer to 'm' must be one of faster_step, .*; got 'pray'"):
        Change([Watched("m", "lower", [], "pray")])


# What learners make of it


def events(n: int) -> Iterator[Interaction]:
    rng, past = random.Random("drift/events"), [0]
    for at in range(n):
        newest = np.array(list(dict.fromkeys(past[::-1]))[:10], np.int32)
        yield Interaction(rng.randrange(12), rng.randrange(3), float(at), newest, newest)
        past.append(rng.randrange(12))


def halving(made: Callable[[float], Any]) -> Any:
    return pytest.param(made, id=made(9.0).name)


@pytest.mark.parametrize(
    "make",
    [
        halving(lambda half_life: Popularity(half_life=half_life)),
        halving(lambda half_life: Categories(half_life=half_life)),
        halving(lambda half_life: CoVisitation(half_life=half_life)),
        halving(lambda half_life: SequentialRules(half_life=half_life)),
    ],
)
@pytest.mark.parametrize(("asked", "effective"), [(20.0, 20.0), (500.0, 100.0), (math.inf, 100.0)])
def test_a_shortened_half_life_is_that_half_life(make: Callable[[float], Any], asked: float, effective: float) -> None:
    """A shorter half-life acts as if configured so; a longer one than configured changes nothing."""
    source, other = make(100.0), make(effective)
    for item in range(12):
        source.add_item(item)
    for event in events(200):
        source.learn_one(event)
    other.restore(source.state())
    source.set_half_life(7.0)
    source.set_half_life(asked)
    for event in events(200):
        source.learn_one(event)
        other.learn_one(event)
    state, same = source.state(), other.state()
    assert [array.tobytes() for array in state.values()] == [array.tobytes() for array in same.values()]


def test_a_raised_learning_rate_scales_the_steps() -> None:
    rows = np.array([[255, 51], [0, 102]], np.uint8)
    plain, quick = (TwoHeads(["a", "b"], learning_rate=0.05) for _ in range(2))
    quick.click.scale_learning_rate(4.0)
    for heads in (plain, quick):
        heads.learn_many_rows(rows[:1], clicked=0, purchased=True)
    assert np.array(quick.click.vector()) == pytest.approx(4.0 * np.array(plain.click.vector()))
    assert quick.purchase.vector() == plain.purchase.vector(), "the other head is unchanged"
    quick.click.scale_learning_rate(1.0)
    quick.restore(plain.state())
    for heads in (plain, quick):
        heads.learn_many_rows(rows, clicked=1, purchased=False)
    assert quick.click.vector() == plain.click.vector()


def test_a_reset_head_is_as_new_and_scores_so_at_once() -> None:
    rows = np.array([[255, 51], [0, 102]], np.uint8)
    fresh, used = (TwoHeads(["a", "b"], initial_weights={"a": 0.3}) for _ in range(2))
    for _ in range(20):
        used.learn_many_rows(rows, clicked=0, purchased=True)
    assert used.score_many(rows).tolist() != fresh.score_many(rows).tolist()
    kept = used.purchase.vector()
    used.click.reset()
    assert used.click.vector() == fresh.click.vector()
    assert used.purchase.vector() == kept
    assert used.score_many(rows)[:, 0].tolist() == fresh.score_many(rows)[:, 0].tolist()
