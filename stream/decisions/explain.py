"""Explanations of a user's open slate, computed on demand from the current model.

Per slot: what was drawn (source, score, propensity), which of the user's items raised its score, and what each group of
features contributes to the ranking: by how many nats the mixer's score falls when the group is set to the average
candidate's (ablation), and whether the item has more of it than the average (`above`): that an item is less popular
than others may speak for it too. Contributions of a model with a hidden layer need not add up.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learners import Query
from stream.decisions.publish import source_name
from stream.model.fold import Model
from stream.placements import name_of
from stream.ranking.candidates import Candidates
from stream.ranking.reasons import groups
from stream.records.requests import MAX_SLOTS
from stream.state.open_decisions import open_at
from stream.state.user import User

MAX_PARTS, MAX_PULLS = 8, 3  # contributions and items listed for a slot
LINKS = ("covisitation", "sequential_rules")  # sources whose score is a sum over the user's items
ASKED = 10  # newest items of the user that are tried


def explain(model: Model, user_id: str, user: User, placement: str = "") -> dict[str, Any] | None:
    """Explain a user's open slate of a placement (see `Decision.placement`); None if there is none.

    Items that the model would no longer propose have no contributions.
    """
    *_, found = None, *explanation_parts(model, user_id, user, placement)
    return found


def explanation_parts(
    model: Model, user_id: str, user: User, placement: str = ""
) -> Iterator[dict[str, Any] | None]:  # fmt: skip
    """The same in parts of a millisecond: None after each slot, at last the explanation.

    The model may learn between two parts: each slot is explained by the model as it is then.
    """
    decision = open_at(user, placement)
    if decision is None:
        return
    setup = model.variants.named(decision) or model.variants.at(decision.placement)
    found = setup.ranker.candidates(user_id, user, user.time, min(len(decision.sources), MAX_SLOTS))
    query = setup.ranker.query(user_id, user, user.time)
    yield None
    ablation = _Ablation(model, found)
    lent = _lent(model, query, decision.slate[:MAX_SLOTS])
    yield None
    scores, propensities = (np.frombuffer(data, np.float32) for data in (decision.scores, decision.propensities))
    slots = []
    for n, (item, source) in enumerate(zip(decision.slate[:MAX_SLOTS], decision.sources, strict=False)):
        slots.append({
            "item_id": item, "source": source_name(source, model.lists), "score": float(scores[n]),
            "propensity": float(propensities[n]),
            "pulled_by": _pulls(model, query, item, {name: rows[:, n] for name, rows in lent.items()}),
            "contributions": ablation.contributions(item),
        })  # fmt: skip
        yield None
    yield {
        "user_id": user_id, "decision_id": decision.decision_id, "policy": decision.policy,
        "experiment": decision.experiment, "variant": decision.variant, "time": decision.time,
        "placement": name_of(decision.placement),
        "model_version": model.offset, "slots": slots,
    }  # fmt: skip


def _lent(model: Model, query: Query, slate: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """By source of links: what each of the user's newest items lends each item of the slate."""
    asked = np.array([model.vocabulary.index(item) for item in slate], np.int32)  # -1: unknown, which scores 0
    found = {}
    for source in model.sources:
        if source.name in LINKS and not hasattr(source, "why"):
            alone = [
                Query(query.recent[n : n + 1], query.time, query.recent[n : n + 1], query.user)
                for n in range(min(len(query.recent), ASKED))
            ]
            rows = [source.score_many(each, asked) for each in alone]
            found[source.name] = np.array(rows, np.float32).reshape(len(alone), len(asked))
    return found


def _pulls(
    model: Model, query: Query, item_id: str, lent: Mapping[str, NDArray[np.float32]]
) -> list[dict[str, str]]:  # fmt: skip
    """The user's items that raised an item's score, by the sources that can attribute it; each item once."""
    item, found = model.vocabulary.index(item_id), dict[str, str]()
    for source in model.sources if item >= 0 else ():
        if len(found) >= MAX_PULLS:
            break
        for other in _why(source, query, item, lent)[:MAX_PULLS]:
            if other != item:
                found.setdefault(model.vocabulary.ids[other], source.name)
    return [{"item_id": other, "source": source} for other, source in list(found.items())[:MAX_PULLS]]


def _why(source: Any, query: Query, item: int, lent: Mapping[str, NDArray[np.float32]]) -> list[int]:
    """Items of the query that contributed to an item's score in a source, the largest part first."""
    if hasattr(source, "why"):
        return list(source.why(query, item))
    if source.name not in lent:
        return []
    scores = lent[source.name]
    return [int(query.recent[n]) for n in np.argsort(-scores, kind="stable").tolist() if scores[n] > 0]


class _Ablation:
    """What each group of features contributes to the mixer's scores of some candidates."""

    def __init__(self, model: Model, found: Candidates) -> None:
        self.model, self.items = model, found.items
        self.features = found.features[:, :-1]  # without the mixer's own score
        self.average = self.features.mean(axis=0).round().astype(np.uint8)
        parts = groups([source.name for source in model.sources])
        self.labels = list(parts)
        self.members = np.zeros((len(parts), self.features.shape[1]), np.bool_)  # group x column
        for n, columns in enumerate(parts.values()):
            self.members[n, columns] = True

    def contributions(self, item_id: str) -> list[dict[str, Any]]:
        """The largest, by the size of their effect; none if the item is no candidate."""
        place = np.flatnonzero(self.items == self.model.vocabulary.index(item_id))
        if len(place) == 0:
            return []
        row = self.features[place[0]]
        rows = np.concatenate([row[None], np.where(self.members, self.average, row)])
        levels = self.model.ranking.mixer.score_many(rows)
        nats = levels[0] - levels[1:]
        order = np.argsort(-np.abs(nats), kind="stable")[:MAX_PARTS]
        above = self.members @ (row.astype(np.int32) - self.average) > 0
        return [
            {"feature": self.labels[n], "nats": round(float(nats[n]), 4), "above": bool(above[n])}
            for n in order.tolist()
            if nats[n] != 0
        ]
