"""Event logs in files, as one stream of wire records in order of time.

| format | file |
| --- | --- |
| csv | header `user_id,item_id,timestamp[,event,session_id,price,quantity,rating,title,category,brand]` |
| jsonl | one event a line with the same fields, as on the topics |
| taobao | user, item, category, pv, cart, fav or buy, unix seconds; no header. cart and fav are clicks |
| rees46 | header `event_time,event_type,product_id,...,user_session`; cart is a click, other types are skipped |
| movielens | a folder, or its ratings.csv, ratings.dat, u.data; from 4.5 stars a purchase, from 3.5 a click |
| retailrocket | events.csv; addtocart is a click, transaction a purchase |
| otto | sessions with events, as JSON lines, or flat as parquet; clicks are views, carts clicks, orders purchases |
| hm | H&M's transactions_train.csv: purchases by day; articles.csv beside |
| amazon | reviews: JSON lines of 2018 and 2023, CSV of 2023, ratings without header of 2018 and 2014; as MovieLens |
| recbole | `.inter` with typed names such as `user_id:token`; `.item` beside |
| ga4 | Google Analytics 4: BigQuery's JSON lines with items, or flat columns |
| segment | track calls of the e-commerce events |

Any table may have another separator, encoding, order and case of columns, and any file may be packed: what it is shows
in its content. `How` says what does not show: columns by name, events by value. docs/files.md has examples. If a file
ends within an invalid line, it was cut off there: the line is left out with a warning.
"""

import logging
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from stream.datasets import catalogues, objects, parquet, table
from stream.datasets.catalogues import films, ratings_of
from stream.datasets.file_events import FileEvents
from stream.datasets.how import How, Plan
from stream.datasets.layouts import REQUIRED, ROLES, UNITS, Line, describe, parser
from stream.datasets.raw.bad import FormatError, LeftOut, OnBad, at, stop
from stream.datasets.raw.text import CP1252, Physical, lines
from stream.datasets.raw.unpack import DAMAGED, Bytes, opened, pieces
from stream.datasets.ready import FORMATS
from stream.datasets.sniff import plan
from stream.datasets.table import Row
from stream.records.numbers import with_point
from stream.records.schemas import Event, EventType, Item

__all__ = ["FORMATS", "Entry", "FormatError", "How", "LeftOut", "films", "guess", "ratings", "read"]
Entry = Item | tuple[EventType, Event]
# What databases, pandas and spreadsheets write where there is nothing; as an id it would be one user for all unknown.
MISSING = frozenset({"NULL", "null", "\\N", "NaN", "nan", "None", "<NA>", "#N/A"})
ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?E\+[0-9]+")  # Python and databases write `e+`
BY_A_SPREADSHEET = "which a spreadsheet has rounded: format the column as text there and export it again"

log = logging.getLogger(__name__)


def read(
    path: str | Path,
    format: str | None = None,  # noqa: A002  as the option
    on_bad: OnBad | None = None,
    how: How | None = None,
    now: float = math.inf,
) -> Iterator[Entry]:
    """Events of a file by time (equal times in the file's order), each item right before the first event with it.

    Items come only from formats that describe them. Events get ids by their content, see `file_events`, but where the
    file gives their own.

    Parameters
    ----------
    format : one of `FORMATS`; found out from the file if None
    on_bad : called with the error of each invalid line, which is then skipped; without it the error is raised
    how : what else is said about the file
    now : unix seconds; an event must not be later. Infinite: any time until 2100

    Raises
    ------
    FormatError
        with the file, the line, what must hold and what came
    """
    path, how = ratings_of(Path(path)), _how(format, how)
    planned = plan(path, how)
    if planned.encoding == CP1252 and how.encoding is None:
        log.warning("%s: is not UTF-8 and is read as cp1252 (Latin-1); name another with --encoding", path)
    found = sorted(_events(path, planned, stop if on_bad is None else on_bad, now), key=lambda each: each[1].timestamp)
    catalogue = _catalogue(path, planned)
    met: set[str] = set()
    for line, event in found:
        if event.item_id not in met:
            met.add(event.item_id)
            item = catalogue(event.item_id, line.about)
            if item is not None:
                yield item
        yield line.kind, event


def ratings(path: str | Path, how: How | None = None) -> dict[str, float]:
    """Ratings by event id, where the file gives them; lines that cannot be read are left out."""
    path, how = ratings_of(Path(path)), how or How()
    left_out = LeftOut()
    found = _events(path, plan(path, how), left_out, math.inf)
    return {event.event_id: line.rating for line, event in found if line.rating is not None}


def guess(path: Path) -> str:
    """Format of a file, by its first lines."""
    return plan(ratings_of(path), How()).name


def _how(format_: str | None, how: How | None) -> How:
    if format_ is not None and format_ not in FORMATS:
        raise FormatError(f"format {format_!r} is unknown; must be one of {', '.join(FORMATS)}")
    return how or How(format_)


