"""Candidates replayed on a log."""

import numpy as np
import pytest

from bandits import Outcome as Feedback
from bandits import Policy, make_policy
from stream.errors import CheckError
from stream.ope.replay import Fixed, Learning, Log, RewardModel, Uniform, follow, prepare
from stream.records.schemas import Outcome
from tests.support.off_policy import OFFERING, SLOTS, World, estimates, mean_reward, policy, rebuilt


class Frozen(Learning):
    """A policy that has learned already."""

    def learn(self, feedback: Feedback) -> None:
        """Learn nothing more."""


def test_the_log_itself_is_estimated_exactly(log: Log, logged: list[Outcome]) -> None:
    """A candidate that is the logged policy has ratio 1 everywhere: what it learned, it learns again."""
    slots = follow(log, Learning("same", policy("sarsa", 0.7)), RewardModel(log, SLOTS))
    assert slots.ratio == pytest.approx(np.ones((len(logged), SLOTS)), abs=1e-6)
    assert slots.expected.shape == slots.ratio.shape


@pytest.mark.parametrize("name", ["ranked", "uniform", "learned"])
def test_estimates_are_what_the_candidate_earns_when_it_runs(log: Log, name: str) -> None:
    """By an interval of each that is too narrow once in 10,000 runs."""
    learned = policy("q_learning", 0.3)
    World(3).run(learned, 2_000, learning=True)
    candidates: dict[str, Fixed | Uniform | Learning] = {
        "ranked": Fixed(OFFERING, "ranked"), "uniform": Uniform(), "learned": Frozen("learned", learned),
    }  # fmt: skip
    runs: Policy = {"ranked": make_policy("ranked", sources=3, slots=SLOTS), "uniform": policy("sarsa", 1.0)}.get(
        name, learned
    )
    truth = World(4).run(runs, 8_000, learning=False)
    error = float(np.std([each.reward for each in truth])) / np.sqrt(len(truth))
    found = estimates(log, candidates[name])
    for estimator in ("whole slate", "reward interaction", "cascade DR"):
        low, high = found[estimator]["interval"]
        allowed = 4.0 * np.hypot(error, (high - low) / 3.92)
        assert abs(found[estimator]["value"] - mean_reward(truth)) < allowed, estimator
    first = estimates(log, candidates[name], "first_slot")
    earned = float(np.mean([each.reward if each.hit == 0 else 0.0 for each in truth]))
    for estimator in ("IPS", "SNIPS", "DR"):
        low, high = first[estimator]["interval"]
        assert abs(first[estimator]["value"] - earned) < 4.0 * np.hypot(error, (high - low) / 3.92), estimator


def test_a_candidate_learns_from_the_past_alone(logged: list[Outcome]) -> None:
    """What it says of a decision does not change with what comes after."""
    whole, half = prepare(logged[:400]), prepare(logged[:200])
    model = RewardModel(whole, SLOTS)
    late, early = (follow(log, Learning("c", policy("disagreement")), model) for log in (whole, half))
    assert late.ratio[:200].tolist() == early.ratio.tolist()


def test_a_candidate_does_not_learn_from_unsettled_decisions(logged: list[Outcome]) -> None:
    learned: list[float] = []

    class Watching(Uniform):
        def learn(self, feedback: Feedback) -> None:
            learned.append(feedback.reward)

    changed = [rebuilt(each, settled_at=1e9) for each in logged[:50]]
    follow(prepare(changed), Watching(), RewardModel(prepare(changed), SLOTS))
    assert learned == []


def test_unusable_decisions_are_left_out_and_counted(logged: list[Outcome]) -> None:
    odd = [
        rebuilt(logged[0], lists=b""), rebuilt(logged[1], outcome="void"), rebuilt(logged[2], outcome="replaced"),
        rebuilt(logged[3], offering=["ranked", "popularity", "gone"]), *logged[4:20], *logged[4:20],
    ]  # fmt: skip
    log = prepare(odd)
    assert len(log.decisions) == 16
    assert log.left_out == {
        "without lists and offered_ranks: of an older version": 1, "void": 1, "replaced": 1,
        "of other sources than the newest": 1,
    }  # fmt: skip


def test_a_discount_needs_the_next_slate(logged: list[Outcome]) -> None:
    log = prepare([rebuilt(each, discount=0.5, user_id="u") for each in logged[:30]])
    assert [decision.following for decision in log.decisions] == [*range(1, 30), -1]
    found = follow(log, Learning("c", policy("sarsa")), RewardModel(log, SLOTS))
    assert np.isfinite(found.ratio).all()


def test_decisions_that_do_not_fit(logged: list[Outcome]) -> None:
    for fields in ({"offered_ranks": b"\0"}, {"hit": 9}, {"state": 99}, {"lists": b"\0"}):
        with pytest.raises(CheckError, match="decision d0: offered_ranks, lists and slots must fit"):
            prepare([rebuilt(logged[0], **fields)])
    with pytest.raises(CheckError, match="source 'cats': must be one of the log's, ranked, popularity, content"):
        Fixed(OFFERING, "cats")
