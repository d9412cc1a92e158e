"""A file that is imported: its lines one by one, with a digest of all that was read, so that it can be gone on with."""

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from stream.client.bulk.cells import NUMBERS, OBJECTS, document_of
from stream.client.bulk.kinds import Kind
from stream.datasets.raw.bad import FormatError, OnBad, at
from stream.datasets.table import MAX_ROW_LINES, OPEN, split
from stream.records.numbers import with_point
from stream.records.unknown import nearest

MAX_LINE = 4 * 1024 * 1024  # bytes; a record has 256 KiB, and CSV doubles its quotation marks
SEPARATORS = ",;\t"
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Document(NamedTuple):
    """One record of a file."""

    line: int  # its last, from 1
    text: bytes  # JSON


class SourceFile:
    """The records of a file of JSON lines or CSV.

    Parameters
    ----------
    file : its bytes, unpacked
    columns : field -> name that it has in the file, where they differ
    on_bad : called with the error of each line that holds no record
    """

    def __init__(self, path: Path, file: IO[bytes], kind: Kind, columns: Mapping[str, str], on_bad: OnBad) -> None:
        self.path, self._file, self._kind, self._on_bad = path, file, kind, on_bad
        self._fields = {name: field for field, name in columns.items()}
        self._digest = blake2b(digest_size=16)
        self._ahead: deque[bytes] = deque()  # lines that were looked at and belong to no row yet
        self.line = 0  # lines read so far
        self.unread: dict[str, None] = {}  # sentences about columns that nobody reads

    @property
    def digest(self) -> str:
        """Of all lines read so far."""
        return self._digest.hexdigest()

    def documents(self, format_: str, skip: int = 0, digest: str = "") -> Iterator[Document]:
        """The records behind the first so many lines.

        Parameters
        ----------
        format_ : jsonl or csv
        digest : of the lines that are skipped; if they are others, the file is another

        Raises
        ------
        FormatError
            if the file was changed in the part that was read before, or has not the columns that it must have
        """
        lines = self._lines()
        header = self._header(lines) if format_ == "csv" else ([], ",")
        while self.line < skip and next(lines, None) is not None:
            pass
        if skip and (self.line != skip or self.digest != digest):
            raise FormatError(
                f"{self.path}: its first {skip:,} lines are not those that were imported before: another file needs "
                "another position file"
            )
        return self._rows(*header) if format_ == "csv" else self._objects(lines)

    def _lines(self) -> Iterator[bytes]:
        while line := self._line():
            yield line

    def _line(self) -> bytes:
        """The next line; empty at the end, until lines are given back."""
        line = self._ahead.popleft() if self._ahead else self._file.readline(MAX_LINE + 1)
        if line:
            self.line += 1
            if len(line) > MAX_LINE:
                raise at(self.path, self.line, f"must have at most {MAX_LINE} bytes")
            self._digest.update(line)
        return line.removeprefix(b"\xef\xbb\xbf") if self.line == 1 else line

    def _objects(self, lines: Iterator[bytes]) -> Iterator[Document]:
        for line in lines:
            text = line.strip()
            if not text:
                continue
            try:
                yield Document(self.line, self._renamed(text) if self._fields else text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._on_bad(at(self.path, self.line, f"must be a JSON object: {error}"))

    def _renamed(self, text: bytes) -> bytes:
        return msgspec.json.encode({self._fields.get(name, name): raw for name, raw in _OBJECT.decode(text).items()})

    def _header(self, lines: Iterator[bytes]) -> tuple[list[str], str]:
        """The columns as fields, and what separates them."""
        text = self._text(next(lines, b""))
        separator = max(SEPARATORS, key=text.count)
        if "\r" in text.rstrip("\r\n"):
            raise at(self.path, 1, "lines must end with a line feed; got carriage returns within the header")
        try:
            named = [name.strip() for name in _fields(text.rstrip("\r\n"), separator) or ()]
        except ValueError as error:
            raise at(self.path, 1, error) from None
        columns = [self._fields.get(name, name) for name in named]
        for name, field in self._fields.items():
            if name not in named:
                raise at(self.path, 1, f"has no column {name!r} for {field}; it has {', '.join(named)[:200]}")
        needed = (self._kind.key,) if self._kind.is_state else ("type", "event_id", "user_id", "item_id", "timestamp")
        for name in dict.fromkeys((*needed, *columns)):
            if columns.count(name) != 1:
                raise at(self.path, 1, f"must have one column {name}; got {', '.join(columns)[:200]}")
        for name in columns:
            if not self._reads(name):
                near = nearest(name, self._kind.fields)
                self.unread[f"{name[:60]}: is no column of {self._kind.name}, so it is not read{near}"] = None
        return columns, separator

    def _reads(self, column: str) -> bool:
        """Whether it is a field, or an entry of one."""
        name, dot, _ = column.partition(".")
        return column in self._kind.fields or (bool(dot) and name in OBJECTS and name in self._kind.fields)

    def _rows(self, columns: Sequence[str], separator: str) -> Iterator[Document]:
        known = set(filter(self._reads, columns))
        decimal = [n for n, name in enumerate(columns) if separator == ";" and name in NUMBERS]  # 9,90
        while raw := self._line():
            text = self._text(raw).rstrip("\r\n")
            if not text:
                continue
            try:
                row = _fields(text, separator)
                row = self._joined(text, columns, separator) if row is None else row
                kept = [cell if name in known else "" for name, cell in zip(columns, row, strict=False)]
                for n in decimal:
                    kept[n : n + 1] = map(with_point, kept[n : n + 1])
                yield Document(self.line, document_of(columns, kept + row[len(columns) :]))
            except ValueError as error:
                if isinstance(error, FormatError):
                    raise
                self._on_bad(at(self.path, self.line, f"{self._kind.one}: {error}"))

    def _joined(self, first: str, columns: Sequence[str], separator: str) -> list[str]:
        """The row that begins with an open quote. If none comes out, the lines that it would swallow are given back."""
        line, digest, taken = self.line, self._digest.copy(), list[bytes]()

        def feed() -> Iterator[str]:
            yield first + "\n"
            size = len(first)
            while len(taken) < MAX_ROW_LINES and size < MAX_LINE and (raw := self._line()):
                taken.append(raw)
                size += len(raw)
                yield self._text(raw)

        try:
            with _long_fields():
                row = next(csv.reader(feed(), delimiter=separator, strict=True))
            if len(row) != len(columns) or self._are_rows(taken[:-1], columns, separator):
                raise ValueError
        except (csv.Error, ValueError):
            self._ahead.extendleft(reversed(taken))
            self.line, self._digest = line, digest
            raise ValueError(f"{OPEN}; got {first[:80]!r}") from None
        return row

    def _are_rows(self, within: list[bytes], columns: Sequence[str], separator: str) -> bool:
        """Whether all lines within a quoted field are rows by themselves, and too many for that to be chance."""
        key = columns.index(self._kind.key)
        cells = [self._text(raw).rstrip("\r\n").split(separator) for raw in within]
        return len(cells) * len(columns) > 4 and all(
            len(row) == len(columns) and row[key] and " " not in row[key] for row in cells
        )

    def _text(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise at(self.path, self.line, f"must be UTF-8: {error.reason} at byte {error.start}") from None


def _fields(text: str, separator: str) -> list[str] | None:
    """The fields of a line; None if a quote is open at its end."""
    with _long_fields():
        return split(text, separator, literal=())


@contextmanager
def _long_fields() -> Iterator[None]:
    """Fields as long as a line; the limit is one of the whole process, and files of events have another."""
    before = csv.field_size_limit(MAX_LINE)
    try:
        yield
    finally:
        csv.field_size_limit(before)
