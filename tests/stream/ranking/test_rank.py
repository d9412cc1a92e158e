"""The one call from a user to ranked candidates."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.config import Config
from stream.decisions.local import LocalWorker
from stream.ranking.candidates import PROPOSED
from stream.ranking.desk import CANDIDATES, PAST, Asker, lists_of
from stream.ranking.finish import finish
from stream.ranking.gather import gather
from stream.ranking.negatives import offered_bytes
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
    gather(held, asker, catalogue.size, PROPOSED, 20, True, False)
    finish(held, done, moment(user, now), catalogue.events, 1.0, plain)
    wanted = _found(worker)
    known = user.numbers.indices(vocabulary)
    size = rank(
        desk.held(), user.block, known, renewed_of(user, vocabulary, known), number("u1"), now, catalogue.size,
        catalogue.events, PROPOSED, 20, True, False, 1.0, plain,
    )  # fmt: skip
    assert len(wanted[0]) > 0
    assert bool((ranker.lists()[0] >= 0).any()) == plain
    for one, other in zip(_found(worker), wanted, strict=True):
        assert np.array_equal(one, other)
    assert wanted[-1].tolist() == done.times.tolist()
    assert size == offered_bytes(len(wanted[0]), wanted[1].shape[1], len(done.times))


def _found(worker: LocalWorker) -> list[NDArray[Any]]:
    """Copies of what is in the room."""
    room = worker.model.ranker._desk.room
    n, past = room.counts[CANDIDATES], room.counts[PAST]
    parts = room.items[:n], room.rows(), room.ranking[:n], lists_of(room), room.places[:n], room.times[:past]
    return [part.copy() for part in parts]
