"""Credit, choice and scale of the default policy, computed by hand."""

import itertools
from typing import Literal

import numpy as np
import pytest

from bandits import EXHAUSTED, NO_CONSTRAINTS, OTHER, PINNED, Disagreement, Outcome, make_policy
from bandits.checks import train


def _policy() -> Disagreement:
    return Disagreement(sources=3, slots=2, n_states=2, epsilon=0.05, learn_examination=False)


def test_only_disagreements_are_credited() -> None:
    policy = _policy()
    policy.learn_one(Outcome(0, np.array([[0, 0, 0]], np.uint8), np.zeros(1, np.uint8), hit=0, reward=0.1))
    assert not policy.state()["cells"].any()  # all agree: nothing to credit, but the mean reward is known now
    offered_ranks = np.array([[0, 0, OTHER + 2], [OTHER + 1, 1, OTHER]], np.uint8)
    policy.learn_one(Outcome(1, offered_ranks, np.array([0, 1], np.uint8), hit=1, reward=2.0))
    cells = policy.state()["cells"]
    theta = 2**-0.5
    # Slot 0 shows the ranking's item: source 1 agrees, source 2 (bucket 1) disagrees: a miss on the ranking's side.
    assert cells[1, 2, 1, 0, 1].tolist() == pytest.approx([0.0, 1.0, 0.01])
    # Slot 1 shows source 1's item against the ranking's (both bucket 1); source 2 offers a third item.
    assert cells[1, 1, 1, 1, 0].tolist() == pytest.approx([2.0 * theta, 0.5, 0.5 * (2.0 - 0.1 * theta) ** 2])
    assert np.count_nonzero(cells) == 2 + 3
    assert (policy.state()["pooled"] == cells[1]).all()


def test_all_sources_that_offered_the_item_share_the_credit() -> None:
    policy = _policy()
    offered_ranks = np.array([[OTHER, 0, 4]], np.uint8)  # sources 1 and 2 offer what is shown, in other buckets
    policy.learn_one(Outcome(0, offered_ranks, np.array([1], np.uint8), hit=0, reward=3.0))
    cells = policy.state()["cells"]
    assert cells[0, 1, 0, 0, 0].tolist() == cells[0, 2, 2, 0, 0].tolist() == [3.0, 1.0, 9.0]
    assert np.count_nonzero(cells) == 2 * 3


def test_an_exhausted_ranking_gives_no_credit() -> None:
    policy = _policy()
    offered_ranks = np.array([[EXHAUSTED, 0, OTHER]], np.uint8)
    assert policy.learn_one(Outcome(0, offered_ranks, np.array([1], np.uint8), hit=0, reward=1.0)) == 0.0
    assert not policy.state()["cells"].any()


LISTS = np.array([[1, 2], [5, 6], [1, 7]], np.int32)


LISTS_4 = np.array([[1, 2, 3], [5, 6, 7], [1, 7, 5], [8, 2, 9]], np.int32)


def test_untrained_probabilities() -> None:
    slate = _policy().draw(0, LISTS, np.zeros(2))
    # Source 2 agrees at slot 0, so it needs no probability; unknown sources may be better: explored.
    assert slate.probabilities.round(6).tolist() == pytest.approx(np.array([[0.975, 0.025, 0], [0.95, 0.025, 0.025]]))


def test_a_slate_without_constraints_is_drawn_as_one_with_constraints_that_demand_nothing() -> None:
    policy = _policy()
    _teach(policy, (0.3, 0.2))
    nothing = NO_CONSTRAINTS._replace(pins=NO_CONSTRAINTS.pins.copy())
    for state, u in itertools.product(range(2), (0.0, 0.3, 0.96, 0.999)):
        free, bound = (policy.draw(state, LISTS, np.full(2, u), each) for each in (NO_CONSTRAINTS, nothing))
        assert [part.tobytes() for part in free] == [part.tobytes() for part in bound]
        assert [part.dtype for part in free] == [part.dtype for part in bound]


@pytest.mark.parametrize("state", [-1, 2])
def test_a_state_that_is_none_is_refused(state: int) -> None:
    with pytest.raises(IndexError, match="n_states"):
        _policy().draw(state, LISTS, np.zeros(2))


def _teach(policy: Disagreement, hit_rate: tuple[float, float]) -> None:
    """Show the offers of source 1 and of the ranking in turn, with these hit rates, in slot 0 of state 0."""
    shown = (np.array([[OTHER, 0, EXHAUSTED]], np.uint8), np.array([[0, OTHER, EXHAUSTED]], np.uint8))
    rng = np.random.default_rng(list(b"teach"))
    for n in range(2000):
        side = n % 2
        hit = 0 if rng.random() < hit_rate[side] else -1
        policy.learn_one(Outcome(0, shown[side], np.array([1 - side], np.uint8), hit, float(hit == 0)))


def test_a_better_source_is_shown_and_a_worse_one_hardly_explored() -> None:
    better, worse = _policy(), _policy()
    _teach(better, (0.6, 0.1))
    _teach(worse, (0.1, 0.6))
    first = np.zeros(1)
    assert better.draw(0, LISTS, first).probabilities[0].tolist() == pytest.approx([0.025, 0.975, 0.0])
    assert worse.draw(0, LISTS, first).probabilities[0].tolist() == pytest.approx([0.9975, 0.0025, 0.0])


def test_other_states_profit_by_what_one_state_taught() -> None:
    policy = _policy()
    _teach(policy, (0.9, 0.1))
    assert policy.draw(1, LISTS, np.zeros(1)).probabilities[0].argmax() == 1


