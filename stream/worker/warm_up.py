"""Loads what numba compiled (or compiles it) before the first event: otherwise its slate would come seconds late."""

from stream.config import Config
from stream.evaluation.prequential import Entry, Evaluation, Protocol
from stream.records.schemas import KINDS, Event, EventType, Item

STEPS = 40  # enough for hits, misses and a decision by every kind of list
START = 1e9  # event time, unix seconds


def warm_up(config: Config) -> None:
    """Run a few made-up events through an engine and a model that are thrown away."""
    entries: list[Entry] = [Item(item_id=f"i{n}", categories=[f"c{n % 2}"]) for n in range(30)]
    for n in range(STEPS):
        kind: EventType = KINDS[n % 3]
        event = Event(event_id=f"e{n}", user_id=f"u{n % 3}", item_id=f"i{n * n % 7}", timestamp=START + n)
        entries.append((kind, event))
    Evaluation(config, Protocol(ks=(config.slate.slots,))).run(entries)
