"""The board: the arrays of the nine built-in sources behind one handle, so that one compiled call reads them all.

A kernel takes `Board.held()` and reads the tuple `Arrays` from its field `it`. The arrays are the learners' own: what a
kernel learns into them is learned. Each learner replaces its tuple when an array has grown, and never changes one in
place, so the board compares nine identities and makes a new handle only when one of them has moved.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from learners.arrays.handle import Handle
from learners.base import Source
from learners.content.content import Content
from learners.content.profile import Rated
from learners.links.covisitation import CoVisitation, Linked
from learners.links.sequential_rules import Ruled, SequentialRules
from learners.neighbours.session_neighbours import SessionNeighbours
from learners.neighbours.session_search import NearSessions
from learners.neighbours.user_neighbours import NearUsers, UserNeighbours
from learners.popularity.categories import Categories, Shelves
from learners.popularity.popularity import Counts, Popularity
from learners.repeats.repeats import Repeats, Returns


class Arrays(NamedTuple):
    """What the built-in sources work with; see each one's `arrays`."""

    popularity: Counts
    popularity_fast: Counts
    covisitation: Linked
    sequential_rules: Ruled
    session_neighbours: NearSessions
    user_neighbours: NearUsers
    categories: Shelves
    content: Rated
    repeats: Returns


SEATS: Final = {  # who sits where on the board, in the order of `Arrays`: a name and its class
    "popularity": Popularity, "popularity_fast": Popularity, "covisitation": CoVisitation,
    "sequential_rules": SequentialRules, "session_neighbours": SessionNeighbours, "user_neighbours": UserNeighbours,
    "categories": Categories, "content": Content, "repeats": Repeats,
}  # fmt: skip


class Board:
    """The built-in ones of a model's sources; for one that the model lacks, an empty one stands in.

    Parameters
    ----------
    sources
        Of the model, in its order.

    Attributes
    ----------
    rows : int64[9]
        The place of each of the nine in `sources`, -1: not there.
    seated : list[Source]
        The nine, in the order of `Arrays`.
    others : list[int]
        Places of the sources that are not on the board: Python asks them.

    Examples
    --------
    >>> board = Board([Popularity(), Repeats()])
    >>> board.rows.tolist(), board.others
    ([0, -1, -1, -1, -1, -1, -1, -1, 1], [])
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        places = {
            source.name: n
            for n, source in enumerate(sources)
            if type(source) is SEATS.get(source.name) and getattr(source, "compiled", True)
        }
        self.rows: NDArray[np.int64] = np.array([places.get(name, -1) for name in SEATS], np.int64)
        self.others = [n for n in range(len(sources)) if n not in self.rows]
        self.seated: list[Any] = [
            sources[places[name]] if name in places else make() for name, make in SEATS.items()
        ]  # fmt: skip
        self._answering = [seated for seated in self.seated if hasattr(seated, "make_ready")]
        self._arrays: Arrays | None = None
        self._handle = Handle()

    @property
    def arrays(self) -> Arrays:
        """The arrays as they are now."""
        for seated, part in zip(self.seated, self._arrays or (None,)):
            if seated.arrays is not part:
                self._arrays = Arrays._make([seated.arrays for seated in self.seated])
                break
        return cast("Arrays", self._arrays)

    def make_ready(self) -> Arrays:
        """The arrays for another query: sources that remember their last answer forget it."""
        for source in self._answering:
            source.make_ready()
        return self.arrays

    def held(self) -> Any:
        """The arrays as kernels take them."""
        return self._handle.of(self.arrays)
