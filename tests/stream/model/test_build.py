"""What a model is made of by configuration: lists, policy, descriptions."""

from typing import Any, get_type_hints

import pytest

from learners import About, Categories, GroupPopularity
from stream.config import Config, ConfigError, Policy, Slate, Sources
from stream.model.build import about, configured_policy, make_sources
from stream.model.fold import Model
from stream.records.schemas import Item


def test_the_lists_are_the_ranking_then_the_sources_and_repeats_are_last() -> None:
    lists = Model(Config()).lists
    assert lists[:3] == ("ranked", "popularity", "popularity_fast"), "features compare these two"
    assert lists[-1] == "repeats"
    assert len(set(lists)) == len(lists)


def test_offered_ranks_of_the_longest_lists_fit_a_byte() -> None:
    """An offered rank, and 128 more where the slot shows another item."""
    (limits,) = get_type_hints(Slate, include_extras=True)["slots"].__metadata__
    assert limits.le <= 127


def test_exploration_follows_the_configuration() -> None:
    def epsilon(**options: Any) -> float:
        return Model(Config(policy=Policy(**options))).policy.epsilon

    assert epsilon(name="sarsa", epsilon=0.3, epsilon_floor=0.1) == pytest.approx(0.3)
    assert epsilon(name="sarsa", epsilon=0.0, epsilon_floor=0.1) == 0.0, "the floor is no higher than the start"
    assert epsilon(name="ranked") == 0.0
    assert configured_policy(Config(policy=Policy(name="q_learning")), 3, 5).sources == 3


def test_traits_and_extra_sources_take_their_places() -> None:
    config = Config(sources=Sources(traits="country,device", extra="trending"))
    names = [source.name for source in make_sources(config, Categories())]
    assert names[2:4] == [GroupPopularity("country", 9.0).name, GroupPopularity("device", 9.0).name]
    assert names[-2:] == ["trending", "repeats"]


@pytest.mark.parametrize("extra", ["repeats", "popularity", "no_such_source"])
def test_an_extra_source_must_be_new_and_known(extra: str) -> None:
    with pytest.raises(ConfigError, match=r"^configuration: sources\.extra: "):
        make_sources(Config(sources=Sources(extra=extra)), Categories())


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^configuration: policy\.name: .*no_such_policy"):
        configured_policy(Config(policy=Policy(name="no_such_policy")), 3, 5)


def test_a_description_holds_what_learners_use_and_nothing_when_the_item_is_gone() -> None:
    item = Item(item_id="a", title="Mug", tags=["blue"], categories=["x"], price=2.0, vectors={"v": [0.5]})
    assert about(item) == About("Mug", "", ("blue",), ("x",), 2.0, {}, {"v": (0.5,)})
    assert about(None) == About()
