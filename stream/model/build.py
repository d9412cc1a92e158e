"""What a model is made of: its sources, its policies and its ways to make a slate, by configuration."""

from collections.abc import Collection, Sequence
from typing import Any

from bandits import STATES, ExponentialDecay, Policy, make_policy, policy_parameters
from learners import (
    About,
    Categories,
    Content,
    CoVisitation,
    GroupPopularity,
    Popularity,
    Repeats,
    SequentialRules,
    SessionNeighbours,
    Source,
    UserNeighbours,
    Vocabulary,
)
from learners.registry import LearnerError, make_learners
from stream.config import Config, ConfigError
from stream.experiments.variants import Treatment
from stream.ranking.candidates import CandidateRanker
from stream.ranking.score import Ranking, Weights
from stream.records.schemas import Item
from stream.rules.apply import Rules
from stream.rules.file import RuleBook
from stream.state.catalogue import Catalogue


def make_sources(config: Config, categories: Categories) -> Sequence[Source]:
    """Sources in the order of the lists: two popularities first (features compare them), repeats last."""
    settings = config.sources
    traits = [trait for trait in settings.traits.split(",") if trait]
    own: tuple[Source, ...] = (
        Popularity(half_life=settings.popularity_half_life, name="popularity"),
        Popularity(half_life=settings.fast_half_life, name="popularity_fast"),
        *(GroupPopularity(trait, settings.popularity_half_life) for trait in traits),
        CoVisitation(half_life=settings.covisitation_half_life),
        SequentialRules(half_life=settings.rules_half_life),
        SessionNeighbours(max_sessions=settings.max_sessions),
        UserNeighbours(max_users=settings.max_users),
        categories,
        Content(),
    )
    return (*own, *extra_sources(config, {Repeats.name, *(source.name for source in own)}), Repeats())


def extra_sources(config: Config, taken: Collection[str]) -> Sequence[Source]:
    """Sources that the configuration adds to those whose names are `taken`."""
    try:
        extra = make_learners(config.sources.extra)
    except LearnerError as error:
        raise ConfigError(f"configuration: sources.extra: {error}") from error
    for source in extra:
        if source.name in taken or source.proposes_touched:
            raise ConfigError(
                f"configuration: sources.extra: must name sources of discovery that are not there yet; got "
                f"{source.name!r}, which is one of the model's own ({', '.join(sorted(taken))}) or proposes repeats"
            )
    return extra


def make_treatment(
    config: Config, book: RuleBook | None, vocabulary: Vocabulary, catalogue: Catalogue, sources: Sequence[Source],
    ranking: Ranking,
) -> Treatment:  # fmt: skip
    """One way to make a slate from shared learners: a policy and a ranker of its own."""
    bought = config.slate.exclude_bought
    rules = None if book is None else Rules(book, vocabulary, catalogue, exclude_bought=bought)
    ranker = CandidateRanker(
        vocabulary, catalogue, sources, ranking, Weights.of(config.ranking), exclude_bought=bought, rules=rules
    )
    policy = configured_policy(config, 1 + len(sources), config.slate.slots)  # the ranking is a list too
    return Treatment("", "", policy, ranker, config.policy.discount, config.slate.slots)


def about(item: Item | None) -> About:
    """The description of an item for learners; empty when it is gone."""
    if item is None:
        return About()
    vectors = {name: tuple(vector) for name, vector in item.vectors.items()}
    return About(
        item.title or "",
        item.text or "",
        tuple(item.tags),
        tuple(item.categories),
        item.price,
        item.attributes,
        vectors,
    )


def configured_policy(config: Config, sources: int, slots: int) -> Policy:
    """Make the configured policy, with those of the options that it has.

    Raises
    ------
    ConfigError
        if there is no such policy
    """
    policy = config.policy
    floor = min(policy.epsilon, policy.epsilon_floor)
    options: dict[str, Any] = {
        "epsilon": ExponentialDecay(policy.epsilon, floor, policy.epsilon_half_life), "bootstrap": policy.bootstrap,
    }  # fmt: skip
    try:
        known = policy_parameters(policy.name)
        chosen = {name: option for name, option in options.items() if name in known}
        return make_policy(policy.name, sources=sources, slots=slots, n_states=STATES, **chosen)
    except ValueError as error:
        raise ConfigError(f"configuration: policy.name: {error}") from error
