"""Chaos: workers and a broker that end, stop and restart at random, under a steady stream whose sums are known.

1. a broker, topics and workers of its own (`run`), and producers that know what Kafka has acknowledged (`traffic.py`)
2. faults, from a seeded plan (`fleet.py`)
3. meanwhile all that headwater writes is read once and folded without interruption (`traffic.py`,
   `ledger.py`, `requests.py`)
4. at the end the counts, the workers' models, and the users as the next worker would recover them, must agree with it
   (`audit.py`, `results.py`)
"""

import asyncio
import signal
from pathlib import Path

import msgspec

from stream.chaos.audit import differing_shards, drained, models_equal
from stream.chaos.fleet import Fleet, Plan, Report, Settings, plan
from stream.chaos.ledger import Ledger
from stream.chaos.results import Result, result_of
from stream.chaos.traffic import Load, RequestLoad, Tail
from stream.compiling.children import Compilation
from stream.config import Config
from stream.kafka.admin import create_or_verify
from stream.kafka.aiokafka_changes import calm_reconnect
from stream.processes.broker import Broker, BrokerSettings

PROPERTIES = {  # small segments, so that the log is cut, topics are compacted, and a long run does not fill the disk
    "log.segment.bytes": str(32 << 20),
    "log.retention.bytes": str(128 << 20),
    "log.retention.check.interval.ms": "10000",
    "log.cleaner.min.compaction.lag.ms": "120000",  # the reader never lags so far behind
    "log.message.timestamp.type": "LogAppendTime",  # one clock for the order of writes
}


def run(
    config: Config, settings: Settings, report: Report, faults: Plan | None = None, logs: Path | None = None
) -> Result:
    """Run chaos, then see whether everything happened exactly once; nothing is left running.

    Parameters
    ----------
    config : settings of the workers, but for the cluster and what makes snapshots and comparisons frequent
    report : called with a sentence on each thing that happens
    faults : instead of those that the seed draws
    logs : an existing directory for the workers' output
    """
    calm_reconnect()
    report("starting Apache Kafka on this machine")
    with Broker(BrokerSettings(properties=PROPERTIES)) as broker:
        config = _frequent(config, broker.address)
        create_or_verify(config.kafka)
        with Compilation(config) as compilation:
            compilation.wait(report)
        report(f"starting {settings.workers} workers")
        with Fleet(config, settings, report, logs) as fleet:
            drawn = faults or plan(settings, config.kafka.session_timeout_s)
            try:
                return asyncio.run(_chaos(config, settings, drawn, broker, fleet))
            except asyncio.CancelledError:
                raise SystemExit(128 + signal.SIGTERM) from None
            except BaseExceptionGroup as group:
                raise group.exceptions[0] from None


def _frequent(config: Config, address: str) -> Config:
    replace = msgspec.structs.replace
    return replace(
        config,
        kafka=replace(config.kafka, broker=address, mock=False, namespace="chaos", partitions=6, session_timeout_s=6),
        rewards=replace(config.rewards, attribution_window_s=20),  # some slates are settled by silence
        worker=replace(config.worker, snapshot_s=10, fingerprint_every=200),
    )


async def _chaos(config: Config, settings: Settings, faults: Plan, broker: Broker, fleet: Fleet) -> Result:
    main = asyncio.current_task()
    assert main is not None  # noqa: S101  for the type checker
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, main.cancel)
    ledger = Ledger(config)
    tail, events = Tail(config, ledger), Load(config, settings, ledger)
    loads = events, RequestLoad(config, settings, ledger.requests)
    async with asyncio.TaskGroup() as group:
        reading = [group.create_task(tail.read()), group.create_task(tail.run())]
        sending = [group.create_task(load.run()) for load in loads]
        doing = [group.create_task(fleet.inject_faults(n, own)) for n, own in enumerate(faults.workers)]
        if faults.broker is not None:
            doing.append(group.create_task(fleet.restart(broker, faults.broker)))
        await asyncio.sleep(settings.seconds)
        fleet.report("no more faults; waiting until everything is accepted and all workers serve")
        fleet.ending.set()
        await asyncio.wait(doing)
        for load in loads:
            load.ending.set()
        await asyncio.wait(sending)
        await drained(ledger.missing, "events that are not accepted", fleet.report)
        await drained(ledger.requests.unanswered, "requests that are not answered", fleet.report)
        await fleet.serve()
        await drained(ledger.unanswered, "slates or outcomes that were not read", fleet.report)
        equal = await models_equal(fleet, ledger)
        await fleet.end()
        while await tail.behind():
            await asyncio.sleep(0.1)
        log = dict(ledger.verdicts) | {"starts at offset": await tail.log_start()}
        ledger.broken["users as recovered"] = await differing_shards(config, ledger)
        ledger.close()
        for task in reading:
            task.cancel()
    return result_of(settings, ledger, fleet, equal, log)
