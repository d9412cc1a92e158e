"""The learners' inputs from the steps of the log: items by their numbers, a user's history as arrays."""

from collections.abc import Sequence

import numpy as np

from learners import NO_HISTORY, Interaction, Interactions, Past, Vocabulary
from learners.interactions import starts_of
from stream.records.log import LoggedEvent, Step
from stream.state.user_block import PAST
from stream.state.users import number, unpack_past


def interaction(vocabulary: Vocabulary, step: Step, event: LoggedEvent, item: int) -> Interaction:
    """The learners' input from a step's event on an item."""
    places, session_items = places_of(vocabulary, step, event), step.session_items
    recent, past = np.array(places, np.int32), unpack_past(step.past, event.time) if step.past else NO_HISTORY
    if -1 in places:  # there was no room for one of them
        known = recent >= 0
        recent, session_items = recent[known], int(np.count_nonzero(known[:session_items]))
        if step.past:
            past = Past(past.times[known], past.counts[known], past.kinds[known], past.bought[known])
    return Interaction(
        item, event.kind, event.time, recent, recent[:session_items], number(step.user_id), step.traits, past
    )


def places_of(vocabulary: Vocabulary, step: Step, event: LoggedEvent) -> list[int]:
    """The items of a step's history, each as what its name meant when the user last saw it."""
    if not vocabulary.renewed or not step.past:
        return vocabulary.places(step.recent)
    times = unpack_past(step.past, event.time).times.tolist()
    return [vocabulary.index_at(name, time) for name, time in zip(step.recent, times, strict=True)]


def interactions(vocabulary: Vocabulary, steps: Sequence[tuple[Step, LoggedEvent, int]]) -> Interactions:
    """The same for many steps with their events and items, without a Python object for each."""
    places = [place for step, event, _ in steps for place in places_of(vocabulary, step, event)]
    lengths = [len(step.recent) for step, _, _ in steps]
    past = b"".join([step.past for step, _, _ in steps])
    if -1 in places or len(past) != len(places) * PAST.itemsize:
        return Interactions.of([interaction(vocabulary, *each) for each in steps])
    times = np.array([event.time for _, event, _ in steps])
    return Interactions(
        np.array([item for _, _, item in steps], np.int32),
        np.array([event.kind for _, event, _ in steps], np.uint8),
        times,
        np.array([number(step.user_id) for step, _, _ in steps], np.int64),
        starts_of(lengths),
        np.array(places, np.int32),
        np.array([step.session_items for step, _, _ in steps], np.int64),
        unpack_past(past, np.repeat(times, lengths)),
        [step.traits for step, _, _ in steps],
    )
