"""Slates that are learned together, or one by one: the same policy, to the bit."""

import numpy as np
import pytest

from bandits import OTHER, PINNED, Outcome, Policy, SlateTable, make_policy
from bandits.slates.queue import Queue

SOURCES, SLOTS, STATES = 3, 4, 5


def outcomes(n: int, discount: float) -> list[Outcome]:
    """Slates of up to four slots, some pinned; every third one has a next slate that counts."""
    rng, found = np.random.default_rng(5), []
    for at in range(n):
        slots = int(rng.integers(1, SLOTS + 1))
        ranks = rng.integers(0, 9, (slots, SOURCES)).astype(np.uint8)
        drawn = rng.integers(0, SOURCES, slots).astype(np.uint8)
        ranks[ranks % 2 == 1] += OTHER
        ranks[np.arange(slots), drawn] %= OTHER
        if rng.random() < 0.1:
            drawn[0] = PINNED
        hit = int(rng.integers(-1, slots))
        following = discount if at % 3 == 0 else 0.0
        lists = rng.permutation(30)[: 3 * SOURCES].reshape(SOURCES, 3).astype(np.int32)
        found.append(
            Outcome(
                int(rng.integers(STATES)), ranks, drawn, hit, float(hit >= 0) * float(rng.integers(1, 5)), following,
                int(rng.integers(STATES)), ranks, np.where(drawn == PINNED, 0, drawn).astype(np.uint8), lists,
            )
        )  # fmt: skip
    return found


def made(name: str) -> SlateTable:
    policy: Policy = make_policy(name, sources=SOURCES, slots=SLOTS, n_states=STATES)
    assert isinstance(policy, SlateTable)
    return policy


def bits(policy: Policy) -> list[bytes]:
    return [array.tobytes() for array in policy.state().values()]


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "sarsa"])
@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_learning_together_is_learning_one_by_one(name: str, discount: float) -> None:
    one, many, slates = made(name), made(name), outcomes(1_300, discount)  # theta is worked out again at 500
    errors = [one.learn_one(outcome) for outcome in slates]
    learned: list[float] = []
    for start, end in ((0, 1), (1, 1), (1, 8), (8, 700), (700, len(slates))):
        for n, outcome in enumerate(slates[start:end]):
            if n % 2 and outcome.discount_t == 0.0:
                ranks, drawn = outcome.offered_ranks.tobytes(), outcome.sources.tobytes()
                many.queue_record(outcome.state_tm1, ranks, drawn, outcome.hit, outcome.reward)
            else:
                many.queue(outcome)
        learned += many.learn_queued()
    assert learned == errors
    assert bits(one) == bits(many)
    assert one.state()["steps"].tolist() == [len(slates)]


@pytest.mark.parametrize("name", ["disagreement", "sarsa"])
def test_a_slate_that_does_not_fit_leaves_the_others_alone(name: str) -> None:
    policy, other, slates = made(name), made(name), outcomes(20, 0.0)
    for outcome in slates:
        policy.queue(outcome)
        for wrong in (outcome._replace(state_tm1=STATES), outcome._replace(state_tm1=-1)):
            with pytest.raises(IndexError, match=rf"a state must be in \[0, {STATES}\); got"):
                policy.queue(wrong)
        with pytest.raises(ValueError, match="one column for each source"):
            policy.queue(outcome._replace(offered_ranks=outcome.offered_ranks[:, 1:]))
        with pytest.raises(ValueError, match=r"one column for each source, \(1, 3\); got 2 bytes"):
            policy.queue_record(0, b"\0\0", b"\0", -1, 0.0)
        other.learn_one(outcome)
    assert len(policy.learn_queued()) == 20
    assert bits(policy) == bits(other)


def test_a_queue_grows_and_keeps_what_is_in_it() -> None:
    queue, slates = Queue("sarsa", SOURCES, SLOTS, STATES), outcomes(600, 0.0)
    for outcome in slates:
        queue.add(outcome)
    assert queue.count == 600
    assert queue.waiting.states[:600].tolist() == [outcome.state_tm1 for outcome in slates]
    assert queue.waiting.rewards[:600].tolist() == [outcome.reward for outcome in slates]
    for n in (0, 300, 599):
        assert queue.waiting.sources[n, : queue.waiting.lengths[n]].tolist() == slates[n].sources.tolist()
