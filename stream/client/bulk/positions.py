"""Where an import or an export got to, in a file: written whole, in one step, after what it says has happened."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from stream.errors import UsageError


class ImportPosition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All records of the first `line` lines are in Kafka."""

    kind: str
    namespace: str
    line: int = 0
    digest: str = ""  # of these lines
    sent: int = 0
    done: bool = False  # the end of the file was reached
    after: dict[str, dict[int, int]] = {}  # topic -> partition -> offset from which on later records stand


class ExportPosition(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All records before these offsets are in the file."""

    kind: str
    namespace: str
    file: str
    size: int = 0  # bytes of it
    written: int = 0
    changes: bool = False  # whether it holds what changed since another export, ends of items and users included
    begin: dict[str, dict[int, int]] = {}  # where this export began: topic -> partition -> offset
    next: dict[str, dict[int, int]] = {}  # of the next record
    ends: dict[str, dict[int, int]] = {}  # where this export ends; empty: it has


P = TypeVar("P", ImportPosition, ExportPosition)


def read_position(path: Path | None, new: P) -> P:
    """The position in a file; `new` if there is none.

    Raises
    ------
    UsageError
        if it is of another kind of records, of other topics, or no position at all
    """
    if path is None or not path.exists():
        return new
    try:
        found = msgspec.json.decode(path.read_bytes(), type=type(new))
    except OSError as error:
        raise UsageError(f"--position {path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--position {path}: is not what headwater wrote for this command: {error}") from error
    for name in ("kind", "namespace"):
        if getattr(found, name) != getattr(new, name):
            got = f"is of {name} {getattr(found, name)!r}; got {getattr(new, name)!r}"
            raise UsageError(f"--position {path}: {got}: name another file")
    return found


def write_position(path: Path | None, position: ImportPosition | ExportPosition) -> None:
    """Replace the file by one that is on the disk whole."""
    if path is None:
        return
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(position)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