def _twins(
    bootstrap: Literal["q_learning", "sarsa"], discount: float, factor: float
) -> tuple[list[bytes], list[bytes]]:
    """Slates of two policies in one world, one of them with ``factor`` times the rewards."""
    twins = [Disagreement(sources=4, slots=3, n_states=2, bootstrap=bootstrap) for _ in range(2)]
    rng = np.random.default_rng(list(b"scale"))
    drawn: tuple[list[bytes], list[bytes]] = ([], [])
    state, slates = 0, [policy.draw(0, LISTS_4, np.full(3, 0.5)) for policy in twins]
    for _ in range(1500):
        lists = np.stack([rng.permutation(5)[:3] for _ in range(4)]).astype(np.int32)
        following, uniforms, hit = int(rng.integers(2)), rng.random(3), int(rng.integers(-3, 3))
        reward = float(rng.choice([1.0, 2.0, 10.0])) if hit >= 0 else 0.0
        for n, policy in enumerate(twins):
            next_ = policy.draw(following, lists, uniforms)
            drawn[n].append(next_.probabilities.tobytes() + next_.items.tobytes())
            policy.learn_one(
                Outcome(
                    state, slates[n].offered_ranks, slates[n].sources, max(hit, -1), reward * (1.0, factor)[n],
                    discount, following, next_.offered_ranks, next_.sources, lists,
                )
            )  # fmt: skip
            slates[n] = next_
        state = following
    return drawn


@pytest.mark.parametrize("factor", [2.0**-40, 0.5, 64.0, 2.0**30])
@pytest.mark.parametrize(("bootstrap", "discount"), [("sarsa", 0.0), ("sarsa", 0.8), ("q_learning", 0.8)])
def test_the_unit_of_reward_changes_no_slate(
    bootstrap: Literal["q_learning", "sarsa"], discount: float, factor: float
) -> None:
    ones, others = _twins(bootstrap, discount, factor)
    assert ones == others
    assert len(set(ones)) > 1000  # it learns: probabilities change


def test_before_any_reward_the_ranking_is_shown_and_all_are_explored() -> None:
    policy, first = _policy(), _policy().draw(0, LISTS, np.zeros(2)).probabilities.tolist()
    for n in range(300):
        slate = policy.draw(0, LISTS, np.array([0.01, 0.99]) if n % 2 else np.full(2, 0.5))
        policy.learn_one(Outcome(0, slate.offered_ranks, slate.sources, hit=-1, reward=0.0))
    assert policy.draw(0, LISTS, np.zeros(2)).probabilities.tolist() == first


def test_without_discount_both_bootstraps_are_one() -> None:
    assert _twins("sarsa", 0.0, 1.0) == _twins("q_learning", 0.0, 1.0)
    assert _twins("sarsa", 0.8, 1.0) != _twins("q_learning", 0.8, 1.0)


def test_looking_ahead_credits_what_the_next_slate_is_worth() -> None:
    """A hit of reward 1 before a state worth 3 is a hit of 1 + 0.5 * 3 = 2.5, less what silence leads to."""
    near, far = _policy(), _policy()
    offered_ranks, drawn = np.array([[OTHER, 0, EXHAUSTED]], np.uint8), np.ones(1, np.uint8)
    far.baseline[:] = [0.25, 3.0]
    next_ = (np.full((1, 3), EXHAUSTED, np.uint8), np.full(1, PINNED, np.uint8), np.full((3, 1), -1, np.int32))
    near.learn_one(Outcome(0, offered_ranks, drawn, hit=0, reward=2.5 - 0.25))
    far.learn_one(Outcome(0, offered_ranks, drawn, 0, 1.0, 0.5, 1, *next_))
    assert far.state()["cells"].tolist() == near.state()["cells"].tolist()


def test_an_unknown_bootstrap_is_refused() -> None:
    with pytest.raises(ValueError, match="bootstrap must be one of q_learning, sarsa; got 'monte_carlo'"):
        Disagreement(sources=2, slots=2, bootstrap="monte_carlo")  # type: ignore[arg-type]


def test_an_exhausted_ranking_leaves_the_choice_to_the_others() -> None:
    lists = np.array([[-1, -1], [5, 6], [7, 8]], np.int32)
    slate = _policy().draw(0, lists, np.zeros(1))
    assert slate.probabilities[0].tolist() == pytest.approx([0.0, 0.975, 0.025])


def test_off_policy_weights_are_unbiased() -> None:
    """What a trained policy logs values another exactly: all slates of overlapping, short lists, by enumeration."""
    logging, candidate = (make_policy(name, sources=3, slots=3, n_states=1) for name in ("disagreement", "sarsa"))
    for policy in (logging, candidate):
        train(policy, 400, "off-policy")
    lists = np.array([[1, 2, -1], [2, 3, 1], [4, -1, -1]], np.int32)
    worth = {1: 0.5, 2: 0.1, 3: 0.9, 4: 0.3}
    estimate = truth = total = 0.0
    for slate in itertools.permutations(worth, 3):
        items = np.array(slate, np.int32)
        reward = sum(worth[item] / (j + 1) for j, item in enumerate(slate))
        p_logging, p_candidate = (policy.propensities(0, lists, items).prod() for policy in (logging, candidate))
        truth += p_candidate * reward
        total += p_logging
        if p_logging > 0.0:
            estimate += p_logging * (p_candidate / p_logging) * reward
    assert total == pytest.approx(1.0, abs=1e-12)
    assert estimate == pytest.approx(truth, abs=1e-12)
