"""Server-sent events in any pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.client import NoAnswerError
from stream.client.http.messages import MAX_BYTES, Messages
from stream.gateway.feed import message
from stream.records.http.messages import StreamedEvent

VIEWS = [{"user_id": "ada", "type": "view", "item_id": f"é{n}", "title": "a: b"} for n in range(3)]
TEXT = b": alive\n\n".join(message("event", view) for view in VIEWS) + b"event: newer\ndata: {}\n\n"


@given(st.lists(st.integers(0, len(TEXT)), max_size=8).map(sorted), st.booleans())
def test_pieces_do_not_matter(cuts: list[int], windows: bool) -> None:
    ends = [0, *cuts, len(TEXT)]
    pieces = [TEXT[begin:end] for begin, end in pairwise(ends)]
    stream = Messages()
    found = [each for piece in pieces for each in stream.feed(piece.replace(b"\n", b"\r\n") if windows else piece)]
    assert [each.item_id for each in found if isinstance(each, StreamedEvent)] == ["é0", "é1", "é2"]
    assert len(found) == 3


def test_data_may_have_several_lines() -> None:
    data = b'event: event\ndata: {"user_id": "ada", "type": "view",\ndata:"item_id": "i", "title": "I"}\n\n'
    (found,) = Messages().feed(data)
    assert isinstance(found, StreamedEvent)
    assert found.item_id == "i"


def test_a_message_without_an_end_is_refused() -> None:
    with pytest.raises(NoAnswerError, match="must have at most"):
        list(Messages().feed(b"data: " + b"x" * (MAX_BYTES + 1)))
