"""Numbers of items, and what they are in a vocabulary."""

from learners import Vocabulary
from stream.state.item_numbers import BY_TIME, UNKNOWN, ItemNumbers


def held(*items: str) -> ItemNumbers:
    numbers = ItemNumbers()
    for item in items:
        numbers.hold(numbers.number(item))
    return numbers


def test_an_item_keeps_its_number_as_long_as_one_user_remembers_it() -> None:
    numbers = held("a", "b", "a")
    numbers.release(0)
    assert (numbers.find("a"), numbers.find("b"), len(numbers)) == (0, 1, 2)
    numbers.release(0)
    assert (numbers.find("a"), len(numbers), numbers.number("c"), numbers.ids) == (-1, 1, 0, ["c", "b"])


def test_a_number_that_is_given_again_means_the_new_item() -> None:
    numbers, vocabulary = held("a", "b"), Vocabulary("xab")
    assert numbers.indices(vocabulary)[:2].tolist() == [1, 2]
    numbers.release(0)
    numbers.number("x")
    assert numbers.indices(vocabulary)[:2].tolist() == [0, 2]
    numbers.number("new")
    assert numbers.indices(vocabulary)[:3].tolist() == [0, 2, UNKNOWN]


def test_an_item_is_known_as_soon_as_the_vocabulary_has_it() -> None:
    numbers, vocabulary = held("a", "b"), Vocabulary()
    assert numbers.indices(vocabulary)[:2].tolist() == [UNKNOWN, UNKNOWN]
    vocabulary.intern("b")
    assert numbers.indices(vocabulary)[:2].tolist() == [UNKNOWN, 0]


def test_what_a_renewed_id_means_depends_on_when() -> None:
    numbers, vocabulary = held("a", "b"), Vocabulary("ab")
    assert numbers.indices(vocabulary)[:2].tolist() == [0, 1]
    vocabulary.renew("b", 5.0)
    assert numbers.indices(vocabulary)[:2].tolist() == [0, BY_TIME]
    vocabulary.renew("b", 9.0)
    assert numbers.indices(vocabulary)[:2].tolist() == [0, BY_TIME]


def test_another_vocabulary_is_read_from_its_start() -> None:
    numbers = held("a", "b")
    assert numbers.indices(Vocabulary("ab"))[:2].tolist() == [0, 1]
    assert numbers.indices(Vocabulary("ba"))[:2].tolist() == [1, 0]
    assert numbers.indices(Vocabulary())[:2].tolist() == [UNKNOWN, UNKNOWN]
