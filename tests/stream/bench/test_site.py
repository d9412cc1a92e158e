"""The site of the scenarios: what it makes can be folded and read back."""

import pytest

from stream.bench.site import PER_MESSAGE, Site, count_records
from stream.bench.workloads import World
from stream.config import Config
from stream.records.log import encode_message


@pytest.fixture(scope="module")
def site() -> Site:
    return Site(Config(), World(users=500, items=200), warm_up=300, known=50)


def test_known_users_are_there_before_the_warm_up(site: Site) -> None:
    assert {f"u{n}" for n in range(50)} <= set(site.shard.users)
    assert not site.shard.deferred
    assert site.events >= 300
    assert site.model.catalogue.events == 50 + site.events


def test_messages_are_cut_as_the_worker_cuts_them(site: Site) -> None:
    batches = site.backlog(2 * PER_MESSAGE + 1)
    assert count_records(batches) >= 2 * PER_MESSAGE + 1
    before, offset = site.model.catalogue.events, site.model.offset
    assert site.replicate([encode_message(batch) for batch in batches]) == count_records(batches)
    assert site.model.catalogue.events == before + 2 * PER_MESSAGE + 1
    assert site.model.offset == offset + len(batches)
    assert site.model.skipped == 0
