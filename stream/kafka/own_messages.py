"""The messages that a worker has written to the log, until they come back: their owner need not decode them again."""

from typing import NamedTuple

from stream.records.log import Batch, Message, decode_message, encode_message

MAX_BYTES = 8 * 2**20  # of the encoded messages; the objects take some four times as much
_HEAD = 48  # bytes of a batch that tell it from others: they begin with its shard, epoch and number


class _Kept(NamedTuple):
    data: bytes
    message: Batch


class OwnMessages:
    """Batches by the beginning of their bytes; one counts only if all the bytes read are those that were written.

    Examples
    --------
    >>> own, batch = OwnMessages(), Batch(4, "users/0", 7, 0, {"events.view": 3}, 0.0, [])
    >>> data = own.encode(batch)
    >>> own.decode(data, 8) is batch, own.decode(data, 8) is batch
    (True, False)
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    def encode(self, message: Message) -> bytes:
        """Bytes of a log message; a batch is kept until it is read, or until there is no more room for it."""
        data = encode_message(message)
        if isinstance(message, Batch):
            self._take(data[:_HEAD])
            self._kept[data[:_HEAD]] = _Kept(data, message)
            self._bytes += len(data)
            while self._bytes > self._max_bytes:
                self._take(next(iter(self._kept)))  # the oldest: it was not written, or is read by nobody
        return data

    def decode(self, data: bytes, offset: int) -> Message:
        """The message of these bytes, as `decode_message` reads it, sealed; of one's own batch the object itself."""
        kept = self._take(data[:_HEAD])
        if kept is not None and kept.data == data:
            return kept.message
        return decode_message(data, offset, sealed=True)

    def _take(self, head: bytes) -> _Kept | None:
        kept = self._kept.pop(head, None)
        if kept is not None:
            self._bytes -= len(kept.data)
        return kept
