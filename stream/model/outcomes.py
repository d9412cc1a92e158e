"""What a policy learns from a settled decision: the slate, its reward and the next slate."""

import numpy as np
from numpy.typing import NDArray

from bandits import Outcome
from stream.records.log import Decision, Settlement, Step


def outcome(settled: Settlement, step: Step, lists: int) -> Outcome:
    """The outcome of the decision that `step` settled, drawn from so many lists."""
    # Without a next slate (in a backlog) there is nothing to bootstrap on, at discount 0 no need to.
    following = step.made() if settled.discount > 0 else None
    offered_ranks, sources = _drawn(settled, lists)
    if following is None:
        return Outcome(settled.state, offered_ranks, sources, settled.hit, settled.reward)
    return Outcome(
        settled.state, offered_ranks, sources, settled.hit, settled.reward, settled.discount, following.state,
        *_drawn(following, lists), unpack_lists(following.lists, lists),
    )  # fmt: skip


def _drawn(made: Settlement | Decision, lists: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The offered ranks of a slate, and the sources drawn."""
    return np.frombuffer(made.offered_ranks, np.uint8).reshape(-1, lists), np.frombuffer(made.sources, np.uint8)


def unpack_lists(data: bytes, lists: int) -> NDArray[np.int32]:
    """Candidate lists of a decision, as int32 [lists, k] with -1 where a list is short."""
    packed = np.frombuffer(data, "<u2").reshape(lists, -1).astype(np.int32)
    return np.where(packed == 65535, -1, packed).astype(np.int32)
