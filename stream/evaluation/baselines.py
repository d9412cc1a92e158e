"""Baselines: single learners beside the engine. Those of the model are queried; others are made and trained alongside.

A baseline ranks the whole catalogue, the user's own items included if the learner does so: published protocols count
repeats. Only `INELIGIBLE` items are left out.
"""

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from learners import Source, registry
from stream.errors import UsageError
from stream.evaluation.ratings import RATERS
from stream.model.build import about
from stream.model.fold import Model
from stream.model.interactions import interaction
from stream.records.log import ItemChange, Record, Step

POPULARITY = "popularity"
ENGINE = "engine"
ALL = "all"

BROUGHT: dict[str, Callable[[], Source]] = {}  # learners that a benchmark or a test adds, by name


class UnknownLearnerError(UsageError, ValueError):
    """No learner has this name."""


class Baseline(NamedTuple):
    """One learner of a run."""

    name: str
    source: Source
    guest: bool  # not part of the model, so trained here


def make_learner(name: str) -> Source:
    """Return a new learner by the name of its file, or of its entry point.

    >>> make_learner("covisitation").name
    'covisitation'
    """
    if name in BROUGHT:
        return BROUGHT[name]()
    try:
        return registry.make_learner(name)
    except registry.LearnerError as error:
        raise UnknownLearnerError(str(error)) from error


def learner_names() -> list[str]:
    """Names that `make_learner` knows."""
    return [*registry.learner_names(), *BROUGHT]


def unknown_learner(name: str, known: Iterable[str]) -> str:
    """Error message with similar names and all names."""
    names = sorted(set(known) | {ALL})
    near = difflib.get_close_matches(name, names, 3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? There are" if near else "there are"
    return f"learner {name!r} is unknown; {hint} {', '.join(names)}"


def invite(names: Sequence[str], model: Model) -> list[Baseline]:
    """Baselines by name, popularity always the first; names of raters are left out."""
    own = {source.name: source for source in model.sources}
    known = [*own, *(name for name in learner_names() if name not in own)]
    wanted = [POPULARITY]
    for name in names:
        if name not in {*known, *RATERS, ALL, ENGINE}:
            raise UnknownLearnerError(unknown_learner(name, {*known, *RATERS}))
        wanted += known if name == ALL else [name] if name in known else []
    return [
        Baseline(name, own[name], guest=False) if name in own else Baseline(name, make_learner(name), guest=True)
        for name in dict.fromkeys(wanted)
    ]


def pairs(names: Sequence[str], compare: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs to compare: those asked for, else the engine and each of the others; all must be among `names`."""
    for name in (name for pair in compare for name in pair if name not in names):
        raise UnknownLearnerError(f"{unknown_learner(name, names)}: only learners of this run can be compared")
    return list(compare) or [(ENGINE, name) for name in names if name != ENGINE]


class Baselines:
    """Trains the learners outside the model on the same events in the same order, after the model's fold."""

    def __init__(self, baselines: Iterable[Baseline], model: Model) -> None:
        self.model = model
        self.sources = [baseline.source for baseline in baselines if baseline.guest]
        self._known = 0  # items that the guests have room for

    def learn(self, records: Iterable[Record]) -> None:
        """Train on the records of one batch."""
        if not self.sources:
            return
        vocabulary = self.model.vocabulary
        for source in self.sources:
            for item in range(self._known, len(vocabulary)):
                source.add_item(item)
        self._known = len(vocabulary)
        for record in records:
            if isinstance(record, ItemChange):
                item = vocabulary.index(record.item_id)
                for source in self.sources if item >= 0 else ():
                    source.describe(item, about(record.item))
            elif isinstance(record, Step) and record.event is not None:
                self._learn_step(record)

    def _learn_step(self, step: Step) -> None:
        event, vocabulary = step.event, self.model.vocabulary
        item = -1 if event is None else vocabulary.index(event.item_id)
        if event is None or item < 0:  # no room was left for the item
            return
        learned = interaction(self.model.vocabulary, step, event, item)
        for source in self.sources:
            source.learn_one(learned)
