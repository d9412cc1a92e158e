"""Rows of a table out of lines: where a quote holds a line end, and where it is only a mistake of its own line."""

import csv
from collections import deque
from collections.abc import Callable, Container, Iterator
from typing import NamedTuple

from stream.datasets.layouts import Line
from stream.datasets.raw.text import MAX_LINE_BYTES, Physical

MAX_ROW_LINES = 1000  # of a field with line ends in it
LITERAL = ("\t", "::")  # separators of formats whose quotes mean nothing
Parse = Callable[[list[str]], list[Line]]  # raises ValueError for what is no row of the file
OPEN = "a quote opens a field and must close before the next separator, with the row's other columns behind it"


class Row(NamedTuple):
    """What came of a line, or of a few that quotes hold together."""

    line: Physical  # the first of them
    text: str
    found: list[Line] | ValueError  # empty: to be skipped


class _Ahead:
    """Lines, some of which were looked at before."""

    def __init__(self, lines: Iterator[Physical]) -> None:
        self.lines = lines
        self.waiting: deque[Physical] = deque()

    def next(self) -> Physical | None:
        return self.waiting.popleft() if self.waiting else next(self.lines, None)


def rows(lines: Iterator[Physical], separator: str, parse: Parse, skipped: Container[str] = ()) -> Iterator[Row]:
    """One row a line, or of several lines that a quoted field holds together; blank lines and `skipped` are left out.

    A quote that never closes, or that closes so that no row of the file comes out, costs its own line only: the lines
    behind it are rows of their own. The same if any of the lines that it would swallow is a row by itself.
    """
    ahead = _Ahead(lines)
    while (line := ahead.next()) is not None:
        text = line.text.rstrip("\r\n")
        if not line.fault and (not text.strip() or not text.strip(separator + ' "\t') or text in skipped):
            continue
        if line.fault:
            yield Row(line, text, ValueError(line.fault))
            continue
        try:
            fields = split(text, separator)
            found = Row(line, text, parse(fields) if fields is not None else _joined(line, ahead, separator, parse))
        except ValueError as error:
            yield from _pieces(line, text, separator, parse, error)
        else:
            yield found


def split(text: str, separator: str, literal: Container[str] = LITERAL) -> list[str] | None:
    r"""The fields of one line; None if a quote is open at its end. Between `literal` separators quotes are signs.

    >>> split('a,"b, c",5" disc', ","), split('a\t"b\t""c"', "\t"), split('a,"b', ",")
    (['a', 'b, c', '5" disc'], ['a', '"b', '""c"'], None)
    """
    if '"' not in text:
        return text.split(separator)
    if separator in literal:
        return [_unquoted(field) for field in text.split(separator)]
    try:
        return next(csv.reader([text], delimiter=separator, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            return None
        raise ValueError(f"{_words(error)}; got {text[:80]!r}") from None


def _unquoted(field: str) -> str:
    """A field without quotes that hold the whole of it."""
    inner = field[1:-1].replace('""', "")
    whole = len(field) > 1 and field[0] == field[-1] == '"' and '"' not in inner
    return field[1:-1].replace('""', '"') if whole else field


def _words(error: csv.Error) -> str:
    said = str(error)
    if "field larger" in said:
        return "a field must have at most 131,072 characters"
    return "a quote that opens a field must close right before a separator" if "expected after" in said else said


def _joined(first: Physical, ahead: _Ahead, separator: str, parse: Parse) -> list[Line]:
    """The row that begins with an open quote; the lines that it does not need go back."""
    taken: list[Physical] = []

    def feed() -> Iterator[str]:
        yield first.text
        size = len(first.text)
        while len(taken) < MAX_ROW_LINES and size < MAX_LINE_BYTES and (line := ahead.next()) is not None:
            taken.append(line)
            if line.fault:
                return
            size += len(line.text)
            yield line.text

    try:
        fields = next(csv.reader(feed(), delimiter=separator, strict=True))
        if any(_is_row(line, separator, parse) for line in taken):
            raise ValueError(OPEN)
        return parse(fields)
    except (csv.Error, ValueError):
        ahead.waiting.extendleft(reversed(taken))
        text = first.text.rstrip("\r\n")
        raise ValueError(f"{OPEN}; got {text[:80]!r}") from None


def _is_row(line: Physical, separator: str, parse: Parse) -> bool:
    try:
        parse(line.text.rstrip("\r\n").split(separator))
    except ValueError:
        return False
    return True


def _pieces(line: Physical, text: str, separator: str, parse: Parse, error: ValueError) -> Iterator[Row]:
    """The rows of a line that lone carriage returns end, if all of its pieces are rows; else its error."""
    pieces = [piece for piece in text.split("\r") if piece]
    try:
        if len(pieces) < 2:
            raise error
        found = [Row(line, piece, parse(split(piece, separator) or [])) for piece in pieces]
    except ValueError:
        yield Row(line, text, error)
    else:
        yield from found
