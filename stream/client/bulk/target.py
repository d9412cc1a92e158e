"""The file of an export: it grows to marks, to which it is cut back when an export that was killed goes on."""

import csv
import gzip
import io
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import msgspec

from stream.client.bulk.cells import row_of
from stream.client.bulk.kinds import Kind
from stream.errors import UsageError

STDOUT = "-"
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv"}


def format_of(name: str, given: str | None = None) -> str:
    """Jsonl or csv, as it is said, or by the end of a file's name.

    >>> format_of("items.csv.gz"), format_of("-"), format_of("items.txt", "csv")
    ('csv', 'jsonl', 'csv')

    Raises
    ------
    UsageError
        if neither says it
    """
    if given is not None or name == STDOUT:
        return given or "jsonl"
    found = FORMATS.get(Path(name.lower().removesuffix(".gz")).suffix)
    if found is None:
        raise UsageError(f"{name}: must end in {', '.join(FORMATS)}, with .gz or without; or say --format jsonl or csv")
    return found


class TargetFile:
    """Lines of records; gzip by the name, a member between two marks, so that it can be cut at each.

    Parameters
    ----------
    name : of the file; `-` is the standard output
    size : bytes of it that hold, what is behind them is cut off; None: a new file
    """

    def __init__(self, name: str, format_: str, kind: Kind, size: int | None = None) -> None:
        self._kind, self._csv, self._packed = kind, format_ == "csv", name.lower().endswith(".gz")
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text)  # ends lines by \r\n (RFC 4180), and so quotes both
        if name == STDOUT:
            self._file: IO[bytes] = sys.stdout.buffer
        else:
            path = Path(name)
            found = path.stat().st_size if path.exists() else 0
            if found and size is None:
                raise UsageError(f"{name}: is there already: remove it, or name another file")
            if found < (size or 0):
                raise UsageError(f"{name}: must have the {size:,} bytes that were exported before; it has {found:,}")
            try:
                self._file = path.open("r+b" if found else "wb")
            except OSError as error:
                raise UsageError(f"{name}: cannot be written: {error.strerror}") from error
            self._file.truncate(size or 0)
            self._file.seek(size or 0)
        self._size, self._waiting = size or 0, list[bytes]()
        if self._csv and not size:
            self._waiting.append(self._line(kind.fields))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not sys.stdout.buffer:
            self._file.close()

    def add(self, document: Mapping[str, Any]) -> None:
        """Add a record; it is in the file with the next mark."""
        if self._csv:
            self._waiting.append(self._line(row_of(document, self._kind.fields)))
        else:
            self._waiting.append(msgspec.json.encode(document) + b"\n")

    def mark(self) -> int:
        """Write what was added; returns the bytes of the file, which are on the disk."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        if data:
            data = gzip.compress(data, 6, mtime=0) if self._packed else data
            self._file.write(data)
            self._size += len(data)
        self._file.flush()
        with suppress(OSError):  # a pipe is not on a disk
            os.fsync(self._file.fileno())
        return self._size

    def _line(self, cells: Any) -> bytes:
        self._rows.writerow(cells)
        found = self._text.getvalue().encode()
        self._text.seek(0)
        self._text.truncate()
        return found
