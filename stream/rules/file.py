"""A rules file, read and checked, as plain values; `apply` gives them their meaning."""

import math
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from stream.rules.parse import ITEM_FIELDS, USER_FIELDS, Condition, RulesError, TableReader, near

MAX_SLOTS = 40  # of a slate, as in the configuration
DAY_S = 86_400.0
EligibleOp = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "excludes"]
ELIGIBLE_OPS: tuple[EligibleOp, ...] = ("=", "!=", "<", "<=", ">", ">=", "contains", "excludes")


class When(NamedTuple):
    """The users and the time that a rule holds for."""

    audience: tuple[Condition, ...] = ()  # on the user; none: all users
    start: float = -math.inf  # event time, unix seconds
    end: float = math.inf  # exclusive


class Cap(NamedTuple):
    """At most `at_most` items with the same value of a field."""

    name: str
    field: str
    at_most: int
    first: int  # slots from the top that are counted


class Pin(NamedTuple):
    """One item in one slot."""

    name: str
    item: str
    slot: int  # from 0
    when: When


class Boost(NamedTuple):
    """Ranking score · multiply + add."""

    name: str
    items: tuple[Condition, ...]
    multiply: float
    add: float
    when: When


class Exclude(NamedTuple):
    """Items that are not shown."""

    name: str
    items: tuple[Condition, ...]
    when: When


class Eligible(NamedTuple):
    """Only items whose field compares with the user's as `op` says."""

    name: str
    items: tuple[Condition, ...]  # that the rule concerns; none: all
    item: str
    op: EligibleOp
    user: str
    show_if_item_lacks: bool
    show_if_user_lacks: bool


class Bought(NamedTuple):
    """When items that the user has bought are shown again."""

    name: str
    items: tuple[Condition, ...]
    after_s: float  # seconds until they may be shown again; inf: never, -inf: at once


class RuleBook(NamedTuple):
    """All rules of a file, each kind in the order of the file."""

    diversity: float = 0.0  # in [0, 1]
    caps: tuple[Cap, ...] = ()
    pins: tuple[Pin, ...] = ()
    boosts: tuple[Boost, ...] = ()
    excludes: tuple[Exclude, ...] = ()
    eligibles: tuple[Eligible, ...] = ()
    boughts: tuple[Bought, ...] = ()


R = TypeVar("R")
KINDS = ("cap", "pin", "boost", "exclude", "eligible", "bought")


def load_rules(path: str) -> RuleBook:
    """Read a rules file.

    Raises
    ------
    RulesError
        for a missing file, no TOML, an unknown key, a wrong type or value
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RulesError(f"rules {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RulesError(f"rules {path}: is not TOML: {error}") from error
    return parse_rules(text, path)


def parse_rules(text: str, path: str = "rules.toml") -> RuleBook:
    """Read the text of a rules file; `path` is for messages.

    >>> parse_rules("cap = [{ field = 'brand', at_most = 2 }]").caps[0].first
    40
    """
    origin = f"rules {path}"
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{origin}: is not TOML: {error}") from error
    for key in table:
        if key not in ("diversity", *KINDS):
            known = ("diversity", *(f"[[{kind}]]" for kind in KINDS))
            raise RulesError(
                f"{origin}: key `{key}`: must be one of {', '.join(known)}{near(key, ('diversity', *KINDS))}"
            )
    return RuleBook(
        TableReader(origin, table).number("diversity", 0.0, 1.0, 0.0),
        _all(origin, table, "cap", _cap), _all(origin, table, "pin", _pin), _all(origin, table, "boost", _boost),
        _all(origin, table, "exclude", _exclude), _all(origin, table, "eligible", _eligible),
        _all(origin, table, "bought", _bought),
    )  # fmt: skip


def _all(origin: str, table: dict[str, object], kind: str, read: Callable[[TableReader, str], R]) -> tuple[R, ...]:
    """The rules of one kind."""
    listed = table.get(kind, [])
    if not isinstance(listed, list):
        raise RulesError(f"{origin}: `{kind}`: must be written with double brackets, [[{kind}]]")
    found = []
    for n, each in enumerate(listed, 1):
        given = each.get("name") if isinstance(each, dict) else None
        rule = TableReader(f"{origin}: {kind} {n}" + (f" ({given!r})" if given else ""), each)
        found.append(read(rule, rule.text("name", f"{kind} {n}")))
        rule.end()
    return tuple(found)


def _when(rule: TableReader) -> When:
    when = When(
        rule.conditions("audience", USER_FIELDS), rule.moment("from", -math.inf), rule.moment("until", math.inf)
    )
    if when.start >= when.end:
        raise rule.fail("until", "must be later than `from`")
    return when


def _cap(rule: TableReader, name: str) -> Cap:
    field = rule.field("field", ITEM_FIELDS)
    if field == "item":
        raise rule.fail("field", "must be a field that items share: an item is shown once anyhow")
    return Cap(name, field, rule.integer("at_most", 1, MAX_SLOTS), rule.integer("first", 1, MAX_SLOTS, MAX_SLOTS))


def _pin(rule: TableReader, name: str) -> Pin:
    return Pin(name, rule.item("item"), rule.integer("slot", 1, MAX_SLOTS) - 1, _when(rule))


def _boost(rule: TableReader, name: str) -> Boost:
    items = rule.conditions("items", ITEM_FIELDS, required=True)
    if "multiply" not in rule and "add" not in rule:
        raise rule.fail("multiply", "must be there, or `add`")
    return Boost(name, items, rule.number("multiply", 0, 1e6, 1.0), rule.number("add", -1e6, 1e6, 0.0), _when(rule))


def _exclude(rule: TableReader, name: str) -> Exclude:
    return Exclude(name, rule.conditions("items", ITEM_FIELDS, required=True), _when(rule))


def _eligible(rule: TableReader, name: str) -> Eligible:
    words = ("show", "hide")
    chosen = rule.word("op", ELIGIBLE_OPS)
    return Eligible(
        name, rule.conditions("items", ITEM_FIELDS), rule.field("item", ITEM_FIELDS),
        next(op for op in ELIGIBLE_OPS if op == chosen), rule.field("user", USER_FIELDS),
        rule.word("if_item_lacks", words, "show") == "show", rule.word("if_user_lacks", words, "hide") == "show",
    )  # fmt: skip


def _bought(rule: TableReader, name: str) -> Bought:
    items = rule.conditions("items", ITEM_FIELDS)
    again = rule.word("again", ("never", "always", "after"))
    if again == "after":
        return Bought(name, items, DAY_S * rule.number("days", 0, 36_500))
    if "days" in rule:
        raise rule.fail("days", "must stand with again = 'after' only")
    return Bought(name, items, math.inf if again == "never" else -math.inf)
