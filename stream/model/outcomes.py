"""What a policy learns from a settled decision: the slate, its reward and the next slate."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from bandits import Outcome
from stream.records.log import Decision, Settlement, Step


def drawn_part(settled: Settlement, lists: int, slots: int) -> Settlement:
    """What a policy of so many slots learns of a decision: that part of a slate of given items which it drew.

    An item taken beneath is one that it did not show: nothing was taken of what it drew.
    """
    if len(settled.sources) <= slots:
        return settled
    beneath = settled.hit >= slots
    return msgspec.structs.replace(
        settled, sources=settled.sources[:slots], offered_ranks=settled.offered_ranks[: slots * lists],
        hit=-1 if beneath else settled.hit, reward=0.0 if beneath else settled.reward,
    )  # fmt: skip


def outcome(settled: Settlement, step: Step, lists: int, slots: int) -> Outcome:
    """The outcome of the decision that `step` settled, and the next, drawn from so many lists into so many slots."""
    # Without a next slate (in a backlog) there is nothing to bootstrap on, at discount 0 no need to.
    following = step.made() if settled.discount > 0 else None
    offered_ranks, sources = _drawn(settled, lists, slots)
    if following is None:
        return Outcome(settled.state, offered_ranks, sources, settled.hit, settled.reward)
    return Outcome(
        settled.state, offered_ranks, sources, settled.hit, settled.reward, settled.discount, following.state,
        *_drawn(following, lists, slots), unpack_lists(following.lists, lists),
    )  # fmt: skip


def _drawn(made: Settlement | Decision, lists: int, slots: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The offered ranks of a slate, and the sources drawn, of so many slots at most."""
    ranks, sources = np.frombuffer(made.offered_ranks, np.uint8), np.frombuffer(made.sources, np.uint8)
    return ranks.reshape(-1, lists)[:slots], sources[:slots]


def unpack_lists(data: bytes, lists: int) -> NDArray[np.int32]:
    """Candidate lists of a decision, as int32 [lists, k] with -1 where a list is short."""
    packed = np.frombuffer(data, "<u2").reshape(lists, -1).astype(np.int32)
    return np.where(packed == 65535, -1, packed).astype(np.int32)
