import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from learners import Interaction, Query, yield_checks
from learners.checks import Check
from learners.popularity.group_popularity import GroupPopularity

NOTHING = np.empty(0, np.int32)
EVER = 1e12  # half-life of what does not fade


class InNL(GroupPopularity):
    """Each user comes from one of three countries and asks from one: the laws give users no traits."""

    def learn_one(self, event: Interaction) -> None:
        super().learn_one(event._replace(traits={"country": ("NL", "DE", "FR")[event.item % 3]}))

    def top_k(self, query: Query, k: int, blocked: NDArray[np.uint8]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return super().top_k(query._replace(traits={"country": "NL"}), k, blocked)

    def score_many(self, query: Query, items: NDArray[np.int32]) -> NDArray[np.float32]:
        return super().score_many(query._replace(traits={"country": "NL"}), items)


@pytest.mark.parametrize("source", [InNL("country"), InNL("country", listed=6, values=1)], ids=["roomy", "full"])
def test_laws(source: InNL) -> None:
    checks: list[Check] = list(yield_checks(source))
    assert {check.id.split(":")[0] for check in checks} == {"popularity_by_country"}
    for check in checks:
        check.run()


def _from(country: str | None) -> Query:
    return Query(NOTHING, 0.0, NOTHING, traits={} if country is None else {"country": country})


def _teach(source: GroupPopularity, events: list[tuple[int, str | None]]) -> None:
    for item, country in events:
        source.add_item(item)
        source.learn_one(Interaction(item, 0, 0.0, NOTHING, NOTHING, traits=_from(country).traits))


def _scores(source: GroupPopularity, country: str | None, items: int) -> list[float]:
    return [float(score) for score in source.score_many(_from(country), np.arange(items, dtype=np.int32))]


def test_a_group_is_shrunk_towards_all_users() -> None:
    source = GroupPopularity("country", EVER, pseudo_events=10)
    _teach(source, [(0, "NL")] * 30 + [(1, "DE")] * 60 + [(2, "FR")] + [(2, None)] * 9)
    shares = np.array([0.3, 0.6, 0.1])
    assert _scores(source, "NL", 3) == pytest.approx((np.array([30, 0, 0]) + 10 * shares) / 40)
    assert _scores(source, "FR", 3) == pytest.approx((np.array([0, 0, 1]) + 10 * shares) / 11)
    assert _scores(source, "unheard of", 3) == pytest.approx(shares)
    assert source.top_k(_from("NL"), 3, np.zeros(3, np.uint8))[0].tolist() == [0, 1, 2]
    assert source.top_k(_from("FR"), 3, np.zeros(3, np.uint8))[0].tolist() == [1, 0, 2]


def test_without_the_trait_nothing_is_proposed() -> None:
    source = GroupPopularity("country")
    _teach(source, [(0, "NL"), (0, None)])
    assert source.name == "popularity_by_country"
    for query in (_from(None), Query(NOTHING, 0.0, NOTHING, traits={"device": "NL"})):
        assert len(source.top_k(query, 3, np.zeros(1, np.uint8))[0]) == 0
        assert source.score_many(query, np.array([0], np.int32)).tolist() == [0]


def test_values_beyond_the_limit_share_a_row() -> None:
    source = GroupPopularity("country", EVER, values=1, pseudo_events=1e-9)
    _teach(source, [(0, "NL"), (1, "DE"), (2, "FR"), (2, "IT")])
    assert _scores(source, "NL", 3) == pytest.approx([1, 0, 0], abs=1e-6)
    assert _scores(source, "DE", 3) == _scores(source, "never seen", 3) == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-6)
    assert len(source.state()["items"]) <= 2


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["NL", "DE"])), min_size=1, max_size=80))
def test_with_room_for_all_the_counts_are_exact_and_so_is_the_list(events: list[tuple[int, str | None]]) -> None:
    source = GroupPopularity("country", half_life=0.05, listed=9, pseudo_events=2)  # rescales every 26 events
    source.add_item(8)
    _teach(source, events)
    own, of_all = np.zeros(9), np.zeros(9)
    for age, (item, country) in enumerate(reversed(events)):
        of_all[item] += 2 ** (-age / 0.05)
        own[item] += (country == "NL") * 2 ** (-age / 0.05)
    expected = (own + 2 * of_all / of_all.sum()) / (own.sum() + 2)
    scores = _scores(source, "NL", 9)
    assert scores == pytest.approx(expected, rel=1e-5, abs=1e-30)
    best = sorted(range(9), key=lambda item: (-scores[item], item))
    assert source.top_k(_from("NL"), 9, np.zeros(9, np.uint8))[0].tolist() == best


@given(st.lists(st.integers(0, 30), max_size=200))
def test_a_full_row_never_claims_more_events_than_there_were(events: list[int]) -> None:
    source = GroupPopularity("country", EVER, listed=4)
    source.add_item(30)
    _teach(source, [(item, "NL") for item in events])
    state = source.state()
    items, weights, inherited = (state[key][-1] for key in ("items", "weights", "inherited"))
    if not events:
        return
    assert weights.sum() == pytest.approx(len(events), rel=1e-6)  # as Metwally et al. prove
    for item, weight, before in zip(items.tolist(), weights.tolist(), inherited.tolist()):
        if item >= 0:
            assert weight - before <= events.count(item) * (1 + 1e-9)
            assert events.count(item) <= weight * (1 + 1e-9)
    for item in set(events) - set(items.tolist()):
        assert events.count(item) <= weights.min() * (1 + 1e-9)
