"""One record, one line: what came from outside cannot begin a line of its own in the log."""

import logging
import re
import traceback
from typing import Any

CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
OUTSIDERS = ("faust", "mode")  # log tables of several lines, which hold names of topics only
MARGIN = "  | "  # before each line of a traceback


def escaped(text: str) -> str:
    r"""A text without characters that end a line, move the cursor or change the direction of writing.

    >>> escaped("u1\r\nERROR \x1b[2Jall is lost")
    'u1\\r\\nERROR \\x1b[2Jall is lost'
    """
    return CONTROL.sub(lambda found: found.group().encode("unicode_escape", "surrogatepass").decode(), text)


class Line(logging.LogRecord):
    """A record whose message is one line, and whose traceback stands behind a margin."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.exc_info and self.exc_info[0] is not None:
            lines = "".join(traceback.format_exception(*self.exc_info)).splitlines()
            self.exc_text = "\n".join(MARGIN + escaped(line) for line in lines)

    def getMessage(self) -> str:  # noqa: N802  the name of logging
        """The message with its arguments."""
        if self.name.split(".")[0] not in OUTSIDERS:
            return escaped(super().getMessage())
        if isinstance(self.args, tuple):
            self.args = tuple(escaped(each) if isinstance(each, str) else each for each in self.args)
        return super().getMessage()


def one_line_each() -> None:
    """Make all records of this process, from now on, such lines."""
    logging.setLogRecordFactory(Line)
