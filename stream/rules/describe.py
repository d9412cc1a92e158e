"""A rules file in words, as headwater has read it."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from stream.records.schemas import Scalar
from stream.rules.compile import user_satisfies
from stream.rules.file import DAY_S, MAX_SLOTS, Boost, Bought, Cap, Eligible, Exclude, Pin, RuleBook, When
from stream.rules.parse import Condition
from stream.state.attributes import entries

R = TypeVar("R", Pin, Boost, Exclude)


def in_words(book: RuleBook, attributes: Mapping[str, Scalar] | None = None) -> Iterator[str]:
    """One line per rule; with a user's attributes, what it means for that user.

    >>> list(in_words(RuleBook(caps=(Cap("cap 1", "attributes.brand", 2, 10),))))
    ['cap 1: at most 2 items of one attributes.brand in the first 10 slots']
    """
    if book.diversity > 0:
        yield f"diversity: each slot of the ranking for the best of {_shares(book.diversity)}"
    yield from (f"{cap.name}: {_cap(cap)}" for cap in book.caps)
    yield from _timed(book.pins, _pin, attributes)
    yield from _timed(book.boosts, _boost, attributes)
    yield from _timed(book.excludes, _exclude, attributes)
    yield from (f"{rule.name}: {_eligible(rule)}{_brings(rule, attributes)}" for rule in book.eligibles)
    yield from (f"{rule.name}: {_bought(rule)}" for rule in book.boughts)


def _timed(rules: tuple[R, ...], words: Callable[[R], str], attributes: Mapping[str, Scalar] | None) -> Iterator[str]:
    for rule in rules:
        yield f"{rule.name}: {words(rule)}{_when(rule.when)}{_for_user(rule.when, attributes)}"


def _shares(diversity: float) -> str:
    return f"{1 - diversity:.4g} x relevance - {diversity:.4g} x likeness to an item above"


def _cap(cap: Cap) -> str:
    where = "on a slate" if cap.first == MAX_SLOTS else f"in the first {cap.first} slots"
    return f"at most {cap.at_most} item{'s' * (cap.at_most > 1)} of one {cap.field} {where}"


def _pin(pin: Pin) -> str:
    return f"item {_value(pin.item)} in slot {pin.slot + 1}"


def _boost(boost: Boost) -> str:
    times = f" x {boost.multiply:g}" if boost.multiply != 1 else ""
    plus = f" {'+' if boost.add > 0 else '-'} {abs(boost.add):g}" if boost.add != 0 else ""
    return f"score{times}{plus} for {_items(boost.items)}"


def _exclude(exclude: Exclude) -> str:
    return f"never {_items(exclude.items)}"


def _eligible(rule: Eligible) -> str:
    concerned = f"of {_items(rule.items)} only" if rule.items else "only items"
    lacks = ("hidden", "shown")
    return (
        f"{concerned} whose {rule.item} {rule.op} the user's {rule.user}; {lacks[rule.show_if_item_lacks]} if the "
        f"item lacks it, {lacks[rule.show_if_user_lacks]} if the user does"
    )


def _bought(rule: Bought) -> str:
    items = _items(rule.items)
    if rule.after_s == math.inf:
        return f"{items} are not shown again once bought"
    if rule.after_s < 0:
        return f"{items} may be shown again at once when bought"
    return f"{items} are shown again {rule.after_s / DAY_S:g} days after they were bought"


def _items(conditions: tuple[Condition, ...]) -> str:
    return f"items with {_all(conditions)}" if conditions else "all items"


def _all(conditions: tuple[Condition, ...]) -> str:
    return " and ".join(_condition(condition) for condition in conditions)


def _condition(condition: Condition) -> str:
    if not condition.values:
        return f"{condition.field} {'given' if condition.op == 'exists' else 'missing'}"
    return f"{condition.field} {condition.op} {', '.join(map(_value, condition.values))}"


def _value(value: str | bool | float) -> str:
    return (
        repr(value) if isinstance(value, str) else f"{value:g}" if not isinstance(value, bool) else str(value).lower()
    )


def _when(when: When) -> str:
    audience = f", for users with {_all(when.audience)}" if when.audience else ""
    start = "" if when.start == -math.inf else f", from {_moment(when.start)}"
    return audience + start + ("" if when.end == math.inf else f", until {_moment(when.end)}")


def _moment(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")


def _for_user(when: When, attributes: Mapping[str, Scalar] | None) -> str:
    if attributes is None:
        return ""
    return " [holds for this user]" if user_satisfies(when.audience, attributes) else " [not for this user]"


def _brings(rule: Eligible, attributes: Mapping[str, Scalar] | None) -> str:
    if attributes is None:
        return ""
    given = entries(attributes.get(rule.user.removeprefix("attributes.")))
    if given:
        return f" [this user: {', '.join(map(_value, given))}]"
    return f" [this user lacks it: {'shown' if rule.show_if_user_lacks else 'hidden'}]"
