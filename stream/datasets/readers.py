"""Event logs in files, as one stream of wire records in order of time.

| format | layout |
| --- | --- |
| csv | header `user_id,item_id,event,timestamp[,session_id]`; events view, click, purchase; unix seconds or ISO 8601 |
| jsonl | one wire event a line, with its `type` |
| taobao | user, item, category, pv, cart, fav or buy, unix seconds; no header. cart and fav are clicks |
| rees46 | header `event_time,event_type,product_id,...,user_session`; cart is a click, other types are skipped |
| movielens | a folder, or its ratings.csv with movies.csv beside; ratings from 4.5 are purchases, from 3.5 clicks |

Any file may be compressed by gzip, with a name that ends in `.gz`. If a file ends within an invalid line, it was cut
off there: the line is left out with a warning.
"""

import csv
import gzip
import logging
import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import msgspec

from stream.datasets.file_events import FileEvents
from stream.datasets.layouts import LAYOUTS, Layout, film
from stream.errors import UsageError
from stream.records.ids import fault
from stream.records.schemas import Event, EventType, Item
from stream.records.times import seconds

FORMATS = ("csv", "jsonl", *(name for name in LAYOUTS if name != "csv"))
Entry = Item | tuple[EventType, Event]
Found = tuple[EventType, Event, tuple[str, ...]]  # the last: fields about the item
log = logging.getLogger(__name__)
_EVENT = msgspec.json.Decoder(Event)


class FormatError(UsageError, ValueError):
    """A file, or a line of it, does not have its format."""


OnBad = Callable[[FormatError], None]


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002  as the option
    on_bad: OnBad | None = None,
    now: float = math.inf,
) -> Iterator[Entry]:
    """Events of a file by time (equal times in the file's order), each item right before the first event with it.

    Items come only from formats that describe them. Events get ids by their content, see `file_events`, but for jsonl,
    whose events have their own.

    Parameters
    ----------
    format : one of `FORMATS`; guessed from the first line if None
    on_bad : called with the error of each invalid line, which is then skipped; without it the error is raised
    now : unix seconds; an event must not be later. Infinite: any time until 2100

    Raises
    ------
    FormatError
        with the file, the line, what must hold and what came
    """
    path = Path(path)
    name = format or guess(path)
    if name not in FORMATS:
        raise FormatError(f"format {name!r} is unknown; must be one of {', '.join(FORMATS)}")
    if name == "movielens":
        path = ratings_of(path)
    found = sorted(_events(path, name, on_bad or _raise, FileEvents(now)), key=lambda entry: entry[1].timestamp)
    describe = _describer(path, name)
    met: set[str] = set()
    for kind, event, about in found:
        if describe is not None and event.item_id not in met:
            met.add(event.item_id)
            item = describe(event.item_id, about)
            if item is not None:
                yield item
        yield kind, event


def guess(path: Path) -> str:
    """Format of a file, by its first line."""
    if path.is_dir():
        return "movielens"
    with _open(path) as file:
        line = file.readline().strip()
    fields = next(csv.reader([line]), [])
    if line.startswith("{"):
        return "jsonl"
    for name, layout in LAYOUTS.items():
        if set(layout.columns) <= set(fields) if layout.header else layout.recognises(fields):
            return name
    raise FormatError(
        f"{path} line 1: is no known format: {line[:80]!r}; a CSV file begins with the header "
        f"{','.join(LAYOUTS['csv'].columns)}; or name one of {', '.join(FORMATS)} with --format"
    )


def films(folder: Path) -> dict[str, Item]:
    """The films of a MovieLens folder by id; empty without movies.csv."""
    path = _compressed_or_not(folder / "movies.csv")
    if not path.exists():
        return {}
    items = {}
    with _open(path) as file:
        for number, fields in enumerate(csv.reader(file), 1):
            if number > 1 and fields:
                try:
                    items[fields[0]] = film(*fields)
                except (TypeError, ValueError) as error:
                    raise FormatError(f"{path} line {number}: {error}") from error
    return items


def ratings_of(path: Path) -> Path:
    """The ratings file of a MovieLens folder; any other path unchanged."""
    return _compressed_or_not(path / "ratings.csv") if path.is_dir() else path


