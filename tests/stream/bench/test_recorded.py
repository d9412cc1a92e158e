"""A log from a file as a workload: it begins again, later, and scenarios run on it."""

from itertools import islice, pairwise
from pathlib import Path

import pytest

from stream.bench.recorded import PAUSE_S, Recorded
from stream.bench.site import START, Site
from stream.config import Config
from stream.datasets.readers import read
from stream.errors import UsageError
from stream.records.schemas import Event, Item

MOVIELENS = Path(__file__).parents[3] / "deploy" / "demo" / "movielens-latest-small"


def event(n: int, time: float) -> tuple[str, Event]:
    return "click", Event(event_id=f"e{n}", user_id="u", item_id=f"i{n}", timestamp=time)


def test_a_log_begins_again_later_under_other_ids() -> None:
    world = Recorded([Item(item_id="i0"), event(0, 100.0), event(1, 160.0)])  # type: ignore[list-item]
    found = [(kind, e.event_id, e.item_id, e.timestamp) for kind, e in islice(world.events(1000.0), 4)]
    later = 1000.0 + 60.0 + PAUSE_S
    assert found == [
        ("click", "e0~0", "i0", 1000.0), ("click", "e1~0", "i1", 1060.0),
        ("click", "e0~1", "i0", later), ("click", "e1~1", "i1", later + 60.0),
    ]  # fmt: skip
    assert ([item.item_id for item in world.catalogue()], world.items) == (["i0"], 2)


def test_a_file_without_events_is_refused() -> None:
    with pytest.raises(UsageError, match="--file must hold events"):
        Recorded([Item(item_id="i0")])


def test_a_site_learns_a_real_log() -> None:
    world = Recorded(entry for entry, _ in zip(read(MOVIELENS), range(400)))
    site = Site(Config(), world, 300)
    assert site.model.catalogue.events >= 300
    times = [each.event.time for each in site.arrivals(500)]
    assert all(a <= b for a, b in pairwise(times))
    assert times[0] >= START
    assert site.model.skipped == 0
