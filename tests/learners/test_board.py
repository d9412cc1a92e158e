"""The board: who is on it, and when its arrays are other ones."""

import numpy as np
import pytest

from learners import Content, Interaction, Popularity, Repeats, Source, UserNeighbours
from learners.board import SEATS, Arrays, Board

NOTHING = np.empty(0, np.int32)


def nine() -> list[Source]:
    return [Popularity(name) if make is Popularity else make() for name, make in SEATS.items()]


def test_a_models_own_sources_are_all_on_it() -> None:
    board = Board(nine())
    assert tuple(SEATS) == Arrays._fields
    assert board.rows.tolist() == list(range(9))
    assert board.others == []


def test_others_keep_their_places() -> None:
    sources: list[Source] = [Popularity("mine"), Content("image", 3), Repeats(), UserNeighbours()]
    board = Board(sources)
    assert board.others == [0, 1], "another name; vectors, whose graph is asked from Python"
    assert board.rows.tolist() == [-1, -1, -1, -1, -1, 3, -1, -1, 2]


class Own(Popularity):
    """Another source under a name that is known."""


def test_another_class_is_not_taken_for_the_one_of_the_name() -> None:
    assert Board([Own()]).others == [0]


@pytest.mark.parametrize("place", range(9))
def test_arrays_that_have_grown_or_were_restored_are_found(place: int) -> None:
    sources = nine()
    board = Board(sources)
    before = board.arrays
    assert board.arrays is before
    sources[place].add_item(5_000)
    grown = board.arrays
    changed = [n for n in range(9) if grown[n] is not before[n]]
    assert changed == [place]
    sources[place].restore(sources[place].state())
    assert board.arrays is not grown


def test_what_is_learned_is_on_the_board() -> None:
    source = Popularity()
    board = Board([source])
    source.add_item(3)
    source.learn_one(Interaction(3, 0, 0.0, NOTHING, NOTHING))
    assert board.arrays.popularity.weights[3] > 0.0
    assert board.held() is board.held()
