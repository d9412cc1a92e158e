"""The one call from a user to ranked candidates."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.config import Config
from stream.decisions.local import LocalWorker
from stream.ranking.candidates import PROPOSED
from stream.ranking.desk import Asker
from stream.ranking.finish import finish
from stream.ranking.gather import gather
from stream.ranking.past import moment, past, renewed_of, session
from stream.ranking.rank import rank
from stream.records.schemas import Event
from stream.state.users import number


@pytest.mark.parametrize("plain", [True, False])
def test_it_is_history_session_moment_gather_and_finish_to_the_bit(plain: bool) -> None:
    worker = LocalWorker.of(Config())
    for n in range(120):
        event = Event(event_id=f"e{n}", user_id=f"u{n % 5}", item_id=f"i{n * n % 23}", timestamp=1e9 + 60.0 * n)
        worker.take(worker.arrival("view" if n % 7 else "purchase", event))
    ranker, user, now = worker.model.ranker, worker.shard.users["u1"], 1e9 + 9_000.0
    vocabulary, catalogue, desk = ranker.vocabulary, ranker.catalogue, ranker._desk
    done = past(user, vocabulary)
    asker = Asker(done, session(user, vocabulary), number("u1"), now)
    held = desk.held()
    count, lists = gather(held, asker, catalogue.size, PROPOSED, 20, True, False)
    items, rows, scores, places = finish(
        held, count, done, moment(user, now), catalogue.events, 1.0, lists[:1] if plain else lists[:0]
    )
    known = user.numbers.indices(vocabulary)
    found = rank(
        desk.held(), user.block, known, renewed_of(user, vocabulary, known), number("u1"), now, catalogue.size,
        catalogue.events, PROPOSED, 20, True, False, 1.0, plain,
    )  # fmt: skip
    assert count > 0
    assert bool((lists[0] >= 0).any()) == plain
    wanted: list[NDArray[Any]] = [items, rows, scores, lists, places, done.times]
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        assert np.array_equal(one, other)
