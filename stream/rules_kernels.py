"""Rules as loops over candidates: which conditions hold, what is eligible, what is alike."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream.facts import Table, field_key

ANY, NONE, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL, EXISTS, MISSING = range(8)
HIDE, SHOW, COMPARE = range(3)
ITEM = field_key("item")  # the one field that is not among the facts


class Program(NamedTuple):
    """The conditions of all rules. Rule r holds of an item if its atoms [start[r], stop[r]) all do."""

    start: NDArray[np.int32]  # [rules]
    stop: NDArray[np.int32]  # [rules]
    op: NDArray[np.int32]  # [atoms]
    field: NDArray[np.int64]  # [atoms]: its key
    bound: NDArray[np.float64]  # [atoms]: of a comparison by order
    low: NDArray[np.int32]  # [atoms]: its pairs [low, high)
    high: NDArray[np.int32]  # [atoms]
    pairs: NDArray[np.int64]  # [pairs, 2]: field, value; by value within an atom


class Operands(NamedTuple):
    """What a user brings to the rules of eligibility."""

    verdict: NDArray[np.int32]  # [rules]: HIDE or SHOW what has the field, or COMPARE
    number: NDArray[np.float64]  # [rules]: nan if the user's value is none
    values: NDArray[np.int64]  # [rules, values]: 0 pads
    size: NDArray[np.int32]  # [rules]: values in use


@register_jitable
def listed(program: Program, atom: int, field: int, value: int) -> bool:
    """Whether an atom names this field and value."""
    pairs, low, high = program.pairs, program.low[atom], program.high[atom]
    end = high
    while low < high:
        middle = (low + high) // 2
        if pairs[middle, 1] < value:
            low = middle + 1
        else:
            high = middle
    found = False
    while low < end and pairs[low, 1] == value:
        found |= pairs[low, 0] == field
        low += 1
    return found


@register_jitable
def in_order(op: int, value: float, bound: float) -> bool:
    """Whether a comparison by order holds; never with nan."""
    if op == LESS:
        return value < bound
    if op == LESS_OR_EQUAL:
        return value <= bound
    return value > bound if op == GREATER else value >= bound


@register_jitable
def atom_holds(table: Table, program: Program, atom: int, item: int) -> bool:
    """Whether one condition holds. Of a missing field only MISSING does; of several values, ANY wants one, NONE all."""
    facts, op, field = table.facts, program.op[atom], program.field[atom]
    values = facts.view(np.float64)
    present = met = False
    if field == ITEM:
        present, met = True, listed(program, atom, ITEM, table.keys[item])
    for row in range(table.start[item], table.start[item] + table.size[item]):
        kind = facts[row, 0] - field  # 0: a text of this field, 1: a number
        if kind != 0 and kind != 1:
            continue
        present = True
        if op <= NONE:
            met |= listed(program, atom, facts[row, 0], facts[row, 1])
        elif op < EXISTS and kind == 1:
            met |= in_order(op, values[row, 1], program.bound[atom])
    if op == EXISTS:
        return present
    if op == MISSING:
        return not present
    return present and not met if op == NONE else met


@register_jitable
def rule_holds(table: Table, program: Program, rule: int, item: int) -> bool:
    """Whether a rule's conditions all hold of an item."""
    atom = program.start[rule]
    while atom < program.stop[rule] and atom_holds(table, program, atom, item):
        atom += 1
    return bool(atom == program.stop[rule])


@njit(cache=True)
def holds_any(table: Table, program: Program, rules: NDArray[np.int64], items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which items one of the rules holds of."""
    found = np.zeros(len(items), np.bool_)
    for n, item in enumerate(items):
        for rule in rules:
            if rule_holds(table, program, rule, item):
                found[n] = True
                break
    return found


@njit(cache=True)
def first_holding(
    table: Table, program: Program, rules: NDArray[np.int64], items: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Position in `rules` of the first one that holds of each item, -1 if none does."""
    found = np.full(len(items), -1, np.int64)
    for n, item in enumerate(items):
        for position, rule in enumerate(rules):
            if rule_holds(table, program, rule, item):
                found[n] = position
                break
    return found


@njit(cache=True)
def boosted(
    table: Table, program: Program, rules: NDArray[np.int64], factors: NDArray[np.float64], items: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> NDArray[np.float32]:  # fmt: skip
    """Scores after rule upon rule: score · factors[r, 0] + factors[r, 1] where it holds."""
    found = scores.copy()
    for n, item in enumerate(items):
        for position, rule in enumerate(rules):
            if rule_holds(table, program, rule, item):
                found[n] = found[n] * factors[position, 0] + factors[position, 1]
    return found


@register_jitable
def suits(table: Table, item: int, op: int, field: int, operands: Operands, rule: int, show_if_lacking: bool) -> bool:
    """Whether an item suits a user by one rule of eligibility."""
    facts = table.facts
    values = facts.view(np.float64)
    present = met = False
    for row in range(table.start[item], table.start[item] + table.size[item]):
        kind = facts[row, 0] - field
        if kind != 0 and kind != 1:
            continue
        present = True
        if op <= NONE:
            for place in range(operands.size[rule]):
                met |= facts[row, 1] == operands.values[rule, place]
        elif kind == 1:
            met |= in_order(op, values[row, 1], operands.number[rule])
    if not present:
        return show_if_lacking
    if operands.verdict[rule] != COMPARE:
        return bool(operands.verdict[rule] == SHOW)
    return not met if op == NONE else met


@njit(cache=True)
def eligible(
    table: Table, program: Program, rules: NDArray[np.int64], fields: NDArray[np.int64], ops: NDArray[np.int32],
    show_if_lacking: NDArray[np.bool_], operands: Operands, items: NDArray[np.int32],
) -> NDArray[np.bool_]:  # fmt: skip
    """Which items suit a user by all rules of eligibility."""
    found = np.ones(len(items), np.bool_)
    for n, item in enumerate(items):
        for e, rule in enumerate(rules):
            if rule_holds(table, program, rule, item) and not suits(
                table, item, ops[e], fields[e], operands, e, show_if_lacking[e]
            ):
                found[n] = False
                break
    return found
