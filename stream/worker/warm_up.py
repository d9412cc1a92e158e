"""Loads what numba compiled (or compiles it) before the first event: otherwise its slate would come seconds late."""

from stream.config import Config
from stream.decisions.local import LocalWorker
from stream.records.log import ItemChange
from stream.records.schemas import KINDS, Event, Item

ITEMS = 30
STEPS = 40  # enough for settled decisions of every user
START = 1e9  # event time, unix seconds


def warm_up(config: Config) -> None:
    """Run a few made-up events through an engine and a model that are thrown away."""
    worker = LocalWorker.of(config)
    worker.take(*(ItemChange(f"i{n}", Item(item_id=f"i{n}", categories=[f"c{n % 2}"])) for n in range(ITEMS)))
    for n in range(STEPS):
        event = Event(event_id=f"e{n}", user_id=f"u{n % 3}", item_id=f"i{n * n % 7}", timestamp=START + n)
        worker.take(worker.arrival(KINDS[n % 3], event))
    worker.model.fingerprint()
