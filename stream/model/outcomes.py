"""What a policy learns from a settled decision: the slate, its reward and the next slate."""

import numpy as np
from numpy.typing import NDArray

from bandits import Outcome
from stream.records.log import Settlement, Step


def outcome(settled: Settlement, step: Step, lists: int) -> Outcome:
    """The outcome of the decision that `step` settled, drawn from so many lists."""
    # Without a next slate (in a backlog) there is nothing to bootstrap on, at discount 0 no need to.
    following = step.made() if settled.discount > 0 else None
    return Outcome(
        state_tm1=settled.state,
        sources=np.frombuffer(settled.sources, np.uint8),
        offered_ranks=np.frombuffer(settled.offered_ranks, np.uint8).reshape(-1, lists),
        hit=settled.hit,
        reward=settled.reward,
        discount_t=0.0 if following is None else settled.discount,
        state_t=0 if following is None else following.state,
        next_sources=None if following is None else np.frombuffer(following.sources, np.uint8),
        next_offered_ranks=None
        if following is None
        else np.frombuffer(following.offered_ranks, np.uint8).reshape(-1, lists),
        next_lists=None if following is None else unpack_lists(following.lists, lists),
    )


def unpack_lists(data: bytes, lists: int) -> NDArray[np.int32]:
    """Candidate lists of a decision, as int32 [lists, k] with -1 where a list is short."""
    packed = np.frombuffer(data, "<u2").reshape(lists, -1).astype(np.int32)
    return np.where(packed == 65535, -1, packed).astype(np.int32)
