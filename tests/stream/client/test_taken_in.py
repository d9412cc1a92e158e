"""What became of the records sent, counted from the log and the dead letters."""

from stream.client.taken_in import Follower, TakenIn
from stream.config import Kafka
from stream.records.log import Batch, Claim, LoggedEvent, Step
from stream.records.schemas import DeadLetter

VIEWS = ("shop.events.view", 3)


def follower() -> Follower:
    return Follower(Kafka(namespace="shop"))


def batch(epoch: int, seq: int, next_: int, *offsets: int, shard: str = "users/3") -> Batch:
    steps = [
        Step(f"u{n}", LoggedEvent(0, n, f"e{n}", "i", 0, 1.7e9, None, None), [], 0, None, None, None) for n in offsets
    ]
    return Batch(4, shard, epoch, seq, {"events.view": next_}, 0.0, [*steps])


def letter(offset: int, reason: str = "bad_id") -> DeadLetter:
    return DeadLetter(
        topic=VIEWS[0],
        partition=VIEWS[1],
        offset=offset,
        timestamp=1.7e9,
        reason=reason,
        detail="",
        key=None,
        value=None,
    )


def test_learned_duplicate_dead_and_waiting() -> None:
    found = follower()
    assert found.count({VIEWS: range(10, 20)}) == TakenIn(10, 0, 0, {}, 10)
    found.bury(letter(13), 0)
    found.bury(letter(13), 1)  # once more, by a worker that took over
    found.bury(letter(9), 2)  # another's
    found.take(batch(5, 7, 16, 8, 10, 11, 15), 50)
    assert found.count({VIEWS: range(10, 20)}) == TakenIn(10, 3, 2, {"bad_id": 1}, 4)
    found.take(batch(5, 8, 30, 16, 17, 18, 19), 51)
    assert found.count({VIEWS: range(10, 20)}) == TakenIn(10, 7, 2, {"bad_id": 1}, 0)


def test_only_what_the_rules_accept_counts() -> None:
    found = follower()
    found.take(batch(5, 7, 11, 10), 50)
    found.take(batch(5, 7, 12, 11), 51)  # a duplicate
    found.take(batch(5, 9, 13, 12), 52)  # after a gap
    assert found.count({VIEWS: range(10, 14)}).learned == 1
    found.take(Claim(4, "users/3", "heir"), 53)
    found.take(batch(5, 8, 14, 13), 54)  # of a fenced owner
    assert found.count({VIEWS: range(10, 14)}).learned == 1
    found.take(batch(53, 0, 14, 11, 12, 13), 55)
    assert found.count({VIEWS: range(10, 14)}) == TakenIn(4, 4)


def test_an_owner_whose_claim_was_not_seen_gives_way_to_a_newer_one() -> None:
    found = follower()
    found.take(batch(5, 7, 11, 10), 50)  # a batch that was on its way when another had claimed the shard at 40
    found.take(batch(40, 2, 12, 10, 11), 51)
    found.take(batch(5, 8, 13, 12), 52)
    assert found.count({VIEWS: range(10, 13)}) == TakenIn(3, 2, 0, {}, 1)


def test_items_are_taken_in_too_but_not_learned_from() -> None:
    found = follower()
    items = ("shop.catalog.items", 0)
    found.take(Batch(4, "items/0", 5, 0, {"catalog.items": 4}, 0.0, []), 50)
    assert found.count({items: [1, 2, 3]}) == TakenIn(0, 0)
    assert found.count({items: [3, 4]}).waiting == 1
