"""The conditions of a rules file as arrays, and a user's attributes evaluated against them."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.records.schemas import Scalar
from stream.rules.file import Eligible
from stream.rules.kernels import (
    ANY,
    COMPARE,
    EXISTS,
    GREATER,
    GREATER_OR_EQUAL,
    HIDE,
    LESS,
    LESS_OR_EQUAL,
    MISSING,
    NONE,
    SHOW,
    Comparisons,
    Operands,
    Program,
)
from stream.rules.parse import Condition
from stream.state.attributes import as_fact, entries, field_key

CODES: Final = {
    "=": ANY, "in": ANY, "contains": ANY, "!=": NONE, "not in": NONE, "excludes": NONE, "<": LESS,
    "<=": LESS_OR_EQUAL, ">": GREATER, ">=": GREATER_OR_EQUAL, "exists": EXISTS, "missing": MISSING,
}  # fmt: skip


def compile_conditions(rules: Sequence[tuple[Condition, ...]]) -> Program:
    """The conditions on items of many rules, one rule after the other."""
    atoms = [condition for rule in rules for condition in rule]
    ends = np.cumsum([len(rule) for rule in rules], dtype=np.int32) if rules else np.zeros(0, np.int32)
    pairs: list[tuple[int, int]] = []
    low, high, bound = [], [], []
    for atom in atoms:
        ordered = CODES[atom.op] in (LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL)
        bound.append(float(atom.values[0]) if ordered else math.nan)
        low.append(len(pairs))
        if not ordered:
            pairs += sorted((as_fact(atom.field, value) for value in atom.values), key=lambda pair: (pair[1], pair[0]))
        high.append(len(pairs))
    return Program(
        np.array([end - len(rule) for end, rule in zip(ends.tolist(), rules, strict=True)], np.int32), ends,
        np.array([CODES[atom.op] for atom in atoms], np.int32),
        np.array([field_key(atom.field) for atom in atoms], np.int64), np.array(bound, np.float64),
        np.array(low, np.int32), np.array(high, np.int32), np.array(pairs, np.int64).reshape(-1, 2),
    )  # fmt: skip


def user_satisfies(conditions: tuple[Condition, ...], attributes: Mapping[str, Scalar]) -> bool:
    """Whether all conditions hold of a user, with the same meaning as for items.

    >>> dutch = (Condition("attributes.country", "in", ("NL", "BE")),)
    >>> user_satisfies(dutch, {"country": "NL"}), user_satisfies(dutch, {})
    (True, False)
    """
    return all(_holds(condition, entries(attributes.get(_name(condition.field)))) for condition in conditions)


def _holds(condition: Condition, given: list[str | bool | float]) -> bool:
    code = CODES[condition.op]
    if code == MISSING:
        return not given
    if code == EXISTS:
        return bool(given)
    if code in (ANY, NONE):
        wanted = {as_fact(condition.field, value) for value in condition.values}
        met = any(as_fact(condition.field, value) in wanted for value in given)
        return met if code == ANY else bool(given) and not met
    bound = float(condition.values[0])
    numbers = [float(value) for value in given if isinstance(value, int | float) and not isinstance(value, bool)]
    return any(_in_order(code, value, bound) for value in numbers)


def _in_order(code: int, value: float, bound: float) -> bool:
    if code == LESS:
        return value < bound
    if code == LESS_OR_EQUAL:
        return value <= bound
    return value > bound if code == GREATER else value >= bound


def compile_comparisons(rules: Sequence[Eligible], numbers: NDArray[np.int64]) -> Comparisons:
    """The comparisons of rules of eligibility, which have these numbers in the program."""
    return Comparisons(
        numbers,
        field_keys([rule.item for rule in rules]),
        np.array([CODES[rule.op] for rule in rules], np.int32),
        np.array([rule.show_if_item_lacks for rule in rules], np.bool_),
    )


def user_operands(rules: Sequence[Eligible], attributes: Mapping[str, Scalar]) -> Operands:
    """A user's side of the comparisons."""
    given = [entries(attributes.get(_name(rule.user))) for rule in rules]
    values = np.zeros((len(rules), max((len(each) for each in given), default=0)), np.int64)
    number, verdict = np.full(len(rules), np.nan), np.full(len(rules), COMPARE, np.int32)
    for e, (rule, found) in enumerate(zip(rules, given, strict=True)):
        if not found:
            verdict[e] = SHOW if rule.show_if_user_lacks else HIDE
        for place, value in enumerate(found):
            values[e, place] = as_fact("", value)[1]
            if isinstance(value, int | float) and not isinstance(value, bool):
                number[e] = value
    return Operands(verdict, number, values, np.array([len(each) for each in given], np.int32))


def field_keys(fields: Sequence[str]) -> NDArray[np.int64]:
    """The keys under which the facts hold some fields."""
    return np.array([field_key(field) for field in fields], np.int64)


def _name(field: str) -> str:
    return field.removeprefix("attributes.")
