"""All candidate sources by name: the built-in ones, and those that installed distributions offer.

A distribution offers a source by an entry point of the group `headwater.learners`; see docs/learners.md.
"""

import difflib
from importlib.metadata import EntryPoint, entry_points

import numpy as np
from numpy.typing import NDArray

from learners.base import Source

GROUP = "headwater.learners"

BUILT_IN = {  # name, which is also that of the file: what makes one with its defaults. A new source is one line here
    "biased_mf": "learners.factors.biased_mf:BiasedMF",
    "buy_again": "learners.repeats.buy_again:BuyAgain",
    "categories": "learners.popularity.categories:Categories",
    "content": "learners.content.content:Content",
    "covisitation": "learners.links.covisitation:CoVisitation",
    "factorization": "learners.factors.factorization:Factorization",
    "new_items": "learners.popularity.new_items:NewItems",
    "popularity": "learners.popularity.popularity:Popularity",
    "recently_seen": "learners.repeats.recently_seen:RecentlySeen",
    "repeats": "learners.repeats.repeats:Repeats",
    "sequential_rules": "learners.links.sequential_rules:SequentialRules",
    "session_neighbours": "learners.neighbours.session_neighbours:SessionNeighbours",
    "skip_gram": "learners.factors.skip_gram:SkipGram",
    "trending": "learners.popularity.trending:Trending",
    "user_neighbours": "learners.neighbours.user_neighbours:UserNeighbours",
}
VERBS = ("add_item", "describe", "learn_one", "top_k", "score_many", "forget", "state", "restore")


class LearnerError(ValueError):
    """No source can be created by this name; the message says why and what to do."""


def learner_names() -> list[str]:
    """Names of all sources that are there, sorted.

    >>> learner_names()[:2]
    ['biased_mf', 'buy_again']
    """
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def make_learner(name: str) -> Source:
    """Make the source called `name`, with its defaults.

    Raises
    ------
    LearnerError
        if there is none of that name, there are several, or what is there is no source

    Examples
    --------
    >>> make_learner("popularity")
    Popularity('popularity', half_life=3000)
    >>> make_learner("popularitty")
    Traceback (most recent call last):
    learners.registry.LearnerError: learner 'popularitty': must be built in or installed ...
    """
    point = _find(name)
    origin = _origin(point)
    try:
        source = point.load()()
    except Exception as error:  # an installed module may raise anything
        raise LearnerError(
            f"learner {name!r} of {origin}: {point.value} must be importable and callable without arguments; got "
            f"{type(error).__name__}: {error}; mend or uninstall {origin}"
        ) from error
    missing = [verb for verb in VERBS if not callable(getattr(source, verb, None))]
    if missing or not isinstance(getattr(source, "proposes_touched", None), bool):
        raise LearnerError(
            f"learner {name!r} of {origin}: must have every method of learners.Source; {point.value} gave a "
            f"{type(source).__name__} without {', '.join(missing or ['proposes_touched'])}; inherit from "
            "learners.Impersonal and see docs/learners.md"
        )
    if getattr(source, "name", None) != name:
        raise LearnerError(
            f"learner {name!r} of {origin}: its attribute `name` must be {name!r}, the name of its entry point; got "
            f"{getattr(source, 'name', None)!r}; records and metrics use the one, the configuration the other"
        )
    made: Source = source
    return made


def make_learners(names: str) -> list[Source]:
    """Make the sources of a list such as "trending,evergreen"; blanks are ignored.

    >>> [source.name for source in make_learners("popularity, categories")]
    ['popularity', 'categories']
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if wanted.count(name) > 1:
            raise LearnerError(f"learner {name!r}: must be named once; got {names!r}")
    return [make_learner(name) for name in wanted]


def known_items(source: Source, items: NDArray[np.int32], size: int) -> NDArray[np.int32]:
    """What a source proposed, if all of it is below `size`: compiled code reads by these numbers without looking.

    Raises
    ------
    LearnerError
        if there is an item that is not known

    Examples
    --------
    >>> known_items(make_learner("popularity"), np.array([0, 7], np.int32), 7)
    Traceback (most recent call last):
    learners.registry.LearnerError: learner 'popularity': top_k must propose known items, 0 to 6; got 0 to 7; ...
    """
    if len(items) and not 0 <= items.min() <= items.max() < size:
        raise LearnerError(
            f"learner {source.name!r}: top_k must propose known items, 0 to {size - 1}; got {items.min()} to "
            f"{items.max()}; mend it (`blocked` has an entry for every known item), or take it out of sources.extra"
        )
    return items


def _find(name: str) -> EntryPoint:
    found: list[EntryPoint] = [*entry_points(group=GROUP, name=name)]
    if name in BUILT_IN:
        found.append(EntryPoint(name, BUILT_IN[name], GROUP))
    if not found:
        near = difflib.get_close_matches(name, learner_names(), 1, cutoff=0.6)
        raise LearnerError(
            f"learner {name!r}: must be built in or installed as an entry point of group {GROUP}; there are "
            f"{', '.join(learner_names())}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    if len({point.value for point in found}) > 1:
        owners = ", ".join(sorted(f"{_origin(point)} ({point.value})" for point in found))
        raise LearnerError(f"learner {name!r}: must be offered once; got {owners}: rename or uninstall one of them")
    return found[0]


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "headwater"
