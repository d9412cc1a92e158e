"""Server-sent events as records: bytes in any pieces come in, messages come out."""

from collections.abc import Iterator

import msgspec

from stream.client.http.errors import NoAnswerError
from stream.records.http.messages import MESSAGES, Message

MAX_BYTES = 4 * 1024 * 1024  # of one message: more is no stream of a gateway
SILENT_S = 45.0  # three times as long as a gateway is ever silent: then the connection is gone
_DECODERS = {name: msgspec.json.Decoder(record) for name, record in MESSAGES.items()}


class Messages:
    r"""Reads a stream; comments and events that it does not know are passed over.

    >>> stream = Messages()
    >>> list(stream.feed(b': alive\n\nevent: event\ndata: {"user_id":"ada","type":"view",'))
    []
    >>> [found.item_id for found in stream.feed(b'"item_id":"teapot","title":"Teapot"}\n\n')]
    ['teapot']
    """

    def __init__(self) -> None:
        self._rest, self._name, self._data = bytearray(), "", list[bytes]()

    def feed(self, piece: bytes) -> Iterator[Message]:
        """The messages that end in this piece.

        Raises
        ------
        NoAnswerError
            for a message without an end
        """
        self._rest += piece
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        if len(rest) + sum(map(len, self._data)) > MAX_BYTES:
            raise NoAnswerError(f"GET /v1/stream: a message must have at most {MAX_BYTES} bytes", sent=True)
        for line in lines:
            found = self._line(bytes(line).removesuffix(b"\r"))
            if found is not None:
                yield found

    def _line(self, line: bytes) -> Message | None:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode()
        elif field == b"data":
            self._data.append(value)
        elif not line:
            name, data, self._name, self._data = self._name, b"\n".join(self._data), "", []
            if data and name in _DECODERS:
                return _DECODERS[name].decode(data)
        return None
