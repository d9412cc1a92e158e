"""Rows of a parquet file; the library that reads them need not be there."""

import importlib
import io
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from stream.datasets.objects import Object, ParseObject
from stream.datasets.raw.bad import FormatError
from stream.datasets.raw.text import Physical
from stream.datasets.raw.unpack import PARQUET, Bytes
from stream.datasets.table import Row
from stream.errors import UsageError

BATCH = 8192


class Head(NamedTuple):
    """What stands at the beginning of the file."""

    names: list[str]
    rows: list[Object]


def is_parquet(sample: bytes) -> bool:
    """True if a file with these first bytes is parquet."""
    return sample.startswith(PARQUET)


def head_of(file: Bytes, path: Path) -> Head:
    """Names of the columns and the first rows."""
    table = _opened(file, path)
    first = next(iter(table.iter_batches(batch_size=1000)), None)
    found = [] if first is None else [row for row in _objects(first) if not isinstance(row, ValueError)]
    return Head(list(table.schema_arrow.names), found)


def rows(file: Bytes, path: Path, paths: set[str], parse: ParseObject) -> Iterator[Row]:
    """What came of each row, numbered from 1; only the columns on `paths` are read."""
    table = _opened(file, path)
    first = {each.split(".")[0] for each in paths} | paths
    columns = [name for name in table.schema_arrow.names if name in first]
    number = 0
    for batch in table.iter_batches(batch_size=BATCH, columns=columns):
        for row in _objects(batch):
            number += 1
            line = Physical(number, "\n")
            try:
                if isinstance(row, ValueError):
                    raise row
                yield Row(line, str(row), parse(row))
            except ValueError as error:
                yield Row(line, "", error)


def _objects(batch: Any) -> Iterator[Object | ValueError]:
    """The rows; an error in place of one with a value that Python does not have, such as a time after the year 9999."""
    for place, field in enumerate(batch.schema):
        if str(field.type).startswith("timestamp[ns"):  # Python's times have microseconds
            microseconds = importlib.import_module("pyarrow").timestamp("us", field.type.tz)
            batch = batch.set_column(place, field.name, batch.column(place).cast(microseconds, safe=False))
    try:
        yield from map(_plain, batch.to_pylist())
    except (ValueError, OverflowError):
        for n in range(len(batch)):
            try:
                yield _plain(batch.slice(n, 1).to_pylist()[0])
            except (ValueError, OverflowError) as error:
                yield ValueError(f"holds a value that cannot be read: {error}")


def _opened(file: Bytes, path: Path) -> Any:
    try:
        library, errors = importlib.import_module("pyarrow.parquet"), importlib.import_module("pyarrow")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "pyarrow":
            raise
        raise UsageError(f"{path}: is parquet, which needs pyarrow: pip install 'headwater[parquet]'") from error
    try:
        return library.ParquetFile(file if _plain_file(file) else io.BytesIO(file.read()))
    except errors.ArrowException as error:
        raise FormatError(f"{path}: cannot be read as parquet: {str(error)[:200]}") from error


def _plain_file(file: Bytes) -> bool:
    """True if the file is not packed, so that any part of it can be read for itself."""
    return isinstance(getattr(file, "raw", None), io.FileIO)


def _plain(row: Object) -> Object:
    """Times as ISO 8601, and bytes as the text that they are: many writers do not say that a column is text."""
    return {name: _plain_value(value) for name, value in row.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