def _catalogue(path: Path, planned: Plan) -> Callable[[str, tuple[str, ...]], Item | None]:
    """The function that describes an item, from its first row or from a file beside."""
    known: dict[str, Item] = {}
    if planned.name == "movielens":
        known = films(path.parent)
    elif planned.name == "recbole":
        known = catalogues.recbole_items(path)
    elif planned.name == "hm":
        known = catalogues.hm_articles(path)
    layout = planned.layout
    return lambda item_id, about: known.get(item_id) or describe(layout, item_id, about)


def _events(path: Path, planned: Plan, on_bad: OnBad, now: float) -> Iterator[tuple[Line, Event]]:
    """Each event with its line, in the file's order."""
    events = FileEvents(now, UNITS.get(planned.unit or "", ""))
    with opened(path) as file:
        for row in _rows(file, path, planned):
            try:
                if isinstance(row.found, ValueError):
                    raise row.found
                made = [(line, events.event(line)) for line in row.found]
            except ValueError as error:
                _bad(path, row, error, on_bad)
            else:
                yield from made


def _bad(path: Path, row: Row, error: ValueError, on_bad: OnBad) -> None:
    """Report an invalid line; the last one, without a line end, was cut off."""
    if row.line.cut:
        log.warning("%s line %d: the file ends within this line, which is left out", path, row.line.number)
        if on_bad is not stop:
            on_bad(at(path, row.line.number, f"the file ends within this line; got {row.text[:80]!r}"))
    else:
        on_bad(at(path, row.line.number, error))


def _rows(file: Bytes, path: Path, planned: Plan) -> Iterator[Row]:
    layout, unit, has_event = planned.layout, planned.unit, planned.has_event
    if planned.form == "table":
        return table.rows(
            lines(file, planned.encoding, planned.sample), planned.separator, _fields(planned), planned.skipped
        )
    parse_object = objects.object_parser(layout, unit, has_event)
    if planned.form == "parquet":
        paths = {path for each in layout.columns.values() for path in each}
        return parquet.rows(file, path, paths, parse_object)
    parse = (
        objects.wire_parser(layout, unit, has_event) if planned.name == "jsonl" else objects.line_parser(parse_object)
    )
    if planned.form == "array":
        return objects.rows(_elements(file, planned.encoding), parse)
    return objects.rows(lines(file, planned.encoding, planned.sample), parse)


def _elements(file: Bytes, encoding: str) -> Iterator[Physical]:
    """The objects of a file that must be read as a whole; what damaged bytes hide is one element with a fault.

    What is not of its encoding becomes a sign that JSON may hold only in text.
    """
    found, number, fault = bytearray(), 0, ""
    try:
        for piece in pieces(file):
            found += piece
    except DAMAGED as error:
        fault = f"the file cannot be read from here on; got {error}"
    for element in objects.elements(found.decode(encoding, "replace").lstrip("\ufeff")):
        number = element.number
        yield element
    if fault:
        yield Physical(number + 1, "", fault)


def _present(text: str, role: str, name: str) -> str:
    """A field, or nothing where it holds what stands for nothing; user and item must be there."""
    if text not in MISSING or role in {"event", "time"}:  # what they must hold is said where they are read
        return text
    if role in {"user", "item"}:
        raise ValueError(f"`{name}` must not be empty; got {text!r}")
    return ""


def _fields(planned: Plan) -> table.Parse:
    """The function from all columns of a row to its event."""
    parse = parser(planned.layout, planned.names, planned.unit, planned.has_event)
    width, constants = planned.width, [planned.layout.constants.get(role, "") for role in ROLES]
    several = any(len(each) > 1 for each in planned.places) or any(constants)
    firsts = [each[0] if each else width for each in planned.places]
    decimal = planned.separator == ";"
    numbers = [n for n, role in enumerate(ROLES) if role in {"price", "quantity", "rating"}]

    called = [planned.names.get(role, role) for role in ROLES]

    def parse_fields(fields: list[str]) -> list[Line]:
        if len(fields) != width:
            raise ValueError(f"must have {width} columns; got {len(fields)}")
        fields.append("")  # what an absent column holds
        if several:
            chosen = [
                next((fields[place] for place in each if fields[place]), constant)
                for each, constant in zip(planned.places, constants)
            ]
        else:
            chosen = [fields[place] for place in firsts]
        if not MISSING.isdisjoint(chosen):
            chosen = [_present(text, role, name) for text, role, name in zip(chosen, ROLES, called)]
        if "E+" in "".join(chosen[: len(REQUIRED)]):
            for text, name in zip(chosen[: len(REQUIRED)], called):
                if ROUNDED.fullmatch(text.strip()):
                    raise ValueError(f"`{name}` must be written out; got {text!r}, {BY_A_SPREADSHEET}")
        if decimal:  # 9,90 and 1.234,50 are numbers where commas do not separate
            for n in numbers:
                chosen[n] = with_point(chosen[n].strip(" \t"))
        line = parse(chosen)
        return [] if line is None else [line]

    return parse_fields
