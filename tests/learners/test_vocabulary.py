"""Ids and their indices, and snapshots of any id."""

from hypothesis import given
from hypothesis import strategies as st

from learners.vocabulary import Vocabulary


@given(st.lists(st.sampled_from(["", "a", "b", "ä", "a b", "7"])))
def test_vocabulary_numbers_by_first_appearance(names: list[str]) -> None:
    vocabulary = Vocabulary()
    indices = [vocabulary.intern(name) for name in names]
    assert vocabulary.ids == list(dict.fromkeys(names))
    assert [vocabulary.ids[index] for index in indices] == names
    assert vocabulary.indices(names).tolist() == indices
    assert vocabulary.indices(["never seen", *names]).tolist() == indices
    assert len(vocabulary) == len(Vocabulary(vocabulary.ids)) == len(set(names))
    assert vocabulary.index("never seen") == -1


def test_unknown_names_are_skipped_or_marked() -> None:
    vocabulary = Vocabulary(["tea", "rice"])
    assert vocabulary.index("coal") == -1
    assert vocabulary.indices(["rice", "coal", "tea"]).tolist() == [1, 0]
    assert vocabulary.places(["rice", "coal", "tea"]) == [1, -1, 0]
    assert len(vocabulary) == 2, "looking up adds nothing"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_snapshot_holds_any_ids(names: list[str]) -> None:
    vocabulary, restored = Vocabulary(names), Vocabulary(["other"])
    restored.restore(vocabulary.state())
    assert restored.ids == list(dict.fromkeys(names))
    assert [restored.index(name) for name in names] == [vocabulary.index(name) for name in names]
    assert restored.index("other") == (vocabulary.index("other"))
    assert restored.intern("one more \ud7ff") == len(vocabulary.ids)
