"""The workers of a run of chaos, compared at its end with the fold of the log: their models, and users as recovered."""

import asyncio
import time
from collections.abc import Callable

import msgspec

from stream.chaos.fleet import Fleet, Report
from stream.chaos.ledger import Ledger
from stream.config import Config
from stream.decisions.recovery import Claimed, Recovery
from stream.errors import CheckError
from stream.kafka.connections import Connections, TruncatedError
from stream.kafka.log_reader import read_log
from stream.kafka.snapshots import user_snapshot
from stream.state.stored_users import same_users

STALL_S = 60.0  # no progress for so long: what is missing is lost


async def drained(left: Callable[[], int], what: str, report: Report) -> None:
    """Wait until nothing is left, or no less for `STALL_S`."""
    least, since = left(), time.monotonic()
    while least and time.monotonic() - since < STALL_S:
        await asyncio.sleep(0.2)
        if (now := left()) < least:
            least, since = now, time.monotonic()
    if least:
        report(f"{least:,} {what}, and no fewer for {STALL_S:.0f} s")


async def models_equal(fleet: Fleet, ledger: Ledger) -> list[bool]:
    """Whether each worker's model is that of the fold at the same log offset, once nothing more is to be learned.

    Claims and snapshots go on, and they too belong to the fingerprint.
    """
    ledger.keep_digests()
    known, deadline = ledger.digests or {}, time.monotonic() + STALL_S
    while time.monotonic() < deadline:
        pages = [await asyncio.to_thread(worker.page, "/fingerprint") for worker in fleet.workers]
        found = [msgspec.json.decode(text) for status, text in pages if status == 200]
        offsets = [each["offset"] for each in found]
        while len(found) == len(pages) and ledger.model.offset < max(offsets) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        if len(found) == len(pages) and known.keys() >= set(offsets) and ledger.changed <= min(offsets):
            wrong = [n for n, each in enumerate(found) if each["fingerprint"] != known[each["offset"]]]
            fleet.remarks += [f"worker {n} has another model at log offset {offsets[n]}" for n in wrong]
            return [n not in wrong for n in range(len(found))]
        await asyncio.sleep(0.2)
    raise CheckError(
        f"all workers must reach and report log offset {ledger.changed}, and the fold here what they report, within "
        f"{STALL_S:.0f} s; it is at {ledger.model.offset}, they say {pages}"
    )


async def differing_shards(config: Config, ledger: Ledger) -> int:
    """How many shards the next owner would not recover with the users that the fold has."""
    connections, acceptance = Connections(config.kafka), ledger.model.acceptance
    recoveries = []
    for shard in ledger.users:
        stored = acceptance.stored.get(shard)
        try:
            parts = [] if stored is None else await user_snapshot(connections, stored)
        except TruncatedError:
            continue
        claimed = Claimed(ledger.model.offset, acceptance.shards[shard], stored)
        recoveries.append(Recovery(shard, claimed, parts, config.rewards.session_gap_s, ledger.model.lists))
    if recoveries:
        async for offset, message in read_log(connections, min(recovery.start for recovery in recoveries)):
            for recovery in recoveries:
                recovery.read(message, offset)
    good = sum(same_users(recovery.users, ledger.users[recovery.shard]) for recovery in recoveries)
    return len(ledger.users) - good
