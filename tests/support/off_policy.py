"""A world in which every policy's value can also be found by running it, and the log of one policy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bandits import STATES, Policy, make_policy
from bandits import Outcome as Feedback
from stream.ope.replay import Fixed, Learning, Log, RewardModel, Uniform, follow
from stream.ope.report import report
from stream.records.schemas import Outcome, OutcomeType

OFFERING = ["ranked", "popularity", "content"]
SLOTS, ITEMS, USERS = 4, 12, 300
TAKEN = np.random.default_rng(1).random((2, ITEMS)) * 0.4  # chance that an item that is looked at is taken, by state
OUTCOMES: tuple[OutcomeType, ...] = ("miss", "hit")


class World:
    """Users who scan from the top and take the first item they like; lists are drawn anew for every decision."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def lists(self) -> NDArray[np.int32]:
        # The ranking has the better items in front, by halves; the others are random.
        order = [self.rng.permutation(ITEMS) for _ in OFFERING]
        order[0] = np.concatenate([np.sort(order[0][:6]), np.sort(order[0][6:])])
        return np.array(order, np.int32)[:, :8]

    def run(self, policy: Policy, decisions: int, *, learning: bool) -> list[Outcome]:
        """Let a policy serve; what became of each slate."""
        made = []
        for n in range(decisions):
            state, lists = int(self.rng.integers(2)), self.lists()
            slate = policy.draw(state, lists, self.rng.random(SLOTS))
            liked = np.flatnonzero(self.rng.random(SLOTS) < TAKEN[state, slate.items])
            hit = int(liked[0]) if len(liked) else -1
            reward = 1.0 + hit if hit >= 0 else 0.0
            if learning:
                policy.learn_one(Feedback(state, slate.offered_ranks, slate.sources, hit, reward))
            made.append(outcome(n, state, lists, slate, hit, reward))
        return made


def outcome(n: int, state: int, lists: NDArray[np.int32], slate: Any, hit: int, reward: float) -> Outcome:
    """As the worker publishes it: items numbered by the decision, the slate's first."""
    order = [*slate.items.tolist(), *(i for i in np.unique(lists).tolist() if i not in slate.items)]
    number = np.zeros(ITEMS, np.uint16)
    number[order] = np.arange(len(order))
    return Outcome(
        user_id=f"u{n % USERS}", decision_id=f"d{n}", outcome=OUTCOMES[hit >= 0], reward=reward,
        hit=hit if hit >= 0 else None, event_id=f"e{n}", decided_at=float(n), settled_at=n + 0.5, policy="test",
        items=[f"i{item}" for item in slate.items.tolist()], sources=[OFFERING[s] for s in slate.sources],
        propensities=slate.propensities.astype(float).tolist(), state=state, offering=OFFERING,
        offered_ranks=slate.offered_ranks.tobytes(), lists=number[lists].astype("<u2").tobytes(),
    )  # fmt: skip


def policy(name: str, epsilon: float = 0.2) -> Policy:
    return make_policy(name, sources=3, slots=SLOTS, n_states=STATES, epsilon=epsilon)


def mean_reward(outcomes: list[Outcome]) -> float:
    return float(np.mean([each.reward for each in outcomes]))


def estimates(log: Log, candidate: Fixed | Uniform | Learning, part: str = "slates") -> dict[str, Any]:
    slots = follow(log, candidate, RewardModel(log, SLOTS))
    found: dict[str, Any] = report(log, {"c": slots}, clip=10.0, resamples=200, seed="t")["candidates"]["c"][part]
    return found


def rebuilt(each: Outcome, **fields: Any) -> Outcome:
    return Outcome(**{name: getattr(each, name) for name in each.__struct_fields__} | fields)
