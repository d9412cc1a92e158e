"""Shared by tests of learners: items as arrays, and one user's visits."""

import numpy as np
from numpy.typing import NDArray

from learners import Interaction, Source


def items_of(*items: int) -> NDArray[np.int32]:
    return np.array(items, np.int32)


def visit(source: Source, *items: int) -> None:
    """Let one user touch the items in order, in one session."""
    for n, item in enumerate(items):
        source.add_item(item)
        newest = list(items[:n])[::-1]
        source.learn_one(Interaction(item, 0, 0.0, items_of(*dict.fromkeys(newest)), items_of(*newest)))
