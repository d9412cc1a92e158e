"""A file that is imported: its lines one by one, with a digest of all that was read, so that it can be gone on with."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from stream.client.bulk.cells import OBJECTS, document_of
from stream.client.bulk.kinds import Kind
from stream.datasets.raw.bad import FormatError, OnBad, at
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
        return self._rows(lines, *header) if format_ == "csv" else self._objects(lines)

    def _lines(self) -> Iterator[bytes]:
        while line := self._file.readline(MAX_LINE + 1):
            self.line += 1
            if len(line) > MAX_LINE:
                raise at(self.path, self.line, f"must have at most {MAX_LINE} bytes")
            self._digest.update(line)
            yield line.removeprefix(b"\xef\xbb\xbf") if self.line == 1 else line

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
        named = [name.strip() for name in next(csv.reader([text], delimiter=separator), [])]
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

    def _rows(self, lines: Iterator[bytes], columns: Sequence[str], separator: str) -> Iterator[Document]:
        known = set(filter(self._reads, columns))
        csv.field_size_limit(MAX_LINE)
        rows = csv.reader(map(self._text, lines), delimiter=separator, strict=True)
        while True:
            try:
                row = next(rows, None)
                if row is None:
                    return
                if not row:
                    continue
                kept = [cell if name in known else "" for name, cell in zip(columns, row, strict=False)]
                yield Document(self.line, document_of(columns, kept + row[len(columns) :]))
            except (csv.Error, ValueError) as error:
                if isinstance(error, FormatError):
                    raise
                self._on_bad(at(self.path, self.line, f"{self._kind.one}: {error}"))

    def _text(self, line: bytes) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise at(self.path, self.line, f"must be UTF-8: {error.reason} at byte {error.start}") from None
