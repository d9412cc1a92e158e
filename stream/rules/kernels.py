"""Rules as loops over candidates: which conditions hold, what is eligible, what is alike."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream.state.attributes import Table, field_key

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
def listed(pairs: NDArray[np.int64], field: int, value: int) -> bool:
    """Whether pairs in the order of their values hold this field and value."""
    low, high = 0, len(pairs)
    while low < high:
        middle = (low + high) // 2
        if pairs[middle, 1] < value:
            low = middle + 1
        else:
            high = middle
    found = False
    while low < len(pairs) and pairs[low, 1] == value:
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
def narrow(
    facts: NDArray[np.int64], start: NDArray[np.int64], size: NDArray[np.int32], keys: NDArray[np.int64],
    items: NDArray[np.int32], field: int, op: int, bound: float, pairs: NDArray[np.int64], fine: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Keep of the items marked `fine` those that one condition holds of.

    Of a missing field only MISSING holds; of several values, ANY wants one that is listed and NONE no such.
    """
    numbers = facts.view(np.float64)
    for n in range(len(items)):
        if not fine[n]:
            continue
        item = items[n]
        present = met = False
        if field == ITEM:
            present, met = True, listed(pairs, ITEM, keys[item])
        for row in range(start[item], start[item] + size[item]):
            kind = facts[row, 0] - field  # 0: a text of this field, 1: a number
            if kind == 0 or kind == 1:
                present = True
                if op <= NONE:
                    met |= listed(pairs, facts[row, 0], facts[row, 1])
                elif op < EXISTS and kind == 1:
                    met |= in_order(op, numbers[row, 1], bound)
        if op >= EXISTS:
            fine[n] = present == (op == EXISTS)
        else:
            fine[n] = (present and not met) if op == NONE else met


@register_jitable
def rule_holds(table: Table, program: Program, rule: int, items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which items a rule's conditions all hold of. Loops over items are inside: a call with many arrays is dear."""
    fine = np.ones(len(items), np.bool_)
    for atom in range(program.start[rule], program.stop[rule]):
        narrow(
            table.facts, table.start, table.size, table.keys, items, program.field[atom], program.op[atom],
            program.bound[atom], program.pairs[program.low[atom] : program.high[atom]], fine,
        )  # fmt: skip
    return fine


@njit(cache=True)
def holds_any(table: Table, program: Program, rules: NDArray[np.int64], items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which items one of the rules holds of."""
    found = np.zeros(len(items), np.bool_)
    for rule in rules:
        found |= rule_holds(table, program, rule, items)
    return found


@njit(cache=True)
def first_holding(
    table: Table, program: Program, rules: NDArray[np.int64], items: NDArray[np.int32]
) -> NDArray[np.int64]:
    """Position in `rules` of the first one that holds of each item, -1 if none does."""
    found = np.full(len(items), -1, np.int64)
    for position in range(len(rules) - 1, -1, -1):
        found[rule_holds(table, program, rules[position], items)] = position
    return found


@njit(cache=True)
def boosted(
    table: Table, program: Program, rules: NDArray[np.int64], factors: NDArray[np.float64], items: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> NDArray[np.float32]:  # fmt: skip
    """Scores after rule upon rule: score · factors[r, 0] + factors[r, 1] where it holds."""
    found = scores.copy()
    for position, rule in enumerate(rules):
        fine = rule_holds(table, program, rule, items)
        for n in range(len(items)):
            if fine[n]:
                found[n] = found[n] * factors[position, 0] + factors[position, 1]
    return found


@register_jitable
def unsuited(
    facts: NDArray[np.int64], start: NDArray[np.int64], size: NDArray[np.int32], item: int, field: int, op: int,
    verdict: int, number: float, values: NDArray[np.int64], show_if_lacking: bool,
) -> bool:  # fmt: skip
    """Whether an item does not suit a user by one rule of eligibility; `number` and `values` are the user's."""
    numbers = facts.view(np.float64)
    present = met = False
    for row in range(start[item], start[item] + size[item]):
        kind = facts[row, 0] - field
        if kind == 0 or kind == 1:
            present = True
            if op <= NONE:
                for value in values:
                    met |= facts[row, 1] == value
            elif kind == 1:
                met |= in_order(op, numbers[row, 1], number)
    if not present:
        return not show_if_lacking
    if verdict != COMPARE:
        return bool(verdict == HIDE)
    return met if op == NONE else not met


@njit(cache=True)
def eligible(
    table: Table, program: Program, rules: NDArray[np.int64], fields: NDArray[np.int64], ops: NDArray[np.int32],
    show_if_lacking: NDArray[np.bool_], operands: Operands, items: NDArray[np.int32],
) -> NDArray[np.bool_]:  # fmt: skip
    """Which items suit a user by all rules of eligibility."""
    found = np.ones(len(items), np.bool_)
    facts, start, size = table.facts, table.start, table.size
    for e, rule in enumerate(rules):
        fine = rule_holds(table, program, rule, items)
        verdict, number, values = operands.verdict[e], operands.number[e], operands.values[e, : operands.size[e]]
        for n in range(len(items)):
            if fine[n] and unsuited(
                facts, start, size, items[n], fields[e], ops[e], verdict, number, values, show_if_lacking[e]
            ):
                found[n] = False
    return found
