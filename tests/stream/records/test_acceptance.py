"""The rules by which a fold accepts the messages of headwater.log."""

from stream.records.acceptance import Acceptance, ShardState, Verdict
from stream.records.log import (
    LOG_VERSION,
    Batch,
    Claim,
    Message,
)


def claim(token: str = "t", shard: str = "users/0") -> Claim:
    return Claim(LOG_VERSION, shard, token)


def batch(
    epoch: int, seq: int, views: int = 0, *, watermark: float = 0.0, shard: str = "users/0", topic: str = "events.view"
) -> Batch:
    return Batch(LOG_VERSION, shard, epoch, seq, {topic: views} if views else {}, watermark, [])


def judged(*messages: Message) -> tuple[list[Verdict], Acceptance]:
    rules = Acceptance()
    return [rules.judge(message, offset) for offset, message in enumerate(messages)], rules


def test_batches_of_the_claim_are_accepted_in_order() -> None:
    verdicts, rules = judged(claim(), batch(0, 0, 3), batch(0, 1, 5, watermark=9.0), batch(0, 2))
    assert verdicts == ["claimed", "accepted", "accepted", "accepted"]
    assert rules.shards == {"users/0": ShardState(0, 3, {"events.view": 5}, 9.0, 4)}


def test_nothing_is_accepted_without_a_claim() -> None:
    assert judged(batch(0, 0), batch(1, 0))[0] == ["fenced"] * 2


def test_the_last_claim_in_the_log_wins() -> None:
    verdicts, rules = judged(
        claim("a"), claim("b"), batch(0, 0, 3), batch(1, 0, 4), claim("a"), batch(1, 1, 5), batch(4, 0, 6)
    )
    assert verdicts == ["claimed", "claimed", "fenced", "accepted", "claimed", "fenced", "accepted"]
    assert rules.shards["users/0"] == ShardState(4, 1, {"events.view": 6}, 0.0, 7)


def test_a_repeated_claim_fences_the_first() -> None:
    assert judged(claim("a"), batch(0, 0), claim("a"), batch(0, 1), batch(2, 0))[0] == [
        "claimed", "accepted", "claimed", "fenced", "accepted",
    ]  # fmt: skip


def test_duplicates_and_what_follows_a_gap_are_ignored() -> None:
    verdicts, rules = judged(
        claim(), batch(0, 0, 3), batch(0, 0, 3), batch(0, 2, 9), batch(0, 3, 12), batch(0, 1, 6), batch(0, 2, 9)
    )
    assert verdicts == ["claimed", "accepted", "duplicate", "gap", "gap", "accepted", "accepted"]
    assert rules.shards["users/0"].next == {"events.view": 9}


def test_shards_are_judged_independently() -> None:
    verdicts, rules = judged(
        claim(), claim(shard="users/1"), batch(1, 0), batch(0, 0, 2), batch(1, 0, 7, shard="users/1")
    )
    assert verdicts == ["claimed", "claimed", "fenced", "accepted", "accepted"]
    assert [state.next["events.view"] for state in rules.shards.values()] == [2, 7]


def test_a_claim_keeps_positions_and_watermark_which_only_rises() -> None:
    _, rules = judged(claim(), batch(0, 0, 3, watermark=9.0), claim(), batch(2, 0, 4, watermark=7.0))
    assert rules.shards["users/0"] == ShardState(2, 1, {"events.view": 4}, 9.0, 4)


def test_positions_that_go_back_are_counted() -> None:
    assert judged(claim(), batch(0, 0, 3), batch(0, 1, 3))[1].backward == 0
    assert judged(claim(), batch(0, 0, 3), batch(0, 1, 2))[1].backward == 1


def test_a_topic_that_a_batch_does_not_touch_does_not_go_back() -> None:
    _, rules = judged(claim(), batch(0, 0, 3), batch(0, 1, 2, topic="events.click"), batch(0, 2))
    assert rules.shards["users/0"].next == {"events.view": 3, "events.click": 2}
    assert rules.backward == 0
