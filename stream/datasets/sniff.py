"""What a file is, by its first bytes: form, encoding, separator, columns, unit of time, and the layout that fits."""

import re
from collections.abc import Sequence
from pathlib import Path

from stream.datasets import parquet
from stream.datasets.how import OWN, SAMPLED, How, Plan, complete
from stream.datasets.layouts import ROLES, Layout, clock, marked, unit_of
from stream.datasets.objects import elements, spans_lines
from stream.datasets.raw.bad import FormatError
from stream.datasets.raw.foreign import refuse
from stream.datasets.raw.text import encoding_of
from stream.datasets.raw.unpack import opened, sample
from stream.datasets.ready import FORMATS, READY
from stream.datasets.sniff_objects import plan_of_objects, readable
from stream.datasets.suggest import suggestion
from stream.datasets.table import split

BEFORE = 20  # lines that may stand before a header
SEPARATORS = ("::", "\t", ",", ";", "|")


def plan(path: Path, how: How) -> Plan:
    """Find out how to read a file.

    Raises
    ------
    FormatError
        if nothing fits, with the nearest guess and the command to try
    """
    data = sample(path)
    if not data.strip(b"\0 \r\n\t\xef\xbb\xbf\xff\xfe"):
        raise FormatError(f"{path}: is empty: it must hold at least one event")
    if parquet.is_parquet(data):
        with opened(path) as file:
            head = parquet.head_of(file, path)
        if not head.rows:
            raise FormatError(f"{path}: is empty: it must hold at least one event")
        return plan_of_objects(path, how, "parquet", head.rows, data)
    refuse(path, data)
    encoding = how.encoding or encoding_of(data)
    text = data.decode(encoding, "replace").lstrip("\ufeff\x1e\r\n\t ")
    if text.startswith("[") or (text.startswith("{") and spans_lines(text)):
        return plan_of_objects(path, how, "array", list(readable(each.text for each in elements(text))), data)._replace(
            encoding=encoding
        )
    if text.startswith("{") or how.format == "jsonl":
        return plan_of_objects(path, how, "objects", list(readable(re.split(r"[\r\n]+", text))), data)._replace(
            encoding=encoding
        )
    lines = [line.removeprefix("\ufeff") for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    return _of_table(path, how, lines[:SAMPLED])._replace(encoding=encoding, sample=data)


def _of_table(path: Path, how: How, lines: list[str]) -> Plan:
    skipped: set[str] = set()
    separators = SEPARATORS if how.separator is None else (how.separator,)
    if named := re.match(r"sep=(.)\s*$", lines[0], re.IGNORECASE):  # so that Excel knows it
        separators = (named[1],)
        skipped.add(lines.pop(0))
    while len(lines) > 1 and lines[0].startswith("#"):
        skipped.add(lines.pop(0))
    heads = [(each, _header(lines[0], each)) for each in separators if each in lines[0]]
    for separator, head in heads:
        for name, layout in how.candidates("jsonl"):
            if _fits(layout, head, separator) and all(_place(each, head) >= 0 for each in how.columns.values()):
                return _table(path, name, how.applied(layout), separator, head, lines, skipped)
    own = how.own()
    if own is not None:
        return _of_own(path, how, own, heads or [(",", [lines[0]])], lines, skipped)
    if how.format is not None and how.format != "jsonl":
        return _forced(path, how, heads, lines, skipped)
    header = lines[0]
    raise FormatError(
        f"{path} line 1: is no known format: {header[:80]!r}; a CSV file begins with the header "
        f"user_id,item_id,event,timestamp; or name one of {', '.join(FORMATS)} with --format, or the columns"
        + (_late_header(how, lines, separators) or suggestion(path, how.command, *_likeliest(heads, lines)))
    )


def _late_header(how: How, lines: list[str], separators: Sequence[str]) -> str:
    """Advice for a file whose header has other lines before it, such as the title of a report; empty if it has none."""
    layouts = [layout for _, layout in how.candidates("jsonl") if layout.header]
    for line in lines[1:BEFORE]:
        for separator in separators:
            if separator in line and any(_fits(each, _header(line, separator), separator) for each in layouts):
                return f"; the header seems to be {line[:80]!r}: leave out the lines before it"
    return ""


def _header(line: str, separator: str) -> list[str]:
    """Names of the columns; a stray quote among them is left out."""
    try:
        fields = split(line, separator)
    except ValueError:
        fields = None
    return [name.strip().strip('"').strip() for name in (fields or line.split(separator))]


def _fits(layout: Layout, head: Sequence[str], separator: str) -> bool:
    if not layout.header:
        return layout.separator in {None, separator} and layout.recognises(head)
    known = {marked(name) for name in head}
    return all(any(marked(each) in known for each in mark.split("|")) for mark in layout.marks)


def _forced(path: Path, how: How, heads: list[tuple[str, list[str]]], lines: list[str], skipped: set[str]) -> Plan:
    """The format that is named, though the first line is not of it."""
    layouts = READY[how.format or ""]
    separator, head = max(heads, key=lambda each: len(each[1]), default=(",", [lines[0]]))
    bare = next((layout for layout in layouts if not layout.header), None)
    if bare is not None and how.format != "movielens":
        return _table(path, how.format or "", how.applied(bare), separator, head, lines, skipped)
    known = {marked(name) for name in head}
    marks = layouts[0].marks
    missing = [mark for mark in marks if not any(marked(each) in known for each in mark.split("|"))]
    raise FormatError(
        f"{path} line 1: the header must name {', '.join(marks)}; "
        f"{', '.join(missing)} missing in {lines[0][:120]!r}"
        + suggestion(path, how.command, head, _cells(lines, separator))
    )


def _likeliest(heads: list[tuple[str, list[str]]], lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """Header and rows by the separator that makes the most columns, equally many in most lines."""

    def even(each: tuple[str, list[str]]) -> int:
        return sum(len(line.split(each[0])) == len(each[1]) for line in lines[:50]) * len(each[1])

    if not heads:
        return [], []
    separator, head = max(heads, key=even)
    return head, _cells(lines, separator)


def _cells(lines: list[str], separator: str) -> list[list[str]]:
    return [line.split(separator) for line in lines[1:200]]


def _of_own(
    path: Path, how: How, own: Layout, heads: list[tuple[str, list[str]]], lines: list[str], skipped: set[str]
) -> Plan:
    """The columns that are named, or numbered from 1."""
    best = max(heads, key=lambda each: sum(_place(name, each[1]) >= 0 for name in how.columns.values()))
    separator, head = best
    numbered = all(name.isdecimal() and name not in head for name in how.columns.values())
    missing = [name for name in how.columns.values() if _place(name, head) < 0]
    if missing:
        raise FormatError(
            f"{path} line 1: --columns: {', '.join(missing)} missing; the columns are {', '.join(head)[:200]}"
        )
    layout = own
    if numbered:
        time = head[_place(how.columns["time"], head)] if "time" in how.columns else ""
        if _is_time(time):
            names = tuple(str(n + 1) for n in range(len(head)))
            layout = own._replace(names=names, columns={role: (name,) for role, name in how.columns.items()})
    return _table(path, OWN, layout, separator, head, lines, skipped)


def _is_time(text: str) -> bool:
    try:
        clock(unit_of([text], "date"))(text)
    except ValueError:
        return False
    return True


def _place(name: str, head: Sequence[str]) -> int:
    """Place of a column by its name, as it is or but for case and signs, or by its number; -1 if there is none."""
    if name in head:
        return head.index(name)
    plain = [marked(each) for each in head]
    if marked(name) in plain:
        return plain.index(marked(name))
    return int(name) - 1 if name.isdecimal() and 0 < int(name) <= len(head) else -1


def _table(
    path: Path, name: str, layout: Layout, separator: str, head: Sequence[str], lines: list[str], skipped: set[str]
) -> Plan:
    head = head if layout.header else layout.names
    found = {role: [p for each in names if (p := _place(each, head)) >= 0] for role, names in layout.columns.items()}
    found = {role: places for role, places in found.items() if places}
    names = {role: head[places[0]] for role, places in found.items()}
    complete(path, names, layout, head)
    times = [
        cells[found["time"][0]].strip().strip('"') for line in lines[layout.header :]
        if "time" in found and len(cells := line.split(separator)) == len(head)
    ]  # fmt: skip
    return Plan(
        name, layout, "table", "", b"", layout.unit or unit_of(times, names.get("time", "")),
        "event" in found or "event" in layout.constants, separator, len(head),
        tuple(tuple(found.get(role, ())) for role in ROLES), names,
        frozenset(skipped | ({lines[0]} if layout.header else set())),
    )  # fmt: skip
