"""How a file is to be read: as a person says it, by options or in a small TOML file, and as it was found out."""

import codecs
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from stream.datasets.layouts import DATE, REQUIRED, ROLES, SKIP, UNITS, Events, Layout
from stream.datasets.raw.bad import FormatError
from stream.datasets.ready import FORMATS, PLAIN_COLUMNS, READY
from stream.errors import UsageError
from stream.records.schemas import KINDS

Form = Literal["table", "objects", "array", "parquet"]
SAMPLED = 1000  # rows that tell the unit of time
OWN = "columns"  # the format of a file whose columns are named on the command line
SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|"}
TIME_UNITS = (*UNITS, DATE)


@dataclass(frozen=True)
class How:
    """What is said about a file; what is not said is found out.

    Raises
    ------
    UsageError
        if it cannot be meant
    """

    format: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)  # role to the column's name
    events: Mapping[str, str] = field(default_factory=dict)  # value in the file to an event, or `skip`
    default_event: str | None = None
    time_unit: str | None = None
    separator: str | None = None
    encoding: str | None = None
    constants: Mapping[str, str] = field(default_factory=dict)  # role to the value of every line
    command: str = "evaluate"  # for the advice in errors

    def __post_init__(self) -> None:
        _among("--format", self.format, FORMATS)
        _among("--time-unit", self.time_unit, TIME_UNITS)
        _among("--default-event", self.default_event, KINDS)
        for role in (*self.columns, *self.constants):
            _among("--columns", role, ROLES)
        for value, kind in self.events.items():
            _among(f"--events {value}", kind, (*KINDS, SKIP))
        if self.separator is not None and not self.separator:
            raise UsageError("--separator: must be one character, or comma, semicolon, tab or pipe; got nothing")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise UsageError(
                    f"--encoding: must be an encoding that Python knows, such as cp1252; got {self.encoding!r}"
                ) from None

    def applied(self, layout: Layout) -> Layout:
        """A layout with what is said in place of its own."""
        events: Events = layout.events
        if self.events:
            said = {value: None if kind == SKIP else KINDS[KINDS.index(kind)] for value, kind in self.events.items()}
            events = {**{each: kind for each, kind in events.items() if each.casefold() not in _folded(said)}, **said}
        columns = {**layout.columns, **{role: (name,) for role, name in self.columns.items()}}
        for role in self.constants:
            columns.pop(role, None)
        return layout._replace(
            columns=columns, events=events, constants={**layout.constants, **self.constants},
            default=layout.default if self.default_event is None else KINDS[KINDS.index(self.default_event)],
            unit=self.time_unit or layout.unit,
        )  # fmt: skip

    def own(self) -> Layout | None:
        """The layout of the columns that are said; roles that are not have headwater's own names."""
        return self.applied(Layout(PLAIN_COLUMNS, starred="rating" in self.columns)) if self.columns else None

    def candidates(self, *without: str) -> Iterator[tuple[str, Layout]]:
        """Formats and layouts that the file may have."""
        for name in (self.format,) if self.format else FORMATS:
            if name not in without:
                yield from ((name, layout) for layout in READY[name])


def _folded(values: Mapping[str, Any]) -> set[str]:
    return {value.casefold() for value in values}


def _among(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise UsageError(f"{option}: must be one of {', '.join(allowed)}; got {value!r}")


def pairs(option: str, texts: tuple[str, ...]) -> dict[str, str]:
    """The pairs of `a=b,c=d`, of all texts.

    The last sign of equality of a pair counts, and none of its commas: values with commas are given one at a time.

    >>> pairs("--columns", ("user=visitorid,item=itemid", "time=when"))
    {'user': 'visitorid', 'item': 'itemid', 'time': 'when'}
    """
    found: dict[str, str] = {}
    for text in texts:
        for pair in text.split(",") if text.count("=") > 1 else [text]:
            name, equals, value = (part.strip() for part in pair.rpartition("="))
            if not equals or not name or not value or "," in value:
                raise UsageError(f"{option}: must be pairs such as a=b,c=d; got {pair!r}")
            found[name] = value
    return found


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: str | None = None
    columns: dict[str, str | int] = {}
    events: dict[str, str] = {}
    default_event: str | None = None
    time_unit: str | None = None
    separator: str | None = None
    encoding: str | None = None
    constants: dict[str, str | int | float] = {}


def from_file(path: Path) -> How:
    """How a layout file says that a file is to be read.

    Raises
    ------
    UsageError
        with the file, what must hold and what came
    """
    try:
        given = msgspec.convert(tomllib.loads(path.read_text("utf-8")), _File)
    except OSError as error:
        raise UsageError(f"--layout {path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # of TOML, of UTF-8 and of msgspec
        raise UsageError(f"--layout {path}: {error}") from error
    return How(
        given.format, {role: str(name) for role, name in given.columns.items()}, given.events, given.default_event,
        given.time_unit, separator_of(given.separator), given.encoding,
        {role: str(value) for role, value in given.constants.items()},
    )  # fmt: skip


def separator_of(text: str | None) -> str | None:
    r"""The separator of its name.

    >>> separator_of("tab"), separator_of(";")
    ('\t', ';')
    """
    return None if text is None else SEPARATORS.get(text, text)


def over(how: How, said: How) -> How:
    """What a file says, and over it what the command line says."""
    return replace(
        how,
        format=said.format or how.format, columns={**how.columns, **said.columns}, events={**how.events, **said.events},
        default_event=said.default_event or how.default_event, time_unit=said.time_unit or how.time_unit,
        separator=said.separator or how.separator, encoding=said.encoding or how.encoding, command=said.command,
    )  # fmt: skip


class Plan(NamedTuple):
    """How to read one file."""

    name: str  # of the format
    layout: Layout
    form: Form
    encoding: str
    sample: bytes
    unit: str | None
    has_event: bool
    separator: str = ","
    width: int = 0  # columns of every row
    places: tuple[tuple[int, ...], ...] = ()  # of the columns of each role, in the order of `ROLES`
    names: Mapping[str, str] = {}  # of the columns, by role
    skipped: frozenset[str] = frozenset()  # lines that are no rows: the header


def complete(path: Path, names: Mapping[str, str], layout: Layout, head: Iterable[str]) -> None:
    """Refuse a file of which not even user, item and time are known."""
    missing = [role for role in REQUIRED if role not in names and role not in layout.constants]
    if missing:
        raise FormatError(
            f"{path}: --columns must name user, item and time; {', '.join(missing)} missing; add "
            f"{','.join(f'{role}=COLUMN' for role in missing)}; the columns are {', '.join(head)[:200]}"
        )
