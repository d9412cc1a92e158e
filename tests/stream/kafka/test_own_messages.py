"""What a worker reads of its own batches is the object that it wrote, and only if the bytes are the same."""

import msgspec

from stream.kafka.own_messages import OwnMessages
from stream.model.fold import Model
from stream.records.log import LOG_VERSION, Batch, Claim, SealedBatch, decode_message
from tests.support.logs import CONFIG, LOG


def batch(seq: int, shard: str = "users/0", epoch: int = 7) -> Batch:
    return Batch(LOG_VERSION, shard, epoch, seq, {"events.view": seq}, 0.0, [])


def test_each_batch_comes_back_once_in_any_order() -> None:
    own = OwnMessages()
    batches = [batch(n, shard, epoch) for n in range(40) for shard in ("users/0", "users/113") for epoch in (7, 70_000)]
    data = [own.encode(each) for each in batches]
    assert all(own.decode(each, 0) is made for each, made in zip(data[::-1], batches[::-1], strict=True))
    assert own._bytes == 0
    again = own.decode(data[0], 0)
    assert again is not batches[0]
    assert isinstance(again, SealedBatch)
    assert again.next == batches[0].next


def test_other_bytes_are_decoded() -> None:
    own = OwnMessages()
    mine, theirs = batch(3), msgspec.structs.replace(batch(3), watermark=5.0)
    own.encode(mine)
    data = OwnMessages().encode(theirs)
    found = own.decode(data, 0)
    assert isinstance(found, Batch)
    assert found.watermark == 5.0


def test_claims_are_decoded() -> None:
    own, claim = OwnMessages(), Claim(LOG_VERSION, "users/0", "token")
    assert own.decode(own.encode(claim), 0) == claim
    assert not own._kept


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    size = len(OwnMessages().encode(batch(1)))
    own = OwnMessages(max_bytes=3 * size)
    batches = [batch(n) for n in range(1, 9)]
    data = [own.encode(each) for each in batches]
    assert own._bytes <= 3 * size
    assert [own.decode(each, 0) is made for each, made in zip(data, batches, strict=True)] == [False] * 5 + [True] * 3


def test_the_objects_teach_the_same_as_their_bytes() -> None:
    own, models = OwnMessages(), (Model(CONFIG), Model(CONFIG))
    for offset, data in enumerate(LOG):
        message = decode_message(data, offset)
        assert own.encode(message) == data
        models[0].fold(own.decode(data, offset), offset)
        models[1].fold(decode_message(data, offset, sealed=True), offset)
    assert models[0].fingerprint() == models[1].fingerprint()