def _compressed_or_not(path: Path) -> Path:
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.exists() and not path.exists() else path


def _describer(path: Path, name: str) -> Callable[[str, tuple[str, ...]], Item | None] | None:
    if name != "movielens":
        return LAYOUTS[name].describe if name in LAYOUTS else None
    catalogue = films(path.parent)
    return lambda item_id, _: catalogue.get(item_id)


def _raise(error: FormatError) -> None:
    raise error


@contextmanager
def _open(path: Path) -> Iterator[IO[str]]:
    """Text of a file, compressed or not; every error of reading becomes a FormatError."""
    unpack = gzip.open if path.suffix == ".gz" else open
    try:
        with unpack(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield cast("IO[str]", file)
    except FileNotFoundError as error:
        raise FormatError(f"{path}: there is no such file") from error
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{path}: cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: must be UTF-8: {error.reason} at byte {error.start} of a block") from error
    except csv.Error as error:
        raise FormatError(f"{path}: is not CSV: {error}") from error


def _events(path: Path, name: str, on_bad: OnBad, events: FileEvents) -> Iterator[Found]:
    with _open(path) as file:
        if name == "jsonl":
            yield from _json_lines(_Lines(file, path, on_bad), events)
        else:
            yield from _columns(_Lines(file, path, on_bad), name, events)


class _Lines:
    """The lines of a file; the one place where errors get the file and the line."""

    def __init__(self, file: IO[str], path: Path, on_bad: OnBad) -> None:
        self.file, self.path, self.on_bad = file, path, on_bad
        self.newest = ""

    def __iter__(self) -> Iterator[str]:
        for line in self.file:
            self.newest = line
            yield line

    def bad(self, number: int, error: ValueError) -> None:
        """Report an invalid line; the last one, without a line end, was cut off."""
        where = f"{self.path} line {number}"
        if self.newest.endswith("\n"):
            self.on_bad(FormatError(f"{where}: {error}"))
        else:
            log.warning("%s: the file ends within this line, which is left out", where)


def _json_lines(lines: _Lines, events: FileEvents) -> Iterator[Found]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = _wire_event(line, events)
            if event.type is None:
                raise ValueError("must have a `type`: view, click or purchase")
        except ValueError as error:  # msgspec's errors are ValueErrors
            lines.bad(number, error)
        else:
            yield event.type, event, ()


def _wire_event(line: str, events: FileEvents) -> Event:
    """An event as it stands on a line, but its time may be in another unit."""
    event = _EVENT.decode(line)
    for field in ("event_id", "user_id", "item_id", "session_id", "decision_id"):
        text = getattr(event, field)
        if text is not None and (wrong := fault(text)):
            raise ValueError(f"`{field}` {wrong}")
    time = events.time(seconds(repr(event.timestamp)))
    return event if time == event.timestamp else msgspec.structs.replace(event, timestamp=time)


def _columns(lines: _Lines, name: str, events: FileEvents) -> Iterator[Found]:
    layout, rows = LAYOUTS[name], csv.reader(lines)
    width = len(layout.columns)
    places = list(range(width))
    if layout.header:
        header = next(rows, [])
        width, places = len(header), _places(header, layout, lines.path)
    for row in rows:
        if not row:
            continue
        try:
            if len(row) != width:
                raise ValueError(f"must have {width} columns; got {len(row)}")
            row.append("")  # the value of an absent optional column, at place -1
            line = layout.parse([row[place] for place in places])
            event = None if line is None else events.event(line)
        except ValueError as error:
            lines.bad(rows.line_num, error)
            continue
        if line is not None and event is not None:
            yield line.kind, event, line.about


def _places(header: list[str], layout: Layout, path: Path) -> list[int]:
    missing = [column for column in layout.columns if column not in header]
    if missing:
        raise FormatError(
            f"{path} line 1: the header must name {', '.join(layout.columns)}; "
            f"{', '.join(missing)} missing in {','.join(header)[:120]!r}"
        )
    return [header.index(column) if column in header else -1 for column in layout.columns + layout.optional]
