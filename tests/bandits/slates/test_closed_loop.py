"""A small world with a known best source per state: policies that learn beat those that do not."""

import numpy as np
import pytest

from bandits import Outcome, Policy, make_policy

SOURCES, SLOTS, DECISIONS, JUDGED = 3, 5, 12_000, 6_000
# Chance that an examined item of a source attracts, by state: the ranking is never best.
CHANCE = np.array([[0.12, 0.30, 0.03], [0.12, 0.03, 0.30]])
EXAMINED = np.arange(1, SLOTS + 1) ** -0.5


def _expected_hits(chance: float) -> float:
    """Hit rate of a slate whose items all attract with this chance."""
    return 1.0 - float(np.prod(1.0 - EXAMINED * chance))


def _hit_rate(policy: Policy) -> float:
    """Share of hits in the last decisions; each source has items of its own, so no list is exhausted."""
    rng = np.random.default_rng(list(b"closed loop"))
    hits = 0
    for n in range(DECISIONS):
        state = int(rng.integers(2))
        lists = (rng.permutation(50)[:SLOTS] + 100 * np.arange(SOURCES)[:, None]).astype(np.int32)
        slate = policy.draw(state, lists, rng.random(SLOTS))
        attracted = np.flatnonzero(rng.random(SLOTS) < EXAMINED * CHANCE[state, slate.items // 100])
        hit = int(attracted[0]) if attracted.size else -1
        policy.learn_one(Outcome(state, slate.offered_ranks, slate.sources, hit, float(hit >= 0)))
        hits += n >= DECISIONS - JUDGED and hit >= 0
    return hits / JUDGED


# A mean of JUDGED numbers in [0, 1] is off by more than this with probability 1e-6 (Hoeffding): 0.034.
CHANCE_ERROR = float(np.sqrt(np.log(2 / 1e-6) / (2 * JUDGED)))


@pytest.mark.parametrize("name", ["disagreement", "q_learning", "sarsa"])
def test_learning_beats_uniform_and_ranking(name: str) -> None:
    """0.40 for uniform slates, 0.33 for the ranking, 0.66 for the best; 2.5 % of 5 slots explore each other source."""
    uniform, ranking, best = (_expected_hits(chance) for chance in (0.15, 0.12, 0.30))
    rate = _hit_rate(make_policy(name, sources=SOURCES, slots=SLOTS, n_states=2))
    assert rate > max(uniform, ranking) + CHANCE_ERROR
    assert rate > 0.95 * best - CHANCE_ERROR
    assert rate < best + CHANCE_ERROR


def test_uniform_and_ranking_are_as_computed() -> None:
    uniform = _hit_rate(make_policy("sarsa", sources=SOURCES, slots=SLOTS, n_states=2, epsilon=1.0))
    ranking = _hit_rate(make_policy("ranked", sources=SOURCES, slots=SLOTS, n_states=2))
    assert uniform == pytest.approx(_expected_hits(0.15), abs=CHANCE_ERROR)
    assert ranking == pytest.approx(_expected_hits(0.12), abs=CHANCE_ERROR)
