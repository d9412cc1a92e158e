"""Finishing, compiled, against its parts called one by one."""

from typing import Any

import numpy as np
import pytest

from learners import best_first
from stream.config import Ranking
from stream.ranking.candidates import CandidateRequest
from stream.ranking.features import Joined, Known, Moment, describe
from stream.ranking.finish import CATEGORY_ITEMS
from stream.state.user import User
from tests.support.site import VIEW, Site, T, did


def _site(**ranking: Any) -> Site:
    site = Site("abcdefghijkl", ranking=Ranking(**ranking))
    site.take(*(did("uvw"[n % 3], "abcdefghijkl"[n * n % 11], T + n, kind=VIEW) for n in range(60)))
    return site


@pytest.mark.parametrize("weights", [{}, {"click_weight": 0.5, "purchase_weight": 2.0, "next_weight": 0.3}])
def test_rows_scores_and_list_0_are_those_of_the_parts(weights: dict[str, float]) -> None:
    site = _site(**weights)
    ranker, catalogue = site.model.ranker, site.model.catalogue
    user = site.shard.users["u"]
    counts = user.counts
    found = ranker.candidates_for(CandidateRequest("u", user, T + 99), 5)
    room, count, past = ranker._desk.room, len(found.items), ranker.past(user)
    columns = np.empty_like(room.columns)
    describe(
        Joined(found.items, room.proposed, room.lengths, room.scores, found.places), past,
        past.items[:CATEGORY_ITEMS],
        Known(catalogue.category, catalogue.born, catalogue.used, catalogue.since, catalogue.events),
        Moment(
            VIEW, bool(counts.twice), (counts.repeats + 1.5) / (counts.events + 5),
            (counts.immediate + 1.0) / (counts.events + 5), float(counts.events), float(counts.depth),
            len({*user.session}), T + 99 - user.time, T + 99,
        ),
        np.array([1, 2, 3], np.int64), columns,
    )  # fmt: skip
    rows = columns[:, :count].T
    assert np.array_equal(found.features[:, :-1], rows[:, :-1])
    scores, scored = site.model.ranking.score_many(rows[:, :-1], ranker.weights)
    assert np.array_equal(found.features, scored)
    assert found.scores.tolist() == scores.tolist()
    assert found.lists[0].tolist() == best_first(found.items, scores, 5)[0].tolist()


def test_who_has_no_candidates_gets_an_empty_list() -> None:
    site = Site()
    found = site.model.ranker.candidates_for(CandidateRequest("u", User(), T), 5)
    assert len(found.items) == len(found.scores) == 0
    assert (found.lists == -1).all()
