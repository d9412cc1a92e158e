"""One compiled call draws and writes down what policy and sheet do step by step."""

import numpy as np
import pytest

from bandits.slates.disagreement.policy import Disagreement
from stream.config import Policy
from stream.decisions.draw import draw, write_down
from stream.decisions.uniforms import random_bits, uniforms
from stream.ranking.candidates import CandidateRequest
from stream.ranking.pack import Sheet
from tests.support.site import PURCHASE, VIEW, Site, T, did

SLOTS = 5


@pytest.mark.parametrize("name", ["one", "another", "a third"])
def test_it_is_the_policys_slate_to_the_bit(name: str) -> None:
    site = Site("abcdefghijkl", policy=Policy(epsilon=0.9, epsilon_floor=0.9))
    for n in range(60):
        site.take(did("uvw"[n % 3], "abcdefghijkl"[n * n % 11], T + n, kind=PURCHASE if n % 5 == 0 else VIEW))
    model, user = site.model, site.shard.users["u"]
    policy, ranker = model.policy, model.ranker
    assert isinstance(policy, Disagreement)
    ranked = ranker.rank(CandidateRequest("u", user, T + 99), SLOTS)
    slate = policy.draw(4, ranker.lists(), uniforms(name, SLOTS))
    sheets = [Sheet(SLOTS, len(model.lists), SLOTS) for _ in range(2)]
    slots = [np.zeros(ranked.size + spare, np.uint8) for spare in (0, 9)]
    bits = np.frombuffer(random_bits(name, SLOTS), np.uint32).copy()
    draw(ranked.held, *policy.drawing(), 4, bits, model.catalogue.events, sheets[0].array, slots[0])
    write_down(
        ranked.held, slate.items, slate.sources, slate.offered_ranks, slate.propensities, model.catalogue.events,
        sheets[1].array, slots[1],
    )  # fmt: skip
    found, wanted = (sheet.read() for sheet in sheets)
    assert found == wanted
    assert found.items[: len(slate.items)] == slate.items.tolist()
    assert len(slate.items) == SLOTS
    assert found.sources == slate.sources.tobytes()
    assert found.propensities == slate.propensities.tobytes()
    assert slots[0].tobytes() == slots[1].tobytes()[: ranked.size]
