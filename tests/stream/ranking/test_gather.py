"""Gathering, compiled, against the sources asked one by one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learners import NEVER, Source
from stream.config import Slate, Sources
from stream.ranking.candidates import PROPOSED, CandidateRequest
from stream.ranking.desk import CANDIDATES, Asker
from stream.ranking.gather import gather, own_levels
from stream.records.log import ItemChange
from stream.records.schemas import Item
from stream.state.user import User
from stream.state.users import number
from tests.support.site import PURCHASE, VIEW, Site, T, did

ITEMS, USERS, K = 40, "uvwxyz", 6
WORDS = ("green", "black", "tea", "pot", "cup", "iron", "glass", "large")


def _site(*, exclude_bought: bool = False, **sources: Any) -> Site:
    """Users who went through some of the items, one of which expires."""
    site = Site(slate=Slate(slots=K, exclude_bought=exclude_bought), sources=Sources(**sources))
    for n in range(ITEMS):
        title = " ".join(WORDS[(n * step) % len(WORDS)] for step in (1, 3, 5))
        expires = T + 500 if n == 3 else None
        item = Item(item_id=f"i{n}", title=title, categories=[f"c{n % 4}"], price=1.0 + n % 5, expires_at=expires)
        site.take(ItemChange(item.item_id, item))
    for n in range(150):
        site.take(did(USERS[n % 5], f"i{n * n % 37}", T + n, kind=PURCHASE if n % 11 == 0 else VIEW))
    return site


def naive(
    site: Site, user: User, user_id: str, now: float, novel: bool
) -> tuple[list[int], list[list[int]], NDArray[np.float32]]:
    """Candidates in their order, the sources' proposals without what has expired, and all scores."""
    model, ranker = site.model, site.model.ranker
    query, past = ranker.query(user_id, user, now), ranker.past(user)
    blocked = model.catalogue.blocked.copy()
    for item, bought in zip(past.items.tolist(), past.bought.tolist(), strict=True):
        hidden = novel or (site.config.slate.exclude_bought and bought > NEVER)
        blocked[item] = 1 if hidden else (blocked[item] or 2)
    proposals: list[list[int]] = []
    for source in model.sources:
        listed, _ = source.top_k(query, PROPOSED, blocked)
        proposals.append([item for item in listed.tolist() if model.catalogue.expires[item] > now])
    items = list(dict.fromkeys(item for proposal in proposals for item in proposal))
    return items, proposals, _scores(model.sources, query, items)


def _scores(sources: Sequence[Source], query: object, items: list[int]) -> NDArray[np.float32]:
    asked = np.array(items, np.int32)
    return np.array([source.score_many(query, asked) for source in sources])  # type: ignore[arg-type]


@pytest.mark.parametrize("novel", [False, True])
@pytest.mark.parametrize("exclude_bought", [False, True])
def test_candidates_ranks_and_scores_are_those_of_the_sources(exclude_bought: bool, novel: bool) -> None:
    site = _site(exclude_bought=exclude_bought)
    ranker, catalogue, now = site.model.ranker, site.model.catalogue, T + 600
    for user_id in USERS:
        user = site.shard.users.get(user_id, User())
        items, proposals, scores = naive(site, user, user_id, now, novel)
        past = ranker.past(user)
        asker = Asker(past, ranker._session(user), number(user_id), now)
        held, room = ranker._desk.held(), ranker._desk.room
        gather(held, asker, catalogue.size, PROPOSED, K, exclude_bought, novel)
        count, lists = room.counts[CANDIDATES], ranker.lists()
        assert room.items[:count].tolist() == items
        for n, proposal in enumerate(proposals):
            assert room.proposed[n, : room.lengths[n]].tolist() == [items.index(item) for item in proposal]
            assert lists[1 + n].tolist() == [*proposal[:K], *[-1] * (K - len(proposal[:K]))]
        assert room.scores[:, :count].tobytes() == scores.tobytes()
        seen = past.items.tolist()
        assert room.places[:count].tolist() == [seen.index(item) if item in seen else -1 for item in items]
        assert np.array_equal(catalogue.blocked, catalogue.arrays()[1]), "the mask is as it was"
        assert (room.place == -1).all()


def test_levels_of_the_users_own_items() -> None:
    blocked, seen, bought = np.array([0, 1, 0], np.uint8), np.arange(3, dtype=np.int32), np.array([NEVER, NEVER, T])
    assert own_levels(blocked, seen, bought, False, False).tolist() == [2, 1, 2]
    assert own_levels(blocked, seen, bought, True, False).tolist() == [2, 1, 1]
    assert own_levels(blocked, seen, bought, False, True).tolist() == [1, 1, 1]


def test_sources_that_are_not_on_the_board_are_asked_too() -> None:
    site = _site(extra="trending,skip_gram", traits="country")
    ranker = site.model.ranker
    assert [site.model.sources[n].name for n in ranker._desk.others] == [
        "popularity_by_country", "trending", "skip_gram",
    ]  # fmt: skip
    for user_id in "uv":
        user = site.shard.users[user_id]
        items, proposals, scores = naive(site, user, user_id, T + 600, False)
        found = ranker.candidates_for(CandidateRequest(user_id, user, T + 600), K)
        assert found.items.tolist() == items
        assert [row[row >= 0].tolist() for row in found.lists[1:]] == [proposal[:K] for proposal in proposals]
        assert ranker._desk.room.scores[:, : len(items)].tobytes() == scores.tobytes()
