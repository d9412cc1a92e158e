"""A worker in one process: every message is folded as the log's next."""

from stream.config import Config, Sources
from stream.decisions.local import SHARD, LocalWorker
from stream.records.log import ItemChange
from stream.records.schemas import Event, Item, Scalar


def test_messages_are_folded_at_consecutive_offsets() -> None:
    worker = LocalWorker.of(Config())
    batch = worker.take(ItemChange("tea", Item(item_id="tea")))
    assert (batch.shard, batch.epoch, batch.seq, worker.model.offset) == (SHARD, 0, 0, 2)
    assert worker.take().seq == 1
    assert worker.model.acceptance.shards[SHARD].seq == 2


def test_events_are_numbered_as_they_come_and_only_known_groups_are_kept() -> None:
    worker = LocalWorker.of(Config(sources=Sources(traits="country,device")))
    context: dict[str, Scalar] = {"device": "x", "unknown": "y", "": "z"}
    found = [
        worker.arrival("click", Event(event_id=f"e{n}", user_id="u", item_id="i", timestamp=1e9, context=context))
        for n in range(2)
    ]
    assert [(each.user_id, each.event.offset, each.event.kind) for each in found] == [("u", 0, 1), ("u", 1, 1)]
    assert found[0].event.traits == {"device": "x"}
    assert LocalWorker.of(Config()).engine.traits == ()
