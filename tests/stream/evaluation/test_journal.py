"""The journal of an evaluation: ranks, relevance and exposure, by hand."""

import numpy as np

from stream.evaluation.journal import Coming, Journal, Steps, Use
from stream.evaluation.protocol import Visit

IDS = ["a", "b", "c", "d"]
# A session a b a; its second event is next.
COMING = Coming(item=1, visit=Visit({"a": 2, "b": 1}, [2, 2, 1]), position=1, ids=IDS)


def listed(*items: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(items, np.int32)


def test_the_rest_of_a_session_is_relevant_from_its_position_on() -> None:
    assert (COMING.left, COMING.distinct) == (2, 2)
    assert COMING.relevant([0, 1, 2]).tolist() == [1, 1, 0]
    last = COMING._replace(item=0, position=2)
    assert (last.left, last.distinct, last.relevant([0, 1]).tolist()) == (1, 1, [1, 0])


def test_one_list_by_hand() -> None:
    journal, use = Journal((1, 2)), Use()
    for item in (2, 2, 1):
        use.add(item)
    rank = journal.add(listed(2, 1), COMING, use, np.array([0, 1, 1, 2], np.int32))
    assert (rank, list(journal.ranks), list(journal.filled)) == (1, [1], [1])
    assert journal.rest()[0].tolist() == [[0.0, 0.0, 0.0], [1.0, 0.25, 0.0]], "of a and b, b is second"
    popularity, novelty, diversity = journal.traits()[0].tolist()
    assert (popularity, diversity) == (0.75, 0.0), "the mean of 2/2 and 1/2; one category"
    assert novelty == np.float32((np.log2(3 / 2) + np.log2(3)) / 2)
    assert journal.exposures[:4].tolist() == [0, 1, 1, 0]


def test_an_empty_list_and_an_unknown_item_have_no_rank() -> None:
    journal, use = Journal((2,)), Use()
    assert journal.add(listed(), COMING, use, np.zeros(4, np.int32)) == -1
    assert journal.add(listed(0), COMING._replace(item=-1), use, np.zeros(4, np.int32)) == -1
    assert (list(journal.filled), journal.exposures.sum()) == ([0, 1], 1)


def test_counts_grow_with_the_items() -> None:
    journal, use = Journal((1,)), Use()
    use.add(5_000)
    use.add(5_000)
    assert (use.counts[5_000], use.total, use.most) == (2, 2, 2)
    ids = [str(n) for n in range(6_001)]
    journal.add(listed(6_000), Coming(6_000, Visit({"6000": 0}, [1]), 0, ids), use, np.zeros(6_001, np.int32))
    journal.add(listed(3), Coming(3, Visit({"3": 0}, [1]), 0, ids), use, np.zeros(6_001, np.int32))
    assert (journal.exposures[6_000], journal.exposures[3], list(journal.ranks)) == (1, 1, [0, 0])


def test_users_are_numbered_as_they_come() -> None:
    steps = Steps()
    for user in ("u", "v", "u"):
        steps.add(user, 1.0, 2.0, 3, seen=user == "v")
    assert (len(steps), list(steps.users), list(steps.seen)) == (3, [0, 1, 0], [0, 1, 0])
