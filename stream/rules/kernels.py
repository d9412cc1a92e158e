"""Rules as compiled loops over candidates: which conditions hold of them, which a user may see, boosts."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable
from numpy.typing import NDArray

from stream.state.attributes import Table, field_key

ANY, NONE, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL, EXISTS, MISSING = range(8)
HIDE, SHOW, COMPARE = range(3)
ITEM = field_key("item")  # the one field that the facts do not hold


class Program(NamedTuple):
    """The conditions of all rules. Rule r holds of an item if its atoms [start[r], stop[r]) all hold."""

    start: NDArray[np.int32]  # [rules]
    stop: NDArray[np.int32]  # [rules]
    op: NDArray[np.int32]  # [atoms]
    field: NDArray[np.int64]  # [atoms]: its key
    bound: NDArray[np.float64]  # [atoms]: of a comparison by order
    low: NDArray[np.int32]  # [atoms]: its pairs [low, high)
    high: NDArray[np.int32]  # [atoms]
    pairs: NDArray[np.int64]  # [pairs, 2]: field, value; by value within an atom


class Comparisons(NamedTuple):
    """The rules of eligibility: how an item's field must compare with the user's."""

    rule: NDArray[np.int64]  # [comparisons]: number in the program, which says of what items
    field: NDArray[np.int64]  # [comparisons]: its key
    op: NDArray[np.int32]  # [comparisons]
    show_if_lacking: NDArray[np.bool_]  # [comparisons]: items without the field


class Operands(NamedTuple):
    """A user's side of the comparisons."""

    verdict: NDArray[np.int32]  # [comparisons]: HIDE or SHOW what has the field, or COMPARE
    number: NDArray[np.float64]  # [comparisons]: nan unless the user's value is a number
    values: NDArray[np.int64]  # [comparisons, values]: 0 pads
    size: NDArray[np.int32]  # [comparisons]: values in use


@register_jitable
def listed(pairs: NDArray[np.int64], field: int, value: int) -> bool:
    """Whether pairs, sorted by value, contain this field and value."""
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
def narrow(table: Table, program: Program, atom: int, items: NDArray[np.int32], fine: NDArray[np.bool_]) -> None:
    """Keep of the items marked `fine` those that one condition holds of.

    Of a missing field only MISSING holds; of several values, ANY wants one that is listed and NONE no such.
    """
    field, op, bound = program.field[atom], program.op[atom], program.bound[atom]
    pairs = program.pairs[program.low[atom] : program.high[atom]]
    facts, numbers = table.facts, table.facts.view(np.float64)
    for n in range(len(items)):
        if not fine[n]:
            continue
        item = items[n]
        present = met = False
        if field == ITEM:
            present, met = True, listed(pairs, ITEM, table.keys[item])
        for row in range(table.start[item], table.start[item] + table.size[item]):
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
    """Which items all conditions of a rule hold of.

    Loops over items are inside such functions: a call with many arrays costs more than its work.
    """
    fine = np.ones(len(items), np.bool_)
    for atom in range(program.start[rule], program.stop[rule]):
        narrow(table, program, atom, items, fine)
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
    """Scores after each rule in turn: score · factors[r, 0] + factors[r, 1] where it holds."""
    found = scores.copy()
    for position, rule in enumerate(rules):
        fine = rule_holds(table, program, rule, items)
        for n in range(len(items)):
            if fine[n]:
                found[n] = found[n] * factors[position, 0] + factors[position, 1]
    return found


@register_jitable
def hide_unsuited(
    table: Table, comparisons: Comparisons, e: int, operands: Operands, items: NDArray[np.int32],
    concerned: NDArray[np.bool_], shown: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Clear in `shown` the concerned items that comparison e hides from the user."""
    field, op, number = comparisons.field[e], comparisons.op[e], operands.number[e]
    values, verdict, lacking = (
        operands.values[e, : operands.size[e]],
        operands.verdict[e],
        comparisons.show_if_lacking[e],
    )
    facts, numbers = table.facts, table.facts.view(np.float64)
    for n in range(len(items)):
        if not concerned[n]:
            continue
        present = met = False
        for row in range(table.start[items[n]], table.start[items[n]] + table.size[items[n]]):
            kind = facts[row, 0] - field  # 0: a text of this field, 1: a number
            if kind == 0 or kind == 1:
                present = True
                if op <= NONE:
                    for value in values:
                        met |= facts[row, 1] == value
                elif kind == 1:
                    met |= in_order(op, numbers[row, 1], number)
        if not present:
            shown[n] &= lacking
        elif verdict != COMPARE:
            shown[n] &= verdict != HIDE
        else:
            shown[n] &= not met if op == NONE else met


@njit(cache=True)
def eligible(
    table: Table, program: Program, comparisons: Comparisons, operands: Operands, items: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Which items a user may see by all rules of eligibility."""
    shown = np.ones(len(items), np.bool_)
    for e, rule in enumerate(comparisons.rule):
        hide_unsuited(table, comparisons, e, operands, items, rule_holds(table, program, rule, items), shown)
    return shown
