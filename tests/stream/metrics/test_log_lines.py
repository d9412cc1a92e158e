"""What came from outside cannot forge a line of the log."""

import io
import logging
from collections.abc import Iterator

import pytest

from stream.metrics.log_lines import MARGIN, one_line_each

FORGED = "u1\r\n2026-01-01 ERROR everything is lost\x1b[2J\u2028more\x85next\x00"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    before, stream = logging.getLogRecordFactory(), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    one_line_each()
    for name in ("stream.test", "faust.test"):
        logging.getLogger(name).addHandler(handler)
    try:
        yield stream
    finally:
        logging.setLogRecordFactory(before)
        for name in ("stream.test", "faust.test"):
            logging.getLogger(name).removeHandler(handler)


@pytest.mark.parametrize("name", ["stream.test", "faust.test"])
def test_arguments_stay_on_their_line(written: io.StringIO, name: str) -> None:
    logging.getLogger(name).warning("user %s came, again %s", FORGED, 7)
    assert len(written.getvalue().splitlines()) == 1
    assert "u1\\r\\n2026-01-01 ERROR" in written.getvalue()
    assert "\x1b" not in written.getvalue()


def test_whole_messages_stay_on_their_line(written: io.StringIO) -> None:
    logging.getLogger("stream.test").error("user " + FORGED)  # noqa: G003  as careless code would
    assert len(written.getvalue().splitlines()) == 1


def test_tracebacks_stand_behind_a_margin(written: io.StringIO) -> None:
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("stream.test").exception("failed")
    first, *others = written.getvalue().splitlines()
    assert first == "ERROR failed"
    assert len(others) > 3
    assert all(line.startswith(MARGIN) for line in others)
    assert "ValueError: u1" in others[-2] + others[-1] + "".join(others)


def test_tables_of_faust_stay_as_they_are(written: io.StringIO) -> None:
    logging.getLogger("faust.test").warning("a\nb")
    assert written.getvalue() == "WARNING a\nb\n"
